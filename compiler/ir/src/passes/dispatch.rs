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
const HOT: f64 = 1.0 / 48.0;

/// The longest path counts as much as this part of all calls.
const WORST: f64 = 1.0 / 128.0;

pub(super) fn run(dag: &Dag, objective: &Objective) -> Dag {
    let mut entered = entered(dag).into_iter();
    bottom_up(dag, |builder, node, origin| {
        // Nodes come in their order.
        let roots = entered.next().unwrap_or_default();
        match node {
            Node::Switch(cases) => {
                let weights = roots.iter().filter_map(|index| dag.roots().get(*index));
                let weights: Vec<Weights<'_>> = weights.map(|root| objective.at(root)).collect();
                let segments = segments(builder, &cases, &weights);
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

/// The segments of a switch, with their weights. Hot numbers are segments of their own, and
/// what is between two holes is two, so that they can be searched for on either side.
fn segments(builder: &DagBuilder, cases: &[Case], weights: &[Weights<'_>]) -> Vec<Segment> {
    let ends = cases.iter().skip(1).map(|next| next.first.saturating_sub(1)).chain([u32::MAX]);
    let segment = |target: NodeId, first: u32, last: u32| {
        let cached = builder.node(target) == Some(&Node::Leaf(Action::Allow));
        let weight = weights.iter().map(|weights| weights.span(first, last, cached)).sum();
        Segment { first, last, target, weight }
    };
    let whole: Vec<Segment> =
        cases.iter().zip(ends).map(|(case, last)| segment(case.target, case.first, last)).collect();
    let total: f64 = whole.iter().map(|segment| segment.weight).sum();
    let mut hot: Vec<u32> = weights
        .iter()
        .flat_map(|weights| {
            weights.shares().filter(|(_, share)| *share > total * HOT / 4.0).map(|(nr, _)| nr)
        })
        .collect();
    hot.sort_unstable();
    hot.dedup();
    let mut hot = hot.into_iter().peekable();
    let mut segments = Vec::with_capacity(whole.len() * 2);
    for (index, part) in whole.iter().enumerate() {
        let Segment { mut first, last, target, .. } = *part;
        let mut left = Some(first);
        while let Some(nr) = hot.next_if(|nr| *nr <= last) {
            let one = segment(target, nr, nr);
            if one.weight < total * HOT || part.first == last {
                continue;
            }
            if first < nr {
                segments.push(segment(target, first, nr - 1));
            }
            segments.push(one);
            first = nr.saturating_add(1);
            left = nr.checked_add(1).filter(|first| *first <= last);
        }
        match left {
            Some(first) if first == part.first => {
                let is_between = search::is_hole(&whole, index.wrapping_sub(1))
                    && search::is_hole(&whole, index + 1);
                let middle = first + (last - first).div_ceil(2);
                if is_between && first < last {
                    segments.push(segment(target, first, middle - 1));
                    segments.push(segment(target, middle, last));
                } else {
                    segments.push(*part);
                }
            }
            Some(first) => segments.push(segment(target, first, last)),
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
