//! The decision DAG, as text and as a graph.

use filterc_ir::Dag;

pub(super) fn text(dag: &Dag) -> String {
    filterc_ir::print::print(dag)
}

pub(super) fn dot(dag: &Dag) -> String {
    filterc_ir::dot::dot(dag)
}
