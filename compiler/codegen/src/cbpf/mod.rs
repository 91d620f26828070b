//! Classic BPF for seccomp: *select* the instructions of each node, *lay out* the nodes so
//! that all jumps go forward, and *relax* the jumps that are too far for eight bits.
//!
//! The program asks for `arch` first, the likeliest first by the objective, and what none of
//! them claims is foreign; then it does what the DAG says. Up to where the DAG looks at
//! something other than `nr`, only instructions run that the kernel's constant-allow
//! emulation understands: `ld [nr]`, `ld [arch]`, jumps by constants, `ja`, `and`, `ret`.
//!
//! A half of a parameter is the constant of a jump, or of `ld #k`; which instructions these are
//! is told with the program. Nothing is selected by the value of such a constant.

mod error;
mod layout;
mod object;
mod relax;
mod select;

use filterc_cbpf::MAX_INSNS;
use filterc_ir::{Dag, Objective, passes};

pub use error::{CODES, Kind, RuleCost, TooLong};
pub use object::Object;

/// The program of a DAG, laid out for an objective. One that was not lowered yet is lowered
/// here, without optimisation.
///
/// # Errors
/// F0401, if it has more instructions than the kernel takes.
pub fn emit(dag: &Dag, objective: &Objective) -> Result<Object, TooLong> {
    let objective = &objective.bounded();
    let object = if dag.is_lowered() {
        layout::lay_out(dag, objective)
    } else {
        let lowered = passes::run(dag.clone(), 0, objective, &mut |_, _| ());
        layout::lay_out(&lowered, objective)
    };
    if object.insns.len() > MAX_INSNS {
        return Err(TooLong::of(&object));
    }
    Ok(object)
}
