//! Acceptance: what passes here, the kernel's verifier passes.
//!
//! The same walk over all ways of a program as the kernel's, with less knowledge at every
//! step: coarser bounds of numbers, fewer things to do with addresses, no memory read before it
//! is written, lower limits. So whatever is accepted here is accepted there; the loader's
//! tests hold this against the running kernel. The other direction does not hold, and an
//! error is about the first rule here that a program breaks.
//!
//! * `flow`: functions, reachability, where ways meet, which registers still matter.
//! * `tnum`, `scalar`: what is known of a number.
//! * `value`: what is known of registers and stacks.
//! * `memory`, `call`: what may be touched, and what helpers take.
//! * `explore`: the walk.
//!
//! A verified program has no fault in the interpreter but for lack of fuel, if the host has the
//! maps of the target.

mod call;
mod explore;
mod flow;
mod memory;
mod scalar;
mod target;
#[cfg(test)]
mod tests;
mod tnum;
mod value;

use crate::error::{Kind, VerifyError};
use crate::insn::Insn;
use crate::wellformed::{WellFormed, well_formed};
use explore::{Explorer, known};

pub use flow::{live_registers, successors};
pub use target::{Argument, Context, Patience, Target};

/// A program that the kernel accepts for its target. Only [`verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified(WellFormed);

impl Verified {
    /// The program, to be run.
    #[must_use]
    pub const fn program(&self) -> &WellFormed {
        &self.0
    }
}

/// Accepts some of what the kernel accepts: see above.
///
/// # Errors
/// The first rule that the program breaks on the way that is walked first.
pub fn verify(program: &[Insn], target: &Target<'_>) -> Result<Verified, VerifyError> {
    let program = well_formed(program)?;
    let flow = flow::flow(&program)?;
    let mut explorer = Explorer::new(program.ops(), &flow, target);
    explorer.check_symbols()?;
    explorer.run()?;
    check_stacks(&program, &flow, &explorer.stacks)?;
    Ok(Verified(program))
}

/// Bytes that the stacks of functions that call each other may have together.
const MAX_STACK: i64 = 512;

/// The kernel adds up the stacks along every chain of calls, each as whole pieces of 32 bytes.
/// No chain is endless: the walk has seen all of them.
fn check_stacks(program: &WellFormed, flow: &flow::Flow, used: &[i64]) -> Result<(), VerifyError> {
    let mut calls = Vec::new();
    for (pc, op) in program.ops().iter().enumerate() {
        if let Some(start) = flow::called(pc, *op) {
            calls.push((pc, flow.function_of(pc), flow.function_of(start)));
        }
    }
    let own = |function: usize| {
        let bytes = used.get(function).copied().unwrap_or(0).max(1);
        (bytes + 31) / 32 * 32
    };
    // The largest sum on the way to each function; as many rounds as functions can nest.
    let mut sums: Vec<i64> = (0..flow.functions.len()).map(own).collect();
    for round in 0..=crate::machine::MAX_FRAMES {
        for (pc, caller, callee) in &calls {
            let sum = sums.get(*caller).copied().unwrap_or(0) + own(*callee);
            if sum > MAX_STACK {
                let what = "the stacks of functions that call each other have more than 512 bytes";
                return Err(VerifyError { pc: *pc, kind: Kind::TooDeep { what } });
            }
            let Some(slot) = sums.get_mut(*callee).filter(|slot| sum > **slot) else { continue };
            *slot = sum;
            if round == crate::machine::MAX_FRAMES {
                let what = "functions call each other in a circle";
                return Err(VerifyError { pc: *pc, kind: Kind::TooDeep { what } });
            }
        }
    }
    Ok(())
}
