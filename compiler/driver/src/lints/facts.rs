//! What is true of each rule over all calls: exact, or said to be open.
//!
//! For every group of numbers, each predicate is a function of the bits of a call
//! ([`super::symbols`]), and a question about a rule is whether a function is true anywhere.
//! If so there is a call that shows it; if not, there is none.

use std::collections::BTreeSet;

use filterc_abi::{Abi, Action, SeccompData};
use filterc_hir::expr::Predicate;
use filterc_hir::policy::{Policy, RuleId};

use super::bdd::{Bdd, Edge, Exhausted};
use super::residual::{self, Group};
use super::symbols::Symbols;

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
    /// Of a rule that never decides, the rules that decide the calls for which it holds.
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
        let open = vec![Found::default().facts(true); policy.rules().len()];
        return Facts { rules: open, allowed: Vec::new() };
    };
    let mut run = Run::new(policy, groups);
    run.look_at_groups();
    run.look_at_removal();
    let rules = run.found.iter().map(|found| found.facts(false)).collect();
    Facts { rules, allowed: run.allowed() }
}

/// What was found of a rule so far.
#[derive(Clone, Debug, Default)]
struct Found {
    has_predicate: bool,
    holds: Option<SeccompData>,
    fails: Option<SeccompData>,
    decides: Option<SeccompData>,
    matters: Option<SeccompData>,
    decided_by: BTreeSet<RuleId>,
    followed_by: BTreeSet<RuleId>,
    /// Whether some group was too much.
    is_open: bool,
    /// Whether the policy means the same without it.
    is_removed: bool,
}

impl Found {
    /// Whether the first look has nothing to add.
    const fn is_settled(&self) -> bool {
        self.decides.is_some() && (self.fails.is_some() || !self.has_predicate)
    }

    fn facts(&self, is_open: bool) -> RuleFacts {
        let answer = |call: Option<SeccompData>| match call {
            Some(call) => Answer::Yes(call),
            None if is_open || self.is_open => Answer::Open,
            None => Answer::No,
        };
        let only_if = |none: bool, rules: &BTreeSet<RuleId>| {
            if none { rules.clone() } else { BTreeSet::new() }
        };
        RuleFacts {
            holds: answer(self.holds),
            fails: answer(self.fails),
            decides: answer(self.decides),
            matters: answer(self.matters),
            decided_by: only_if(self.decides.is_none(), &self.decided_by),
            followed_by: only_if(self.matters.is_none(), &self.followed_by),
        }
    }
}

/// A rule in a group: for which calls its predicate holds, and for which that of an earlier
/// rule does.
#[derive(Clone, Copy)]
struct Member {
    rule: RuleId,
    action: Action,
    holds: Edge,
    earlier: Edge,
}

/// A group as functions of bits.
struct Solved {
    bdd: Bdd,
    symbols: Symbols,
    members: Vec<Member>,
}

struct Run<'p> {
    groups: Vec<Group<'p>>,
    /// By group, once it was needed; `Err` if it was too much.
    solved: Vec<Option<Result<Solved, Exhausted>>>,
    found: Vec<Found>,
    /// By rule, the groups that it is in.
    groups_of: Vec<Vec<usize>>,
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
        Self { groups, solved, found, groups_of, steps: ALL_STEPS }
    }

    /// Finds out which rules hold, fail and decide.
    fn look_at_groups(&mut self) {
        for index in 0..self.groups.len() {
            let entries = self.groups.get(index).map_or(&[][..], |group| &group.entries);
            let is_settled = |rule: RuleId| {
                self.found.get(rule.0 as usize).is_none_or(|found| found.is_settled())
            };
            if entries.iter().all(|entry| is_settled(entry.rule)) {
                continue;
            }
            let looked = self.solve(index, |solved, found| solved.look(found));
            if looked.is_err() {
                self.leave_open(index);
            }
        }
    }

    /// Finds out which rules matter, from the last to the first.
    fn look_at_removal(&mut self) {
        for rule in (0..self.found.len()).rev() {
            self.look_at_removal_of(rule);
        }
    }

    fn look_at_removal_of(&mut self, rule: usize) {
        let groups = self.groups_of.get_mut(rule).map(std::mem::take).unwrap_or_default();
        let id = RuleId(u32::try_from(rule).unwrap_or(u32::MAX));
        let mut followed_by = BTreeSet::new();
        for index in groups {
            let Some(group) = self.groups.get(index) else { continue };
            let (default, unknown) = (group.part.default_action(), group.part.unknown_action());
            let is_named_otherwise = group.is_known
                || group.entries.iter().any(|entry| {
                    let found = self.found.get(entry.rule.0 as usize);
                    entry.rule != id && found.is_some_and(|found| !found.is_removed)
                });
            let matters = self.solve(index, |solved, found| {
                if is_named_otherwise {
                    solved.differs(id, default, found, &mut followed_by)
                } else {
                    solved.differs_as_unknown(id, default, unknown)
                }
            });
            let Some(found) = self.found.get_mut(rule) else { continue };
            match matters {
                Ok(Some(call)) => {
                    found.matters = Some(call);
                    return;
                }
                Ok(None) => {}
                Err(Exhausted) => found.is_open = true,
            }
        }
        if let Some(found) = self.found.get_mut(rule) {
            found.is_removed = !found.is_open;
            found.followed_by = followed_by;
        }
    }

    /// The groups that are allowed altogether, and that some rule asks something of.
    fn allowed(&mut self) -> Vec<Allowed> {
        let mut all = Vec::new();
        for index in 0..self.groups.len() {
            let Some(group) = self.groups.get(index) else { continue };
            let is_constant = |predicate: &Predicate| {
                matches!(predicate, Predicate::True | Predicate::False)
            };
            let asks = group.entries.iter().find(|entry| !is_constant(entry.predicate));
            let Some(asks) = asks.map(|entry| entry.rule).filter(|_| group.is_known) else {
                continue;
            };
            let default = group.part.default_action();
            if self.solve(index, |solved, _| solved.is_allowed(default)) != Ok(true) {
                continue;
            }
            if let Some(group) = self.groups.get(index) {
                let (abi, numbers) = (group.part.abi(), group.numbers.clone());
                all.push(Allowed { abi, numbers, asks });
            }
        }
        all
    }

    /// Asks something about a group, which is turned into functions at the first time.
    fn solve<T>(
        &mut self,
        index: usize,
        ask: impl FnOnce(&mut Solved, &mut [Found]) -> Result<T, Exhausted>,
    ) -> Result<T, Exhausted> {
        let group = self.groups.get(index).ok_or(Exhausted)?;
        let slot = self.solved.get_mut(index).ok_or(Exhausted)?;
        let budget = self.steps.min(GROUP_STEPS);
        let mut before = budget;
        let solved = match slot {
            Some(Ok(solved)) => {
                before = solved.bdd.steps();
                solved
            }
            Some(Err(Exhausted)) => return Err(Exhausted),
            None => match slot.insert(Solved::new(group, budget)) {
                Ok(solved) => solved,
                Err(Exhausted) => {
                    self.steps -= budget;
                    return Err(Exhausted);
                }
            },
        };
        let answer = ask(solved, &mut self.found);
        self.steps = self.steps.saturating_sub(before - solved.bdd.steps());
        answer
    }

    fn leave_open(&mut self, index: usize) {
        for entry in self.groups.get(index).map_or(&[][..], |group| &group.entries) {
            if let Some(found) = self.found.get_mut(entry.rule.0 as usize) {
                found.is_open = true;
            }
        }
    }
}

impl Solved {
    fn new(group: &Group<'_>, steps: u32) -> Result<Self, Exhausted> {
        let mut bdd = Bdd::new(steps);
        let predicates = group.entries.iter().map(|entry| entry.predicate);
        let symbols = Symbols::new(&group.call, predicates);
        let mut members: Vec<Member> = Vec::with_capacity(group.entries.len());
        let mut earlier = Edge::FALSE;
        for same in group.entries.chunk_by(|a, b| a.rule == b.rule) {
            let Some(first) = same.first() else { continue };
            let mut holds = Edge::FALSE;
            for entry in same {
                let more = symbols.predicate(&mut bdd, entry.predicate)?;
                holds = bdd.or(holds, more)?;
            }
            members.push(Member { rule: first.rule, action: first.action, holds, earlier });
            earlier = bdd.or(earlier, holds)?;
        }
        Ok(Self { bdd, symbols, members })
    }

    /// Which of the rules hold, fail and decide here.
    fn look(&mut self, found: &mut [Found]) -> Result<(), Exhausted> {
        for index in 0..self.members.len() {
            let Some(&member) = self.members.get(index) else { continue };
            let Some(of) = found.get_mut(member.rule.0 as usize) else { continue };
            if of.is_settled() {
                continue;
            }
            let left = self.bdd.without(member.holds, member.earlier)?;
            of.holds = of.holds.or_else(|| self.symbols.witness(&self.bdd, member.holds));
            of.fails = of.fails.or_else(|| self.symbols.witness(&self.bdd, member.holds.not()));
            of.decides = of.decides.or_else(|| self.symbols.witness(&self.bdd, left));
            if of.decides.is_none() {
                self.add_deciders(index, member.holds, &mut of.decided_by)?;
            }
        }
        Ok(())
    }

    /// The members before one that decide what it holds for.
    fn add_deciders(
        &mut self,
        before: usize,
        holds: Edge,
        rules: &mut BTreeSet<RuleId>,
    ) -> Result<(), Exhausted> {
        let mut left = holds;
        for member in self.members.iter().take(before) {
            if left == Edge::FALSE {
                break;
            }
            if self.bdd.and(left, member.holds)? != Edge::FALSE {
                rules.insert(member.rule);
            }
            left = self.bdd.without(left, member.holds)?;
        }
        Ok(())
    }

    /// Whether every call is allowed.
    fn is_allowed(&mut self, default: Action) -> Result<bool, Exhausted> {
        for member in self.members.iter().filter(|member| member.action != Action::Allow) {
            if self.bdd.without(member.holds, member.earlier)? != Edge::FALSE {
                return Ok(false);
            }
        }
        let decided = match self.members.last() {
            Some(last) => self.bdd.or(last.earlier, last.holds)?,
            None => Edge::FALSE,
        };
        Ok(decided == Edge::TRUE || default == Action::Allow)
    }

    /// A call that a rule decides, and what follows it would decide otherwise.
    fn differs(
        &mut self,
        rule: RuleId,
        default: Action,
        found: &[Found],
        followed_by: &mut BTreeSet<RuleId>,
    ) -> Result<Option<SeccompData>, Exhausted> {
        let Some(index) = self.members.iter().position(|member| member.rule == rule) else {
            return Ok(None);
        };
        let Some(&member) = self.members.get(index) else { return Ok(None) };
        let mut left = self.bdd.without(member.holds, member.earlier)?;
        for next in self.members.iter().skip(index + 1) {
            if found.get(next.rule.0 as usize).is_some_and(|found| found.is_removed) {
                continue;
            }
            if left == Edge::FALSE {
                break;
            }
            let decides = self.bdd.and(left, next.holds)?;
            if next.action != member.action
                && let Some(call) = self.symbols.witness(&self.bdd, decides)
            {
                return Ok(Some(call));
            }
            if decides != Edge::FALSE {
                followed_by.insert(next.rule);
            }
            left = self.bdd.without(left, next.holds)?;
        }
        let other = if default == member.action { Edge::FALSE } else { left };
        Ok(self.symbols.witness(&self.bdd, other))
    }

    /// The same, where without the rule nothing names the number.
    fn differs_as_unknown(
        &mut self,
        rule: RuleId,
        default: Action,
        unknown: Action,
    ) -> Result<Option<SeccompData>, Exhausted> {
        let Some(member) = self.members.iter().find(|member| member.rule == rule) else {
            return Ok(None);
        };
        let differs = |action| if action == unknown { Edge::FALSE } else { Edge::TRUE };
        let decided = self.bdd.and(member.holds, differs(member.action))?;
        let left = self.bdd.and(member.holds.not(), differs(default))?;
        let other = self.bdd.or(decided, left)?;
        Ok(self.symbols.witness(&self.bdd, other))
    }
}
