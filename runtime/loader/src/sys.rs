//! The system calls of the loader, one safe function each.
#![expect(unsafe_code, reason = "system calls that take addresses")]

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};

use filterc_cbpf::{Insn, MAX_INSNS};
use libc::{c_int, c_long, c_ulong, sock_filter, sock_fprog};

/// A program as the kernel reads it, without allocation: a filter in force may forbid what
/// freeing memory takes.
pub(crate) struct RawProgram {
    insns: [sock_filter; MAX_INSNS],
    length: u16,
}

/// One instruction as the kernel reads it.
pub(crate) const fn raw(insn: Insn) -> sock_filter {
    sock_filter { code: insn.code, jt: insn.jt, jf: insn.jf, k: insn.k }
}

impl RawProgram {
    /// `None` for a program longer than any filter.
    pub(crate) fn new(program: &[Insn]) -> Option<Self> {
        let length = u16::try_from(program.len()).ok()?;
        let mut insns = [raw(Insn::stmt(0, 0)); MAX_INSNS];
        if program.len() > MAX_INSNS {
            return None;
        }
        for (slot, insn) in insns.iter_mut().zip(program) {
            *slot = raw(*insn);
        }
        Some(Self { insns, length })
    }
}

/// The calling thread's `errno`.
pub(crate) fn errno() -> c_int {
    // SAFETY: libc returns the address of this thread's own variable.
    unsafe { *libc::__errno_location() }
}

/// `seccomp(SECCOMP_SET_MODE_FILTER, flags, program)`: what it returns, or the errno.
pub(crate) fn set_mode_filter(program: &RawProgram, flags: c_ulong) -> Result<c_long, c_int> {
    let program = sock_fprog { len: program.length, filter: program.insns.as_ptr().cast_mut() };
    // SAFETY: `program` points at `length` instructions, which the kernel only reads, during the call.
    unsafe { set_mode_filter_raw(&raw const program, flags) }
}

/// The same for a program that lies elsewhere.
///
/// # Safety
/// `program` is null, or points at a `sock_fprog` whose `filter` points at `len`
/// instructions. The calling thread is then under that filter.
pub(crate) unsafe fn set_mode_filter_raw(
    program: *const sock_fprog,
    flags: c_ulong,
) -> Result<c_long, c_int> {
    // SAFETY: the caller's promise is what the system call asks for.
    unsafe { seccomp(libc::SECCOMP_SET_MODE_FILTER, flags, program.cast()) }
}

/// The errno of installing a filter from the address 0 with these flags: EFAULT where the
/// kernel knows them all, EINVAL where it does not. Nothing is ever installed.
pub(crate) fn probe_flags(flags: c_ulong) -> c_int {
    // SAFETY: null is allowed, and can only make the call fail.
    unsafe { set_mode_filter_raw(std::ptr::null(), flags) }.err().unwrap_or(0)
}

/// `seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action)`.
pub(crate) fn get_action_avail(action: u32) -> Result<(), c_int> {
    // SAFETY: the kernel reads four bytes from the address of `action`.
    unsafe { seccomp(libc::SECCOMP_GET_ACTION_AVAIL, 0, (&raw const action).cast()) }.map(|_| ())
}

/// # Safety
/// `argument` is what `operation` asks for.
unsafe fn seccomp(
    operation: libc::c_uint,
    flags: c_ulong,
    argument: *const libc::c_void,
) -> Result<c_long, c_int> {
    // SAFETY: passed on from the caller; `seccomp` has three arguments.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, operation, flags, argument) };
    if result < 0 { Err(errno()) } else { Ok(result) }
}

/// `prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)`.
pub(crate) fn set_no_new_privs() -> Result<(), c_int> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// A `prctl` whose arguments are numbers.
pub(crate) fn prctl(option: c_int, argument: c_ulong) -> Result<(), c_int> {
    const ZERO: c_ulong = 0;
    // SAFETY: the options used here take no addresses.
    let result = unsafe { libc::prctl(option, argument, ZERO, ZERO, ZERO) };
    if result < 0 { Err(errno()) } else { Ok(()) }
}

/// What a system call returned, where that is no error.
pub(crate) fn checked(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A pipe whose ends are closed on exec: what is read, and what is written to.
pub(crate) fn pipe() -> io::Result<[OwnedFd; 2]> {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two descriptors.
    checked(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok(ends.map(own))
}

/// `pidfd_open`: a process.
pub(crate) fn pidfd_open(pid: libc::pid_t, flags: libc::c_uint) -> Result<OwnedFd, c_int> {
    // SAFETY: takes no addresses.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) };
    if result < 0 {
        Err(errno())
    } else {
        Ok(own(RawFd::try_from(result).map_err(|_| libc::EBADF)?))
    }
}

/// Whoever this process supervises may be of the same user: it may not look into this process, nor
/// write its memory, nor take its descriptors. (Root may, and is not kept from it here.)
pub(crate) fn unseen() -> io::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 0).map_err(io::Error::from_raw_os_error)
}

/// Takes possession of a descriptor that the kernel has just made.
pub(crate) fn own(fd: RawFd) -> OwnedFd {
    // SAFETY: the only caller got the descriptor from the system call that made it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Whether the process, with its effective ids, may execute the file.
pub(crate) fn may_execute(path: &std::ffi::CStr) -> Result<(), c_int> {
    let (path, mode) = (path.as_ptr(), libc::X_OK);
    // SAFETY: `path` ends in NUL and outlives the call.
    let result = unsafe { libc::faccessat(libc::AT_FDCWD, path, mode, libc::AT_EACCESS) };
    if result < 0 { Err(errno()) } else { Ok(()) }
}
