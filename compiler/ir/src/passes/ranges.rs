//! `ranges`: neighbouring cases of a switch with the same target become one.

use super::rewrite::bottom_up;
use crate::dag::{Dag, Node};
use crate::objective::Objective;

pub(super) fn run(dag: &Dag, _: &Objective) -> Dag {
    bottom_up(dag, |builder, node, origin| match node {
        Node::Switch(mut cases) => {
            cases.dedup_by_key(|case| case.target);
            builder.switch(cases, origin)
        }
        Node::Leaf(_) | Node::Branch { .. } => builder.add(node, origin),
    })
}
