//! Forked children: started, waited for with a deadline, never left behind.
#![expect(unsafe_code, reason = "fork, waitpid, and signal dispositions")]

use std::io;
use std::time::{Duration, Instant};

use libc::c_int;

use crate::sys;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// `_exit` with this status.
    Exited(i32),
    /// Killed by this signal.
    Signal(i32),
    /// Still running at the deadline; then killed.
    TimedOut,
}

/// Runs `body` in a forked child and waits for its end; a `body` that returns is an exit with
/// its status.
///
/// # Safety
/// `body` does nothing but what is async-signal-safe (in particular, it takes and frees no
/// memory and does not panic): other threads' locks are frozen in the child.
pub(super) unsafe fn run(body: impl FnOnce() -> i32, timeout: Duration) -> io::Result<End> {
    // SAFETY: the child runs `prepare`, `body` and `_exit` only.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    if pid == 0 {
        prepare();
        let status = body();
        // SAFETY: ends this process without running anything of its parent's.
        unsafe { libc::_exit(status) }
    }
    wait(pid, Instant::now() + timeout)
}

const KILL: libc::c_ulong = libc::SIGKILL.cast_unsigned() as libc::c_ulong;

/// Makes sure that the child dies with its parent, leaves no core file, and that signals do
/// to it what they do by default.
fn prepare() {
    // Failures would only cost tidiness.
    let _tidy = (sys::prctl(libc::PR_SET_PDEATHSIG, KILL), sys::prctl(libc::PR_SET_DUMPABLE, 0));
    for signal in
        [libc::SIGILL, libc::SIGSYS, libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGTRAP]
    {
        // SAFETY: the default disposition runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: an all-zero signal set is an empty one, and the kernel only reads it.
    unsafe {
        let none: libc::sigset_t = std::mem::zeroed();
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

fn wait(pid: libc::pid_t, deadline: Instant) -> io::Result<End> {
    let mut pause = Duration::from_micros(20);
    let mut timed_out = false;
    sleep_until_end(pid, deadline);
    loop {
        let flags = if timed_out { 0 } else { libc::WNOHANG };
        let mut status = 0;
        // SAFETY: the kernel writes one int to the address of `status`.
        let waited = unsafe { libc::waitpid(pid, &raw mut status, flags) };
        if waited == pid {
            return Ok(match timed_out {
                true => End::TimedOut,
                false if libc::WIFSIGNALED(status) => End::Signal(libc::WTERMSIG(status)),
                false => End::Exited(libc::WEXITSTATUS(status)),
            });
        }
        if waited < 0 && sys::errno() != libc::EINTR {
            return Err(io::Error::last_os_error());
        }
        if waited == 0 && Instant::now() >= deadline {
            timed_out = true;
            // SAFETY: `pid` is our child and not yet reaped, so it can be nobody else.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        } else if waited == 0 {
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(1));
        }
    }
}

/// Returns when the child has ended, at the deadline, or at once where the kernel has no
/// descriptors of processes (before Linux 5.3).
fn sleep_until_end(pid: libc::pid_t, deadline: Instant) {
    // SAFETY: takes no addresses.
    let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let Ok(fd) = c_int::try_from(opened) else { return };
    if fd < 0 {
        return;
    }
    let mut end = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).as_millis();
        // SAFETY: `end` is one element, which the kernel writes to.
        let ready = unsafe { libc::poll(&raw mut end, 1, left.try_into().unwrap_or(c_int::MAX)) };
        if ready >= 0 || sys::errno() != libc::EINTR {
            break;
        }
    }
    // SAFETY: this descriptor is ours.
    unsafe { libc::close(fd) };
}

/// Collects children that have ended, whoever started them: the first process of a namespace
/// inherits them.
pub(super) fn reap_orphans() {
    // SAFETY: the status is not asked for.
    while unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } > 0 {}
}

/// Starts a process that sleeps until its parent ends; its id, or −errno.
///
/// # Safety
/// The calling process is a forked child itself, with one thread.
pub(super) unsafe fn sleeper() -> i32 {
    // SAFETY: the new process makes two harmless system calls.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return -sys::errno();
    }
    if pid == 0 {
        let _tidy = sys::prctl(libc::PR_SET_PDEATHSIG, KILL);
        loop {
            // SAFETY: takes no addresses.
            unsafe { libc::pause() };
        }
    }
    pid
}
