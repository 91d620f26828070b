//! `ptrace(2)` and `waitpid(2)` for a supervisor, one safe function for each request.
//!
//! A tracee is named by its thread id. Every request but [`seize`] and [`interrupt`] needs it to be
//! in a stop that [`wait`] has reported; ESRCH says that it is in none, mostly because it has been
//! killed meanwhile, which can happen at any time: [`wait`] will tell of its end then.
#![expect(unsafe_code, reason = "ptrace, waitpid, and what a supervisor does to its tracees")]

use std::ffi::c_void;
use std::io;

use filterc_abi::SeccompData;
use filterc_abi::seccomp::ret;
use libc::{c_int, c_long, c_uint};

use crate::sys;

// Some of these are not in every libc.
const SEIZE: c_uint = 0x4206;
const INTERRUPT: c_uint = 0x4207;
const LISTEN: c_uint = 0x4208;
const GET_SYSCALL_INFO: c_uint = 0x420e;
const SET_SYSCALL_INFO: c_uint = 0x4212;
const GETEVENTMSG: c_uint = 0x4201;
const SETSIGINFO: c_uint = 0x4203;

/// What a supervisor asks of the kernel: stops for new tasks, `execve`, ends and calls that a
/// filter answers with `trace`; and that its tracees die when it does.
const OPTIONS: c_int = libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_TRACEEXEC
    | libc::PTRACE_O_TRACEEXIT
    | libc::PTRACE_O_TRACESECCOMP
    | libc::PTRACE_O_EXITKILL;

/// The number of `PTRACE_EVENT_STOP`.
const EVENT_STOP: c_int = 128;

/// What has become of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is gone, with this wait status.
    Gone(Ended),
    /// It has entered a system call, or is about to leave one: [`call`] tells which.
    Syscall,
    /// A filter answered its call with `trace`.
    Seccomp,
    /// It made a task: [`message`] is that one's number.
    Created {
        /// By `clone` with another signal than SIGCHLD, which threads are made with.
        clone: bool,
    },
    /// It runs another program now: [`message`] is the number that it had before.
    Exec,
    /// It is about to end: [`message`] is its wait status.
    Exit,
    /// Its process has been stopped by this signal.
    GroupStop(i32),
    /// It is new, has been interrupted, or its process goes on after a stop.
    Trap,
    /// It is about to get this signal.
    Signal(i32),
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal; whether with a core.
    Signal(i32, bool),
}

impl Ended {
    /// What a wait status says, such as the message of [`Change::Exit`].
    #[must_use]
    pub const fn of_status(status: c_int) -> Self {
        if libc::WIFEXITED(status) {
            Self::Exited(libc::WEXITSTATUS(status))
        } else {
            Self::Signal(libc::WTERMSIG(status), libc::WCOREDUMP(status))
        }
    }
}

/// Where in a system call a task has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Before it.
    Entry(SeccompData),
    /// Before it, because a filter said `trace` with these bits.
    Seccomp(SeccompData, u16),
    /// After it, with this result.
    Exit(i64),
    /// In none.
    None,
}

/// How a task goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// To the next call that a filter answers with `trace`.
    Traced,
    /// To where it enters or leaves a system call.
    Syscall,
}

/// Begins to trace a task, which runs on.
///
/// # Errors
/// EPERM where it may not be traced, or is.
pub fn seize(tid: i32) -> io::Result<()> {
    request(SEIZE, tid, 0, number(OPTIONS)).map(drop)
}

/// Has a task stop.
///
/// # Errors
/// ESRCH where it is gone.
pub fn interrupt(tid: i32) -> io::Result<()> {
    request(INTERRUPT, tid, 0, 0).map(drop)
}

/// Lets a task go on from a stop, with a signal where it is not 0.
///
/// # Errors
/// ESRCH where it is in no stop.
pub fn resume(tid: i32, until: Until, signal: i32) -> io::Result<()> {
    let how = match until {
        Until::Traced => libc::PTRACE_CONT,
        Until::Syscall => libc::PTRACE_SYSCALL,
    };
    request(how, tid, 0, number(signal)).map(drop)
}

/// Leaves a task in a stop of its process, and is told when that goes on.
///
/// # Errors
/// ESRCH where it is in no stop.
pub fn listen(tid: i32) -> io::Result<()> {
    request(LISTEN, tid, 0, 0).map(drop)
}

/// The number that comes with a stop.
///
/// # Errors
/// ESRCH where the task is in no stop.
pub fn message(tid: i32) -> io::Result<u64> {
    let mut message: libc::c_ulong = 0;
    request_at(GETEVENTMSG, tid, 0, (&raw mut message).cast())?;
    #[allow(clippy::useless_conversion, reason = "it has 32 bits on some machines")]
    Ok(u64::from(message))
}

/// The words of `struct ptrace_syscall_info`.
type Words = [u64; 11];

/// Where in a system call a task is, by Linux 5.3 and later.
///
/// # Errors
/// ESRCH where it is in no stop; EIO on older kernels.
pub fn call(tid: i32) -> io::Result<Call> {
    let mut words: Words = [0; 11];
    request_at(GET_SYSCALL_INFO, tid, size_of::<Words>(), words.as_mut_ptr().cast())?;
    let [head, instruction_pointer, _stack, nr, a, b, c, d, e, f, tail] = words;
    let [op, _, _, _, arch @ ..] = head.to_ne_bytes();
    let data = || SeccompData {
        // The kernel widens an `int` here.
        nr: ((nr & 0xffff_ffff) as u32).cast_signed(),
        arch: u32::from_ne_bytes(arch),
        instruction_pointer,
        args: [a, b, c, d, e, f],
    };
    let [first, second, third, fourth, ..] = tail.to_ne_bytes();
    let bits = u32::from_ne_bytes([first, second, third, fourth]);
    Ok(match op {
        1 => Call::Entry(data()),
        2 => Call::Exit(nr.cast_signed()),
        3 => Call::Seccomp(data(), (bits & ret::DATA) as u16),
        _ => Call::None,
    })
}

/// Makes the call that a task is about to make another one, by its number; −1 is none: nothing is
/// done then, and its result is what [`set_result`] says.
///
/// # Errors
/// ESRCH where it is in no stop.
pub fn set_number(tid: i32, nr: i32) -> io::Result<()> {
    #[cfg(target_arch = "x86_64")]
    return poke(tid, std::mem::offset_of!(libc::user_regs_struct, orig_rax), i64::from(nr));
    #[cfg(not(target_arch = "x86_64"))]
    return change(tid, |words| words[3] = i64::from(nr).cast_unsigned());
}

/// Gives the call of a task a result. Where [`RESULT_AT_ENTRY`], that can be done before a call
/// that is none, else only after it.
///
/// # Errors
/// ESRCH where it is in no stop.
pub fn set_result(tid: i32, result: i64) -> io::Result<()> {
    #[cfg(target_arch = "x86_64")]
    return poke(tid, std::mem::offset_of!(libc::user_regs_struct, rax), result);
    #[cfg(not(target_arch = "x86_64"))]
    return change(tid, |words| {
        words[3] = result.cast_unsigned();
        let is_error = u8::from((-4095..0).contains(&result));
        words[4] = u64::from_ne_bytes([is_error, 0, 0, 0, 0, 0, 0, 0]);
    });
}

/// Whether [`set_result`] may come before a call that is none.
pub const RESULT_AT_ENTRY: bool = cfg!(target_arch = "x86_64");

/// Writes a register of a task.
#[cfg(target_arch = "x86_64")]
fn poke(tid: i32, offset: usize, value: i64) -> io::Result<()> {
    request(libc::PTRACE_POKEUSER, tid, offset, usize::from_ne_bytes(value.to_ne_bytes())).map(drop)
}

/// Changes what [`call`] tells, by Linux 6.16 and later.
#[cfg(not(target_arch = "x86_64"))]
fn change(tid: i32, edit: impl FnOnce(&mut Words)) -> io::Result<()> {
    let mut words: Words = [0; 11];
    request_at(GET_SYSCALL_INFO, tid, size_of::<Words>(), words.as_mut_ptr().cast())?;
    edit(&mut words);
    request_at(SET_SYSCALL_INFO, tid, size_of::<Words>(), words.as_mut_ptr().cast()).map(drop)
}

/// Whether this machine and kernel let a supervisor change a call: by its registers, or by
/// `PTRACE_SET_SYSCALL_INFO`. Asked without a tracee: ESRCH is of a request that is known.
#[must_use]
pub fn can_change_calls() -> bool {
    let known = |error: io::Error| error.raw_os_error() == Some(libc::ESRCH);
    cfg!(target_arch = "x86_64") || request(SET_SYSCALL_INFO, 0, 0, 0).is_err_and(known)
}

/// What a task is told of the SIGSYS that it is about to get: that a filter answered this call
/// with `trap` and these bits.
///
/// # Errors
/// ESRCH where it is in no stop.
pub fn set_trap(tid: i32, data: &SeccompData, bits: u16) -> io::Result<()> {
    // Signal, errno, SYS_SECCOMP; on 64-bit machines the union begins at the next multiple of 8.
    let mut info = [0_u32; 32];
    let [low, high] = halves(data.instruction_pointer);
    let head = [libc::SIGSYS.cast_unsigned(), u32::from(bits), 1];
    let body = if size_of::<usize>() == 8 {
        [0, low, high, data.nr.cast_unsigned(), data.arch]
    } else {
        [low, data.nr.cast_unsigned(), data.arch, 0, 0]
    };
    for (slot, word) in info.iter_mut().zip(head.into_iter().chain(body)) {
        *slot = word;
    }
    request_at(SETSIGINFO, tid, 0, info.as_mut_ptr().cast()).map(drop)
}

/// The two words of an address, in the order of memory.
const fn halves(address: u64) -> [u32; 2] {
    let (low, high) = ((address & 0xffff_ffff) as u32, (address >> 32) as u32);
    if cfg!(target_endian = "big") { [high, low] } else { [low, high] }
}

/// Sends a signal to one thread.
///
/// # Errors
/// ESRCH where there is no such thread.
pub fn signal(pid: i32, tid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: a system call without addresses.
    let result = unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, signal) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Kills a process, by the number of one of its threads.
///
/// # Errors
/// ESRCH where there is none.
pub fn kill(tid: i32) -> io::Result<()> {
    // SAFETY: a system call without addresses.
    let result = unsafe { libc::kill(tid, libc::SIGKILL) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Waits for a change of one of this thread's children and tracees; `None` when there are none.
/// Those of other threads of this process are left alone.
///
/// # Errors
/// EINTR.
pub fn wait() -> io::Result<Option<(i32, Change)>> {
    let mut status = 0;
    // SAFETY: the kernel writes one int.
    let tid = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
    if tid < 0 {
        let error = io::Error::last_os_error();
        return if error.raw_os_error() == Some(libc::ECHILD) { Ok(None) } else { Err(error) };
    }
    Ok(Some((tid, change_of(status))))
}

/// What a wait status says.
fn change_of(status: c_int) -> Change {
    if !libc::WIFSTOPPED(status) {
        return Change::Gone(Ended::of_status(status));
    }
    let signal = libc::WSTOPSIG(status);
    match status >> 16 {
        0 if signal == libc::SIGTRAP | 0x80 => Change::Syscall,
        libc::PTRACE_EVENT_SECCOMP => Change::Seccomp,
        libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK => Change::Created { clone: false },
        libc::PTRACE_EVENT_CLONE => Change::Created { clone: true },
        libc::PTRACE_EVENT_EXEC => Change::Exec,
        libc::PTRACE_EVENT_EXIT => Change::Exit,
        EVENT_STOP if signal == libc::SIGTRAP => Change::Trap,
        EVENT_STOP => Change::GroupStop(signal),
        _ => Change::Signal(signal),
    }
}

/// A number as a request takes it.
const fn number(number: i32) -> usize {
    number.cast_unsigned() as usize
}

fn request(request: c_uint, tid: i32, address: usize, data: usize) -> io::Result<c_long> {
    request_at(request, tid, address, std::ptr::without_provenance_mut(data))
}

fn request_at(request: c_uint, tid: i32, address: usize, data: *mut c_void) -> io::Result<c_long> {
    let address: *mut c_void = std::ptr::without_provenance_mut(address);
    // SAFETY: private to this module, and called with numbers, or with the address of a variable
    // of the size that the request reads or writes.
    let result = unsafe { libc::ptrace(request as _, tid, address, data) };
    if result < 0 { Err(io::Error::from_raw_os_error(sys::errno())) } else { Ok(result) }
}
