//! Rules on the ABIs: what each call is asked on each of them, which ABIs ask the same, and
//! which rules contradict each other.

use std::collections::{BTreeMap, BTreeSet};

use filterc_abi::{Abi, Syscall};
use filterc_grammar::ast::Predicate;

use crate::Note;
use crate::arguments::conditions::{self, All, Condition, Width, are_disjoint, simplified};
use crate::arguments::predicate::{self, Asked};
use crate::error::Kind;
use crate::guard;
use crate::json::reader::Reader;
use crate::oci::rule::{Rule, on};

/// Some calls with what they are asked, `None` for nothing.
pub(crate) type Asking<'p> = (Vec<&'p str>, Option<Predicate>);

/// Paths of conditions that compare a register though arguments were to be compared, with
/// the ABIs on which they do.
pub(crate) type Registers<'p> = BTreeMap<&'p str, BTreeSet<&'static str>>;

/// What a call is asked, with the ABIs that ask it, in the order of the policy.
type OnAbis = Vec<(Vec<&'static Abi>, Asked)>;

/// What a rule asks of a call of an ABI. Where a register is compared although arguments
/// were to be, the path of the condition is added to `registers`.
pub(crate) fn alternatives<'p>(
    rule: &Rule<'p>,
    abi: &'static Abi,
    call: &'static Syscall,
    width: Width,
    registers: &mut Registers<'p>,
) -> Vec<All> {
    let mut test = |condition: &&'p Condition| {
        let (test, is_register) = conditions::test(condition, abi, Some(call), width);
        if is_register {
            registers.entry(&condition.path).or_default().insert(abi.name);
        }
        test
    };
    let all = rule.alternatives.iter().map(|all| all.iter().map(&mut test).collect());
    simplified(all.collect())
}

/// Tells every two rules of different actions that a call can match both of. Rules without
/// conditions have been sorted out before, except for what a multiplexer carries.
pub(crate) fn refuse_conflicts(
    rules: &[Rule<'_>],
    abis: &[&'static Abi],
    width: Width,
    reader: &mut Reader,
) {
    for (at, rule) in rules.iter().enumerate() {
        for other in rules.iter().take(at).filter(|other| other.action != rule.action) {
            let same = rule.names.iter().filter(|name| other.names.contains(name));
            let mut found =
                same.filter_map(|name| Some((*name, meet(rule, other, name, abis, width)?)));
            let found = found
                .next()
                .or_else(|| carried(rule, other, abis))
                .or_else(|| carried(other, rule, abis));
            if let Some((call, abi)) = found {
                let (path, span) = (other.entry.path.clone(), other.entry.span);
                let kind =
                    Kind::Conflict { call: call.to_owned(), abi: abi.name, other: path, span };
                reader.error(&rule.entry.path, rule.entry.span, &kind);
            }
        }
    }
}

/// An ABI on which a call of that name can match both rules.
fn meet(
    rule: &Rule<'_>,
    other: &Rule<'_>,
    name: &str,
    abis: &[&'static Abi],
    width: Width,
) -> Option<&'static Abi> {
    let meets = |abi: &&'static Abi| {
        let Some(call) = abi.syscall(name) else { return false };
        let asks = |rule| alternatives(rule, abi, call, width, &mut Registers::new());
        let (left, right) = (asks(rule), asks(other));
        left.iter().any(|a| right.iter().any(|b| !are_disjoint(a, b)))
    };
    abis.iter().copied().find(meets)
}

/// A multiplexer of the one rule, with conditions, that carries a call of the other.
fn carried<'p>(
    rule: &Rule<'p>,
    other: &Rule<'_>,
    abis: &[&'static Abi],
) -> Option<(&'p str, &'static Abi)> {
    if rule.alternatives.is_empty() {
        return None;
    }
    let carries = |abi: &'static Abi, multiplexer: &str| {
        let sub = |name: &&str| on(abi, name).1.filter(|sub| sub.multiplexer == multiplexer);
        other.names.iter().any(|name| sub(name).is_some())
    };
    let on_abis = |&name: &&'p str| abis.iter().map(move |abi| (name, *abi));
    rule.names.iter().flat_map(on_abis).find(|(name, abi)| carries(abi, name))
}

/// What a rule with conditions asks, its calls sorted by that.
pub(crate) fn asked<'p>(
    rule: &Rule<'p>,
    abis: &[&'static Abi],
    width: Width,
    notes: &mut Vec<Note>,
) -> Vec<Asking<'p>> {
    let mut registers = Registers::new();
    let mut sorted: Vec<(OnAbis, Vec<&'p str>)> = Vec::new();
    for name in &rule.names {
        let mut parts = OnAbis::new();
        for &abi in abis {
            let Some(call) = abi.syscall(name) else { continue };
            let asked = predicate::of(&alternatives(rule, abi, call, width, &mut registers), abi);
            match parts.iter_mut().find(|(_, other)| *other == asked) {
                Some((same, _)) => same.push(abi),
                None => parts.push((vec![abi], asked)),
            }
        }
        match sorted.iter_mut().find(|(other, _)| is_same(other, &parts)) {
            Some((_, names)) => names.push(name),
            None => sorted.push((parts, vec![name])),
        }
    }
    notes.extend(registers.into_iter().map(|(path, abis)| {
        let abis: Vec<&str> = abis.into_iter().collect();
        let text = format!("compares a register on {}: no argument fits this", abis.join(", "));
        Note { path: path.to_owned(), text }
    }));
    let mut asking = Vec::new();
    for (parts, names) in sorted {
        let covered: Vec<&'static Abi> = parts.iter().flat_map(|(abis, _)| abis).copied().collect();
        for (abis, asked) in parts {
            let own = match asked {
                Asked::Never => {
                    let text = format!("never holds for {} on {}", names.join(", "), list(&abis));
                    notes.push(Note { path: rule.entry.path.clone(), text });
                    continue;
                }
                Asked::Nothing => None,
                Asked::This(predicate) => Some(predicate),
            };
            let guard = guard::guard(&abis, &covered);
            let all: Vec<_> = guard.into_iter().chain(own).collect();
            let predicate = (!all.is_empty()).then(|| predicate::and(all));
            asking.push((names.clone(), predicate));
        }
    }
    asking
}

fn is_same(left: &OnAbis, right: &OnAbis) -> bool {
    let names = |abis: &[&Abi]| abis.iter().map(|abi| abi.name).collect::<Vec<_>>();
    left.len() == right.len()
        && left.iter().zip(right).all(|(a, b)| names(&a.0) == names(&b.0) && a.1 == b.1)
}

fn list(abis: &[&Abi]) -> String {
    abis.iter().map(|abi| abi.name).collect::<Vec<_>>().join(", ")
}
