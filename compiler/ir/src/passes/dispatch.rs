//! `dispatch`: a switch becomes a search by comparisons of `nr`.
//!
//! The number is compared as an unsigned word, with nothing but equality and order by
//! constants: all that the kernel's constant-allow emulation understands.

use super::rewrite::bottom_up;
use super::search::{self, Segment, Tree};
use crate::builder::DagBuilder;
use crate::dag::{Case, Dag, Node, NodeId, Origin};
use crate::objective::Objective;
use crate::test::{Cmp, Test, Word};

pub(super) fn run(dag: &Dag, _: &Objective) -> Dag {
    bottom_up(dag, |builder, node, origin| match node {
        Node::Switch(cases) => {
            let tree = search::tree(&segments(&cases));
            build(builder, &tree, origin)
        }
        Node::Leaf(_) | Node::Branch { .. } => builder.add(node, origin),
    })
}

fn segments(cases: &[Case]) -> Vec<Segment> {
    let ends = cases.iter().skip(1).map(|next| next.first.saturating_sub(1)).chain([u32::MAX]);
    let segment =
        |(case, last): (&Case, u32)| Segment { first: case.first, last, target: case.target };
    cases.iter().zip(ends).map(segment).collect()
}

/// The recursion is as deep as the search, which is balanced.
fn build(builder: &mut DagBuilder, tree: &Tree, origin: Origin) -> NodeId {
    let nr = |cmp, value| Test::Word { word: Word::NR, mask: u32::MAX, cmp, value };
    match tree {
        Tree::Found(target) => *target,
        Tree::AtLeast { pivot, above, below } => {
            let above = build(builder, above, origin);
            let below = build(builder, below, origin);
            builder.branch(nr(Cmp::Ge, *pivot), above, below, origin)
        }
        Tree::Except { holes, rest } => holes.iter().rev().fold(*rest, |rest, (value, target)| {
            builder.branch(nr(Cmp::Eq, *value), *target, rest, origin)
        }),
    }
}
