//! System calls, whose errors are results.
#![expect(unsafe_code, reason = "pidfd_open")]

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};

use libc::{c_int, pid_t};

pub(super) fn pidfd(pid: pid_t) -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    match c_int::try_from(fd) {
        // SAFETY: the kernel has just made it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        Ok(_) | Err(_) => Err(io::Error::last_os_error()),
    }
}

pub(super) fn checked(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
