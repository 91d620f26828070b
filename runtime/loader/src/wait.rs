//! Waiting: for records, for the end of processes, and for who wants this process to end.
#![expect(unsafe_code, reason = "poll, signalfd, and signal masks")]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::sys;

/// SIGINT, SIGTERM and SIGHUP as something to wait for, until this is dropped: they then end this
/// process no more. Children that were made before get them as ever.
#[derive(Debug)]
pub struct Interrupts {
    fd: OwnedFd,
    before: libc::sigset_t,
}

impl Interrupts {
    /// Takes the signals of this thread.
    ///
    /// # Errors
    /// What `sigprocmask` and `signalfd` say.
    pub fn new() -> io::Result<Self> {
        // SAFETY: sets of signals are plain data; all functions get addresses of whole ones.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
                libc::sigaddset(&raw mut set, signal);
            }
            if libc::sigprocmask(libc::SIG_BLOCK, &raw const set, &raw mut before) < 0 {
                return Err(io::Error::last_os_error());
            }
            let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Self { fd: sys::own(fd), before })
        }
    }
}

impl AsFd for Interrupts {
    /// Readable when a signal has come.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        // A signal that has come was heard: it is taken, not sent again.
        let mut buffer = [0_u8; 128];
        // SAFETY: the kernel writes up to the buffer's length, and reads the set.
        unsafe {
            while libc::read(self.fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) > 0 {}
            libc::sigprocmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut());
        }
    }
}

/// Waits until one of them is readable or has ended, at most so long; which are.
///
/// # Errors
/// What `poll` says; a signal is no error.
pub fn ready(descriptors: &[BorrowedFd<'_>], timeout: Duration) -> io::Result<Vec<bool>> {
    let entry =
        |fd: &BorrowedFd<'_>| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let mut list: Vec<libc::pollfd> = descriptors.iter().map(entry).collect();
    let timeout = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let length = list.len() as libc::nfds_t;
    // SAFETY: the kernel reads and writes as many entries as there are.
    let result = unsafe { libc::poll(list.as_mut_ptr(), length, timeout) };
    if result < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(list.iter().map(|entry| result > 0 && entry.revents != 0).collect())
}

/// Waits at most so long until the other side of a descriptor is gone; whether it is.
///
/// # Errors
/// What `poll` says; a signal is no error.
pub fn hung_up(descriptor: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    // That is told whatever is waited for.
    let mut entry = libc::pollfd { fd: descriptor.as_raw_fd(), events: 0, revents: 0 };
    let timeout = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the kernel reads and writes one entry.
    if unsafe { libc::poll(&raw mut entry, 1, timeout) } < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
        return Ok(false);
    }
    Ok(entry.revents & libc::POLLHUP != 0)
}
