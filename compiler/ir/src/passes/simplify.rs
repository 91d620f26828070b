//! `simplify`: a branch and the branches right below it.
//!
//! * A question that is asked again at once is answered by the first time.
//! * Two masked tests of one thing that must both hold become one:
//!   `x & 3 == 0 && x & 0x240 == 0` is `x & 0x243 == 0`.
//!
//! What is decided further up is the business of `prune`.

use super::rewrite::bottom_up;
use crate::builder::DagBuilder;
use crate::dag::{Dag, Node, NodeId, Origin};
use crate::objective::Objective;
use crate::test::{Cmp, Test};

pub(super) fn run(dag: &Dag, _: &Objective) -> Dag {
    bottom_up(dag, |builder, node, origin| match node {
        Node::Branch { test, then, otherwise } => branch(builder, test, then, otherwise, origin),
        Node::Leaf(_) | Node::Switch(_) => builder.add(node, origin),
    })
}

/// Whether some branch has one right below it that this is about.
pub(super) fn applies(dag: &Dag) -> bool {
    let below = |id: NodeId| match dag.node(id) {
        Node::Branch { test, otherwise, .. } => Some((*test, *otherwise)),
        Node::Leaf(_) | Node::Switch(_) => None,
    };
    dag.nodes().iter().any(|node| {
        let Node::Branch { test, then, otherwise } = node else { return false };
        let is_again = below(*otherwise).is_some_and(|(below, _)| below == *test);
        is_again
            || below(*then).is_some_and(|(below, no)| {
                below == *test
                    || match both(*test, below) {
                        Both::Test(_) => no == *otherwise,
                        Both::Never => true,
                        Both::Two => false,
                    }
            })
    })
}

fn branch(
    builder: &mut DagBuilder,
    test: Test,
    mut then: NodeId,
    mut otherwise: NodeId,
    origin: Origin,
) -> NodeId {
    let mut test = test;
    // The children were simplified before, so each rule applies at most once to them, but
    // one may make way for the other.
    loop {
        if let Some((below, yes, _)) = parts(builder, then)
            && below == test
        {
            then = yes;
            continue;
        }
        if let Some((below, _, no)) = parts(builder, otherwise)
            && below == test
        {
            otherwise = no;
            continue;
        }
        match parts(builder, then).map(|(below, yes, no)| (both(test, below), yes, no)) {
            Some((Both::Test(merged), yes, no)) if no == otherwise => {
                (test, then) = (merged, yes);
            }
            Some((Both::Never, _, no)) => then = no,
            Some(_) | None => return builder.branch(test, then, otherwise, origin),
        }
    }
}

fn parts(builder: &DagBuilder, id: NodeId) -> Option<(Test, NodeId, NodeId)> {
    match builder.node(id)? {
        Node::Branch { test, then, otherwise } => Some((*test, *then, *otherwise)),
        Node::Leaf(_) | Node::Switch(_) => None,
    }
}

/// Two tests that must both hold.
enum Both {
    /// One test says it.
    Test(Test),
    /// They exclude each other.
    Never,
    /// There is no one test for them.
    Two,
}

fn both(first: Test, second: Test) -> Both {
    use Test::{Field, Word};
    match (first, second) {
        (
            Field { field: a, mask: m, cmp: Cmp::Eq, value: v },
            Field { field: b, mask: n, cmp: Cmp::Eq, value: w },
        ) if a == b => {
            if v & n != w & m {
                return Both::Never;
            }
            Both::Test(Field { field: a, mask: m | n, cmp: Cmp::Eq, value: v | w })
        }
        (
            Word { word: a, mask: m, cmp: Cmp::Eq, value: v },
            Word { word: b, mask: n, cmp: Cmp::Eq, value: w },
        ) if a == b => {
            if v & n != w & m {
                return Both::Never;
            }
            Both::Test(Word { word: a, mask: m | n, cmp: Cmp::Eq, value: v | w })
        }
        _ => Both::Two,
    }
}
