//! What the passes that go from children to parents have in common.

use crate::builder::DagBuilder;
use crate::dag::{Dag, Node, NodeId, Origin, Root};

/// A new DAG, each node of which is what `make` makes of an old one; the children of the
/// node that it gets are new nodes already.
pub(super) fn bottom_up(
    dag: &Dag,
    mut make: impl FnMut(&mut DagBuilder, Node, Origin) -> NodeId,
) -> Dag {
    let mut builder = DagBuilder::new(dag.endian());
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
