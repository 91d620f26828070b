//! The only way to a DAG: nodes are interned, and what is not a decision does not become one.

use std::hash::BuildHasher as _;

use filterc_abi::{Action, Endian};
use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::dag::{Case, Dag, Node, NodeId, Origin, Root};
use crate::test::{Normal, Test};

/// Makes the nodes of one [`Dag`], children first.
///
/// The index is never iterated, so its order cannot reach the result.
#[derive(Debug)]
pub struct DagBuilder {
    endian: Endian,
    nodes: Vec<Node>,
    origins: Vec<Origin>,
    /// The nodes by their contents.
    index: HashTable<NodeId>,
    hasher: DefaultHashBuilder,
}

impl DagBuilder {
    /// No nodes yet.
    #[must_use]
    pub fn new(endian: Endian) -> Self {
        Self::with_room(endian, 0)
    }

    /// No nodes yet, and room for so many: a pass mostly makes as many as there were.
    pub(crate) fn with_room(endian: Endian, nodes: usize) -> Self {
        Self {
            endian,
            nodes: Vec::with_capacity(nodes),
            origins: Vec::with_capacity(nodes),
            index: HashTable::with_capacity(nodes),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// The byte order of the DAG.
    #[must_use]
    pub const fn endian(&self) -> Endian {
        self.endian
    }

    /// Nodes made so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A node made before.
    pub(crate) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.index())
    }

    /// The leaf with an action.
    pub fn leaf(&mut self, action: Action, origin: Origin) -> NodeId {
        self.intern(Node::Leaf(action), origin)
    }

    /// A branch, or what it comes to: a question with one answer, or whose answers lead to
    /// the same node, is not asked.
    pub fn branch(
        &mut self,
        test: Test,
        then: NodeId,
        otherwise: NodeId,
        origin: Origin,
    ) -> NodeId {
        let (test, then, otherwise) = match test.normal() {
            Normal::Always(true) => return then,
            Normal::Always(false) => return otherwise,
            Normal::Same(test) => (test, then, otherwise),
            Normal::Opposite(test) => (test, otherwise, then),
        };
        if then == otherwise {
            return then;
        }
        self.intern(Node::Branch { test, then, otherwise }, origin)
    }

    /// A switch, or its only target. The cases are sorted and start at 0.
    pub fn switch(&mut self, cases: Vec<Case>, origin: Origin) -> NodeId {
        match cases.as_slice() {
            [only] => only.target,
            _ => self.intern(Node::Switch(cases), origin),
        }
    }

    /// Any node whose children are of this builder.
    pub(crate) fn add(&mut self, node: Node, origin: Origin) -> NodeId {
        match node {
            Node::Leaf(action) => self.leaf(action, origin),
            Node::Branch { test, then, otherwise } => self.branch(test, then, otherwise, origin),
            Node::Switch(cases) => self.switch(cases, origin),
        }
    }

    fn intern(&mut self, node: Node, origin: Origin) -> NodeId {
        let Self { nodes, index, hasher, .. } = self;
        let hash = hasher.hash_one(&node);
        let is_same = |id: &NodeId| nodes.get(id.index()) == Some(&node);
        let hash_of = |id: &NodeId| nodes.get(id.index()).map_or(0, |node| hasher.hash_one(node));
        match index.entry(hash, is_same, hash_of) {
            Entry::Occupied(entry) => {
                let id = *entry.get();
                if let Some(known) = self.origins.get_mut(id.index()) {
                    *known = known.merge(origin);
                }
                id
            }
            Entry::Vacant(entry) => {
                // The arena is bounded far below 2³² nodes (`build` and the passes see to it).
                let id = NodeId::new(u32::try_from(nodes.len()).unwrap_or(u32::MAX));
                entry.insert(id);
                nodes.push(node);
                self.origins.push(origin);
                id
            }
        }
    }

    /// The DAG of these roots; nodes that none of them reaches are left out.
    #[must_use]
    pub fn finish(self, roots: Vec<Root>, foreign: NodeId) -> Dag {
        let mut used = vec![false; self.nodes.len()];
        let mark = |used: &mut Vec<bool>, id: NodeId| {
            if let Some(flag) = used.get_mut(id.index()) {
                *flag = true;
            }
        };
        for id in roots.iter().map(|root| root.node).chain([foreign]) {
            mark(&mut used, id);
        }
        for (index, node) in self.nodes.iter().enumerate().rev() {
            if used.get(index).copied().unwrap_or_default() {
                node.children().for_each(|child| mark(&mut used, child));
            }
        }
        let mut ids = Vec::with_capacity(self.nodes.len());
        let mut next = 0;
        for flag in &used {
            ids.push(NodeId::new(next));
            next += u32::from(*flag);
        }
        let to = |id: NodeId| ids.get(id.index()).copied().unwrap_or(id);
        let kept = |&(_, flag): &(_, &bool)| *flag;
        let nodes = self.nodes.iter().zip(&used).filter(|(_, flag)| **flag);
        let nodes = nodes.map(|(node, _)| node.map(to)).collect();
        let origins = self.origins.into_iter().zip(&used).filter(kept).map(|(origin, _)| origin);
        let roots = roots.into_iter().map(|root| Root { node: to(root.node), ..root });
        Dag {
            endian: self.endian,
            nodes,
            origins: origins.collect(),
            roots: roots.collect(),
            foreign: to(foreign),
        }
    }
}
