//! Named constants as masks, and values in fields that need a mask.
//!
//! `field & constant` asks for some bit of the constant. Where that is more than one bit, or
//! one value of several that share bits, this is hardly what was meant. `field == constant`
//! asks for nothing else in the field, flags that stand beside the value included.

use filterc_abi::{Arg, Set, SetKind};
use filterc_grammar::ast::{BinOp, Constant, ConstantKind};

use crate::advice::{Advice, Misfit};
use crate::error::Kind;
use crate::findings::Subject;
use crate::predicate::Reader;
use crate::spelling;
use crate::types::Type;
use crate::wording::few;

/// How many constants are looked through for those that share bits.
const MAX_OTHERS: usize = 256;

/// How deep the policy's own constants are looked into.
const MAX_DEPTH: usize = 8;

/// An argument whose set of constants is known, and the type that it is compared in.
#[derive(Clone, Copy)]
pub(crate) struct Masked<'f> {
    pub(crate) field: &'f str,
    pub(crate) ty: Type,
    pub(crate) set: &'static Set,
    pub(crate) subject: Subject,
}

impl<'f> Masked<'f> {
    /// The argument, if it has a set that is not empty.
    pub(crate) fn new(field: &'f str, ty: Type, arg: &Arg, subject: Subject) -> Option<Self> {
        let set = filterc_abi::set(arg.set?)?;
        set.members().next()?;
        Some(Self { field, ty, set, subject })
    }

    /// The test that the argument is that value of its set.
    pub(crate) fn equals(&self, name: &str) -> String {
        match self.set.mask.filter(|_| self.set.kind == SetKind::Mixed) {
            Some(mask) => format!("({} & {mask}) == {name}", self.field),
            None => format!("{} == {name}", self.field),
        }
    }
}

/// A constant as names and numbers that are joined by `|`.
#[derive(Default)]
struct Parts<'a> {
    names: Vec<&'a str>,
    numbers: u64,
}

/// A constant of a mask: its bits, and those that the rest of the mask has.
#[derive(Clone, Copy)]
struct Named<'a> {
    name: &'a str,
    own: u64,
    rest: u64,
}

/// Warns of constants in a mask of which some bits are not what is meant.
pub(crate) fn warn<'a>(reader: &mut Reader<'_, 'a>, mask: &'a Constant, masked: Masked<'_>) {
    let mut parts = Parts::default();
    if !split(reader, mask, masked.ty, MAX_DEPTH, &mut parts) {
        return;
    }
    let value = |name: &'a str| {
        let value = reader.constants.kernel(masked.subject.abi_index, name)?;
        masked.ty.pattern(value)
    };
    let bits: Vec<(&'a str, u64)> =
        parts.names.iter().filter_map(|name| Some((*name, value(name)?))).collect();
    let named = bits.iter().enumerate().map(|(index, &(name, own))| {
        let others = bits.iter().enumerate().filter(|(other, _)| *other != index);
        let rest = others.fold(parts.numbers, |rest, (_, (_, bits))| rest | bits);
        Named { name, own, rest }
    });
    let told: Vec<_> = named.filter_map(|constant| judge(constant, &masked, &value)).collect();
    for (advice, sharing) in told {
        let kind = Kind::Advice(Box::new(advice));
        let recorded = reader.findings.about(mask.span, kind, masked.subject);
        reader.findings.hint(recorded, || {
            let has = if sharing.len() == 1 { "has" } else { "have" };
            (!sharing.is_empty()).then(|| format!("{} {has} bits of it, too", few(&sharing)))
        });
    }
}

/// Warns of a value that is compared with a whole field in which flags may stand beside it.
pub(crate) fn with_flags(reader: &mut Reader<'_, '_>, constant: &Constant, masked: Masked<'_>) {
    let (set, field) = (masked.set, masked.field.to_owned());
    let Some(name) = spelling::lone_name(constant) else { return };
    let mixed = set.kind == SetKind::Mixed && set.mask.is_some() && !set.flags().is_empty();
    let is_value = set.values().binary_search(&name).is_ok();
    if mixed && is_value && !reader.constants.is_own(reader.scope, name) {
        let (flags, instead) = (set.flags().to_vec(), masked.equals(name));
        let advice = Advice::WithFlags { field, name: name.to_owned(), flags, instead };
        reader.findings.about(constant.span, Kind::Advice(Box::new(advice)), masked.subject);
    }
}

/// What is wrong with a constant as a part of a mask, and the members that share its bits.
fn judge<'a>(
    Named { name, own, rest }: Named<'a>,
    masked: &Masked<'_>,
    value: &impl Fn(&'a str) -> Option<u64>,
) -> Option<(Advice, Vec<&'static str>)> {
    let set = masked.set;
    if set.mask == Some(name) || name.contains("MASK") || !set.contains(name) {
        return None;
    }
    let name = name.to_owned();
    if own == 0 {
        // Alone it is an error.
        return (rest != 0).then_some((Advice::NothingInMask { name }, Vec::new()));
    }
    if set.values().binary_search(&name.as_str()).is_ok() {
        let enumerated = set.mask.and_then(value);
        let whole = enumerated.is_some_and(|mask| mask & (own | rest) == mask);
        let sharing = if whole { Vec::new() } else { shared(set.values(), value, own) };
        // Where no mask is known and no bit shared, each value is a bit of its own.
        let misleads = !whole && (enumerated.is_some() || !sharing.is_empty());
        let instead = masked.equals(&name);
        let misfit = Misfit::Value;
        return misleads.then_some((Advice::PartOfBits { name, misfit, instead }, sharing));
    }
    if !one_is_not_all(own, rest, 0) {
        return None;
    }
    let single = |name: &&'static str| {
        value(name).filter(|bits| bits.is_power_of_two() && !name.starts_with('_'))
    };
    let singles = set.flags().iter().filter_map(single).fold(0, |all, bit| all | bit);
    let instead = format!("({} & {name}) == {name}", masked.field);
    let misfit = Misfit::SeveralBits;
    one_is_not_all(own, rest, singles)
        .then(|| (Advice::PartOfBits { name, misfit, instead }, shared(set.flags(), value, own)))
}

/// Takes a constant apart at its `|`; whether it is nothing but names and numbers.
fn split<'a>(
    reader: &Reader<'_, 'a>,
    constant: &'a Constant,
    ty: Type,
    depth: usize,
    parts: &mut Parts<'a>,
) -> bool {
    match &constant.kind {
        ConstantKind::Name(name) if reader.constants.is_defined(name) => false,
        ConstantKind::Name(name) => {
            let own = reader.scope.consts.position(name).and_then(|i| reader.scope.consts.get(i));
            match own {
                Some(own) => depth > 0 && split(reader, own.value, ty, depth - 1, parts),
                None => {
                    parts.names.push(name);
                    true
                }
            }
        }
        ConstantKind::Integer(number) => {
            parts.numbers |= number & ty.mask();
            true
        }
        ConstantKind::Paren(inner) => split(reader, inner, ty, depth, parts),
        ConstantKind::Binary(first, rest) => {
            let mut all = rest.iter();
            all.all(|(op, operand)| *op == BinOp::Or && split(reader, operand, ty, depth, parts))
                && split(reader, first, ty, depth, parts)
        }
        ConstantKind::Complement(_) | ConstantKind::Negate(_) | ConstantKind::Error => false,
    }
}

/// The other constants that have some bit of a value, but not the value alone.
fn shared<'a>(
    others: &'static [&'static str],
    value: &impl Fn(&'a str) -> Option<u64>,
    own: u64,
) -> Vec<&'static str> {
    let shares = |name: &&&'static str| value(name).is_some_and(|v| v & own != 0 && v != own);
    others.iter().take(MAX_OTHERS).filter(shares).copied().collect()
}

/// Whether "some bit" and "every bit" of a flag differ, as part of a mask whose other parts
/// have the bits of `rest`. Not so for a flag that is no more than the single-bit flags in
/// `singles`: there some of them is a sensible question.
fn one_is_not_all(own: u64, rest: u64, singles: u64) -> bool {
    own & !singles != 0 && (own & !rest).count_ones() > 1
}

#[cfg(test)]
mod tests {
    use super::one_is_not_all;

    #[test]
    fn some_and_every_bit_against_brute_force() {
        for own in 0..=0xff_u64 {
            for rest in 0..=0xff {
                // The bits that the flag alone brings into the mask.
                let new = own & !rest;
                let some = |x: u64| x & (own | rest) != 0;
                let every = |x: u64| x & rest != 0 || (new != 0 && x & new == new);
                let differ = (0..=0xff).any(|x| some(x) != every(x));
                assert_eq!(one_is_not_all(own, rest, 0), differ, "{own:#x} {rest:#x}");
            }
        }
    }

    #[test]
    fn a_union_of_flags_is_a_mask() {
        for own in 1..=0xff_u64 {
            assert!(!one_is_not_all(own, 0, own));
            assert!(!one_is_not_all(own, 0, 0xff));
            let bit = 1 << own.trailing_zeros();
            assert_eq!(one_is_not_all(own, 0, own & !bit), own.count_ones() > 1);
        }
    }
}
