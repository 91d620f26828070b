//! A command that has its process already, and waits to be started.
#![expect(unsafe_code, reason = "fork, pipe, signal masks, and waitpid")]

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use libc::c_int;

use crate::exec::Exec;
use crate::sys;

/// A child that becomes a command when it is told to. If that never happens it ends when this is
/// dropped, or this process does.
#[derive(Debug)]
pub struct Held {
    pid: libc::pid_t,
    go: Option<OwnedFd>,
    status: Option<Status>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// By itself.
    Exited(i32),
    /// By a signal.
    Signal(i32),
}

/// What the child ends with where it cannot become the command, as of shells.
const NOT_STARTED: c_int = 126;

impl Held {
    /// Makes the process.
    ///
    /// # Errors
    /// What `pipe2` and `fork` say.
    pub fn new(exec: &Exec) -> io::Result<Self> {
        let mut ends = [0; 2];
        // SAFETY: the kernel writes two descriptors.
        if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } < 0 {
            return Err(io::Error::last_os_error());
        }
        let [wait, go] = ends.map(sys::own);
        // SAFETY: the child does nothing but read, close, signal, `execve` and `_exit`, which are
        // async-signal-safe; what `exec` needs was made before.
        let pid = unsafe { libc::fork() };
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        if pid == 0 {
            // SAFETY: the descriptors are this process's own copies. Without closing its own
            // writing end the child would not see the parent end.
            unsafe {
                libc::close(go.as_raw_fd());
                let mut byte = 0_u8;
                // Rust programs ignore SIGPIPE; a command should begin as if from a shell.
                libc::signal(libc::SIGPIPE, libc::SIG_DFL);
                if libc::read(wait.as_raw_fd(), (&raw mut byte).cast(), 1) == 1 {
                    let _error = exec.exec();
                }
                libc::_exit(NOT_STARTED)
            }
        }
        Ok(Self { pid, go: Some(go), status: None })
    }

    /// The process's number.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.pid.cast_unsigned()
    }

    /// Starts the command.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn start(&mut self) -> io::Result<()> {
        let Some(go) = self.go.take() else { return Ok(()) };
        // SAFETY: the kernel reads one byte. The reading end is held by the child, which cannot
        // have closed it but by ending; then SIGPIPE, which Rust programs ignore, and EPIPE.
        let written = unsafe { libc::write(go.as_raw_fd(), [1_u8].as_ptr().cast(), 1) };
        if written == 1 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// How it ended, if it has.
    pub fn try_wait(&mut self) -> Option<Status> {
        self.wait_with(libc::WNOHANG)
    }

    fn wait_with(&mut self, flags: c_int) -> Option<Status> {
        let mut status = 0;
        // SAFETY: the kernel writes one int.
        if self.status.is_none() && unsafe { libc::waitpid(self.pid, &raw mut status, flags) } > 0 {
            self.status = Some(if libc::WIFEXITED(status) {
                Status::Exited(libc::WEXITSTATUS(status))
            } else {
                Status::Signal(libc::WTERMSIG(status))
            });
        }
        self.status
    }
}

impl Drop for Held {
    /// A command that was started goes on; one that was not never is.
    fn drop(&mut self) {
        if self.go.take().is_some() {
            let _status = self.wait_with(0);
        }
    }
}
