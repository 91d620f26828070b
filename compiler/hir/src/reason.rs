//! Says why a test is constant, and what may have been meant. Only called for tests that are.

use filterc_grammar::ast::Constant;

use crate::expr::CmpOp;
use crate::masks::Masked;
use crate::spelling;
use crate::types::Type;

/// A mask as it is written, and its value.
type Mask<'a> = Option<(&'a Constant, i128)>;

/// The right side: as it is written, unless it is the 0 of `field & constant`, and its value.
type Right<'a> = (Option<&'a Constant>, i128);

/// Of a field with itself.
pub(crate) fn itself() -> String {
    "both sides are the same bits".to_owned()
}

/// Of `(x & mask) op value`.
pub(crate) fn comparison(ty: Type, mask: Mask<'_>, op: CmpOp, right: Right<'_>) -> String {
    let Some((written, mask)) = with_bits(ty, mask) else { return extent(ty) };
    if mask == 0 {
        match spelling::lone_name(written) {
            Some(name) => format!("`{name}` is 0: there is no bit to look at"),
            None => "nothing is left of the field under the mask 0".to_owned(),
        }
    } else if !op.is_ordered() {
        cleared(ty, right, (written, mask))
    } else {
        masked_extent(ty, mask)
    }
}

/// Of `first..last` in the set of a masked field; `written` is an item of one value.
pub(crate) fn item(
    ty: Type,
    mask: Mask<'_>,
    written: Option<&Constant>,
    (first, last): (i128, i128),
) -> String {
    // Without a mask every value of the type is possible.
    let Some(mask) = with_bits(ty, mask) else { return extent(ty) };
    if first == last {
        cleared(ty, (written, first), mask)
    } else {
        let shown = |value| crate::wording::number(value);
        let mask = spelling::bits(mask.0, mask.1);
        format!("under the mask {mask} no value is within {}…{}", shown(first), shown(last))
    }
}

/// Of a set that holds everything.
pub(crate) fn whole_set(ty: Type, mask: Mask<'_>) -> String {
    match with_bits(ty, mask) {
        Some((written, mask)) if mask != ty.mask() => {
            format!(
                "the set holds every value that the mask {} leaves",
                spelling::bits(written, mask)
            )
        }
        Some(_) | None => format!("the set holds every value of {ty}"),
    }
}

/// What may have been meant by a comparison that is constant.
pub(crate) fn instead(
    masked: Option<Masked<'_>>,
    field: &str,
    ty: Type,
    mask: Mask<'_>,
    (right, value): Right<'_>,
) -> Option<String> {
    let (written, mask) = with_bits(ty, mask)?;
    if mask == 0 {
        let name = spelling::lone_name(written)?;
        let masked = masked.filter(|masked| masked.set.contains(name))?;
        return Some(format!("to ask for that value, write `{}`", masked.equals(name)));
    }
    let name = spelling::lone_name(right?)?;
    let outside = ty.pattern(value).is_some_and(|bits| bits != 0 && bits & mask == 0);
    outside.then(|| format!("to ask for that bit, write `{field} & {name}`"))
}

fn with_bits<'a>(ty: Type, mask: Mask<'a>) -> Option<(&'a Constant, u64)> {
    mask.and_then(|(written, mask)| Some((written, ty.pattern(mask)?)))
}

fn cleared(ty: Type, (right, value): Right<'_>, (written, mask): (&Constant, u64)) -> String {
    let bits = ty.pattern(value).unwrap_or_default();
    let value = right.map_or_else(|| format!("{bits:#x}"), |right| spelling::bits(right, bits));
    format!("{value} has bits that the mask {} clears", spelling::bits(written, mask))
}

fn extent(ty: Type) -> String {
    format!("its type is {ty}, {}…{}", ty.min(), ty.max())
}

fn masked_extent(ty: Type, mask: u64) -> String {
    let sign = if ty.signed() { mask & (1 << (ty.width() - 1)) } else { 0 };
    format!("under the mask {mask:#x} its values are {}…{}", ty.value(sign), ty.value(mask & !sign))
}
