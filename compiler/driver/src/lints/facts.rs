//! What is true of each rule over all calls: exact, or said to be open.
//!
//! For every group of numbers with one residual, each predicate is a function of the bits of
//! a call, and a question about a rule is whether a function is true anywhere. If it is, there
//! is a call that shows it; if not, there is none. Most rules are settled by the first group
//! that they are in, and a group is looked at only if it has a rule that is not.

use std::collections::BTreeSet;

use filterc_abi::{Abi, SeccompData};
use filterc_hir::expr::Predicate;
use filterc_hir::policy::{Policy, RuleId};

use super::bdd::Exhausted;
use super::input::Input;
use super::residual::{self, Group};
use super::search::Searches;
use super::solved::{Removal, Solved};

/// Steps of work for one group, and for a whole policy. A comparison takes one for each bit.
const GROUP_STEPS: u32 = 1 << 18;
const ALL_STEPS: u32 = 1 << 20;

/// Whether there is a call of some kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This is one.
    Yes(SeccompData),
    /// There is none.
    No,
    /// The policy is too large to say.
    Open,
}

/// What is true of a rule, over all its calls on all ABIs of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFacts {
    /// A call for which the rule's predicate holds.
    pub holds: Answer,
    /// A call, of those that the rule names, for which it does not. `No` for a rule without
    /// a predicate.
    pub fails: Answer,
    /// A call that the rule decides.
    pub decides: Answer,
    /// A call that the policy without this rule would decide otherwise. The rules are judged
    /// from the last to the first, each as if those of which this is `No` were gone already:
    /// all of them can be removed together.
    pub matters: Answer,
    /// Of a rule that never decides, an earlier rule that holds whenever it does; if there
    /// is no such rule, those that decide the calls for which it holds.
    pub decided_by: BTreeSet<RuleId>,
    /// Of a rule that does not matter, the later rules that would decide its calls; what
    /// is left falls to the default.
    pub followed_by: BTreeSet<RuleId>,
}

/// Calls that are allowed whatever their arguments are, although some rule asks for those.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// The ABI.
    pub abi: &'static Abi,
    /// Numbers of calls that the policy's kernel has.
    pub numbers: Vec<u32>,
    /// The first rule that asks.
    pub asks: RuleId,
}

/// What is true of a policy.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Of each rule, in rule order.
    pub rules: Vec<RuleFacts>,
    /// All such calls, but those that took too long to say.
    pub allowed: Vec<Allowed>,
}

/// The facts of a policy.
#[must_use]
pub fn facts(policy: &Policy) -> Facts {
    let Some(groups) = residual::groups(policy) else {
        let open = Found { is_open: true, ..Found::default() };
        return Facts { rules: vec![open.facts(); policy.rules().len()], allowed: Vec::new() };
    };
    let mut run = Run::new(policy, groups);
    run.look_at_groups();
    for rule in (0..run.found.len()).rev() {
        run.look_at_removal_of(rule);
    }
    Facts { rules: run.found.iter().map(Found::facts).collect(), allowed: run.allowed() }
}

/// What was found of a rule so far.
#[derive(Clone, Debug, Default)]
struct Found {
    has_predicate: bool,
    holds: Option<Input>,
    fails: Option<Input>,
    decides: Option<Input>,
    matters: Option<Input>,
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
    fn search(&mut self, rule: RuleId, group: &Group<'_>, searches: &mut Searches) {
        self.decides = self.decides.or_else(|| group.find_decided(rule, searches));
        self.holds = self.holds.or(self.decides);
        if self.has_predicate {
            self.fails = self.fails.or_else(|| group.find_failing(rule, searches));
        }
    }

    /// Adds what the rule does in a group.
    fn look(&mut self, rule: RuleId, group: &mut Solved) -> Result<(), Exhausted> {
        let part = group.part(rule)?;
        self.holds = self.holds.or(part.holds);
        self.fails = self.fails.or(part.fails);
        self.decides = self.decides.or(part.decides);
        if self.decides.is_none() && part.holds.is_some() {
            self.decided_by.extend(group.deciders(rule)?);
            self.covered_by = Some(group.covers(rule, self.covered_by.as_deref())?);
        }
        Ok(())
    }

    fn facts(&self) -> RuleFacts {
        let answer = |input: Option<Input>| match input {
            Some(input) => Answer::Yes(input.call),
            None if self.is_open => Answer::Open,
            None => Answer::No,
        };
        let only_if = |none: bool, rules: BTreeSet<RuleId>| if none { rules } else { [].into() };
        let cover = self.covered_by.as_ref().and_then(|rules| rules.first());
        let decided_by = cover.map_or_else(|| self.decided_by.clone(), |rule| [*rule].into());
        RuleFacts {
            holds: answer(self.holds),
            fails: answer(self.fails),
            decides: answer(self.decides),
            matters: answer(self.matters),
            decided_by: only_if(self.decides.is_none(), decided_by),
            followed_by: only_if(self.matters.is_none(), self.followed_by.clone()),
        }
    }
}

struct Run<'p> {
    groups: Vec<Group<'p>>,
    /// By group, once it was needed; `Err` if it was too much.
    solved: Vec<Option<Result<Solved, Exhausted>>>,
    found: Vec<Found>,
    /// By rule, the groups that it is in.
    groups_of: Vec<Vec<usize>>,
    searches: Searches,
    steps: u32,
}

impl<'p> Run<'p> {
    fn new(policy: &Policy, groups: Vec<Group<'p>>) -> Self {
        let mut found = vec![Found::default(); policy.rules().len()];
        let mut groups_of = vec![Vec::new(); found.len()];
        for (index, group) in groups.iter().enumerate() {
            for entry in &group.entries {
                let rule = entry.rule.0 as usize;
                if let Some(found) = found.get_mut(rule) {
                    found.has_predicate |= *entry.predicate != Predicate::True;
                }
                if let Some(of) = groups_of.get_mut(rule).filter(|of| of.last() != Some(&index)) {
                    of.push(index);
                }
            }
        }
        let solved = groups.iter().map(|_| None).collect();
        Self { groups, solved, found, groups_of, searches: Searches::new(), steps: ALL_STEPS }
    }

    fn is_gone(&self, rule: RuleId) -> bool {
        self.found.get(rule.0 as usize).is_some_and(|found| found.is_gone)
    }

    /// Finds out which rules hold, fail and decide.
    fn look_at_groups(&mut self) {
        for index in 0..self.groups.len() {
            if self.is_found(index) {
                continue;
            }
            let looked = self.ask(index, |solved, found| {
                for rule in solved.rules() {
                    let found = found.get_mut(rule.0 as usize);
                    if let Some(found) = found.filter(|found| !found.is_settled()) {
                        found.look(rule, solved)?;
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
        let Some(group) = self.groups.get(index) else { return true };
        let mut is_found = true;
        for same in group.entries.chunk_by(|a, b| a.rule == b.rule) {
            let rule = same.first().map(|entry| entry.rule);
            let found = rule.and_then(|rule| Some((rule, self.found.get_mut(rule.0 as usize)?)));
            let Some((rule, found)) = found.filter(|(_, found)| !found.is_settled()) else {
                continue;
            };
            if same.iter().all(|entry| *entry.predicate == Predicate::False) {
                // Here it fails, and there is no more to find.
                found.fails = found.fails.or(Some(group.call));
            } else {
                found.search(rule, group, &mut self.searches);
                is_found &= found.is_settled();
            }
        }
        is_found
    }

    fn leave_open(&mut self, group: usize) {
        for entry in self.groups.get(group).map_or(&[][..], |group| &group.entries) {
            if let Some(found) = self.found.get_mut(entry.rule.0 as usize) {
                found.is_open = true;
            }
        }
    }

    /// Finds out whether a rule matters; those behind it were asked before.
    fn look_at_removal_of(&mut self, rule: usize) {
        let id = RuleId(u32::try_from(rule).unwrap_or(u32::MAX));
        let groups = self.groups_of.get_mut(rule).map(std::mem::take).unwrap_or_default();
        let mut followed_by = BTreeSet::new();
        let mut matters = None;
        let mut is_open = false;
        // The call that the rule is known to decide is as good a witness as any.
        let decides = self.found.get(rule).and_then(|found| found.decides);
        if let Some(call) = decides.filter(|call| self.is_missed(id, &groups, call)) {
            matters = Some(call);
        }
        for index in groups.into_iter().filter(|_| matters.is_none()).collect::<Vec<_>>() {
            match self.removal(id, index) {
                Ok(Removal::Differs(call)) => {
                    matters = Some(*call);
                    break;
                }
                Ok(Removal::Same(rules)) => followed_by.extend(rules),
                Err(Exhausted) => is_open = true,
            }
        }
        if let Some(found) = self.found.get_mut(rule) {
            found.is_open |= is_open;
            found.is_gone = matters.is_none() && !found.is_open;
            (found.matters, found.followed_by) = (matters, followed_by);
        }
    }

    /// Whether a call that a rule decides would be decided otherwise without it.
    fn is_missed(&mut self, rule: RuleId, groups: &[usize], call: &Input) -> bool {
        let mut groups = groups.iter().filter_map(|index| self.groups.get(*index));
        // Without a rule that names it, a number may become unknown: that is asked below.
        let Some(group) = groups.find(|group| group.has(call) && group.is_known) else {
            return false;
        };
        if !self.searches.spend(group.entries.len()) {
            return false;
        }
        let is_gone = |other| other == rule || self.is_gone(other);
        group.decide(call, |_| false) != group.decide(call, is_gone)
    }

    /// What becomes of a group without a rule.
    fn removal(&mut self, rule: RuleId, index: usize) -> Result<Removal, Exhausted> {
        let group = self.groups.get(index).ok_or(Exhausted)?;
        let (default, unknown) = (group.part.default_action(), group.part.unknown_action());
        let mut rules = group.entries.iter().map(|entry| entry.rule);
        let is_named = rules.any(|other| other != rule && !self.is_gone(other));
        if group.is_known || is_named {
            self.ask(index, |solved, found| {
                let is_gone = |rule: RuleId| found.get(rule.0 as usize).is_some_and(|f| f.is_gone);
                solved.without(rule, default, is_gone)
            })
        } else {
            self.ask(index, |solved, _| solved.without_name(rule, default, unknown))
        }
    }

    /// The groups that are allowed altogether, and that some rule asks something of.
    fn allowed(&mut self) -> Vec<Allowed> {
        let mut all = Vec::new();
        for index in 0..self.groups.len() {
            let Some(group) = self.groups.get(index).filter(|group| group.is_known) else {
                continue;
            };
            let asks = group.entries.iter().find(|entry| {
                *entry.predicate != Predicate::True && *entry.predicate != Predicate::False
            });
            let Some(asks) = asks.map(|entry| entry.rule) else { continue };
            let (abi, default) = (group.part.abi(), group.part.default_action());
            if group.find_refused(&mut self.searches).is_some() {
                continue;
            }
            if self.ask(index, |solved, _| solved.is_allowed(default)) == Ok(true) {
                let numbers = self.groups.get(index).map(|group| group.numbers.clone());
                all.extend(numbers.map(|numbers| Allowed { abi, numbers, asks }));
            }
        }
        all
    }

    /// Asks something about a group, which is turned into functions at the first time.
    fn ask<T>(
        &mut self,
        index: usize,
        ask: impl FnOnce(&mut Solved, &mut [Found]) -> Result<T, Exhausted>,
    ) -> Result<T, Exhausted> {
        let group = self.groups.get(index).ok_or(Exhausted)?;
        let slot = self.solved.get_mut(index).ok_or(Exhausted)?;
        let budget = self.steps.min(GROUP_STEPS);
        let before = match slot {
            Some(Ok(solved)) => solved.steps(),
            Some(Err(Exhausted)) => 0,
            None => budget,
        };
        match slot.get_or_insert_with(|| Solved::new(group, budget)) {
            Ok(solved) => {
                let answer = ask(solved, &mut self.found);
                self.steps = self.steps.saturating_sub(before - solved.steps());
                answer
            }
            Err(Exhausted) => {
                self.steps = self.steps.saturating_sub(before);
                Err(Exhausted)
            }
        }
    }
}
