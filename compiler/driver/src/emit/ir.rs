//! The decision DAG, as text and as a graph.

use crate::compiled::CompiledProgram;

pub(super) fn text(program: &CompiledProgram) -> String {
    filterc_ir::print::print(program.dag())
}

pub(super) fn dot(program: &CompiledProgram) -> String {
    filterc_ir::dot::dot(program.dag())
}
