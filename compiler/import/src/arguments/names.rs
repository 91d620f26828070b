//! Names for numbers: the constants that a person would have written.

use filterc_abi::{self as abi, Abi, Set, SetKind};
use filterc_grammar::ast::{BinOp, Constant, ConstantKind};
use filterc_grammar::source::Span;

use crate::arguments::conditions::Field;
use crate::arguments::values::largest;

/// Constants that the kernel's headers define as another name for one of the same set.
const SECOND_NAMES: &[&str] =
    &["AF_LOCAL", "AF_ROUTE", "O_NDELAY", "SIGCLD", "SIGIOT", "SIGPOLL", "SIGUNUSED", "WUNTRACED"];

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
    in_set(bits, field, abi).unwrap_or_else(|| integer(bits))
}

fn in_set(bits: u64, field: &Field, abi: &'static Abi) -> Option<Constant> {
    let members = Members { set: abi::set(field.set?)?, abi, max: largest(field.width) };
    if let Some(name) = members.only(members.set.members(), bits) {
        return Some(named(name));
    }
    let mask = match members.set.kind {
        SetKind::Enum => return None,
        SetKind::Flags => 0,
        SetKind::Mixed => members.set.mask.and_then(|mask| members.bits(mask)).unwrap_or(0),
    };
    let mut names = Vec::new();
    if bits & mask != 0 {
        names.push(members.only(members.set.values().iter().copied(), bits & mask)?);
    }
    names.extend(members.flags(bits & !mask)?);
    let mut names = names.into_iter().map(named);
    let first = names.next()?;
    let rest: Vec<_> = names.map(|name| (BinOp::Or, name)).collect();
    if rest.is_empty() {
        return Some(first);
    }
    (rest.len() < MOST_FLAGS).then(|| constant(ConstantKind::Binary(Box::new(first), rest)))
}

/// The members of a set with their values on an ABI.
struct Members {
    set: &'static Set,
    abi: &'static Abi,
    max: u64,
}

impl Members {
    /// The bits of a member; `None` if it has none here, or more than the field.
    fn bits(&self, name: &str) -> Option<u64> {
        let value = self.abi.constant(name)?;
        let bits = u64::try_from(value & i128::from(u64::MAX)).ok()? & self.max;
        let negative = i128::from(bits) - i128::from(self.max) - 1;
        (i128::from(bits) == value || negative == value).then_some(bits)
    }

    /// The one name for these bits, second names not counted; `None` if there are several.
    fn only(&self, names: impl Iterator<Item = &'static str>, bits: u64) -> Option<&'static str> {
        let first = |name: &&str| {
            let address = name.strip_prefix("PF_").map(|rest| format!("AF_{rest}"));
            !SECOND_NAMES.contains(name) && !address.is_some_and(|name| self.set.contains(&name))
        };
        let mut found = names.filter(first).filter(|name| self.bits(name) == Some(bits));
        let only = found.next()?;
        found.next().is_none().then_some(only)
    }

    /// Flags of one bit each that are these bits together.
    fn flags(&self, bits: u64) -> Option<Vec<&'static str>> {
        let each = (0..64).map(|at| 1_u64 << at).filter(|bit| bits & bit != 0);
        each.map(|bit| self.only(self.set.flags().iter().copied(), bit)).collect()
    }
}
