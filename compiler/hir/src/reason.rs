//! Says why a test is constant. Only called for tests that are.

use crate::expr::CmpOp;
use crate::message::number;
use crate::types::Type;

/// Of a field with itself.
pub(crate) fn itself() -> String {
    "both sides are the same bits".to_owned()
}

/// Of `(x & mask) op value`.
pub(crate) fn comparison(ty: Type, mask: Option<i128>, op: CmpOp, value: i128) -> String {
    let Some(mask) = mask.and_then(|mask| ty.pattern(mask)) else { return extent(ty) };
    let bits = ty.pattern(value).unwrap_or_default();
    if mask == 0 {
        "nothing is left of the field under the mask 0".to_owned()
    } else if !op.is_ordered() {
        format!("{bits:#x} has bits that the mask {mask:#x} clears")
    } else {
        masked_extent(ty, mask)
    }
}

/// Of `first..last` in the set of a masked field.
pub(crate) fn item(ty: Type, mask: Option<i128>, first: i128, last: i128) -> String {
    let mask = mask.and_then(|mask| ty.pattern(mask)).unwrap_or(ty.mask());
    if first == last {
        let bits = ty.pattern(first).unwrap_or_default();
        format!("{bits:#x} has bits that the mask {mask:#x} clears")
    } else {
        format!("under the mask {mask:#x} no value is within {}…{}", number(first), number(last))
    }
}

/// Of a set that holds everything.
pub(crate) fn whole_set(ty: Type, mask: Option<i128>) -> String {
    match mask.and_then(|mask| ty.pattern(mask)) {
        Some(mask) if mask != ty.mask() => {
            format!("the set holds every value that the mask {mask:#x} leaves")
        }
        Some(_) | None => format!("the set holds every value of {ty}"),
    }
}

fn extent(ty: Type) -> String {
    format!("its type is {ty}, {}…{}", ty.min(), ty.max())
}

fn masked_extent(ty: Type, mask: u64) -> String {
    let sign = if ty.signed() { mask & (1 << (ty.width() - 1)) } else { 0 };
    format!("under the mask {mask:#x} its values are {}…{}", ty.value(sign), ty.value(mask & !sign))
}
