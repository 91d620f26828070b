//! What comes out.

use filterc_ebpf::Insn;
use filterc_ir::RuleId;

/// A function, and what each of its slots is there for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The instructions, slot by slot.
    pub insns: Vec<Insn>,
    /// For each slot, the rule; none for dispatch, defaults, and shared returns.
    pub origin: Vec<Option<RuleId>>,
}

/// Most slots: what a jump has room for.
pub const MAX_SLOTS: usize = 1 << 15;
