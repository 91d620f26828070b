//! eBPF: *select* a jump for each question, give the words of the call *registers*, and *lay
//! out* the nodes so that all jumps go forward.
//!
//! What comes out is one function, `decide`: it takes the address of a `struct seccomp_data`, with
//! the facts of the call behind it as far as it reads them, in
//! R1 and returns what a seccomp filter would in R0. Words and whole arguments are loaded once
//! on a way and stay in R2…R9; R0 is for constants and differences. It calls nothing, writes no
//! memory and goes forward only, so that the kernel's verifier has little to do.
//!
//! It is made of the same DAG as classic BPF; where [`passes::join`] has put the halves
//! of arguments together again, they are tested at once.

mod asking;
mod call;
mod error;
pub mod event;
mod insns;
mod layout;
pub mod lsm;
mod object;
mod registers;
mod select;
pub mod tracing;
mod value;
mod who;
mod writer;

use filterc_ir::{Dag, Objective, passes};

pub use error::{CODES, EmitError, Kind};
pub use object::{MAX_SLOTS, Object};

/// The function `decide` of a DAG, laid out for an objective. One that was not lowered yet is
/// lowered here, without optimisation.
///
/// # Errors
/// F0410, if it has more slots than jumps reach over; F0260, if parameters have no values.
pub fn emit(dag: &Dag, objective: &Objective) -> Result<Object, EmitError> {
    let objective = &objective.bounded();
    let dag = if dag.is_lowered() {
        passes::join(dag)
    } else {
        passes::join(&passes::run(dag.clone(), 0, objective, &mut |_, _| ()))
    };
    if !select::can_select(&dag) {
        return Err(EmitError { kind: Kind::Parameters, slots: 0 });
    }
    let object = layout::lay_out(&dag, objective);
    if object.insns.len() > MAX_SLOTS {
        return Err(EmitError { kind: Kind::TooLong, slots: object.insns.len() });
    }
    Ok(object)
}
