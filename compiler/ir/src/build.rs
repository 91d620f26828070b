//! From a typed policy to a decision DAG.
//!
//! The number of a call is known in each case of its ABI's switch, so tests of `nr` and
//! `arch` disappear here. What remains of the rules for one number is its *residual*: the
//! chain of the arms that cover it, built from the last to the first, each with the rest
//! of the chain as what follows if its predicate fails. An arm without a predicate ends the
//! chain: nothing behind it is built. Since nodes are interned and built arms remembered,
//! numbers with the same residual share it and cost a look-up an arm; those that no rule
//! names, and they are most, share one residual outright.

use filterc_abi::{Endian, SeccompData};
use filterc_hir::expr::{Predicate, Relation};
use filterc_hir::policy::{AbiPolicy, Arm, Policy, RuleId, Selector};
use filterc_hir::types::{Field, Place};
use hashbrown::HashMap;

use crate::builder::DagBuilder;
use crate::dag::{Case, Dag, NodeId, Origin, Root};
use crate::error::{Kind, LimitError};
use crate::predicate;
use crate::test::{Cmp, Operand, Test};

/// Nodes that a DAG may have after building. A program has 4096 instructions; passes make
/// a DAG smaller, but not by this much.
pub const MAX_NODES: usize = 1 << 18;

/// Parts of predicates that may be looked at, so that no policy takes unreasonable time.
const MAX_STEPS: usize = 1 << 25;

/// The DAG of those ABIs of a policy that have this byte order.
///
/// # Errors
/// F0402, if the policy is too large.
pub fn build(policy: &Policy, endian: Endian) -> Result<Dag, LimitError> {
    let mut build = Build { dag: DagBuilder::new(endian), steps: 0 };
    let foreign = build.dag.leaf(policy.foreign_action(), Origin::Nobody);
    let mut by_token: Vec<(u32, Vec<&AbiPolicy>)> = Vec::new();
    for part in policy.abis().iter().filter(|part| part.abi().endian == endian) {
        let token = part.abi().audit_arch;
        match by_token.iter_mut().find(|(other, _)| *other == token) {
            Some((_, parts)) => parts.push(part),
            None => by_token.push((token, vec![part])),
        }
    }
    let mut roots = Vec::new();
    for (audit_arch, parts) in by_token {
        let node = build.root(&parts, foreign)?;
        let abis = parts.iter().map(|part| part.abi().name.to_owned()).collect();
        roots.push(Root { abis, audit_arch, node });
    }
    Ok(build.dag.finish(roots, foreign))
}

/// The arms of one ABI, by what they cover. Arms are spoken of by their index.
struct Arms<'p> {
    part: &'p AbiPolicy,
    /// Those of one number: sorted by number, and by index for each.
    own: Vec<(u32, usize)>,
    /// Those of ranges of numbers, sorted by index.
    ranges: Vec<(u32, u32, usize)>,
    /// Where the ranges that cover a number can change, sorted.
    cuts: Vec<u32>,
    /// Those of every known number, sorted.
    known: Vec<usize>,
    /// Of each arm.
    facts: Vec<ArmFacts>,
    /// Whether the predicate of some arm in `known` looks at the number.
    known_look: bool,
}

/// What has to be known of an arm.
#[derive(Clone, Copy)]
struct ArmFacts {
    /// Whether it holds for all its calls.
    is_always: bool,
    /// Whether what the predicate comes to depends on the number.
    looks_at_nr: bool,
    /// The first of the rule's arms in a row with the same predicate.
    like: usize,
}

/// Numbers that are not simply unknown: one, or several that rules name by ranges alone.
struct Number<'a> {
    nr: u32,
    /// The last of them.
    last: u32,
    /// Whether the policy's kernel has it.
    is_known: bool,
    /// The number's own arms.
    own: &'a [(u32, usize)],
    /// The arms of ranges that have it, sorted.
    ranges: Vec<usize>,
}

/// An arm built with a continuation: the first arm like it, the number if that makes a
/// difference, and what follows if the predicate fails.
type Built = HashMap<(usize, Option<u32>, NodeId), NodeId>;

struct Build {
    dag: DagBuilder,
    steps: usize,
}

impl Build {
    /// The node where the calls with one token enter: those of the parts, and perhaps those
    /// of an ABI that the policy does not list.
    fn root(&mut self, parts: &[&AbiPolicy], foreign: NodeId) -> Result<NodeId, LimitError> {
        let arms: Vec<Arms<'_>> = parts.iter().map(|part| Arms::of(part)).collect();
        let of = |nr: u32| arms.iter().find(|arms| arms.part.abi().admits(nr));
        let Some(mark) = parts.iter().find_map(|part| part.abi().mark) else {
            return arms.first().map_or(Ok(foreign), |arms| self.switch(arms, None));
        };
        // −1 has every bit set, but is a call that a tracer skipped.
        let skipped = match of(u32::MAX) {
            Some(arms) => self.residual(arms, &arms.number(u32::MAX), &mut Built::new())?,
            None => foreign,
        };
        let unmarked = match of(0) {
            Some(arms) => self.switch(arms, None)?,
            None => foreign,
        };
        let marked = match of(mark.bit) {
            Some(arms) => self.switch(arms, Some(skipped))?,
            None => self.ask_nr(u32::MAX, u32::MAX, skipped, foreign),
        };
        Ok(self.ask_nr(mark.bit, 0, unmarked, marked))
    }

    /// Asks whether the bits of `mask` in the number have a value.
    fn ask_nr(&mut self, mask: u32, value: u32, then: NodeId, otherwise: NodeId) -> NodeId {
        let Some(field) = Operand::new(Place::Nr, 32, false) else { return otherwise };
        let (mask, value) = (mask.into(), value.into());
        let test = Test::Field { field, mask, cmp: Cmp::Eq, value };
        self.dag.branch(test, then, otherwise, Origin::Nobody)
    }

    /// The switch over the numbers of one ABI. Where others share its token, no number of
    /// theirs comes there, but −1 may: then it leads to `skipped`.
    fn switch(&mut self, arms: &Arms<'_>, skipped: Option<NodeId>) -> Result<NodeId, LimitError> {
        let part = arms.part;
        let mut built = Built::new();
        let unknown = self.dag.leaf(part.unknown_action(), Origin::Nobody);
        // What is below the first number of a marked ABI is none of its numbers.
        let lowest = part.abi().mark.filter(|mark| mark.set).map_or(0, |mark| mark.bit);
        let mut cases = Vec::new();
        let mut next = Some(lowest);
        let mut unnamed = None;
        for number in arms.numbers().filter(|number| is_switched(part, number.nr)) {
            let nr = number.nr;
            // What `any` alone decides is one decision, if none of its arms asks for the number.
            self.spend_on(arms.ranges.len())?;
            let alone = number.own.is_empty() && number.ranges.is_empty();
            let shared = alone && !arms.known_look;
            let target = match unnamed.filter(|_| shared) {
                Some(target) => target,
                None => self.residual(arms, &number, &mut built)?,
            };
            if shared {
                unnamed = Some(target);
            }
            if let Some(first) = next.filter(|first| *first < nr) {
                go_on(&mut cases, first, unknown);
            }
            go_on(&mut cases, nr, target);
            next = number.last.checked_add(1);
        }
        if let Some(first) = next.filter(|first| skipped.is_none() || *first != u32::MAX) {
            go_on(&mut cases, first, unknown);
        }
        if let Some(target) = skipped {
            go_on(&mut cases, u32::MAX, target);
        }
        if let Some(first) = cases.first_mut() {
            first.first = 0;
        }
        Ok(self.dag.switch(cases, Origin::Nobody))
    }

    /// What the rules decide about one number.
    fn residual(
        &mut self,
        arms: &Arms<'_>,
        number: &Number<'_>,
        built: &mut Built,
    ) -> Result<NodeId, LimitError> {
        let part = arms.part;
        if !number.is_known && number.own.is_empty() && number.ranges.is_empty() {
            return Ok(self.dag.leaf(part.unknown_action(), Origin::Nobody));
        }
        let arm_at = |index: usize| part.arms().get(index);
        // Most numbers have one arm, which always holds.
        if let ([(_, index)], [], []) = (number.own, number.ranges.as_slice(), arms.known(number))
            && arms.facts.get(*index).is_some_and(|facts| facts.is_always)
            && let Some(arm) = arm_at(*index)
        {
            self.spend(1, arm.rule)?;
            return Ok(self.dag.leaf(arm.action, Origin::Rule(arm.rule)));
        }
        // Nothing behind an arm that always holds decides anything.
        let last = arms.first_always(number);
        let mut node = match last.and_then(arm_at) {
            Some(arm) => self.dag.leaf(arm.action, Origin::Rule(arm.rule)),
            None => self.dag.leaf(part.default_action(), Origin::Nobody),
        };
        let call = SeccompData {
            nr: number.nr.cast_signed(),
            arch: part.abi().audit_arch,
            ..SeccompData::default()
        };
        for index in arms.covering(number, last.unwrap_or(usize::MAX)) {
            let Some((arm, facts)) = arm_at(index).zip(arms.facts.get(index)) else { continue };
            self.spend(1, arm.rule)?;
            let key = (facts.like, facts.looks_at_nr.then_some(number.nr), node);
            if let Some(&known) = built.get(&key) {
                node = known;
                continue;
            }
            let origin = Origin::Rule(arm.rule);
            let then = self.dag.leaf(arm.action, origin);
            let scope = predicate::Scope { call: &call, origin };
            let next = predicate::Arms { then, otherwise: node };
            let mut steps = 0;
            node = predicate::build(&mut self.dag, scope, &arm.predicate, next, &mut steps);
            self.spend(steps, arm.rule)?;
            // An arm that changes nothing for this number is as quickly built again.
            if node != key.2 {
                built.insert(key, node);
            }
        }
        Ok(node)
    }

    fn spend(&mut self, steps: usize, rule: RuleId) -> Result<(), LimitError> {
        self.spend_on(steps).map_err(|error| LimitError { rule: Some(rule), ..error })
    }

    fn spend_on(&mut self, steps: usize) -> Result<(), LimitError> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MAX_STEPS || self.dag.len() > MAX_NODES {
            return Err(LimitError { kind: Kind::TooManyNodes, limit: MAX_NODES, rule: None });
        }
        Ok(())
    }
}

impl<'p> Arms<'p> {
    fn of(part: &'p AbiPolicy) -> Self {
        let mut own = Vec::with_capacity(part.arms().len());
        let (mut ranges, mut known) = (Vec::new(), Vec::new());
        let mut facts: Vec<ArmFacts> = Vec::with_capacity(part.arms().len());
        let mut before: Option<&Arm> = None;
        for (index, arm) in part.arms().iter().enumerate() {
            match arm.selector {
                Selector::Nr(nr) => own.push((nr, index)),
                Selector::Range(first, last) => ranges.push((first, last, index)),
                Selector::Known => known.push(index),
            }
            let is_like = |other: &Arm| other.rule == arm.rule && other.predicate == arm.predicate;
            let like = facts.last().copied().filter(|_| before.is_some_and(is_like));
            facts.push(like.unwrap_or_else(|| ArmFacts {
                is_always: arm.predicate == Predicate::True,
                looks_at_nr: looks_at_nr_in(&arm.predicate),
                like: index,
            }));
            before = Some(arm);
        }
        own.sort_unstable();
        let looks = |index: &usize| facts.get(*index).is_none_or(|facts| facts.looks_at_nr);
        let known_look = known.iter().any(looks);
        let cuts = cuts(part, &ranges);
        Self { part, own, ranges, cuts, known, facts, known_look }
    }

    /// A number with its own arms, if it has some.
    fn number(&self, nr: u32) -> Number<'_> {
        let start = self.own.partition_point(|(other, _)| *other < nr);
        let end = self.own.partition_point(|(other, _)| *other <= nr);
        let own = self.own.get(start..end).unwrap_or_default();
        Number { nr, last: nr, is_known: self.part.has(nr), own, ranges: self.ranges_of(nr) }
    }

    fn ranges_of(&self, nr: u32) -> Vec<usize> {
        let within = |(first, last, _): &&(u32, u32, usize)| *first <= nr && nr <= *last;
        self.ranges.iter().filter(within).map(|(.., index)| *index).collect()
    }

    /// All numbers that are not simply unknown, in order.
    fn numbers(&self) -> impl Iterator<Item = Number<'_>> {
        let mut singles = self.singles().peekable();
        let mut next = Some(0);
        std::iter::from_fn(move || {
            while let Some(from) = next {
                let end = singles.peek().map_or(Some(u32::MAX), |number| number.nr.checked_sub(1));
                if let Some(end) = end.filter(|end| from <= *end && !self.cuts.is_empty()) {
                    let after = self.cuts.partition_point(|cut| *cut <= from);
                    let last = self.cuts.get(after).map_or(end, |cut| end.min(cut - 1));
                    next = last.checked_add(1);
                    let ranges = self.ranges_of(from);
                    if !ranges.is_empty() {
                        return Some(Number { nr: from, last, is_known: false, own: &[], ranges });
                    }
                } else if let Some(number) = singles.next() {
                    next = number.nr.checked_add(1);
                    return Some(number);
                } else {
                    next = None;
                }
            }
            None
        })
    }

    /// Every number that is known or that a rule names alone, in order.
    fn singles(&self) -> impl Iterator<Item = Number<'_>> {
        let kernel = self.part.kernel();
        let calls = self.part.abi().syscalls().iter().filter(move |call| call.exists_in(kernel));
        let mut calls = calls.map(|call| call.nr).peekable();
        let mut rest = self.own.as_slice();
        std::iter::from_fn(move || {
            let named = rest.first().map(|(nr, _)| *nr);
            let nr = match (calls.peek().copied(), named) {
                (Some(call), Some(named)) => call.min(named),
                (Some(nr), None) | (None, Some(nr)) => nr,
                (None, None) => return None,
            };
            let is_known = calls.next_if_eq(&nr).is_some();
            let own = rest.iter().take_while(|(named, _)| *named == nr).count();
            let (own, others) = rest.split_at_checked(own)?;
            rest = others;
            Some(Number { nr, last: nr, is_known, own, ranges: self.ranges_of(nr) })
        })
    }

    /// The arms of every known number, as far as they are a number's.
    fn known(&self, number: &Number<'_>) -> &[usize] {
        if number.is_known { &self.known } else { &[] }
    }

    /// The first arm of a number that always holds.
    fn first_always(&self, number: &Number<'_>) -> Option<usize> {
        let is_always = |i: &usize| self.facts.get(*i).is_some_and(|facts| facts.is_always);
        let own = number.own.iter().map(|(_, index)| *index).find(is_always);
        let range = number.ranges.iter().copied().find(is_always);
        let known = self.known(number).iter().copied().find(is_always);
        own.into_iter().chain(range).chain(known).min()
    }

    /// The arms of a number that come before one, last first.
    fn covering(&self, number: &Number<'_>, end: usize) -> impl Iterator<Item = usize> {
        // All are sorted; a policy with many `any` rules asks for this once a number.
        let own = number.own.iter().map(|(_, index)| *index).rev();
        let ranges = number.ranges.iter().copied().rev();
        let known = self.known(number).iter().copied().rev();
        let is_behind = move |index: &usize| *index >= end;
        last_first(last_first(own, ranges), known).skip_while(is_behind)
    }
}

/// Two lists of which the last comes first, as one.
fn last_first(
    mut one: impl Iterator<Item = usize>,
    mut other: impl Iterator<Item = usize>,
) -> impl Iterator<Item = usize> {
    let (mut next, mut next_other) = (one.next(), other.next());
    std::iter::from_fn(move || {
        if next > next_other {
            std::mem::replace(&mut next, one.next())
        } else {
            std::mem::replace(&mut next_other, other.next())
        }
    })
}

/// Where the ranges that cover a number can change, and numbers of an ABI begin or end that
/// shares its token.
fn cuts(part: &AbiPolicy, ranges: &[(u32, u32, usize)]) -> Vec<u32> {
    if ranges.is_empty() {
        return Vec::new();
    }
    let block = part.abi().mark.map(|mark| mark.bit);
    let blocks = block.into_iter().flat_map(|bit| (0..=u32::MAX / bit).map(move |i| i * bit));
    let ends = ranges.iter().flat_map(|(first, last, _)| [Some(*first), last.checked_add(1)]);
    let mut cuts: Vec<u32> = ends.flatten().chain(blocks).collect();
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

/// Numbers from `first` on lead to `target`: one case with those before, if they lead there too.
fn go_on(cases: &mut Vec<Case>, first: u32, target: NodeId) {
    if cases.last().is_none_or(|last| last.target != target) {
        cases.push(Case { first, target });
    }
}

/// Whether a number comes to the ABI's switch; with a mark, −1 does not (see [`Build::root`]).
fn is_switched(part: &AbiPolicy, nr: u32) -> bool {
    part.abi().admits(nr) && (part.abi().mark.is_none() || nr != u32::MAX)
}

/// Whether what a predicate comes to depends on the number of the call.
fn looks_at_nr_in(predicate: &Predicate) -> bool {
    let is_nr = |field: &Field| field.place() == Place::Nr;
    match predicate {
        Predicate::True | Predicate::False => false,
        Predicate::Not(inner) => looks_at_nr_in(inner),
        Predicate::And(parts) | Predicate::Or(parts) => parts.iter().any(looks_at_nr_in),
        Predicate::Test(test) => match test.relation() {
            Relation::Compare(..) | Relation::In(_) => is_nr(test.field()),
            // Compared with an argument, the number stays a field (see `predicate`).
            Relation::Field(_, other) => {
                (is_nr(test.field()) || is_nr(other))
                    && predicate::is_fixed(test.field())
                    && predicate::is_fixed(other)
            }
        },
    }
}
