//! Parameters: their types on each ABI, and which numbers the loader may supply for them.
//!
//! A parameter stands where a constant does that is compared as a whole: right of a
//! comparison, or as an item of a set. It is typed like a field, since nobody can say
//! whether a number fits that is not known yet; of each number that is supplied it is asked
//! then, by the range that comes of all its uses.

use filterc_abi::Abi;
use filterc_grammar::ast;

use crate::consteval::Constants;
use crate::error::Kind;
use crate::expr::{Predicate, Relation};
use crate::findings::Findings;
use crate::limits::MAX_PARAMS;
use crate::policy::{AbiPolicy, Param};
use crate::scope::Scope;
use crate::types::{self, Field, Place, Type};

/// The types by name; a width of 0 is that of the ABI's registers.
const TYPES: &[(&str, u8, bool)] = &[
    ("s8", 8, true),
    ("s16", 16, true),
    ("s32", 32, true),
    ("s64", 64, true),
    ("u8", 8, false),
    ("u16", 16, false),
    ("u32", 32, false),
    ("u64", 64, false),
    ("int", 32, true),
    ("uint", 32, false),
    ("long", 0, true),
    ("ulong", 0, false),
    ("size_t", 0, false),
    ("loff_t", 64, true),
    ("umode_t", 16, false),
    ("address", 0, false),
    ("fd", 32, true),
    ("pid", 32, true),
    ("signal", 32, true),
    ("uid", 32, false),
    ("gid", 32, false),
];

/// The type of that name on an ABI.
fn named(name: &str, abi: &Abi) -> Option<Type> {
    let &(_, width, signed) = TYPES.iter().find(|(known, ..)| *known == name)?;
    let width = if width == 0 { abi.register } else { width };
    Type::new(width, signed, types::Kind::Integer)
}

/// The parameters of a policy, as fields.
pub(crate) struct Params {
    /// By ABI, then by position in the scope; `None` where something is wrong with it, which
    /// has been told.
    fields: Vec<Vec<Option<Field>>>,
}

impl Params {
    /// Reads the definitions.
    pub(crate) fn read<'a>(
        scope: &Scope<'a>,
        constants: &Constants<'a>,
        findings: &mut Findings,
    ) -> Self {
        for (position, defined) in scope.params.iter().enumerate() {
            let ast::Name { text, span } = defined.value;
            if !TYPES.iter().any(|(name, ..)| name == text) {
                let recorded = findings.add(*span, Kind::UnknownType { name: text.clone() });
                findings.suggest(recorded, text, TYPES.iter().map(|(name, ..)| *name));
            }
            if position == MAX_PARAMS {
                findings.add(defined.name.span, Kind::TooManyParams);
            }
            let name = &defined.name.text;
            if (0..constants.abis().len()).any(|abi| constants.kernel(abi, name).is_some()) {
                findings.add(defined.name.span, Kind::ParamHidesConstant { name: name.clone() });
            }
        }
        let of = |abi: &Abi| {
            let fields = scope.params.iter().zip(0_u8..=u8::MAX).map(|(defined, position)| {
                let ty = named(&defined.value.text, abi)?;
                Field::new(defined.name.text.clone(), Place::Param(position), ty)
            });
            fields.collect()
        };
        Self { fields: constants.abis().iter().map(|abi| of(abi)).collect() }
    }

    /// The parameter at a position of the scope.
    pub(crate) fn field(&self, abi_index: usize, position: usize) -> Option<&Field> {
        self.fields.get(abi_index)?.get(position)?.as_ref()
    }

    /// The parameters, with what the loader may supply for each.
    pub(crate) fn in_policy(&self, scope: &Scope<'_>, parts: &[AbiPolicy]) -> Vec<Param> {
        let mut ordered = [false; MAX_PARAMS];
        for arm in parts.iter().flat_map(AbiPolicy::arms) {
            note_ordered(&arm.predicate, &mut ordered);
        }
        let params = scope.params.iter().enumerate().zip(ordered);
        let params = params.map(|((position, defined), ordered)| {
            let types = self.fields.iter().filter_map(|fields| fields.get(position)?.as_ref());
            let ranges = types.map(|field| range(field.ty(), ordered));
            let both = |a: (i128, i128), b: (i128, i128)| (a.0.max(b.0), a.1.min(b.1));
            let (min, max) = ranges.reduce(both).unwrap_or_default();
            let (name, ty) = (defined.name.text.clone(), defined.value.text.clone());
            Param { name, ty, span: defined.span, min, max }
        });
        params.collect()
    }
}

/// The numbers that fit a type: as values, or, where no order asks for that, as bit patterns.
fn range(ty: Type, ordered: bool) -> (i128, i128) {
    if ordered {
        return (ty.min(), ty.max());
    }
    (-(1_i128 << (ty.width() - 1)), i128::from(ty.mask()))
}

/// Notes the parameters with which something is ordered.
fn note_ordered(predicate: &Predicate, ordered: &mut [bool; MAX_PARAMS]) {
    match predicate {
        Predicate::True | Predicate::False => {}
        Predicate::Not(inner) => note_ordered(inner, ordered),
        Predicate::And(parts) | Predicate::Or(parts) => {
            parts.iter().for_each(|part| note_ordered(part, ordered));
        }
        Predicate::Test(test) => {
            if let Relation::Field(op, other) = test.relation()
                && let Place::Param(position) = other.place()
                && let Some(slot) = ordered.get_mut(usize::from(position))
            {
                *slot |= op.is_ordered();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_whose_numbers_fit() {
        for &(name, ..) in TYPES {
            for abi in filterc_abi::abis() {
                let ty = named(name, abi).unwrap();
                let (min, max) = range(ty, true);
                assert!(ty.bits(min).is_some() && ty.bits(max).is_some());
                assert!(ty.bits(min - 1).is_none() && ty.bits(max + 1).is_none());
                let (min, max) = range(ty, false);
                assert!(ty.pattern(min).is_some() && ty.pattern(max).is_some());
                assert!(ty.pattern(min - 1).is_none() && ty.pattern(max + 1).is_none());
            }
        }
    }
}
