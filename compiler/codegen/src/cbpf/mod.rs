//! Classic BPF for seccomp: *select* the instructions of each node, *lay out* the nodes so
//! that all jumps go forward, and *relax* the jumps that are too far for eight bits.
//!
//! The program asks for `arch` first, in the order of the policy's ABIs, and what none of
//! them claims is foreign; then it does what the DAG says. Up to where the DAG looks at
//! something other than `nr`, only instructions run that the kernel's constant-allow
//! emulation understands: `ld [nr]`, `ld [arch]`, jumps by constants, `ja`, `and`, `ret`.
//!
//! A half of a parameter is the constant of a jump, or of `ld #k`; which instructions these are
//! is told with the program. Nothing is selected by the value of such a constant.

mod error;
mod layout;
mod relax;
mod select;

use filterc_cbpf::{Insn, MAX_INSNS, Site};
use filterc_ir::{Dag, RuleId, passes};

pub use error::{CODES, Kind, RuleCost, TooLong};

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

/// The program of a DAG. One that was not lowered yet is lowered here, without optimisation.
///
/// # Errors
/// F0401, if it has more instructions than the kernel takes.
pub fn emit(dag: &Dag) -> Result<Object, TooLong> {
    let object = if dag.is_lowered() {
        layout::lay_out(dag)
    } else {
        layout::lay_out(&passes::run(dag.clone(), 0, &mut |_, _| ()))
    };
    if object.insns.len() > MAX_INSNS {
        return Err(TooLong::of(&object));
    }
    Ok(object)
}
