//! Rules that name a call by `syscall(N)`: what else they are about, and what they miss.
//!
//! An ABI on which the rule's predicate cannot hold, since it asks for another `arch`, is
//! left out: there the number is not meant.

use filterc_abi::Abi;
use filterc_grammar::ast;
use hashbrown::{HashMap, HashSet};

use crate::arms::Rule;
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
    arms: HashMap<(RuleId, u32), &'p Predicate>,
    /// Numbers that some rule decides whatever the arguments are.
    decided: HashSet<u32>,
}

impl<'p> Part<'p> {
    fn new(part: &'p AbiPolicy) -> Self {
        let mut new = Self { abi: part.abi(), arms: HashMap::new(), decided: HashSet::new() };
        for arm in part.arms() {
            let Selector::Nr(nr) = arm.selector else { continue };
            new.arms.entry((arm.rule, nr)).or_insert(&arm.predicate);
            if arm.predicate == Predicate::True {
                new.decided.insert(nr);
            }
        }
        new
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

/// Warns of numbers that are different calls on different ABIs, and of predicates on a
/// number whose call travels through a multiplexer too. For policies without errors.
pub(crate) fn warn<'a>(
    rules: &[Rule<'a>],
    parts: &[AbiPolicy],
    scope: &Scope<'a>,
    constants: &Constants<'a>,
    findings: &mut Findings,
) {
    let is_number = |entry: &Entry<'_>| matches!(entry, Entry::Number(_));
    if !rules.iter().flat_map(|rule| &rule.entries).any(is_number) {
        return;
    }
    let parts: Vec<Part<'_>> = parts.iter().map(Part::new).collect();
    for (id, rule) in (0..).map(RuleId).zip(rules) {
        for entry in &rule.entries {
            let Entry::Number(written) = *entry else { continue };
            let mut calls = Vec::with_capacity(parts.len());
            for (abi_index, part) in parts.iter().enumerate() {
                let abi = part.abi;
                let subject = Subject { abi, abi_index, calls: Calls::None, used_by: None };
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
    rule: &Rule<'_>,
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
