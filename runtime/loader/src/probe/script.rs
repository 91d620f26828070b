//! System calls one after another in a sandboxed process, and what each returned.
//!
//! A [`Script`] is a list of calls whose arguments are numbers or results of earlier calls. Each
//! [`Trial`] runs a script in a process of its own, possibly with some bits of one argument
//! flipped: whether the results change tells whether the kernel looks at these bits.
//!
//! Trials may do what they like: their processes have namespaces of their own (users, processes,
//! mounts, network, IPC, host name), an empty memory file system as root directory, no open
//! files, and no capability outside (module `sandbox`).
#![expect(unsafe_code, reason = "system calls by hand, fork, and memory at a fixed address")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::child::{self, End};
use super::error::ProbeError;
use super::real::Entry;
use super::sandbox;
use crate::entry::{self, Regs};
use crate::shared::Shared;
use crate::sys;

/// Where the memory of the scripts lies in their processes: below 2 GiB, so that both ABIs can
/// address it.
pub const MEMORY: u64 = 0x2000_0000;

/// Most steps of a script.
pub const MAX_STEPS: usize = 24;

/// What one argument of a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// This number.
    Value(u64),
    /// The result of an earlier step, by index.
    Result(usize),
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Makes a system call; its result is the register.
    Call {
        /// How.
        entry: Entry,
        /// The number.
        nr: u32,
    },
    /// Starts a process that sleeps until the script ends; the result is its id.
    Child,
    /// Reads the 64-bit word at an address of the script's memory.
    Load,
}

/// One step of a script.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// Its arguments.
    pub args: [Operand; 6],
}

/// Steps, in order. The result of each is kept, whether it is an error or not.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// At most [`MAX_STEPS`].
    pub steps: Vec<Step>,
}

/// Bits to flip in one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    /// Index of the step.
    pub step: usize,
    /// Index of the argument.
    pub arg: usize,
    /// The bits.
    pub mask: u64,
}

/// One run of a script.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// The script.
    pub script: &'a Script,
    /// What is different in this run.
    pub flip: Option<Flip>,
}

/// How the process of a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// All steps were made.
    Completed,
    /// A step ended the process with this status.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
    /// It did not end in time.
    TimedOut,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// The results of the steps that returned, in order.
    pub results: Vec<i64>,
    /// How it ended.
    pub end: Ended,
}

/// A trial that takes longer than this is given up.
const TIMEOUT: Duration = Duration::from_secs(3);

/// All trials together may take this long.
const TOTAL: Duration = Duration::from_secs(600);

/// Words of shared memory a trial: how it ended, how many results there are, the results.
const SLOT: usize = 2 + MAX_STEPS;

/// Exit status of a process that has made all steps; a script that exits with it seems to have
/// completed, which its number of results belies.
const DONE: i32 = 113;

/// Exit status of a process that could not be prepared.
const UNPREPARED: i32 = 114;

// In the first word: how far the sandbox came, with an errno or a kind of end in the low half.
const READY: u64 = 1 << 32;

// Kinds of end, above the 32 bits of their value.
const EXITED: u64 = 1 << 32;
const SIGNAL: u64 = 2 << 32;
const TIMED_OUT: u64 = 3 << 32;

/// Runs the trials, one process each, with `memory` at [`MEMORY`] (readable and writable, each
/// trial with a fresh copy, nothing mapped behind it).
///
/// # Errors
/// [`ProbeError::Unavailable`] where the sandbox cannot be made, and off x86_64;
/// [`ProbeError::Invalid`] for a script that is too long.
pub fn sandboxed(memory: &[u8], trials: &[Trial<'_>]) -> Result<Vec<Outcome>, ProbeError> {
    if !entry::AVAILABLE {
        let reason = "real calls are made on x86_64 only".to_owned();
        return Err(ProbeError::Unavailable(reason));
    }
    if trials.iter().any(|trial| trial.script.steps.len() > MAX_STEPS) {
        return Err(ProbeError::Invalid("a script with too many steps"));
    }
    let shared = Shared::new(1 + trials.len() * SLOT)?;
    let Some((first, slots)) = shared.words().split_first() else {
        return Err(ProbeError::Invalid("no shared memory"));
    };
    let slots = slots.as_chunks::<SLOT>().0;
    let inner = || -> i32 {
        // SAFETY: `all` makes system calls and writes to shared memory, nothing else.
        let end = unsafe { child::run(|| all(memory, first, trials, slots), TOTAL) };
        i32::from(end.is_err())
    };
    // SAFETY: as above; `isolate` makes system calls only.
    let end = unsafe {
        child::run(
            || match sandbox::isolate() {
                Ok(()) => inner(),
                Err((step, errno)) => fail(first, step, errno),
            },
            TOTAL,
        )
    }?;
    let state = first.load(Ordering::SeqCst);
    if state != READY {
        let (step, errno) = (sandbox::step_name(state >> 32), state & 0xffff_ffff);
        let reason = format!("no sandbox for scripts: {step} failed (errno {errno}, {end:?})");
        return Err(ProbeError::Unavailable(reason));
    }
    trials.iter().zip(slots).map(|(trial, slot)| read(trial, slot)).collect()
}

fn fail(first: &AtomicU64, step: sandbox::SetUp, errno: i32) -> i32 {
    first.store((step as u64) << 32 | u64::from(errno.unsigned_abs()), Ordering::SeqCst);
    1
}

/// The part of the first process of the sandbox.
fn all(memory: &[u8], first: &AtomicU64, trials: &[Trial<'_>], slots: &[[AtomicU64; SLOT]]) -> i32 {
    if let Err((step, errno)) = sandbox::settle().and_then(|()| place(memory)) {
        return fail(first, step, errno);
    }
    first.store(READY, Ordering::SeqCst);
    for (trial, slot) in trials.iter().zip(slots) {
        let [end, ..] = slot;
        // SAFETY: `steps` makes system calls and writes to shared memory, nothing else.
        let ended = unsafe { child::run(|| steps(memory, trial, slot), TIMEOUT) };
        let word = match ended {
            Ok(End::Exited(status)) => EXITED | u64::from(status.unsigned_abs()),
            Ok(End::Signal(signal)) => SIGNAL | u64::from(signal.unsigned_abs()),
            Ok(End::TimedOut) => TIMED_OUT,
            Err(_) => return 1,
        };
        end.store(word, Ordering::SeqCst);
        child::reap_orphans();
    }
    0
}

/// Maps the memory of the scripts and fills it.
fn place(memory: &[u8]) -> Result<(), (sandbox::SetUp, i32)> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    let address = std::ptr::without_provenance_mut::<libc::c_void>(pointer(MEMORY));
    let length = memory.len().max(1);
    // SAFETY: NOREPLACE: a new mapping touches nothing of ours; then it is at least as long as
    // what is copied into it.
    unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let mapped = libc::mmap(address, length, protection, flags, -1, 0);
        if mapped != address {
            return Err((sandbox::SetUp::Memory, sys::errno()));
        }
        std::ptr::copy_nonoverlapping(memory.as_ptr(), mapped.cast(), memory.len());
    }
    Ok(())
}

/// The part of the process of a trial.
fn steps(memory: &[u8], trial: &Trial<'_>, slot: &[AtomicU64; SLOT]) -> i32 {
    let [_, count, results @ ..] = slot;
    if sandbox::refresh().is_err() {
        return UNPREPARED;
    }
    let own = std::process::id();
    for (index, step) in trial.script.steps.iter().enumerate() {
        let mut args = [0; 6];
        for (position, (value, operand)) in args.iter_mut().zip(step.args).enumerate() {
            *value = match operand {
                Operand::Value(value) => value,
                Operand::Result(step) => {
                    results.get(step).map_or(0, |word| word.load(Ordering::SeqCst))
                }
            };
            let here = |flip: &Flip| flip.step == index && flip.arg == position;
            *value ^= trial.flip.filter(here).map_or(0, |flip| flip.mask);
        }
        let result = act(step.action, &args, memory.len());
        if result == 0 && std::process::id() != own {
            // A process that the call has started: it has nothing to do.
            return 0;
        }
        if let Some(word) = results.get(index) {
            word.store(result.cast_unsigned(), Ordering::SeqCst);
        }
        count.store(index as u64 + 1, Ordering::SeqCst);
    }
    DONE
}

fn act(action: Action, args: &[u64; 6], length: usize) -> i64 {
    match action {
        Action::Call { entry, nr } => {
            let regs = Regs { nr: nr.into(), args: *args };
            // SAFETY: whatever it does, it does to a process in a sandbox, made for it.
            unsafe {
                match entry {
                    Entry::Native => entry::enter_native(&regs),
                    Entry::Int80 => entry::enter_int80(&regs),
                }
            }
        }
        // SAFETY: the new process only sleeps.
        Action::Child => unsafe { child::sleeper() }.into(),
        Action::Load => {
            let [address, ..] = *args;
            let last = MEMORY + (length as u64).saturating_sub(8);
            if !(MEMORY..=last).contains(&address) {
                return -i64::from(libc::EFAULT);
            }
            let pointer = std::ptr::without_provenance::<i64>(pointer(address));
            // SAFETY: within the memory that `place` mapped. Had the script unmapped it, the end
            // of its process by SIGSEGV would be the outcome.
            unsafe { pointer.read_unaligned() }
        }
    }
}

fn pointer(address: u64) -> usize {
    usize::try_from(address).unwrap_or(0)
}

fn read(trial: &Trial<'_>, slot: &[AtomicU64; SLOT]) -> Result<Outcome, ProbeError> {
    let [end, count, results @ ..] = slot.each_ref().map(|word| word.load(Ordering::SeqCst));
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let complete = count == trial.script.steps.len();
    let value = i32::try_from(end & 0x7fff_ffff).unwrap_or(0);
    let end = match end & !0xffff_ffff {
        EXITED if value == DONE && complete => Ended::Completed,
        EXITED if value == UNPREPARED && count == 0 => {
            let text = "the process of a trial has no root directory of its own";
            return Err(ProbeError::Io(std::io::Error::other(text)));
        }
        EXITED => Ended::Exited(value),
        SIGNAL => Ended::Killed(value),
        TIMED_OUT => Ended::TimedOut,
        _ => {
            let text = "the sandbox ended before all trials were made";
            return Err(ProbeError::Io(std::io::Error::other(text)));
        }
    };
    let results = results.iter().take(count).map(|word| word.cast_signed()).collect();
    Ok(Outcome { results, end })
}
