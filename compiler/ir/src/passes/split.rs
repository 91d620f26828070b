//! A fragment as groups of parts that may be asked in any order, and that order.

use std::cmp::Ordering;
use std::hash::DefaultHasher;
use std::hash::{Hash, Hasher};

use hashbrown::HashMap;

use super::cells::{Weighing, leave};
use super::facts::Support;
use super::fragment::Fragment;
use super::traffic::Arriving;
use crate::dag::{Dag, NodeId};
use crate::machine;
use crate::test::Test;

/// Exits that are tried as the failure.
const MAX_FAILURES: usize = 4;

/// Against what is supposed, how much the calls count that were seen.
const SUPPOSED: f64 = 1.0 / 16.0;

/// Parts that look at the same words, in their order.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) parts: Vec<Fragment>,
    /// The words.
    support: Support,
    /// Equal for equal questions.
    pub(super) key: u64,
}

/// A fragment, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Split {
    /// Where a group leads that is not passed.
    pub(super) failure: NodeId,
    /// Where all of them together lead: nowhere else, unless there is a last group.
    pub(super) passed: NodeId,
    /// These may be asked in any order.
    pub(super) groups: Vec<Group>,
    /// This comes after them, since it has more exits.
    pub(super) last: Option<Group>,
}

impl Group {
    /// Where it leads if it is passed.
    pub(super) fn passed(&self) -> Option<NodeId> {
        self.parts.last().and_then(|part| part.exits.first()).copied()
    }

    /// Whether it is one test that has no other form.
    pub(super) fn is_single(&self, dag: &Dag) -> bool {
        let [part] = self.parts.as_slice() else { return false };
        let test = Fragment::branch(dag, part.entry).map(|(test, ..)| test);
        part.nodes.len() == 1
            && test.is_none_or(|test| match test {
                Test::Word { mask, value, .. } => *mask == u32::MAX || *value == 0,
                Test::Words { .. } | Test::Field { .. } | Test::Fields { .. } => true,
            })
    }

    /// Whether a call passes it.
    fn passes(&self, dag: &Dag, holds: impl FnMut(&Test) -> bool) -> bool {
        let parts: Vec<&Fragment> = self.parts.iter().collect();
        leave(dag, &parts, holds).is_some_and(|exit| self.passed() == Some(exit))
    }

    fn key(&self, dag: &Dag, failure: NodeId) -> u64 {
        let mut hasher = DefaultHasher::new();
        failure.hash(&mut hasher);
        for part in &self.parts {
            let kind = |id: NodeId| (id == failure, part.exits.first() == Some(&id));
            for id in &part.nodes {
                if let Some((test, then, otherwise)) = Fragment::branch(dag, *id) {
                    (test, kind(then), kind(otherwise)).hash(&mut hasher);
                }
            }
        }
        hasher.finish()
    }
}

impl Split {
    /// A fragment, taken apart with that of its exits as failure that makes most of it; `None`
    /// if none makes more than one group, or if that takes more than so many steps.
    pub(super) fn of(dag: &Dag, fragment: &Fragment, steps: &mut usize) -> Option<Self> {
        let mut best: Option<(NodeId, Vec<Fragment>)> = None;
        for &failure in fragment.exits.iter().take(MAX_FAILURES) {
            *steps = steps.checked_sub(fragment.nodes.len())?;
            let parts = fragment.parts(dag, failure);
            if parts.len() > best.as_ref().map_or(1, |(_, best)| best.len()) {
                best = Some((failure, parts));
            }
        }
        let (failure, mut parts) = best?;
        let passed = *parts.last()?.exits.first()?;
        let has_two_exits =
            |part: &Fragment| part.exits.len() == 2 && part.exits.contains(&failure);
        // The last part may have other exits; and whatever looks at its words stays before it.
        let last = parts.pop_if(|part| !has_two_exits(part));
        let is_last = last.is_some();
        let mut groups: Vec<Group> = Vec::new();
        for part in parts.into_iter().chain(last) {
            let support = part.support(dag);
            let is_met = |group: &Group| group.support & support != 0;
            let Some(first) = groups.iter().position(is_met) else {
                groups.push(Group { parts: vec![part], support, key: 0 });
                continue;
            };
            // What has a word in common with any of them comes together, at the end.
            let mut merged = groups.remove(first);
            groups.retain_mut(|group| {
                let is_apart = !is_met(group);
                if !is_apart {
                    merged.parts.append(&mut group.parts);
                    merged.support |= group.support;
                }
                is_apart
            });
            merged.parts.push(part);
            merged.support |= support;
            groups.push(merged);
        }
        for group in &mut groups {
            group.key = group.key(dag, failure);
        }
        let last = if is_last { groups.pop() } else { None };
        let count = groups.len() + usize::from(last.is_some());
        (count > 1).then_some(Self { failure, passed, groups, last })
    }
}

/// Branches of the groups that other targets have as well.
pub(super) fn shared(split: &Split, common: &HashMap<u64, u32>) -> usize {
    let is_shared = |group: &&Group| common.get(&group.key).is_some_and(|count| *count > 1);
    split.groups.iter().filter(is_shared).map(nodes).sum()
}

/// What is expected of a group.
#[derive(Clone, Copy, Debug)]
struct Expected {
    /// That a call passes it.
    passes: f64,
    /// Instructions that it runs.
    cost: f64,
}

/// Puts the groups in the order in which they are to be asked; gives for each how likely a call
/// passes it.
pub(super) fn in_order(
    dag: &Dag,
    split: &mut Split,
    weighing: &Weighing<'_>,
    common: &HashMap<u64, u32>,
) -> Vec<f64> {
    let mut groups: Vec<(Group, Expected)> = std::mem::take(&mut split.groups)
        .into_iter()
        .map(|group| {
            let expected = expected(dag, &group, split.failure, weighing);
            (group, expected)
        })
        .collect();
    let count = |group: &Group| common.get(&group.key).copied().unwrap_or_default();
    let by_count = |(a, _): &(Group, Expected), (b, _): &(Group, Expected)| {
        count(a).cmp(&count(b)).then_with(|| first_test(dag, a).cmp(&first_test(dag, b)))
    };
    groups.sort_by(by_count);
    let shared: f64 = groups
        .iter()
        .rev()
        .take_while(|(group, _)| count(group) > 1)
        .map(|(group, _)| 2.0 * nodes(group) as f64)
        .sum();
    let of = |index: &usize| groups.get(*index).map(|(_, expected)| *expected);
    let mut decisive: Vec<usize> = (0..groups.len()).collect();
    let before = total(decisive.iter().filter_map(of));
    decisive.sort_by(|a, b| {
        let (Some(a), Some(b)) = (of(a), of(b)) else { return Ordering::Equal };
        let (left, right) = (a.cost * (1.0 - b.passes), b.cost * (1.0 - a.passes));
        left.partial_cmp(&right).unwrap_or(Ordering::Equal)
    });
    let gain = (before - total(decisive.iter().filter_map(of))) * weighing.arriving.weight;
    if gain > shared * weighing.objective.size {
        let mut left: Vec<Option<(Group, Expected)>> = groups.into_iter().map(Some).collect();
        groups = decisive.iter().filter_map(|index| left.get_mut(*index)?.take()).collect();
    }
    let passes = groups.iter().map(|(_, expected)| expected.passes).collect();
    split.groups = groups.into_iter().map(|(group, _)| group).collect();
    passes
}

/// Instructions that a call is expected to run.
fn total(groups: impl Iterator<Item = Expected>) -> f64 {
    let mut reaches = 1.0;
    let mut total = 0.0;
    for expected in groups {
        total += reaches * expected.cost;
        reaches *= expected.passes;
    }
    total
}

fn nodes(group: &Group) -> usize {
    group.parts.iter().map(|part| part.nodes.len()).sum()
}

fn first_test<'d>(dag: &'d Dag, group: &Group) -> Option<&'d Test> {
    let part = group.parts.first()?;
    Fragment::branch(dag, part.entry).map(|(test, _, _)| test)
}

/// What is supposed of a group, and what was seen.
fn expected(dag: &Dag, group: &Group, failure: NodeId, weighing: &Weighing<'_>) -> Expected {
    let mut reaches = 1.0;
    let mut cost = 0.0;
    for part in &group.parts {
        // By node, and what leaves by the first exit.
        let mut flow = vec![0.0; part.nodes.len()];
        let mut passed = 0.0;
        // The entry has the highest id.
        if let Some(entry) = flow.last_mut() {
            *entry = reaches;
        }
        for (index, id) in part.nodes.iter().enumerate().rev() {
            let Some((test, then, otherwise)) = Fragment::branch(dag, *id) else { continue };
            let here = flow.get(index).copied().unwrap_or_default();
            let holds = weighing.objective.holds(test);
            cost += here * f64::from(machine::cost(test, None));
            for (next, share) in [(then, here * holds), (otherwise, here * (1.0 - holds))] {
                if part.exits.first() == Some(&next) {
                    passed += share;
                } else if let Ok(next) = part.nodes.binary_search(&next)
                    && let Some(flow) = flow.get_mut(next)
                {
                    *flow += share;
                }
            }
        }
        reaches = passed;
    }
    let welcome = |id: Option<NodeId>| id.map_or(1.0, |id| weighing.traffic.welcome(id));
    let passed = reaches * welcome(group.passed());
    let failed = (1.0 - reaches) * welcome(Some(failure));
    let mut passes = passed / (passed + failed);
    let all: f64 = weighing.arriving.seen.iter().map(|(_, share)| share).sum();
    if all > 0.0 {
        let holds = |words| move |test: &Test| test.holds_for(words);
        let seen = weighing.arriving.seen.iter();
        let seen = seen.filter(|(words, _)| group.passes(dag, holds(words)));
        let seen: f64 = seen.map(|(_, share)| share).sum();
        passes = SUPPOSED * passes + (1.0 - SUPPOSED) * seen / all;
    }
    Expected { passes, cost }
}

/// The calls that come to each group, in this order; `passes` are what [`in_order`] has found.
pub(super) fn reaching(
    dag: &Dag,
    split: &Split,
    passes: &[f64],
    weighing: &Weighing<'_>,
) -> Vec<Arriving> {
    let mut arriving = weighing.arriving.clone();
    let mut all = Vec::with_capacity(split.groups.len() + 1);
    for (group, passes) in split.groups.iter().zip(passes) {
        let next = Arriving {
            weight: arriving.weight * passes,
            seen: arriving
                .seen
                .iter()
                .filter(|(words, _)| group.passes(dag, |test| test.holds_for(words)))
                .copied()
                .collect(),
        };
        all.push(std::mem::replace(&mut arriving, next));
    }
    all.push(arriving);
    all
}
