//! What the passes that go from children to parents have in common.

use crate::builder::DagBuilder;
use crate::dag::{Dag, Node, NodeId, Origin, Root};

/// A new DAG, each node of which is what `make` makes of an old one; the children of the
/// node that it gets are new nodes already.
pub(super) fn bottom_up(
    dag: &Dag,
    mut make: impl FnMut(&mut DagBuilder, Node, Origin) -> NodeId,
) -> Dag {
    let mut builder = DagBuilder::with_room(dag.endian(), dag.nodes().len());
    let mut made: Vec<NodeId> = Vec::with_capacity(dag.nodes().len());
    for (id, node) in dag.iter() {
        // Children come first, so they are there.
        let node = node.map(|child| made.get(child.index()).copied().unwrap_or(child));
        made.push(make(&mut builder, node, dag.origin(id)));
    }
    finish(dag, builder, |id| made.get(id.index()).copied().unwrap_or(id))
}

/// The DAG of the builder, with the roots of the old one at their new nodes.
pub(super) fn finish(dag: &Dag, builder: DagBuilder, to: impl Fn(NodeId) -> NodeId) -> Dag {
    let roots = dag.roots().iter();
    let roots = roots.map(|root| Root { node: to(root.node), ..root.clone() }).collect();
    builder.finish(roots, to(dag.foreign()))
}

/// What stands above some nodes, and what these lead to.
pub(super) struct Top {
    /// For each node, whether it is one of those or leads to one.
    above: Vec<bool>,
    /// Nodes right below, roots, and the foreign leaf, in the order in which they are met.
    pub(super) targets: Vec<NodeId>,
}

impl Top {
    /// The top of a DAG: what leads to nodes of a kind.
    pub(super) fn of(dag: &Dag, is_of_top: impl Fn(&Node) -> bool) -> Self {
        let mut above: Vec<bool> = Vec::with_capacity(dag.nodes().len());
        for node in dag.nodes() {
            let below = |id: NodeId| above.get(id.index()).copied().unwrap_or_default();
            above.push(is_of_top(node) || node.children().any(below));
        }
        let mut seen = above.clone();
        let mut targets = Vec::new();
        let tops = dag.iter().filter(|(id, _)| above.get(id.index()).copied().unwrap_or_default());
        let entries = tops.flat_map(|(_, node)| node.children());
        let entries =
            entries.chain(dag.roots().iter().map(|root| root.node)).chain([dag.foreign()]);
        for id in entries {
            if seen.get_mut(id.index()).is_some_and(|seen| !std::mem::replace(seen, true)) {
                targets.push(id);
            }
        }
        Self { above, targets }
    }

    /// The DAG with new targets; what stands above leads to these.
    pub(super) fn put_on(
        &self,
        dag: &Dag,
        mut builder: DagBuilder,
        made: &mut [Option<NodeId>],
    ) -> Dag {
        let of = |made: &[Option<NodeId>], id: NodeId| {
            made.get(id.index()).copied().flatten().unwrap_or(id)
        };
        for (id, node) in dag.iter() {
            if self.above.get(id.index()).copied().unwrap_or_default() {
                let new = builder.add(node.map(|child| of(made, child)), dag.origin(id));
                if let Some(slot) = made.get_mut(id.index()) {
                    *slot = Some(new);
                }
            }
        }
        finish(dag, builder, |id| of(made, id))
    }
}
