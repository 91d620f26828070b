//! From a typed policy to a decision DAG.
//!
//! The number of a call is known in each case of its ABI's switch, so tests of `nr` and
//! `arch` disappear here. What remains of the rules for one number is its *residual*: the
//! chain of the arms that cover it, built from the last to the first, each with the rest
//! of the chain as what follows if its predicate fails. Since nodes are interned and built
//! arms remembered, numbers with the same residual share it and cost a look-up an arm.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use filterc_abi::{Endian, SeccompData};
use filterc_hir::expr::{Predicate, Relation};
use filterc_hir::policy::{AbiPolicy, Policy, RuleId, Selector};
use filterc_hir::types::{Field, Place};

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

/// The arms of one ABI, by what they cover.
struct Arms<'p> {
    part: &'p AbiPolicy,
    /// Indices of the arms of one number.
    own: BTreeMap<u32, Vec<usize>>,
    /// Indices of the arms of every known number.
    known: Vec<usize>,
    /// For each arm, whether its predicate looks at the number.
    looks_at_nr: Vec<bool>,
}

/// An arm built with a continuation: the arm, the number if that makes a difference, and
/// what follows if the predicate fails.
type Built = HashMap<(usize, Option<u32>, NodeId), NodeId>;

struct Build {
    dag: DagBuilder,
    steps: usize,
}

impl Build {
    /// The node where the calls with one token enter: those of the parts, and perhaps those
    /// of an ABI that the policy does not list.
    fn root(&mut self, parts: &[&AbiPolicy], foreign: NodeId) -> Result<NodeId, LimitError> {
        let of = |nr: u32| parts.iter().copied().find(|part| part.abi().admits(nr));
        let Some(mark) = parts.iter().find_map(|part| part.abi().mark) else {
            return parts.first().map_or(Ok(foreign), |part| self.switch(part, None));
        };
        // −1 has every bit set, but is a call that a tracer skipped.
        let skipped = match of(u32::MAX) {
            Some(part) => self.residual(&Arms::of(part), u32::MAX, &mut Built::new())?,
            None => foreign,
        };
        let unmarked = match of(0) {
            Some(part) => self.switch(part, None)?,
            None => foreign,
        };
        let marked = match of(mark.bit) {
            Some(part) => self.switch(part, Some(skipped))?,
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
    fn switch(&mut self, part: &AbiPolicy, skipped: Option<NodeId>) -> Result<NodeId, LimitError> {
        let arms = Arms::of(part);
        let mut built = Built::new();
        let unknown = self.dag.leaf(part.unknown_action(), Origin::Nobody);
        // What is below the first number of a marked ABI is none of its numbers.
        let lowest = part.abi().mark.filter(|mark| mark.set).map_or(0, |mark| mark.bit);
        let mut cases = Vec::new();
        let mut next = Some(lowest);
        for nr in arms.numbers().into_iter().filter(|nr| is_switched(part, *nr)) {
            let target = self.residual(&arms, nr, &mut built)?;
            if let Some(first) = next.filter(|first| *first < nr) {
                cases.push(Case { first, target: unknown });
            }
            cases.push(Case { first: nr, target });
            next = nr.checked_add(1);
        }
        if let Some(first) = next.filter(|first| skipped.is_none() || *first != u32::MAX) {
            cases.push(Case { first, target: unknown });
        }
        if let Some(target) = skipped {
            cases.push(Case { first: u32::MAX, target });
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
        nr: u32,
        built: &mut Built,
    ) -> Result<NodeId, LimitError> {
        let part = arms.part;
        if !part.has(nr) && !arms.own.contains_key(&nr) {
            return Ok(self.dag.leaf(part.unknown_action(), Origin::Nobody));
        }
        let mut node = self.dag.leaf(part.default_action(), Origin::Nobody);
        let call = SeccompData {
            nr: nr.cast_signed(),
            arch: part.abi().audit_arch,
            ..SeccompData::default()
        };
        for index in arms.covering(nr) {
            let Some(arm) = part.arms().get(index) else { continue };
            self.spend(1, arm.rule)?;
            let looks = arms.looks_at_nr.get(index).copied().unwrap_or(true);
            let key = (index, looks.then_some(nr), node);
            if let Some(&known) = built.get(&key) {
                node = known;
                continue;
            }
            let then = self.dag.leaf(arm.action, Origin::Rule(arm.rule));
            let scope = predicate::Scope { call: &call, origin: Origin::Rule(arm.rule) };
            let mut steps = 0;
            node = predicate::build(
                &mut self.dag,
                scope,
                &arm.predicate,
                predicate::Arms { then, otherwise: node },
                &mut steps,
            );
            self.spend(steps, arm.rule)?;
            // An arm that changes nothing for this number is as quickly built again.
            if node != key.2 {
                built.insert(key, node);
            }
        }
        Ok(node)
    }

    fn spend(&mut self, steps: usize, rule: RuleId) -> Result<(), LimitError> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MAX_STEPS || self.dag.len() > MAX_NODES {
            return Err(LimitError {
                kind: Kind::TooManyNodes,
                limit: MAX_NODES,
                rule: Some(rule),
            });
        }
        Ok(())
    }
}

impl<'p> Arms<'p> {
    fn of(part: &'p AbiPolicy) -> Self {
        let mut own: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        let mut known = Vec::new();
        let mut looks_at_nr = Vec::with_capacity(part.arms().len());
        for (index, arm) in part.arms().iter().enumerate() {
            match arm.selector {
                Selector::Nr(nr) => own.entry(nr).or_default().push(index),
                Selector::Known => known.push(index),
            }
            looks_at_nr.push(looks_at_nr_in(&arm.predicate));
        }
        Self { part, own, known, looks_at_nr }
    }

    /// Every number that is not simply unknown.
    fn numbers(&self) -> BTreeSet<u32> {
        let calls = self.part.abi().syscalls().iter().map(|call| call.nr);
        calls.filter(|nr| self.part.has(*nr)).chain(self.own.keys().copied()).collect()
    }

    /// The arms that cover a number, last first.
    fn covering(&self, nr: u32) -> impl Iterator<Item = usize> {
        let own = self.own.get(&nr).map_or(&[][..], Vec::as_slice);
        let known = if self.part.has(nr) { self.known.as_slice() } else { &[] };
        // Both are sorted; a policy with many `any` rules asks for this once a number.
        let (mut own, mut known) = (own.iter().copied().rev(), known.iter().copied().rev());
        let (mut next_own, mut next_known) = (own.next(), known.next());
        std::iter::from_fn(move || {
            if next_own > next_known {
                std::mem::replace(&mut next_own, own.next())
            } else {
                std::mem::replace(&mut next_known, known.next())
            }
        })
    }
}

/// Whether a number comes to the ABI's switch; with a mark, −1 does not (see [`Build::root`]).
fn is_switched(part: &AbiPolicy, nr: u32) -> bool {
    part.abi().admits(nr) && (part.abi().mark.is_none() || nr != u32::MAX)
}

/// Whether what a predicate comes to depends on the number of the call.
fn looks_at_nr_in(predicate: &Predicate) -> bool {
    let mut left = vec![predicate];
    while let Some(predicate) = left.pop() {
        match predicate {
            Predicate::True | Predicate::False => {}
            Predicate::Not(inner) => left.push(inner),
            Predicate::And(parts) | Predicate::Or(parts) => left.extend(parts),
            Predicate::Test(test) => {
                let nr = |field: &Field| field.place() == Place::Nr;
                // Compared with an argument, the number stays a field (see `predicate`).
                let looks = match test.relation() {
                    Relation::Compare(..) | Relation::In(_) => nr(test.field()),
                    Relation::Field(_, other) => {
                        (nr(test.field()) || nr(other))
                            && predicate::is_fixed(test.field())
                            && predicate::is_fixed(other)
                    }
                };
                if looks {
                    return true;
                }
            }
        }
    }
    false
}
