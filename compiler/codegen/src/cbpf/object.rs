//! What comes out.

use filterc_cbpf::{Insn, Site};
use filterc_ir::RuleId;

/// A program, and what each of its instructions is there for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The instructions.
    pub insns: Vec<Insn>,
    /// For each instruction, the rule; none for dispatch, defaults, and shared returns.
    pub origin: Vec<Option<RuleId>>,
    /// Where parameters go, in the order of the program; their constants are 0.
    pub sites: Vec<Site>,
}
