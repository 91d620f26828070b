//! Finds out what is true of the rules of a policy.
//!
//! For every group of numbers with one residual, each predicate is a function of the bits of
//! a call, and a question about a rule is whether a function is true anywhere. If it is, there
//! is a call that shows it; if not, there is none. Most rules are settled by the first group
//! that they are in, and a group is looked at only if it has a rule that is not.

use std::collections::BTreeSet;
use std::ops::Range;

use filterc_abi::Action;
use filterc_hir::expr::Predicate;
use filterc_hir::policy::{Policy, RuleId};

use super::facts::{Allowed, Answer, Facts, RuleFacts, Witness};
use super::group::Group;
use super::reach::{Reach, Removal};
use super::residual::Residuals;
use super::search::Searches;
use crate::Budget;
use crate::gates::{OverBudget, Result};
use crate::input::Input;
use crate::meter::{Meter, cost};
use crate::mtbdd::Mtbdd;

/// So many groups that are too large use up the budget for all.
const LARGE_GROUPS: u64 = 4;

/// What is true of the rules of a policy. What the budget does not do for is open.
#[must_use]
pub fn facts(policy: &Policy, budget: &Budget) -> Facts {
    look(policy, budget, Searches::new())
}

fn look(policy: &Policy, budget: &Budget, searches: Searches) -> Facts {
    let Some(residuals) = Residuals::of(policy) else {
        let open = Found { is_open: true, ..Found::default() };
        return Facts { rules: vec![open.into_facts(); policy.rules().len()], ..Facts::default() };
    };
    let mut run = Run::new(policy, residuals, budget, searches);
    run.look_at_groups();
    let mut to = run.groups_of.len();
    for rule in (0..run.found.len()).rev() {
        to = run.look_at_removal_of(rule, to);
    }
    let allowed = run.allowed();
    let rules = run.found.into_iter().map(Found::into_facts).collect();
    Facts { rules, allowed, calls: run.calls.0.iter().map(|input| input.call).collect() }
}

/// Calls that show something of a rule.
#[derive(Default)]
struct Calls(Vec<Input>);

impl Calls {
    fn add(&mut self, call: Input) -> Witness {
        self.0.push(call);
        Witness(u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX))
    }

    /// What is known already, or what there is else.
    fn or(
        &mut self,
        known: Option<Witness>,
        new: impl FnOnce() -> Option<Input>,
    ) -> Option<Witness> {
        known.or_else(|| new().map(|call| self.add(call)))
    }
}

/// What was found of a rule so far.
#[derive(Clone, Debug, Default)]
struct Found {
    has_predicate: bool,
    holds: Option<Witness>,
    fails: Option<Witness>,
    decides: Option<Witness>,
    matters: Option<Witness>,
    decided_by: BTreeSet<RuleId>,
    /// Earlier rules that held in each group whenever this one did; `None` at first.
    covered_by: Option<Vec<RuleId>>,
    followed_by: BTreeSet<RuleId>,
    /// Whether some group was too much.
    is_open: bool,
    /// Whether the policy means the same without it.
    is_gone: bool,
}

impl Found {
    /// Whether the first look has nothing to add.
    const fn is_settled(&self) -> bool {
        self.decides.is_some() && (self.fails.is_some() || !self.has_predicate)
    }

    /// Adds what a quick search finds out of the rule in a group.
    fn search(
        &mut self,
        rule: RuleId,
        group: &Group<'_>,
        searches: &mut Searches,
        calls: &mut Calls,
    ) {
        self.decides = calls.or(self.decides, || group.find_decided(rule, searches));
        self.holds = self.holds.or(self.decides);
        if self.has_predicate {
            self.fails = calls.or(self.fails, || group.find_failing(rule, searches));
        }
    }

    /// Adds what the rule does in a group.
    fn look(
        &mut self,
        rule: RuleId,
        group: &mut Reach,
        mtbdd: &mut Mtbdd,
        calls: &mut Calls,
    ) -> Result<()> {
        let part = group.part(rule, mtbdd)?;
        let holds_here = part.holds.is_some();
        self.holds = calls.or(self.holds, || part.holds);
        self.fails = calls.or(self.fails, || part.fails);
        self.decides = calls.or(self.decides, || part.decides);
        if self.decides.is_none() && holds_here {
            self.decided_by.extend(group.deciders(rule, mtbdd)?);
            self.covered_by = Some(group.covers(rule, self.covered_by.as_deref(), mtbdd)?);
        }
        Ok(())
    }

    fn into_facts(self) -> RuleFacts {
        let answer = |witness: Option<Witness>| match witness {
            Some(witness) => Answer::Yes(witness),
            None if self.is_open => Answer::Open,
            None => Answer::No,
        };
        let only_if = |none: bool, rules: BTreeSet<RuleId>| if none { rules } else { [].into() };
        let cover = self.covered_by.as_ref().and_then(|rules| rules.first());
        let decided_by = cover.map_or(self.decided_by, |rule| [*rule].into());
        RuleFacts {
            holds: answer(self.holds),
            fails: answer(self.fails),
            decides: answer(self.decides),
            matters: answer(self.matters),
            decided_by: only_if(self.decides.is_none(), decided_by),
            followed_by: only_if(self.matters.is_none(), self.followed_by),
        }
    }
}

struct Run<'p> {
    residuals: Residuals<'p>,
    /// By group, once it was needed: most never are.
    solved: Vec<Option<Box<Solved>>>,
    found: Vec<Found>,
    calls: Calls,
    /// The groups that each rule is in, sorted.
    groups_of: Vec<(RuleId, usize)>,
    searches: Searches,
    budget: &'p Budget,
    /// The functions of all groups, once one was needed.
    mtbdd: Option<Mtbdd>,
}

/// A group as functions, or that they are too large; and the steps that it has left.
struct Solved {
    reach: Result<Reach>,
    steps: u64,
}

impl<'p> Run<'p> {
    fn new(
        policy: &Policy,
        residuals: Residuals<'p>,
        budget: &'p Budget,
        searches: Searches,
    ) -> Self {
        let mut found = Vec::with_capacity(policy.rules().len());
        found.resize_with(policy.rules().len(), Found::default);
        let mut groups_of = Vec::with_capacity(residuals.len());
        for (index, group) in residuals.groups().enumerate() {
            for entry in group.entries {
                if let Some(found) = found.get_mut(entry.rule.0 as usize) {
                    found.has_predicate |= !matches!(entry.predicate, Predicate::True);
                }
                groups_of.push((entry.rule, index));
            }
        }
        groups_of.sort_unstable();
        groups_of.dedup();
        // Mostly each rule has one that shows it.
        let calls = Calls(Vec::with_capacity(found.len()));
        let solved = std::iter::repeat_with(|| None).take(residuals.len()).collect();
        Self { residuals, solved, found, calls, groups_of, searches, budget, mtbdd: None }
    }

    fn is_gone(&self, rule: RuleId) -> bool {
        self.found.get(rule.0 as usize).is_some_and(|found| found.is_gone)
    }

    /// Finds out which rules hold, fail and decide.
    fn look_at_groups(&mut self) {
        for index in 0..self.residuals.len() {
            if self.is_found(index) {
                continue;
            }
            let looked = self.ask(index, |reach, mtbdd, found, calls| {
                for rule in reach.rules() {
                    let found = found.get_mut(rule.0 as usize);
                    if let Some(found) = found.filter(|found| !found.is_settled()) {
                        found.look(rule, reach, mtbdd, calls)?;
                    }
                }
                Ok(())
            });
            if looked.is_err() {
                self.leave_open(index);
            }
        }
    }

    /// Whether all rules of a group are settled, perhaps by a quick search.
    fn is_found(&mut self, index: usize) -> bool {
        let Some(group) = self.residuals.group(index) else { return true };
        let mut is_found = true;
        for same in group.entries.chunk_by(|a, b| a.rule == b.rule) {
            let rule = same.first().map(|entry| entry.rule);
            let found = rule.and_then(|rule| Some((rule, self.found.get_mut(rule.0 as usize)?)));
            let Some((rule, found)) = found.filter(|(_, found)| !found.is_settled()) else {
                continue;
            };
            if same.iter().all(|entry| matches!(entry.predicate, Predicate::False)) {
                // Here it fails, and there is no more to find.
                found.fails = self.calls.or(found.fails, || Some(group.call()));
            } else {
                found.search(rule, &group, &mut self.searches, &mut self.calls);
                is_found &= found.is_settled();
            }
        }
        is_found
    }

    fn leave_open(&mut self, group: usize) {
        for entry in self.residuals.group(group).map_or(&[][..], |group| group.entries) {
            if let Some(found) = self.found.get_mut(entry.rule.0 as usize) {
                found.is_open = true;
            }
        }
    }

    /// Finds out whether a rule matters; those behind it were asked before, and the positions of
    /// its groups end there. Gives where they begin.
    fn look_at_removal_of(&mut self, rule: usize, to: usize) -> usize {
        let id = RuleId(u32::try_from(rule).unwrap_or(u32::MAX));
        let before = self.groups_of.get(..to).unwrap_or_default();
        let from = to - before.iter().rev().take_while(|(rule, _)| *rule == id).count();
        let mut followed_by = BTreeSet::new();
        let mut matters = None;
        let mut is_open = false;
        // The call that the rule is known to decide is as good a witness as any.
        let decides = self.found.get(rule).and_then(|found| found.decides);
        if let Some(call) = decides.filter(|call| self.is_missed(id, from..to, *call)) {
            matters = Some(call);
        }
        for position in from..to {
            if matters.is_some() {
                break;
            }
            let Some(&(_, index)) = self.groups_of.get(position) else { break };
            match self.removal(id, index) {
                Ok(Removal::Differs(call)) => matters = Some(self.calls.add(*call)),
                Ok(Removal::Same(rules)) => followed_by.extend(rules),
                Err(OverBudget) => is_open = true,
            }
        }
        if let Some(found) = self.found.get_mut(rule) {
            found.is_open |= is_open;
            found.is_gone = matters.is_none() && !found.is_open;
            (found.matters, found.followed_by) = (matters, followed_by);
        }
        from
    }

    /// Whether a call that a rule decides would be decided otherwise without it.
    fn is_missed(&mut self, rule: RuleId, groups: Range<usize>, call: Witness) -> bool {
        let groups = self.groups_of.get(groups).unwrap_or_default().iter();
        let mut groups = groups.filter_map(|(_, index)| self.residuals.group(*index));
        let Some(call) = self.calls.0.get(call.0 as usize) else { return false };
        let Some(group) = groups.find(|group| group.has(&call.call)) else { return false };
        if !self.searches.spend(group.entries.len()) {
            return false;
        }
        let is_gone = |other| other == rule || self.is_gone(other);
        let is_named = || group.entries.iter().any(|entry| !is_gone(entry.rule));
        // Without a rule that names it, a number that the kernel lacks is unknown.
        let without = if group.is_known || is_named() {
            group.decide(call, is_gone)
        } else {
            group.part.unknown_action()
        };
        group.decide(call, |_| false) != without
    }

    /// What becomes of a group without a rule.
    fn removal(&mut self, rule: RuleId, index: usize) -> Result<Removal> {
        let group = self.residuals.group(index).ok_or(OverBudget)?;
        let unknown = group.part.unknown_action();
        let mut rules = group.entries.iter().map(|entry| entry.rule);
        let is_named = rules.any(|other| other != rule && !self.is_gone(other));
        if group.is_known || is_named {
            self.ask(index, |reach, mtbdd, found, _| {
                let is_gone = |rule: RuleId| found.get(rule.0 as usize).is_some_and(|f| f.is_gone);
                reach.without(rule, is_gone, mtbdd)
            })
        } else {
            self.ask(index, |reach, mtbdd, _, _| reach.without_name(rule, unknown, mtbdd))
        }
    }

    /// The groups that are allowed altogether, and that some rule asks something of.
    fn allowed(&mut self) -> Vec<Allowed> {
        let mut all = Vec::new();
        for index in 0..self.residuals.len() {
            let Some(group) = self.residuals.group(index).filter(|group| group.is_known) else {
                continue;
            };
            let asks = group
                .entries
                .iter()
                .find(|entry| !matches!(entry.predicate, Predicate::True | Predicate::False));
            let Some(asks) = asks.map(|entry| entry.rule) else { continue };
            let abi = group.part.abi();
            // A call at hand may show it.
            let found = self.found.get(asks.0 as usize);
            let at_hand = found.and_then(|found| self.calls.0.get(found.fails?.0 as usize));
            let is_refused = |call: &&Input| {
                group.has(&call.call) && group.decide(call, |_| false) != Action::Allow
            };
            if at_hand.filter(is_refused).is_some() {
                continue;
            }
            if group.find_refused(&mut self.searches).is_some() {
                continue;
            }
            if self.ask(index, |reach, mtbdd, _, _| reach.is_allowed(mtbdd)) == Ok(true) {
                all.push(Allowed { abi, numbers: self.residuals.numbers(index), asks });
            }
        }
        all
    }

    /// Asks something about a group, which is turned into functions at the first time.
    fn ask<T>(
        &mut self,
        index: usize,
        ask: impl FnOnce(&mut Reach, &mut Mtbdd, &mut [Found], &mut Calls) -> Result<T>,
    ) -> Result<T> {
        let Self { residuals, solved, found, calls, budget, mtbdd, .. } = self;
        let group = residuals.group(index).ok_or(OverBudget)?;
        let slot = solved.get_mut(index).ok_or(OverBudget)?;
        let new = || Mtbdd::new(budget.nodes, Meter::new(budget.steps));
        let mtbdd = mtbdd.get_or_insert_with(new);
        mtbdd.allot(
            slot.as_ref()
                .map_or(budget.steps / cost::OPERATION / LARGE_GROUPS, |solved| solved.steps),
        );
        let solved = slot.get_or_insert_with(|| {
            let reach = Reach::new(&group, mtbdd);
            Box::new(Solved { reach, steps: mtbdd.steps() })
        });
        let answer = solved
            .reach
            .as_mut()
            .map_err(|over| *over)
            .and_then(|reach| ask(reach, mtbdd, found, calls));
        solved.steps = mtbdd.steps();
        answer
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
