//! The decision DAG, as text and as a graph.

use crate::pipeline::Compiled;

pub(super) fn text(compiled: &Compiled) -> String {
    filterc_ir::print::print(compiled.program().dag())
}

pub(super) fn dot(compiled: &Compiled) -> String {
    filterc_ir::dot::dot(compiled.program().dag())
}
