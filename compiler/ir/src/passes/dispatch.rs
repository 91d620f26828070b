//! `dispatch`: a switch becomes a search by comparisons of `nr`.
//!
//! The number is compared as an unsigned word, with nothing but equality, order and bits by
//! constants: all that the kernel's constant-allow emulation understands.

use super::rewrite::bottom_up;
use super::search::{self, Ask, Costs, Segment, Tree};
use crate::builder::DagBuilder;
use crate::dag::{Case, Dag, Node, NodeId, Origin};
use crate::objective::{Objective, Weights};
use crate::test::{Cmp, Test, Word};
use filterc_abi::Action;

/// A number with less than this part of all weight is not searched for by itself.
const HOT: f64 = 1.0 / 64.0;

/// Nor is one with less than this part of its segment's.
const HEAVY: f64 = 0.1;

/// About as many calls as an ABI has.
const CALLS: usize = 512;

pub(super) fn run(dag: &Dag, objective: &Objective) -> Dag {
    let mut entered = entered(dag).into_iter();
    bottom_up(dag, |builder, node, origin| {
        // Nodes come in their order.
        let roots = entered.next().unwrap_or_default();
        match node {
            Node::Switch(cases) => {
                let weights = roots.iter().filter_map(|index| dag.roots().get(*index));
                let weights: Vec<Weights<'_>> = weights.map(|root| objective.at(root)).collect();
                let segments = segments(builder, &cases, objective, weights);
                let total: f64 = segments.iter().map(|segment| segment.weight).sum();
                let costs = Costs { size: objective.size, worst: total * objective.worst };
                build(builder, &search::tree(&segments, costs), origin)
            }
            Node::Leaf(_) | Node::Branch { .. } => builder.add(node, origin),
        }
    })
}

/// For each node, if it is a switch, the roots that lead to it.
fn entered(dag: &Dag) -> Vec<Vec<usize>> {
    let mut entered = vec![Vec::new(); dag.nodes().len()];
    for (index, root) in dag.roots().iter().enumerate() {
        let mut left = vec![root.node];
        while let Some(id) = left.pop() {
            let Some(roots) = entered.get_mut(id.index()) else { continue };
            if roots.last() != Some(&index) {
                roots.push(index);
                if let Node::Branch { then, otherwise, .. } = dag.node(id) {
                    left.extend([*then, *otherwise]);
                }
            }
        }
    }
    entered
}

/// The weights of numbers under the roots that lead to a switch.
struct Weigh<'w> {
    objective: &'w Objective,
    weights: Vec<Weights<'w>>,
    /// Numbers that are called for, in order, with their shares of all calls.
    called: Vec<(u32, f64)>,
}

/// Numbers of [`Weigh::called`], as a range of it.
type Called = std::ops::Range<usize>;

impl<'w> Weigh<'w> {
    fn new(objective: &'w Objective, weights: Vec<Weights<'w>>) -> Self {
        let mut called: Vec<(u32, f64)> = Vec::with_capacity(CALLS * weights.len());
        weights.iter().flat_map(Weights::shares).for_each(|share| called.push(share));
        if weights.len() > 1 {
            called.sort_by_key(|(nr, _)| *nr);
            called.dedup_by(|(nr, share), (before, sum)| {
                let is_same = nr == before;
                *sum += if is_same { *share } else { 0.0 };
                is_same
            });
        }
        Self { objective, weights, called }
    }

    /// The numbers called for from a place on that are not above the last one.
    fn up_to(&self, last: u32, from: usize) -> Called {
        let rest = self.called.get(from..).unwrap_or_default();
        from..from + rest.iter().take_while(|(nr, _)| *nr <= last).count()
    }

    /// What a question to these numbers costs; all of them that are called for are given.
    fn weight(&self, (first, last): (u32, u32), called: &[(u32, f64)], cached: bool) -> f64 {
        let share: f64 = called.iter().map(|(_, share)| share).sum();
        let emulated = self.weights.iter().map(|weights| weights.emulated(first, last));
        let emulated: f64 = emulated.map(f64::from).sum();
        self.objective.run(cached) * share + self.objective.install * emulated
    }

    fn segment(
        &self,
        target: NodeId,
        first: u32,
        last: u32,
        within: Called,
        cached: bool,
    ) -> Segment {
        let called = self.called.get(within).unwrap_or_default();
        let weight = self.weight((first, last), called, cached);
        Segment { first, last, target, weight, crosses: false }
    }
}

/// The segments of a switch, with their weights. Hot numbers are segments of their own, and
/// what is between two holes is two, so that they can be searched for on either side.
fn segments(
    builder: &DagBuilder,
    cases: &[Case],
    objective: &Objective,
    weights: Vec<Weights<'_>>,
) -> Vec<Segment> {
    let weigh = Weigh::new(objective, weights);
    let is_cached = |target| builder.node(target) == Some(&Node::Leaf(Action::Allow));
    let mut whole: Vec<(Segment, Called)> = Vec::with_capacity(cases.len());
    let mut from = 0;
    let mut runs =
        cases.chunk_by(|a, b| a.target == b.target).filter_map(<[Case]>::first).peekable();
    while let Some(Case { first, target }) = runs.next().copied() {
        let last = runs.peek().map_or(u32::MAX, |next| next.first.saturating_sub(1));
        let called = weigh.up_to(last, from);
        from = called.end;
        whole.push((weigh.segment(target, first, last, called.clone(), is_cached(target)), called));
    }
    let least = whole.iter().map(|(segment, _)| segment.weight).sum::<f64>() * HOT;
    let plain: Vec<Segment> = whole.iter().map(|(segment, _)| *segment).collect();
    let mut segments = Vec::with_capacity(whole.len() * 2);
    for (index, (part, called)) in whole.iter().enumerate() {
        split(&weigh, part, called.clone(), least, is_cached(part.target), &mut segments);
        let Segment { first, last, target, .. } = *part;
        let is_hole = |index| search::is_hole(&plain, index);
        let is_whole = segments.last() == Some(part);
        if is_whole && first < last && is_hole(index.wrapping_sub(1)) && is_hole(index + 1) {
            segments.pop();
            let cached = is_cached(target);
            let middle = first + (last - first).div_ceil(2);
            let below = weigh.up_to(middle - 1, called.start);
            let above = below.end..called.end;
            segments.push(weigh.segment(target, first, middle - 1, below, cached));
            segments.push(weigh.segment(target, middle, last, above, cached));
        }
    }
    segments
}

/// Adds a segment, and each number of it apart that is worth a question of its own.
fn split(
    weigh: &Weigh<'_>,
    whole: &Segment,
    within: Called,
    least: f64,
    cached: bool,
    segments: &mut Vec<Segment>,
) {
    let Segment { first, last, target, weight, .. } = *whole;
    let least = least.max(weight * HEAVY);
    // A segment that is no heavier than that has none.
    if weight < least || first == last {
        segments.push(*whole);
        return;
    }
    let called = weigh.called.get(within.clone()).unwrap_or_default();
    let (mut next, mut from) = (Some(first), within.start);
    for (at, one) in (within.start..).zip(called) {
        let (nr, _) = *one;
        if weigh.weight((nr, nr), std::slice::from_ref(one), cached) < least {
            continue;
        }
        if let Some(next) = next.filter(|next| *next < nr) {
            segments.push(weigh.segment(target, next, nr - 1, from..at, cached));
        }
        segments.push(weigh.segment(target, nr, nr, at..at + 1, cached));
        from = at + 1;
        next = nr.checked_add(1).filter(|next| *next <= last);
    }
    match next {
        Some(next) if next > first => {
            segments.push(weigh.segment(target, next, last, from..within.end, cached));
        }
        Some(_) => segments.push(*whole),
        None => {}
    }
}

/// The recursion is as deep as the search.
fn build(builder: &mut DagBuilder, tree: &Tree, origin: Origin) -> NodeId {
    match tree {
        Tree::Found(target) => *target,
        Tree::Ask { ask, yes, no } => {
            let yes = build(builder, yes, origin);
            let no = build(builder, no, origin);
            let (mask, cmp, value) = match *ask {
                Ask::AtLeast(value) => (u32::MAX, Cmp::Ge, value),
                Ask::Is(value) => (u32::MAX, Cmp::Eq, value),
                Ask::NoneOf(mask) => (mask, Cmp::Eq, 0),
            };
            builder.branch(Test::Word { word: Word::NR, mask, cmp, value }, yes, no, origin)
        }
    }
}
