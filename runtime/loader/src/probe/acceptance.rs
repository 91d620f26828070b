//! The kernel's verdict on programs as seccomp filters, without installing them.
//!
//! A child installs an allow-all filter with a user-notification listener and keeps it
//! open. The kernel allows one listener in a chain, but checks and prepares a program
//! before it looks for another listener: so installing a program with NEW_LISTENER fails
//! with EBUSY exactly if the program was accepted, and with EINVAL if it was refused.
#![expect(unsafe_code, reason = "programs by address, in a forked child")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use filterc_abi::seccomp::ret;
use filterc_cbpf::{Insn, code};
use libc::{SECCOMP_FILTER_FLAG_NEW_LISTENER as NEW_LISTENER, c_int, sock_filter, sock_fprog};

use super::child::{self, End};
use super::error::ProbeError;
use crate::shared::Shared;
use crate::sys;

/// What the kernel says about a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is a filter.
    Accepted,
    /// It is not; this is the errno, EINVAL by the kernel's checks.
    Refused(i32),
}

/// Programs that one child judges: enough to make the fork cheap.
const BATCH: usize = 10_000;

/// A child that takes longer than this for its batch is given up.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Asks the running kernel whether it accepts each program as a seccomp filter.
///
/// # Errors
/// [`ProbeError::Unavailable`] without seccomp or listeners (Linux 5.0), and
/// [`ProbeError::Invalid`] for a program longer than `struct sock_fprog` can count.
pub fn accepts<P: AsRef<[Insn]>>(programs: &[P]) -> Result<Vec<Verdict>, ProbeError> {
    let mut verdicts = Vec::with_capacity(programs.len());
    for batch in programs.chunks(BATCH) {
        verdicts.extend(judge(batch)?);
    }
    Ok(verdicts)
}

/// Set in the first word once the child's own filter is in force.
const READY: u64 = 1 << 32;

fn judge<P: AsRef<[Insn]>>(batch: &[P]) -> Result<Vec<Verdict>, ProbeError> {
    let insns: Vec<sock_filter> =
        batch.iter().flat_map(|program| program.as_ref()).map(|insn| sys::raw(*insn)).collect();
    let mut programs = Vec::with_capacity(batch.len());
    let mut rest = insns.as_slice();
    for program in batch {
        let length = program.as_ref().len();
        let len = u16::try_from(length)
            .map_err(|_| ProbeError::Invalid("a program longer than 65535 instructions"))?;
        let (own, others) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        programs.push(sock_fprog { len, filter: own.as_ptr().cast_mut() });
        rest = others;
    }
    let shared = Shared::new(batch.len() + 1)?;
    // SAFETY: `ask` makes system calls and writes to shared memory, nothing else.
    let end = unsafe { child::run(|| ask(&programs, shared.words()), TIMEOUT) }?;
    read(end, shared.words())
}

/// The child's part.
fn ask(programs: &[sock_fprog], words: &[AtomicU64]) -> i32 {
    let Some((first, verdicts)) = words.split_first() else { return 1 };
    match keep_listener() {
        Ok(()) => first.store(READY, Ordering::SeqCst),
        Err(errno) => {
            first.store(u64::from(errno.unsigned_abs()), Ordering::SeqCst);
            return 1;
        }
    }
    for (program, verdict) in programs.iter().zip(verdicts) {
        // SAFETY: `program` points into the instructions that the parent laid out.
        let answer = unsafe { sys::set_mode_filter_raw(program, NEW_LISTENER) };
        // A success is impossible; as an answer it would be the errno 0.
        let errno = answer.err().unwrap_or(0);
        verdict.store(READY | u64::from(errno.unsigned_abs()), Ordering::SeqCst);
    }
    0
}

/// Installs allow-all with a listener, which stays open until the child ends.
fn keep_listener() -> Result<(), c_int> {
    sys::set_no_new_privs()?;
    let mut allow = sys::raw(Insn::stmt(code::RET | code::K, ret::ALLOW));
    let program = sock_fprog { len: 1, filter: &raw mut allow };
    // SAFETY: `program` points at its one instruction.
    unsafe { sys::set_mode_filter_raw(&raw const program, NEW_LISTENER) }.map(|_fd| ())
}

fn read(end: End, words: &[AtomicU64]) -> Result<Vec<Verdict>, ProbeError> {
    let mut values = words.iter().map(|word| word.load(Ordering::SeqCst));
    let first = values.next().unwrap_or(0);
    if first != READY {
        return Err(ProbeError::Unavailable(format!(
            "a child cannot install a filter with a listener (errno {first}, {end:?})"
        )));
    }
    let verdicts = values.map(|value| match i32::try_from(value.checked_sub(READY)?).ok()? {
        libc::EBUSY => Some(Verdict::Accepted),
        errno => Some(Verdict::Refused(errno)),
    });
    verdicts.collect::<Option<_>>().ok_or_else(|| {
        ProbeError::Io(std::io::Error::other(format!("the judging child ended early: {end:?}")))
    })
}
