//! Kernel constants that belong to other arguments than the one they are compared with.
//!
//! What an argument takes may depend on another one (`prctl.arg2` on `option`). The value
//! of that is looked for in the conjunctions around the test; where it is not known, the
//! constants of all its values are in place.

use std::rc::Rc;

use filterc_abi::{Abi, Arg, Dependent, Set, SetKind};
use filterc_grammar::ast::{Constant, ConstantKind};

use crate::error::Kind;
use crate::field;
use crate::findings::{Calls, Subject};
use crate::predicate::Reader;
use crate::types::Type;
use crate::wording;

/// The sets that an argument takes its values from.
struct Sets {
    sets: Vec<&'static Set>,
    /// Sets that it would take them from if another argument had another value.
    others: Vec<&'static Set>,
    /// The other argument and its value, as the policy says it.
    when: Option<String>,
}

/// Warns of a constant that is no value of the argument.
pub(crate) fn warn<'a>(
    reader: &mut Reader<'_, 'a>,
    constant: &'a Constant,
    arg: &'static Arg,
    ty: Type,
    subject: Subject,
) {
    let rows = dependents(reader, arg, subject);
    let sets = of_dependents(reader, &rows, arg, subject);
    if sets.is_none() && !rows.is_empty() {
        return;
    }
    if sets.is_some() || arg.set.is_some() {
        names(reader, constant, &Target { arg, ty, sets: sets.as_ref(), subject });
    }
}

struct Target<'t> {
    arg: &'static Arg,
    ty: Type,
    /// `None`: those of the argument alone.
    sets: Option<&'t Sets>,
    subject: Subject,
}

fn names<'a>(reader: &mut Reader<'_, 'a>, constant: &'a Constant, target: &Target<'_>) {
    let name = match &constant.kind {
        ConstantKind::Name(name) => name,
        ConstantKind::Paren(inner) | ConstantKind::Complement(inner) => {
            return names(reader, inner, target);
        }
        ConstantKind::Binary(first, rest) => {
            names(reader, first, target);
            rest.iter().for_each(|(_, operand)| names(reader, operand, target));
            return;
        }
        ConstantKind::Integer(_) | ConstantKind::Negate(_) | ConstantKind::Error => return,
    };
    let Some(set) = stray(reader, name, target) else { return };
    let kind = Kind::WrongSet {
        name: name.clone(),
        field: target.arg.name.to_owned(),
        set: set.name,
        when: target.sets.and_then(|sets| sets.when.clone()),
    };
    reader.findings.about(constant.span, kind, target.subject);
}

/// The set that the constant should have been of, if it is of none that fits.
fn stray<'a>(
    reader: &mut Reader<'_, 'a>,
    name: &'a str,
    target: &Target<'_>,
) -> Option<&'static Set> {
    let Subject { abi, abi_index, .. } = target.subject;
    let Some(Sets { sets, others, .. }) = target.sets else {
        let set = target.arg.set?;
        let Reader { scope, constants, sets: memory, .. } = reader;
        let is_stray = || {
            let set = filterc_abi::set(set).filter(|_| !constants.is_own(scope, name))?;
            is_stray(name, &[set], target.ty, abi).then_some(set)
        };
        return *memory.stray.entry((name, set, abi_index)).or_insert_with(is_stray);
    };
    if reader.constants.is_own(reader.scope, name) {
        return None;
    }
    // One of a neighbouring set is wrong even where its value is that of a right one.
    let misplaced = || {
        others.iter().any(|set| set.contains(name)) && !sets.iter().any(|set| set.contains(name))
    };
    let stray = misplaced() || is_stray(name, sets, target.ty, abi);
    sets.first().copied().filter(|_| stray)
}

/// Whether a constant is a member of sets, but neither of these nor equal to a member.
fn is_stray(name: &str, sets: &[&'static Set], ty: Type, abi: &'static Abi) -> bool {
    let open = sets.iter().all(|set| set.is_empty());
    let fits = |set: &&Set| set.contains(name) || set.mask == Some(name);
    if open || sets.iter().any(fits) {
        return false;
    }
    let Some(value) = abi.constant(name) else { return false };
    if filterc_abi::sets_with(name).next().is_none() {
        return false;
    }
    let bits = |name: &str| ty.pattern(abi.constant(name)?);
    !sets.iter().any(|set| {
        // A part under a mask that has no names of its own, such as the signal of `clone`.
        let unnamed = set.mask.filter(|_| set.values().is_empty()).and_then(bits);
        let within = |mask: u64| ty.pattern(value).is_some_and(|bits| bits & !mask == 0);
        // An equal flag is the same flag by another name (`EFD_CLOEXEC`); an equal value of
        // an enumeration is an accident.
        let alias = set.kind != SetKind::Enum
            && set.members().any(|member| abi.constant(member) == Some(value));
        alias || unnamed.is_some_and(within)
    })
}

/// The rows about an argument.
fn dependents(
    reader: &mut Reader<'_, '_>,
    arg: &'static Arg,
    subject: Subject,
) -> Rc<[&'static Dependent]> {
    let Calls::One(call) = subject.calls else { return Rc::default() };
    let rows = || filterc_abi::dependents(call.name, arg.name).collect();
    Rc::clone(reader.sets.dependents.entry((call.name, arg.name)).or_insert_with(rows))
}

/// The sets by the value of the argument that selects; `None` if it has one of which the
/// tables say nothing.
fn of_dependents<'a>(
    reader: &mut Reader<'_, 'a>,
    rows: &[&'static Dependent],
    arg: &'static Arg,
    subject: Subject,
) -> Option<Sets> {
    let own = arg.set.and_then(filterc_abi::set);
    let on = rows.first()?.on;
    let Calls::One(call) = subject.calls else { return None };
    let ty = field::of_argument(call.arg(on)?)?.ty();
    let Some(values) = reader.fixed(on, ty, subject) else {
        let all = rows.iter().filter_map(|row| filterc_abi::set(row.set)).chain(own);
        return Some(Sets { sets: all.collect(), others: Vec::new(), when: None });
    };
    choose(rows, on, &values, own, |name| ty.pattern(subject.abi.constant(name)?))
}

/// The sets of the rows for these values of the selecting argument.
fn choose(
    rows: &[&'static Dependent],
    on: &str,
    values: &[u64],
    own: Option<&'static Set>,
    bits: impl Fn(&'static str) -> Option<u64>,
) -> Option<Sets> {
    let mut known: Vec<&'static str> = Vec::new();
    let (mut sets, mut others): (Vec<&'static Set>, Vec<_>) =
        (Vec::new(), own.into_iter().collect());
    let mut covered = vec![false; values.len()];
    for row in rows {
        let set = filterc_abi::set(row.set);
        let before = known.len();
        for &name in &row.values {
            let Some(at) = bits(name).and_then(|bits| values.iter().position(|v| *v == bits))
            else {
                continue;
            };
            if let Some(slot) = covered.get_mut(at).filter(|slot| !**slot) {
                *slot = true;
                known.push(name);
            }
            sets.extend(set);
        }
        if known.len() == before {
            others.extend(set);
        }
    }
    let when = format!("`{on}` is {}", wording::few(&known).replace(" and ", " or "));
    covered.iter().all(|covered| *covered).then_some(Sets { sets, others, when: Some(when) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows as `setsockopt.optname` has them: by level 1 one set, by 2 and 3 another.
    fn rows() -> Vec<&'static Dependent> {
        let row = |values, set| {
            let (call, arg, on) = ("call", "what", "level");
            &*Box::leak(Box::new(Dependent { call, arg, on, values, set }))
        };
        vec![row(vec!["ONE"], "signal"), row(vec!["TWO", "THREE"], "prot")]
    }

    fn bits(name: &'static str) -> Option<u64> {
        ["", "ONE", "TWO", "THREE"].iter().position(|other| *other == name).map(|bits| bits as u64)
    }

    fn chosen(values: &[u64]) -> Option<(Vec<&'static str>, Vec<&'static str>, String)> {
        let sets = choose(&rows(), "level", values, filterc_abi::set("open_flags"), bits)?;
        let names = |sets: &[&'static Set]| sets.iter().map(|set| set.name).collect();
        Some((names(&sets.sets), names(&sets.others), sets.when.unwrap()))
    }

    #[test]
    fn rows_are_chosen_by_value() {
        let when = |text: &str| text.to_owned();
        assert_eq!(
            chosen(&[1]),
            Some((vec!["signal"], vec!["open_flags", "prot"], when("`level` is `ONE`")))
        );
        assert_eq!(
            chosen(&[3]),
            Some((vec!["prot"], vec!["open_flags", "signal"], when("`level` is `THREE`")))
        );
        let both = (vec!["signal", "prot"], vec!["open_flags"], when("`level` is `ONE` or `TWO`"));
        assert_eq!(chosen(&[1, 2]), Some(both));
        // One of the values may take anything.
        assert_eq!(chosen(&[1, 4]), None);
        assert_eq!(chosen(&[4]), None);
    }
}
