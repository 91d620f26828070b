//! Typed predicates. A [`Test`] can be made only by constructors that check its typing
//! rules; whoever holds one may rely on them.

use filterc_grammar::ast;

use crate::types::{Field, Kind, Place, Type};

/// A comparison operator; ordering is by the field's sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CmpOp {
    /// Equal bits.
    Eq,
    /// Different bits.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

impl CmpOp {
    /// Whether it needs an order, not only equality.
    #[must_use]
    pub const fn is_ordered(self) -> bool {
        !matches!(self, Self::Eq | Self::Ne)
    }

    /// As the language writes it.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }

    /// Whether it holds between two values.
    #[must_use]
    pub fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ne => left != right,
            Self::Lt => left < right,
            Self::Le => left <= right,
            Self::Gt => left > right,
            Self::Ge => left >= right,
        }
    }
}

impl From<ast::CmpOp> for CmpOp {
    fn from(written: ast::CmpOp) -> Self {
        match written {
            ast::CmpOp::Eq => Self::Eq,
            ast::CmpOp::Ne => Self::Ne,
            ast::CmpOp::Lt => Self::Lt,
            ast::CmpOp::Le => Self::Le,
            ast::CmpOp::Gt => Self::Gt,
            ast::CmpOp::Ge => Self::Ge,
        }
    }
}

/// Why a test cannot be made: the typing rules of `design/language.md` section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeError {
    /// The constant is neither a value of the type nor (where bits are meant) a pattern
    /// of its width.
    DoesNotFit {
        /// The constant.
        value: i128,
        /// The type it should have had.
        ty: Type,
    },
    /// No call can make it true.
    NeverTrue,
    /// No call can make it false.
    NeverFalse,
    /// An address is ordered or masked.
    PointerOperation,
    /// Two fields of different width or sign (for an ordered comparison).
    Mismatch(Type, Type),
    /// A range whose first value comes after its last.
    EmptyRange(i128, i128),
    /// A masked field is ordered with a parameter.
    MaskedOrder,
}

/// Bit patterns `first`…`last`, both included, in the order of the field's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    first: u64,
    last: u64,
}

impl Range {
    /// The first pattern.
    #[must_use]
    pub const fn first(self) -> u64 {
        self.first
    }

    /// The last pattern.
    #[must_use]
    pub const fn last(self) -> u64 {
        self.last
    }
}

/// How the masked field is compared. Constants are bit patterns of the field's width.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// With a constant. `field & constant` alone is `(field & constant) != 0`.
    Compare(CmpOp, u64),
    /// With a set of ranges: true if one of them holds the value.
    In(Vec<Range>),
    /// With another field of the same type, or a parameter of it; no mask is on that one.
    Field(CmpOp, Field),
}

/// A test of one field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Test {
    field: Field,
    mask: u64,
    relation: Relation,
}

impl Test {
    /// `(field & mask) op value`, or without a mask `field op value`.
    ///
    /// # Errors
    /// The typing rule that it breaks.
    pub fn compare(
        field: Field,
        mask: Option<i128>,
        op: CmpOp,
        value: i128,
    ) -> Result<Self, TypeError> {
        let ty = field.ty();
        let mask = mask_bits(&field, mask)?;
        if ty.kind() == Kind::Pointer && op.is_ordered() {
            return Err(TypeError::PointerOperation);
        }
        let bits = if op.is_ordered() { ty.bits(value) } else { ty.pattern(value) };
        let Some(bits) = bits else { return Err(TypeError::DoesNotFit { value, ty }) };
        constancy(ty, mask, op, bits)?;
        Ok(Self { field, mask, relation: Relation::Compare(op, bits) })
    }

    /// `field & mask`: some bit of the mask is set.
    ///
    /// # Errors
    /// The typing rule that it breaks.
    pub fn any_bit(field: Field, mask: i128) -> Result<Self, TypeError> {
        Self::compare(field, Some(mask), CmpOp::Ne, 0)
    }

    /// `field [& mask] in { first..last, … }`, both ends included.
    ///
    /// # Errors
    /// The typing rule that it breaks, and the index of the item that does.
    pub fn within(
        field: Field,
        mask: Option<i128>,
        items: &[(i128, i128)],
    ) -> Result<Self, (TypeError, usize)> {
        let ty = field.ty();
        let mask = mask_bits(&field, mask).map_err(|error| (error, 0))?;
        let mut ranges = Vec::with_capacity(items.len());
        for (index, &(first, last)) in items.iter().enumerate() {
            ranges.push(range(ty, first, last).map_err(|error| (error, index))?);
        }
        if ranges.is_empty() {
            return Err((TypeError::NeverTrue, 0));
        }
        let values = Values::of(ty, mask);
        for (index, range) in ranges.iter().enumerate() {
            let (first, last) = (values.rank(range.first), values.rank(range.last));
            if values.next(first).is_none_or(|value| value > last) {
                return Err((TypeError::NeverTrue, index));
            }
        }
        if values.all_within(&ranges) {
            return Err((TypeError::NeverFalse, 0));
        }
        Ok(Self { field, mask, relation: Relation::In(ranges) })
    }

    /// `field op other`, for two fields of the same width (and, if ordered, sign).
    ///
    /// # Errors
    /// The typing rule that it breaks.
    pub fn compare_field(field: Field, op: CmpOp, other: Field) -> Result<Self, TypeError> {
        let (left, right) = (field.ty(), other.ty());
        let same_sign = left.signed() == right.signed() || !op.is_ordered();
        if left.width() != right.width() || !same_sign {
            return Err(TypeError::Mismatch(left, right));
        }
        if op.is_ordered() && (left.kind() == Kind::Pointer || right.kind() == Kind::Pointer) {
            return Err(TypeError::PointerOperation);
        }
        if field.place() == other.place() {
            return Err(match op {
                CmpOp::Eq | CmpOp::Le | CmpOp::Ge => TypeError::NeverFalse,
                CmpOp::Ne | CmpOp::Lt | CmpOp::Gt => TypeError::NeverTrue,
            });
        }
        let mask = left.mask();
        Ok(Self { field, mask, relation: Relation::Field(op, other) })
    }

    /// `(field & mask) op param`, or without a mask `field op param`: of the same width (and,
    /// if ordered, sign). Whether it holds for any call depends on the value.
    ///
    /// # Errors
    /// The typing rule that it breaks.
    pub fn compare_param(
        field: Field,
        mask: Option<i128>,
        op: CmpOp,
        param: Field,
    ) -> Result<Self, TypeError> {
        let (left, right) = (field.ty(), param.ty());
        if mask.is_some() && op.is_ordered() {
            return Err(TypeError::MaskedOrder);
        }
        let mask = mask_bits(&field, mask)?;
        if left.kind() == Kind::Pointer && op.is_ordered() {
            return Err(TypeError::PointerOperation);
        }
        let same_sign = left.signed() == right.signed() || !op.is_ordered();
        if !param.is_param() || left.width() != right.width() || !same_sign {
            return Err(TypeError::Mismatch(left, right));
        }
        // Then the call has no say.
        if mask == 0 {
            return Err(TypeError::NeverTrue);
        }
        Ok(Self { field, mask, relation: Relation::Field(op, param) })
    }

    /// The same test with parameters replaced. What comes of values may be true or false for
    /// every call.
    fn replaced(&self, with: Replacement<'_>) -> Self {
        let relation = match &self.relation {
            Relation::Field(op, other) if other.is_param() => with.relation(*op, other),
            relation @ (Relation::Compare(..) | Relation::In(_) | Relation::Field(..)) => {
                relation.clone()
            }
        };
        Self { relation, ..self.clone() }
    }

    /// The field.
    #[must_use]
    pub const fn field(&self) -> &Field {
        &self.field
    }

    /// The bits of it that count; all of the type's width where none was written.
    #[must_use]
    pub const fn mask(&self) -> u64 {
        self.mask
    }

    /// How it is compared.
    #[must_use]
    pub const fn relation(&self) -> &Relation {
        &self.relation
    }
}

/// The bit pattern of a mask, all ones if there is none.
fn mask_bits(field: &Field, mask: Option<i128>) -> Result<u64, TypeError> {
    let ty = field.ty();
    let Some(mask) = mask else { return Ok(ty.mask()) };
    if ty.kind() == Kind::Pointer {
        return Err(TypeError::PointerOperation);
    }
    ty.pattern(mask).ok_or(TypeError::DoesNotFit { value: mask, ty })
}

/// Refuses a comparison whose result does not depend on the call.
fn constancy(ty: Type, mask: u64, op: CmpOp, bits: u64) -> Result<(), TypeError> {
    // Values of `x & mask`: 0 and the mask bound them, or, where the sign bit is in the
    // mask, the sign bit alone and the mask without it.
    let sign = if ty.signed() { mask & (1 << (ty.width() - 1)) } else { 0 };
    let (min, max) = (ty.value(sign), ty.value(mask & !sign));
    let value = ty.value(bits);
    let (never, always) = match op {
        CmpOp::Eq => (bits & !mask != 0, mask == 0 && bits == 0),
        CmpOp::Ne => (mask == 0 && bits == 0, bits & !mask != 0),
        CmpOp::Lt => (value <= min, max < value),
        CmpOp::Le => (value < min, max <= value),
        CmpOp::Gt => (value >= max, min > value),
        CmpOp::Ge => (value > max, min >= value),
    };
    match (never, always) {
        (true, _) => Err(TypeError::NeverTrue),
        (_, true) => Err(TypeError::NeverFalse),
        (false, false) => Ok(()),
    }
}

/// The values that `x & mask` can have, in the order of the field's type: an order-keeping
/// map takes them to unsigned ranks, where they are `base | s` for every `s` within `free`.
struct Values {
    flip: u64,
    base: u64,
    free: u64,
}

impl Values {
    fn of(ty: Type, mask: u64) -> Self {
        let sign = 1_u64 << (ty.width() - 1);
        let flip = if ty.signed() { sign } else { 0 };
        // Where the mask clears the sign, no value is negative: all ranks have the top bit.
        Self { flip, base: flip & !mask, free: mask }
    }

    fn rank(&self, bits: u64) -> u64 {
        bits ^ self.flip
    }

    /// The smallest possible rank that is at least `rank`.
    fn next(&self, rank: u64) -> Option<u64> {
        let fixed = !self.free;
        let wrong = (rank ^ self.base) & fixed;
        if wrong == 0 {
            return Some(rank);
        }
        // The highest bit that cannot be as it is: if it may only be 1, all below it
        // become as small as possible; if it may only be 0, a free 0 above it must rise.
        let top = 1_u64 << (63 - wrong.leading_zeros());
        let below = top - 1;
        if self.base & top != 0 {
            return Some((rank & !below & !top) | (self.base & (top | below)));
        }
        let rising = self.free & !rank & !(below | top);
        if rising == 0 {
            return None;
        }
        let bit = rising & rising.wrapping_neg();
        Some((rank & !(bit - 1)) | bit | (self.base & (bit - 1)))
    }

    /// Whether every value is in one of the ranges.
    fn all_within(&self, ranges: &[Range]) -> bool {
        let mut spans: Vec<(u64, u64)> =
            ranges.iter().map(|r| (self.rank(r.first), self.rank(r.last))).collect();
        spans.sort_unstable();
        let mut value = self.base;
        for (first, last) in spans {
            if value < first {
                return false;
            }
            if value <= last {
                match last.checked_add(1).and_then(|rank| self.next(rank)) {
                    Some(next) => value = next,
                    None => return true,
                }
            }
        }
        false
    }
}

/// One checked item of a set.
fn range(ty: Type, first: i128, last: i128) -> Result<Range, TypeError> {
    let misfit = |value| TypeError::DoesNotFit { value, ty };
    if first == last {
        let bits = ty.pattern(first).ok_or(misfit(first))?;
        return Ok(Range { first: bits, last: bits });
    }
    if ty.kind() == Kind::Pointer {
        return Err(TypeError::PointerOperation);
    }
    if first > last {
        return Err(TypeError::EmptyRange(first, last));
    }
    let first = ty.bits(first).ok_or(misfit(first))?;
    let last = ty.bits(last).ok_or(misfit(last))?;
    Ok(Range { first, last })
}

/// A typed predicate. `And` and `Or` have any number of parts; empty ones are true and false.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Predicate {
    /// Every call.
    True,
    /// No call.
    False,
    /// The opposite.
    Not(Box<Self>),
    /// All of them.
    And(Vec<Self>),
    /// Some of them.
    Or(Vec<Self>),
    /// A test.
    Test(Test),
}

/// What parameters are replaced with, by position.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Replacement<'r> {
    /// These values; one that is missing is 0.
    Values(&'r [u64]),
    /// The parameters at these positions; one that is missing stays what it is.
    Positions(&'r [u8]),
}

impl Replacement<'_> {
    /// The comparison with a parameter, as it becomes.
    fn relation(self, op: CmpOp, param: &Field) -> Relation {
        match self {
            Self::Values(values) => {
                Relation::Compare(op, param.read(&filterc_abi::SeccompData::default(), values))
            }
            Self::Positions(positions) => {
                let moved = |position: u8| {
                    let to = positions.get(usize::from(position)).copied().unwrap_or(position);
                    Field::new(param.name().to_owned(), Place::Param(to), param.ty())
                };
                let moved =
                    if let Place::Param(position) = param.place() { moved(position) } else { None };
                Relation::Field(op, moved.unwrap_or_else(|| param.clone()))
            }
        }
    }
}

impl Predicate {
    /// The same predicate with parameters replaced.
    pub(crate) fn replaced(&self, with: Replacement<'_>) -> Self {
        let all = |parts: &[Self]| parts.iter().map(|part| part.replaced(with)).collect();
        match self {
            Self::True => Self::True,
            Self::False => Self::False,
            Self::Not(inner) => Self::Not(Box::new(inner.replaced(with))),
            Self::And(parts) => Self::And(all(parts)),
            Self::Or(parts) => Self::Or(all(parts)),
            Self::Test(test) => Self::Test(test.replaced(with)),
        }
    }
}

#[cfg(test)]
#[path = "expr_tests.rs"]
mod tests;
