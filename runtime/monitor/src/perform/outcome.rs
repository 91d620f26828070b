//! What comes of a call that was performed.

use std::os::fd::OwnedFd;

use rustix::io::Errno;

/// What a performed call returns.
#[derive(Debug)]
pub enum Outcome {
    /// This number.
    Value(i64),
    /// A new descriptor.
    Descriptor {
        /// To be copied into the task.
        fd: OwnedFd,
        /// Whether `execve` closes it there.
        close_on_exec: bool,
    },
}

/// Why a call was not performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The kernel, or this process in its place, said so.
    Errno(Errno),
    /// What was judged is not there any more, and something else is: it is to be judged.
    Changed,
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

/// Success.
pub(super) const DONE: Outcome = Outcome::Value(0);

/// The low 32 bits of a register.
pub(super) fn low(register: u64) -> u32 {
    u32::try_from(register & 0xffff_ffff).unwrap_or_default()
}
