//! `ranges`: neighbouring cases of a switch with the same target become one.

use super::rewrite::bottom_up;
use crate::dag::{Dag, Node};
use crate::objective::Objective;

/// Whether there are such neighbours.
pub(super) fn applies(dag: &Dag) -> bool {
    dag.nodes().iter().any(|node| match node {
        Node::Switch(cases) => {
            cases.iter().zip(cases.iter().skip(1)).any(|(one, next)| one.target == next.target)
        }
        Node::Leaf(_) | Node::Branch { .. } => false,
    })
}

pub(super) fn run(dag: &Dag, _: &Objective) -> Dag {
    bottom_up(dag, |builder, node, origin| match node {
        Node::Switch(mut cases) => {
            cases.dedup_by_key(|case| case.target);
            builder.switch(cases, origin)
        }
        Node::Leaf(_) | Node::Branch { .. } => builder.add(node, origin),
    })
}
