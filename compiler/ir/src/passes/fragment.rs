//! Parts of a DAG that can be taken apart: what lies between an entry and some exits.
//!
//! If one exit is called the failure, and every other path from the entry goes through a node
//! *d*, then the fragment is two that follow each other: the one in front of *d*, which fails
//! or goes on, and the one that begins at *d*. A call goes on to the end if neither fails. Tests
//! have no effects, so such parts may be asked in any order. `a && b && c` falls apart with the
//! refusing leaf as the failure, and so do the alternatives of `a || b || c` with `allow`.

use std::collections::BinaryHeap;

use hashbrown::HashMap;

use super::facts::{Support, support};
use crate::builder::DagBuilder;
use crate::dag::{Dag, Node, NodeId};
use crate::test::Test;

/// What lies between an entry and some exits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    /// Where calls enter.
    pub(super) entry: NodeId,
    /// The branches, children first; none is an exit.
    pub(super) nodes: Vec<NodeId>,
    /// Where calls leave.
    pub(super) exits: Vec<NodeId>,
}

impl Fragment {
    /// All that is below a node; `None` if that takes more than so many steps.
    pub(super) fn below(dag: &Dag, entry: NodeId, steps: &mut usize) -> Option<Self> {
        let (mut nodes, mut exits) = (Vec::new(), Vec::new());
        let mut heap = BinaryHeap::from([entry]);
        while let Some(id) = next(&mut heap) {
            *steps = steps.checked_sub(1)?;
            match dag.node(id) {
                Node::Branch { then, otherwise, .. } => {
                    nodes.push(id);
                    heap.extend([*then, *otherwise]);
                }
                Node::Leaf(_) | Node::Switch(_) => exits.push(id),
            }
        }
        nodes.reverse();
        Some(Self { entry, nodes, exits })
    }

    /// The words that are looked at.
    pub(super) fn support(&self, dag: &Dag) -> Support {
        self.nodes.iter().fold(0, |all, id| {
            all | match dag.node(*id) {
                Node::Branch { test, .. } => support(test),
                Node::Leaf(_) | Node::Switch(_) => 0,
            }
        })
    }

    /// The parts with respect to a failure, in order; itself if there is only one. All but the
    /// last have two exits, where the next one begins and the failure.
    pub(super) fn parts(&self, dag: &Dag, failure: NodeId) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut entry = self.entry;
        let (mut nodes, mut exits) = (Vec::new(), Vec::new());
        let mut heap = BinaryHeap::from([entry]);
        while let Some(id) = next(&mut heap) {
            // The ids that wait are below this one: where none does, all paths come here.
            if heap.is_empty() && exits.is_empty() && !nodes.is_empty() {
                let nodes = std::mem::take(&mut nodes);
                parts.push(Self { entry, nodes, exits: vec![id, failure] });
                entry = id;
            }
            match dag.node(id) {
                _ if self.exits.contains(&id) => exits.push(id),
                Node::Branch { then, otherwise, .. } => {
                    nodes.push(id);
                    heap.extend([*then, *otherwise].into_iter().filter(|child| *child != failure));
                }
                Node::Leaf(_) | Node::Switch(_) => exits.push(id),
            }
        }
        if !nodes.is_empty() {
            exits.push(failure);
            parts.push(Self { entry, nodes, exits });
        }
        for part in &mut parts {
            part.nodes.reverse();
        }
        parts
    }

    /// The test and the arms of a node.
    pub(super) fn branch(dag: &Dag, id: NodeId) -> Option<(&Test, NodeId, NodeId)> {
        match dag.node(id) {
            Node::Branch { test, then, otherwise } => Some((test, *then, *otherwise)),
            Node::Leaf(_) | Node::Switch(_) => None,
        }
    }

    /// The exit of a call, by what tests come to; `None` if the fragment is not what it says.
    pub(super) fn exit(&self, dag: &Dag, mut holds: impl FnMut(&Test) -> bool) -> Option<NodeId> {
        let mut id = self.entry;
        // No path is longer than there are nodes.
        for _ in 0..=self.nodes.len() {
            if self.exits.contains(&id) {
                return Some(id);
            }
            let (test, then, otherwise) = Self::branch(dag, id)?;
            id = if holds(test) { then } else { otherwise };
        }
        None
    }

    /// The fragment in a new DAG, with other exits.
    pub(super) fn copy(
        &self,
        dag: &Dag,
        builder: &mut DagBuilder,
        exits: &HashMap<NodeId, NodeId>,
    ) -> Option<NodeId> {
        let mut made: HashMap<NodeId, NodeId> = HashMap::default();
        for exit in &self.exits {
            made.insert(*exit, *exits.get(exit)?);
        }
        for &id in &self.nodes {
            let (test, then, otherwise) = Self::branch(dag, id)?;
            let (then, otherwise) = (*made.get(&then)?, *made.get(&otherwise)?);
            made.insert(id, builder.branch(*test, then, otherwise, dag.origin(id)));
        }
        made.get(&self.entry).copied()
    }
}

/// The highest id of those that wait, which all that waits and leads to it is above.
fn next(heap: &mut BinaryHeap<NodeId>) -> Option<NodeId> {
    let id = heap.pop()?;
    while heap.peek() == Some(&id) {
        heap.pop();
    }
    Some(id)
}
