//! Names for numbers: the constants that a person would have written.

use filterc_abi::Abi;
use filterc_abi::spelling::Spelling;
use filterc_grammar::ast::{BinOp, Constant, ConstantKind};
use filterc_grammar::source::Span;

use crate::arguments::conditions::Field;
use crate::arguments::values::largest;

/// A flag more than these is easier read as a number.
const MOST_FLAGS: usize = 12;

fn constant(kind: ConstantKind) -> Constant {
    Constant { kind, span: Span::default() }
}

/// A number.
pub(crate) fn integer(value: u64) -> Constant {
    constant(ConstantKind::Integer(value))
}

/// A name.
pub(crate) fn named(name: &str) -> Constant {
    constant(ConstantKind::Name(name.to_owned()))
}

/// In parentheses, if there is an operator in it.
pub(crate) fn enclosed(inner: Constant) -> Constant {
    match inner.kind {
        ConstantKind::Binary(..) => constant(ConstantKind::Paren(Box::new(inner))),
        ConstantKind::Integer(_)
        | ConstantKind::Name(_)
        | ConstantKind::Complement(_)
        | ConstantKind::Negate(_)
        | ConstantKind::Paren(_)
        | ConstantKind::Error => inner,
    }
}

/// The number as a value of a field with sign or without.
pub(crate) fn value(bits: u64, field: &Field) -> Constant {
    let max = largest(field.width);
    if field.signed && bits > max >> 1 {
        return constant(ConstantKind::Negate(Box::new(integer((max - bits) + 1))));
    }
    integer(bits)
}

/// The value of a field, by its name where its set has one for it, else as a number.
pub(crate) fn of_value(bits: u64, field: &Field, abi: &'static Abi) -> Constant {
    in_set(bits, field, abi).unwrap_or_else(|| value(bits, field))
}

/// Flags of a field by their names, where its set has one for each bit, else as a number.
pub(crate) fn of_mask(bits: u64, field: &Field, abi: &'static Abi) -> Constant {
    let whole = |bits: u64| {
        let spelling = spelling(field, abi)?.mask(bits);
        (spelling.left == 0 && bits != 0).then(|| joined(spelling.names)).flatten()
    };
    // All but a few flags are said by those.
    let others = |bits: u64| {
        let others = enclosed(whole(!bits & largest(field.width))?);
        Some(constant(ConstantKind::Complement(Box::new(others))))
    };
    whole(bits)
        .or_else(|| in_set(bits, field, abi))
        .or_else(|| others(bits))
        .unwrap_or_else(|| integer(bits))
}

/// Whether a value of a field is written by names.
pub(crate) fn has_name(bits: u64, field: &Field, abi: &'static Abi) -> bool {
    spelling(field, abi).is_some_and(|spelling| spelling.is_named(bits))
}

fn spelling(field: &Field, abi: &'static Abi) -> Option<Spelling> {
    Some(Spelling::new(abi, filterc_abi::set(field.set?)?, field.width))
}

fn in_set(bits: u64, field: &Field, abi: &'static Abi) -> Option<Constant> {
    joined(spelling(field, abi)?.whole(bits)?)
}

fn joined(names: Vec<&'static str>) -> Option<Constant> {
    let mut names = names.into_iter().map(named);
    let first = names.next()?;
    let rest: Vec<_> = names.map(|name| (BinOp::Or, name)).collect();
    if rest.is_empty() {
        return Some(first);
    }
    (rest.len() < MOST_FLAGS).then(|| constant(ConstantKind::Binary(Box::new(first), rest)))
}
