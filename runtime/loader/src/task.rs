//! What a supervisor does to other tasks, and to its own threads so as to act in another's name.
#![expect(unsafe_code, reason = "system calls that take addresses or change a thread")]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use libc::{c_long, iovec, pid_t};

/// Reads another task's memory; how much could be. Fewer bytes than asked for: the next one is not
/// mapped.
///
/// # Errors
/// `EFAULT` where not even the first is; `ESRCH`, `EPERM`.
pub fn read_memory(tid: u32, address: u64, into: &mut [u8]) -> io::Result<usize> {
    let local = iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let (pid, remote) = (as_pid(tid)?, remote(address, into.len())?);
    // SAFETY: the kernel writes at most `into.len()` bytes into it; the other address is not ours.
    let result =
        unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Writes into another task's memory; how much could be.
///
/// # Errors
/// As [`read_memory`].
pub fn write_memory(tid: u32, address: u64, bytes: &[u8]) -> io::Result<usize> {
    let local = iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let (pid, remote) = (as_pid(tid)?, remote(address, bytes.len())?);
    // SAFETY: the kernel only reads our bytes; the other address is not ours.
    let result =
        unsafe { libc::process_vm_writev(pid, &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

fn as_pid(tid: u32) -> io::Result<pid_t> {
    pid_t::try_from(tid).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))
}

fn remote(address: u64, iov_len: usize) -> io::Result<iovec> {
    let address = usize::try_from(address);
    let address = address.map_err(|_| io::Error::from_raw_os_error(libc::EFAULT))?;
    Ok(iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len })
}

/// The thread's root, working folder and umask are its own from now on.
///
/// # Errors
/// What `unshare` says.
pub fn own_fs() -> io::Result<()> {
    // SAFETY: no memory is concerned; what threads of Rust programs share of this, they find
    // unchanged.
    check(unsafe { libc::unshare(libc::CLONE_FS) }.into())
}

/// A signal that does nothing but interrupt a system call: SIGURG, which by default is ignored and
/// interrupts nothing.
///
/// # Errors
/// What `sigaction` says.
pub fn prepare_interruption() -> io::Result<()> {
    extern "C" fn nothing(_signal: libc::c_int) {}
    // SAFETY: an empty set and no flags (so no SA_RESTART); the handler touches nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let handler: extern "C" fn(libc::c_int) = nothing;
        action.sa_sigaction = handler as libc::sighandler_t;
        check(libc::sigaction(libc::SIGURG, &raw const action, std::ptr::null_mut()).into())
    }
}

/// Interrupts the system call that a thread of this process is in, after
/// [`prepare_interruption`].
///
/// # Errors
/// `ESRCH`: there is no such thread.
pub fn interrupt(tid: u32) -> io::Result<()> {
    signal_thread(std::process::id(), tid, libc::SIGURG)
}

/// Sends a signal to a thread of that process, and to no other's that got its number.
///
/// # Errors
/// `ESRCH`: there is no such thread in it; `EPERM`.
pub fn signal_thread(pid: u32, tid: u32, signal: i32) -> io::Result<()> {
    let (pid, tid) = (as_pid(pid)?, as_pid(tid)?);
    // SAFETY: the call takes numbers.
    check(unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, signal) })
}

/// `connect` with the bytes of an address.
///
/// # Errors
/// What the kernel says.
pub fn connect(socket: BorrowedFd<'_>, address: &[u8]) -> io::Result<()> {
    let length = address_length(address)?;
    // SAFETY: the kernel reads as many bytes as there are.
    check(unsafe { libc::connect(socket.as_raw_fd(), address.as_ptr().cast(), length) }.into())
}

/// `bind` with the bytes of an address.
///
/// # Errors
/// What the kernel says.
pub fn bind(socket: BorrowedFd<'_>, address: &[u8]) -> io::Result<()> {
    let length = address_length(address)?;
    // SAFETY: the kernel reads as many bytes as there are.
    check(unsafe { libc::bind(socket.as_raw_fd(), address.as_ptr().cast(), length) }.into())
}

fn address_length(address: &[u8]) -> io::Result<libc::socklen_t> {
    address.len().try_into().map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

fn check(result: c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

    use super::*;

    #[test]
    fn memory_is_read_up_to_where_it_ends() {
        let text = *b"something";
        let mut buffer = [0; 9];
        let address = u64::try_from(text.as_ptr().addr()).unwrap();
        let own = std::process::id();
        assert_eq!(read_memory(own, address, &mut buffer).unwrap(), 9);
        assert_eq!(buffer, text);
        let error = read_memory(own, 8, &mut buffer).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EFAULT));
    }
}
