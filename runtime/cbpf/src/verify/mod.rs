//! The kernel's acceptance rules for a seccomp filter, all of them and nothing else.
//!
//! What passes here is accepted by `seccomp(2)`, what fails here is refused with EINVAL:
//! the loader's tests hold this against the running kernel. Source: `kernel/seccomp.c`
//! and `net/core/filter.c`, Linux 6.18; the rules have not changed since 3.5.
//!
//! The checks run in the kernel's order, one file each, every one over the whole program,
//! so that the error is about the rule that made the kernel refuse.
//!
//! Not judged: privileges, and the budget of a whole chain of filters (both depend on the
//! process), and what the program means.

mod classic;
mod jumps;
mod load_store;
mod seccomp;

use crate::error::{Kind, VerifyError};
use crate::insn::Insn;
use crate::op::{Op, predecode};

pub use crate::insn::{MAX_INSNS, SCRATCH_WORDS};

/// A program that the kernel accepts as a seccomp filter. Only [`verify`] makes one.
///
/// Running it always ends, within as many steps as it has instructions, in a return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    insns: Box<[Insn]>,
    ops: Box<[Op]>,
}

impl Verified {
    /// The instructions, as they were given.
    #[must_use]
    pub fn insns(&self) -> &[Insn] {
        &self.insns
    }

    /// The instructions by what they do, jump distances made into positions.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }
}

/// Accepts what the kernel accepts as a seccomp filter.
///
/// # Errors
/// The first rule that the program breaks, in the kernel's order of checks.
pub fn verify(program: &[Insn]) -> Result<Verified, VerifyError> {
    check_length(program)?;
    classic::check(program)?;
    load_store::check(program)?;
    seccomp::check(program)?;
    let ops = program.iter().enumerate().map(|(pc, insn)| {
        let kind = Kind::NotForSeccomp { code: insn.code };
        predecode(pc, *insn).ok_or(VerifyError { pc, kind })
    });
    Ok(Verified { ops: ops.collect::<Result<_, _>>()?, insns: program.into() })
}

/// `bpf_check_basics_ok`, and the same test in `seccomp_prepare_filter`.
fn check_length(program: &[Insn]) -> Result<(), VerifyError> {
    let kind = match program.len() {
        0 => Kind::Empty,
        length if length > MAX_INSNS => Kind::TooLong { length },
        _ => return Ok(()),
    };
    Err(VerifyError { pc: 0, kind })
}
