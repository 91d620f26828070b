//! Rules that name a call by `syscall(N)`: what else they are about, and what they miss.
//!
//! An ABI on which the rule's predicate cannot hold, since it asks for another `arch`, is
//! left out: there the number is not meant.

use filterc_abi::{Abi, KernelVersion, Syscall};
use filterc_grammar::ast;
use filterc_grammar::source::Span;
use hashbrown::{HashMap, HashSet};

use crate::arms::{Rule, admits_not_all};
use crate::consteval::Constants;
use crate::error::Kind;
use crate::expr::Predicate;
use crate::findings::{Calls, Findings, Subject};
use crate::on_abi::on_abi;
use crate::outcomes::Known;
use crate::policy::{AbiPolicy, RuleId, Selector};
use crate::resolve::Entry;
use crate::scope::Scope;

/// One ABI of the policy.
struct Part<'p> {
    abi: &'static Abi,
    kernel: KernelVersion,
    arms: HashMap<(RuleId, u32), &'p Predicate>,
    ranges: HashMap<(RuleId, u32, u32), &'p Predicate>,
    /// Numbers that some rule decides whatever the arguments are.
    decided: HashSet<u32>,
}

impl<'p> Part<'p> {
    fn new(part: &'p AbiPolicy) -> Self {
        let (arms, ranges, decided) = (HashMap::new(), HashMap::new(), HashSet::new());
        let mut new = Self { abi: part.abi(), kernel: part.kernel(), arms, ranges, decided };
        for arm in part.arms() {
            match arm.selector {
                Selector::Nr(nr) => {
                    new.arms.entry((arm.rule, nr)).or_insert(&arm.predicate);
                    if arm.predicate == Predicate::True {
                        new.decided.insert(nr);
                    }
                }
                Selector::Range(first, last) => {
                    new.ranges.entry((arm.rule, first, last)).or_insert(&arm.predicate);
                }
                Selector::Known => {}
            }
        }
        new
    }

    /// Whether the rule can match a number of the range on this ABI.
    fn can_match_within(&self, rule: RuleId, (first, last): (u32, u32)) -> bool {
        let predicate = self.ranges.get(&(rule, first, last));
        let known = Known::new(self.abi, None);
        predicate.is_some_and(|predicate| known.predicate(predicate) != Some(false))
    }

    /// Whether the rule can match the number on this ABI.
    fn can_match(&self, rule: RuleId, nr: u32) -> bool {
        if !self.abi.admits(nr) {
            return false;
        }
        let predicate = self.arms.get(&(rule, nr));
        let known = Known::new(self.abi, Some(nr));
        predicate.is_none_or(|predicate| known.predicate(predicate) != Some(false))
    }
}

/// Warns of numbers that are different calls on different ABIs, of predicates on a number whose
/// call travels through a multiplexer too, and of ranges that have more than meets the eye. For
/// policies without errors.
pub(crate) fn warn<'a>(
    rules: &[Rule<'_, 'a>],
    parts: &[AbiPolicy],
    scope: &Scope<'a>,
    constants: &Constants<'a>,
    findings: &mut Findings,
) {
    let is_number = |entry: &Entry<'_>| matches!(entry, Entry::Number(_) | Entry::Range(..));
    if !rules.iter().flat_map(|rule| rule.entries).any(is_number) {
        return;
    }
    let parts: Vec<Part<'_>> = parts.iter().map(Part::new).collect();
    for (id, rule) in (0..).map(RuleId).zip(rules) {
        for entry in rule.entries {
            let written = match *entry {
                Entry::Number(written) => written,
                Entry::Range(first, last) => {
                    let read = |abi: usize| {
                        let subject = none(parts.get(abi)?.abi, abi);
                        let mut read = |written| {
                            let value = constants.read(scope, subject, written, findings)?;
                            u32::try_from(value.number()).ok()
                        };
                        Some((read(first)?, read(last)?))
                    };
                    let numbers: Vec<_> = (0..parts.len()).map(read).collect();
                    let span = Span { end: last.span.end, ..first.span };
                    warn_of_range(id, span, &parts, &numbers, findings);
                    continue;
                }
                Entry::Name(_) | Entry::Any => continue,
            };
            let mut calls = Vec::with_capacity(parts.len());
            for (abi_index, part) in parts.iter().enumerate() {
                let abi = part.abi;
                let subject = none(abi, abi_index);
                let value = constants.read(scope, subject, written, findings);
                let nr = value.and_then(|value| u32::try_from(value.number()).ok());
                let Some(nr) = nr.filter(|nr| part.can_match(id, *nr)) else { continue };
                calls.push((abi.name, abi.syscall_by_nr(nr).map(|call| call.name)));
                warn_of_multiplexer(rule, part, nr, subject, findings);
            }
            warn_of_difference(written, calls, findings);
        }
    }
}

/// A subject that is no call's.
const fn none(abi: &'static Abi, abi_index: usize) -> Subject {
    Subject { abi, abi_index, calls: Calls::None, used_by: None }
}

/// Warns of known calls that a range covers, and of numbers in it that are another ABI's.
fn warn_of_range(
    rule: RuleId,
    span: Span,
    parts: &[Part<'_>],
    numbers: &[Option<(u32, u32)>],
    findings: &mut Findings,
) {
    let mut calls = Vec::new();
    for (abi_index, (part, numbers)) in parts.iter().zip(numbers).enumerate() {
        let Some((first, last)) = numbers.filter(|range| part.can_match_within(rule, *range))
        else {
            continue;
        };
        let within = |call: &&Syscall| first <= call.nr && call.nr <= last;
        let known = part.abi.syscalls().iter().filter(within);
        let known = known.filter(|call| call.exists_in(part.kernel));
        let names: Vec<&'static str> = known.map(|call| call.name).collect();
        if !names.is_empty() {
            calls.push((part.abi.name, names));
        }
        let is_kin = |other: &Abi| other.audit_arch == part.abi.audit_arch;
        let siblings = parts.iter().filter(|other| is_kin(other.abi)).count();
        if siblings == 1 && admits_not_all(part.abi, first, last) {
            let mut others = filterc_abi::abis().iter().filter(|other| is_kin(other));
            let other = others.find(|other| other.name != part.abi.name).map(|other| other.name);
            findings.about(span, Kind::ForeignPart { other }, none(part.abi, abi_index));
        }
    }
    if !calls.is_empty() {
        findings.add(span, Kind::RangeOfCalls { calls });
    }
}

fn warn_of_difference(
    written: &ast::Constant,
    calls: Vec<(&'static str, Option<&'static str>)>,
    findings: &mut Findings,
) {
    let names: HashSet<&str> = calls.iter().filter_map(|(_, call)| *call).collect();
    if names.len() > 1 {
        findings.add(written.span, Kind::DifferentCalls { calls });
    }
}

fn warn_of_multiplexer(
    rule: &Rule<'_, '_>,
    part: &Part<'_>,
    nr: u32,
    subject: Subject,
    findings: &mut Findings,
) {
    let Some(predicate) = rule.predicate.filter(|_| !rule.is_unconditional()) else { return };
    let Some(call) = part.abi.syscall_by_nr(nr) else { return };
    let Some(sub_call) = on_abi(part.abi, call.name).sub_call else { return };
    let multiplexer = sub_call.multiplexer;
    let decided = part.abi.syscall(multiplexer).is_some_and(|by| part.decided.contains(&by.nr));
    if !decided {
        let subject = Subject { calls: Calls::One(call), ..subject };
        findings.about(predicate.span, Kind::MultiplexedNumber { multiplexer }, subject);
    }
}
