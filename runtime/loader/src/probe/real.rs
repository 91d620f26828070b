//! A filter in force, real system calls under it, and what came of each.
//!
//! The child makes no system call of its own once the filter is in force (it might be
//! forbidden): results go to shared memory, and the end is an illegal instruction.
#![expect(unsafe_code, reason = "system calls by hand, and a signal handler")]

use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::time::Duration;

use filterc_abi::SeccompData;
use filterc_cbpf::Verified;
use libc::{c_int, c_void, siginfo_t};

use super::child::{self, End};
use super::error::ProbeError;
use crate::entry::{self, Regs};
use crate::shared::Shared;
use crate::sys::{self, RawProgram};

/// How a call enters the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// `syscall`: the ABI of x86_64, or x32 with its bit in the number.
    Native,
    /// `int 0x80`: the ABI of i386, here with registers in their full width, which is what
    /// the filter sees.
    Int80,
}

/// One system call to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// How.
    pub entry: Entry,
    /// The number, with the x32 bit where that is meant.
    pub nr: u32,
    /// The raw registers.
    pub args: [u64; 6],
}

const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
const AUDIT_ARCH_I386: u32 = 0x4000_0003;

impl Call {
    /// The call that a filter sees so; `None` for one that this machine's processes cannot make. Its
    /// instruction pointer is what it is.
    #[must_use]
    pub const fn of(data: &SeccompData) -> Option<Self> {
        let entry = match data.arch {
            AUDIT_ARCH_X86_64 => Entry::Native,
            AUDIT_ARCH_I386 => Entry::Int80,
            _ => return None,
        };
        Some(Self { entry, nr: data.nr.cast_unsigned(), args: data.args })
    }

    /// The call as a filter sees it, instruction pointer included, when [`run`] makes it.
    #[must_use]
    pub fn seccomp_data(&self) -> SeccompData {
        let (arch, instruction_pointer) = match self.entry {
            Entry::Native => (AUDIT_ARCH_X86_64, entry::native_instruction_pointer()),
            Entry::Int80 => (AUDIT_ARCH_I386, entry::int80_instruction_pointer()),
        };
        SeccompData { nr: self.nr.cast_signed(), arch, instruction_pointer, args: self.args }
    }

    fn regs(&self) -> Regs {
        Regs { nr: self.nr.into(), args: self.args }
    }

    /// # Safety
    /// Whatever the system call does is the caller's affair.
    unsafe fn make(&self, regs: &Regs) -> i64 {
        // SAFETY: passed on.
        unsafe {
            match self.entry {
                Entry::Native => entry::enter_native(regs),
                Entry::Int80 => entry::enter_int80(regs),
            }
        }
    }
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Observed {
    /// It returned this; −4095 … −1 are errors.
    Returned(i64),
    /// SIGSYS with a report, as `trap` sends it.
    Trapped {
        /// `si_errno`: the data of the action.
        data: i32,
        /// `si_call_addr`: the instruction pointer that the filter saw.
        call_addr: u64,
        /// `si_syscall`.
        nr: i32,
        /// `si_arch`.
        arch: u32,
    },
    /// It killed the child with this signal; SIGSYS where the filter did.
    Killed(i32),
    /// It ended the child with this status.
    Exited(i32),
    /// It did not return in time.
    TimedOut,
    /// The child ended before it.
    NotReached,
}

/// A child that takes longer than this is given up, and with it the call that it is in.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Words of shared memory a call: its state and up to three results.
const SLOT: usize = 4;

// States of a call.
const ENTERED: u64 = 1;
const RETURNED: u64 = 2;
const TRAPPED: u64 = 3;

/// Set in the first word once the filter is in force.
const READY: u64 = 1 << 32;

/// Makes the calls under the filter, in order. A call that ends the child is followed by the
/// rest in a new one.
///
/// **What the filter lets through is really executed.** The caller chooses calls that are
/// harmless whatever the filter says: no `fork`, nothing that reaches outside the process.
///
/// # Errors
/// [`ProbeError::Unavailable`] where filters cannot be installed.
pub fn run(filter: &Verified, calls: &[Call]) -> Result<Vec<Observed>, ProbeError> {
    if !entry::AVAILABLE {
        let reason = "real calls are made on x86_64 only".to_owned();
        return Err(ProbeError::Unavailable(reason));
    }
    let program =
        RawProgram::new(filter.insns()).ok_or(ProbeError::Invalid("a program that is too long"))?;
    let prepared: Vec<(Call, Regs)> = calls.iter().map(|call| (*call, call.regs())).collect();
    let shared = Shared::new(1 + calls.len() * SLOT)?;
    let (ready, slots) = split(&shared)?;
    let mut observed = Vec::with_capacity(calls.len());
    while observed.len() < calls.len() {
        let done = observed.len();
        let (calls_left, slots_left) = (prepared.get(done..), slots.get(done..));
        let (Some(calls_left), Some(slots_left)) = (calls_left, slots_left) else { break };
        ready.store(0, Ordering::SeqCst);
        // SAFETY: `body` makes system calls and writes to shared memory, nothing else.
        let end = unsafe { child::run(|| body(&program, ready, calls_left, slots_left), TIMEOUT) }?;
        match ready.load(Ordering::SeqCst) {
            READY => {}
            errno => {
                let reason = format!("a child cannot install a filter (errno {errno}, {end:?})");
                return Err(ProbeError::Unavailable(reason));
            }
        }
        let reached = slots_left.iter().take_while(|slot| state(slot) != 0);
        observed.extend(reached.map(|slot| read(slot, end)));
        if observed.len() == done {
            // Died between two calls, which nothing should make it do: do not try forever.
            observed.resize(calls.len(), Observed::NotReached);
        }
    }
    Ok(observed)
}

fn split(shared: &Shared) -> Result<(&AtomicU64, &[[AtomicU64; SLOT]]), ProbeError> {
    let words = shared.words().split_first();
    let (ready, slots) = words.ok_or(ProbeError::Invalid("no shared memory"))?;
    Ok((ready, slots.as_chunks().0))
}

fn state(slot: &[AtomicU64; SLOT]) -> u64 {
    let [state, ..] = slot;
    state.load(Ordering::SeqCst)
}

fn read(slot: &[AtomicU64; SLOT], end: End) -> Observed {
    let [state, value, address, origin] = slot.each_ref().map(|word| word.load(Ordering::SeqCst));
    match (state, end) {
        (RETURNED, _) => Observed::Returned(value.cast_signed()),
        (TRAPPED, _) => Observed::Trapped {
            data: low(value).cast_signed(),
            call_addr: address,
            nr: low(origin).cast_signed(),
            arch: low(origin >> 32),
        },
        (_, End::Signal(signal)) => Observed::Killed(signal),
        (_, End::Exited(status)) => Observed::Exited(status),
        (_, End::TimedOut) => Observed::TimedOut,
    }
}

fn low(word: u64) -> u32 {
    u32::try_from(word & u64::from(u32::MAX)).unwrap_or(0)
}

/// The child's part.
fn body(
    program: &RawProgram,
    ready: &AtomicU64,
    calls: &[(Call, Regs)],
    slots: &[[AtomicU64; SLOT]],
) -> i32 {
    let installed = catch_sigsys()
        .and_then(|()| sys::set_no_new_privs())
        .and_then(|()| sys::set_mode_filter(program, 0));
    if let Err(errno) = installed {
        ready.store(errno.unsigned_abs().into(), Ordering::SeqCst);
        return 1;
    }
    ready.store(READY, Ordering::SeqCst);
    for ((call, regs), slot) in calls.iter().zip(slots) {
        CURRENT.store(std::ptr::from_ref(slot).cast_mut(), Ordering::SeqCst);
        let [state, value, ..] = slot;
        state.store(ENTERED, Ordering::SeqCst);
        // SAFETY: in a process of its own; `run` tells its caller to choose harmless calls.
        let result = unsafe { call.make(regs) };
        value.store(result.cast_unsigned(), Ordering::SeqCst);
        state.store(RETURNED, Ordering::SeqCst);
    }
    entry::fault()
}

/// The slot of the call that is being made; only ever set in children.
static CURRENT: AtomicPtr<[AtomicU64; SLOT]> = AtomicPtr::new(std::ptr::null_mut());

fn catch_sigsys() -> Result<(), c_int> {
    // SAFETY: an all-zero sigaction is a valid one; the handler is async-signal-safe, and the
    // kernel only reads `action`.
    let result = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_sigsys as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut())
    };
    if result < 0 { Err(sys::errno()) } else { Ok(()) }
}

/// The part of `siginfo_t` that SIGSYS uses (`_sigsys`), which libc has no names for.
#[repr(C)]
struct SigsysInfo {
    signo: c_int,
    errno: c_int,
    code: c_int,
    _padding: c_int,
    call_addr: u64,
    syscall: c_int,
    arch: u32,
}

/// Writes the report down and ends: returning would take a system call.
extern "C" fn on_sigsys(_signal: c_int, info: *const siginfo_t, _context: *const c_void) {
    // SAFETY: the kernel passes a whole siginfo_t, and for SIGSYS this is its layout on 64-bit
    // machines; `CURRENT` points at a slot that lives as long as the child.
    let (info, slot) = unsafe { (&*info.cast::<SigsysInfo>(), &*CURRENT.load(Ordering::SeqCst)) };
    let [state, value, address, origin] = slot;
    let word = |value: c_int| u64::from(value.cast_unsigned());
    value.store(word(info.errno), Ordering::SeqCst);
    address.store(info.call_addr, Ordering::SeqCst);
    origin.store(word(info.syscall) | u64::from(info.arch) << 32, Ordering::SeqCst);
    state.store(TRAPPED, Ordering::SeqCst);
    entry::fault()
}
