//! What comes out.

use filterc_cbpf::Insn;
use filterc_ir::RuleId;

/// A program, and what each of its instructions is there for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The instructions.
    pub insns: Vec<Insn>,
    /// For each instruction, the rule; none for dispatch, defaults, and shared returns.
    pub origin: Vec<Option<RuleId>>,
}
