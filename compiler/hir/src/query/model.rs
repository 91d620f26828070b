//! What is asked of records, and whether it is so.

use filterc_abi::{Regs, SeccompData};

use crate::expr::CmpOp;
pub use crate::questions::Pattern;
use crate::types::{Kind, Type};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A number of so many bits, and whether it has a sign.
    Number(u8, bool),
    /// A text.
    Text,
}

/// A column that every record may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
}

/// A record.
pub trait Row {
    /// The bits of a column with a number, by its position, if the record has it.
    fn number(&self, column: usize) -> Option<u64>;
    /// Whether a text of a column is one that is looked for, if the record has it.
    fn text(&self, column: usize, is: &dyn Fn(&[u8]) -> bool) -> Option<bool>;
    /// The call, if it is of one.
    fn call(&self) -> Option<&SeccompData>;
    /// What was read where a register points, if it was.
    fn memory(&self, register: u8) -> Option<&[u8]>;
}

/// A typed predicate, for the records of one ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Always.
    True,
    /// Never.
    False,
    /// The opposite.
    Not(Box<Self>),
    /// All parts hold.
    And(Vec<Self>),
    /// Some part holds.
    Or(Vec<Self>),
    /// A number stands so to constants.
    Number {
        /// Where it is.
        source: Source,
        /// By the type that it has there.
        tests: Vec<(Type, Test)>,
    },
    /// Two numbers compare so.
    Numbers(Source, CmpOp, Source),
    /// A text is like that.
    Text {
        /// Where it is.
        source: Texts,
        /// The text or pattern.
        pattern: Pattern,
        /// The test is of the opposite.
        negated: bool,
    },
}

/// Where a number is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In a column.
    Column(usize, Type),
    /// In a register, as it is.
    Register(u8),
    /// In an argument: the calls that have one of that name, sorted by number.
    Argument(Vec<(u32, Regs, Type)>),
}

/// What a number is tested for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// With the bits outside the mask cleared, it compares so.
    Compare(u64, CmpOp, i128),
    /// Some bit is set.
    AnyBit(u64),
    /// With the bits outside the mask cleared, it is in one of these ranges.
    In(u64, Vec<(i128, i128)>),
}

/// Where a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Texts {
    /// In a column.
    Column(usize),
    /// Behind a pointer: the calls that have an argument of that name, sorted by number.
    Argument(Vec<(u32, u8)>),
}

impl Query {
    /// Whether it holds for a record of its ABI.
    #[must_use]
    pub fn holds(&self, row: &impl Row) -> bool {
        match self {
            Self::True => true,
            Self::False => false,
            Self::Not(inner) => !inner.holds(row),
            Self::And(parts) => parts.iter().all(|part| part.holds(row)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(row)),
            Self::Number { source, tests } => {
                let Some((bits, ty)) = source.read(row) else { return false };
                let test = tests.iter().find(|(of, _)| *of == ty);
                test.is_some_and(|(_, test)| test.holds(ty, bits))
            }
            Self::Numbers(left, op, right) => match (left.read(row), right.read(row)) {
                (Some((left, of)), Some((right, to))) => {
                    op.holds(&of.value(left), &to.value(right))
                }
                _ => false,
            },
            Self::Text { source, pattern, negated } => {
                let is = source.any(row, &|text| pattern.matches(text));
                is.is_some_and(|is| is != *negated)
            }
        }
    }
}

impl Source {
    fn read(&self, row: &impl Row) -> Option<(u64, Type)> {
        match self {
            Self::Column(column, ty) => Some((row.number(*column)?, *ty)),
            Self::Register(index) => {
                Some((*row.call()?.args.get(usize::from(*index))?, register_type()?))
            }
            Self::Argument(calls) => {
                let call = row.call()?;
                let nr = call.nr.cast_unsigned();
                let at = calls.binary_search_by_key(&nr, |(nr, ..)| *nr).ok()?;
                let (_, regs, ty) = calls.get(at)?;
                let register = |index: u8| call.args.get(usize::from(index)).copied();
                let bits = match regs {
                    Regs::One(index) => register(*index)?,
                    Regs::Pair { lo, hi } => register(*lo)? & 0xffff_ffff | register(*hi)? << 32,
                    Regs::Invisible => return None,
                };
                Some((bits & ty.mask(), *ty))
            }
        }
    }
}

impl Texts {
    fn any(&self, row: &impl Row, is: &dyn Fn(&[u8]) -> bool) -> Option<bool> {
        match self {
            Self::Column(column) => row.text(*column, is),
            Self::Argument(calls) => {
                let nr = row.call()?.nr.cast_unsigned();
                let at = calls.binary_search_by_key(&nr, |(nr, _)| *nr).ok()?;
                let text = row.memory(calls.get(at)?.1)?;
                // A vector of texts is like one of them.
                Some(is(text) || (text.contains(&0) && text.split(|byte| *byte == 0).any(is)))
            }
        }
    }
}

impl Test {
    fn holds(&self, ty: Type, bits: u64) -> bool {
        match self {
            Self::Compare(mask, op, value) => op.holds(&ty.value(bits & mask), value),
            Self::AnyBit(mask) => bits & mask != 0,
            Self::In(mask, ranges) => {
                let value = ty.value(bits & mask);
                ranges.iter().any(|(first, last)| (first..=last).contains(&&value))
            }
        }
    }
}

pub(super) const fn register_type() -> Option<Type> {
    Type::new(64, false, Kind::Integer)
}
