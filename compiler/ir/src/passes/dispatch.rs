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

/// The longest path counts as much as this part of all calls.
const WORST: f64 = 1.0 / 256.0;

pub(super) fn run(dag: &Dag, objective: &Objective) -> Dag {
    let mut entered = entered(dag).into_iter();
    bottom_up(dag, |builder, node, origin| {
        // Nodes come in their order.
        let roots = entered.next().unwrap_or_default();
        match node {
            Node::Switch(cases) => {
                let weights = roots.iter().filter_map(|index| dag.roots().get(*index));
                let weights: Vec<Weights<'_>> = weights.map(|root| objective.at(root)).collect();
                let segments = segments(builder, &cases, weights);
                let total: f64 = segments.iter().map(|segment| segment.weight).sum();
                let costs = Costs { size: objective.size, worst: total * WORST };
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
    weights: Vec<Weights<'w>>,
    /// Numbers that are called for, in order.
    called: Vec<u32>,
}

impl<'w> Weigh<'w> {
    fn new(weights: Vec<Weights<'w>>) -> Self {
        let shares = weights.iter().flat_map(Weights::shares);
        let mut called: Vec<u32> = shares.map(|(nr, _)| nr).collect();
        if weights.len() > 1 {
            called.sort_unstable();
            called.dedup();
        }
        Self { weights, called }
    }

    fn segment(&self, target: NodeId, first: u32, last: u32, cached: bool) -> Segment {
        let weight = self.weights.iter().map(|weights| weights.span(first, last, cached)).sum();
        Segment { first, last, target, weight, crosses: false }
    }

    /// The numbers of a segment that are worth a question of their own.
    fn hot(&self, of: &Segment, least: f64, cached: bool) -> impl Iterator<Item = Segment> {
        let Segment { first, last, target, weight, .. } = *of;
        let start = self.called.partition_point(|nr| *nr < first);
        let called = self.called.get(start..).unwrap_or_default();
        // A segment that is no heavier than that has none.
        let called = if weight < least || first == last { &[] } else { called };
        let inside = called.iter().take_while(move |nr| **nr <= last);
        let segment = move |nr: &u32| self.segment(target, *nr, *nr, cached);
        inside.map(segment).filter(move |one| one.weight >= least.max(weight * HEAVY))
    }
}

/// The segments of a switch, with their weights. Hot numbers are segments of their own, and
/// what is between two holes is two, so that they can be searched for on either side.
fn segments(builder: &DagBuilder, cases: &[Case], weights: Vec<Weights<'_>>) -> Vec<Segment> {
    let weigh = Weigh::new(weights);
    let is_cached = |target| builder.node(target) == Some(&Node::Leaf(Action::Allow));
    let mut cases = cases.to_vec();
    cases.dedup_by_key(|case| case.target);
    let ends = cases.iter().skip(1).map(|next| next.first.saturating_sub(1)).chain([u32::MAX]);
    let whole = cases.iter().zip(ends);
    let whole = whole
        .map(|(case, last)| weigh.segment(case.target, case.first, last, is_cached(case.target)));
    let whole: Vec<Segment> = whole.collect();
    let least = whole.iter().map(|segment| segment.weight).sum::<f64>() * HOT;
    let mut segments = Vec::with_capacity(whole.len() * 2);
    for (index, part) in whole.iter().enumerate() {
        let Segment { first, last, target, .. } = *part;
        let cached = is_cached(target);
        let mut next = Some(first);
        for hot in weigh.hot(part, least, cached) {
            if let Some(next) = next.filter(|next| *next < hot.first) {
                segments.push(weigh.segment(target, next, hot.first - 1, cached));
            }
            segments.push(hot);
            next = hot.first.checked_add(1).filter(|next| *next <= last);
        }
        let is_hole = |index| search::is_hole(&whole, index);
        match next {
            Some(next) if next > first => {
                segments.push(weigh.segment(target, next, last, cached));
            }
            Some(_) if first < last && is_hole(index.wrapping_sub(1)) && is_hole(index + 1) => {
                let middle = first + (last - first).div_ceil(2);
                segments.push(weigh.segment(target, first, middle - 1, cached));
                segments.push(weigh.segment(target, middle, last, cached));
            }
            Some(_) => segments.push(*part),
            None => {}
        }
    }
    segments
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
