//! What can go wrong between a verified program and a filter in force, as data: each
//! variant is a cause, and its text ends with what to do about it.

use std::fmt;
use std::path::PathBuf;

use filterc_cbpf::{DecodeError, PatchError, VerifyError};

/// Every code of this crate, sorted. Bytes that are no program, or one that the kernel
/// would refuse, keep the codes of the stage that found out (F05xx).
pub const CODES: &[&str] = &[
    "F0801", "F0802", "F0803", "F0804", "F0805", "F0806", "F0807", "F0808", "F0809", "F0810",
    "F0811", "F0812", "F0813", "F0814", "F0815",
];

/// Why a filter is not in force, or a command cannot be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The bytes are not a program.
    Decode(DecodeError),
    /// The program is not one that a kernel accepts.
    Verify(VerifyError),
    /// The values of parameters cannot be put into the program.
    Patch(PatchError),
    /// EACCES: neither no_new_privs nor CAP_SYS_ADMIN in the process's user namespace.
    NoPrivilege,
    /// EINVAL, although program and flags are fine: the kernel has no filter mode, or the
    /// thread is in strict mode.
    Refused,
    /// ENOMEM: the thread's filters together are longer than the kernel allows.
    ChainFull,
    /// TSYNC: a thread's filters are not this thread's, or their ancestors.
    ThreadDiverged {
        /// That thread; not told when `tsync_esrch` was asked for.
        tid: Option<i32>,
    },
    /// EBUSY: the thread has a listener already.
    ListenerExists,
    /// EFAULT: the kernel could not read the program.
    BadAddress,
    /// EOPNOTSUPP (or 524): the kernel does not know the action.
    ActionUnsupported,
    /// ENOSYS: no `seccomp(2)` at all.
    NoSeccomp,
    /// This kernel does not know the flag.
    FlagUnsupported {
        /// Its name in [`crate::Flags`].
        flag: &'static str,
    },
    /// Flags that every kernel refuses together.
    FlagConflict {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// no_new_privs could not be set.
    NoNewPrivs {
        /// What the kernel said.
        errno: i32,
    },
    /// EMFILE or ENFILE: no file descriptor is left for the listener.
    NoDescriptor {
        /// What the kernel said.
        errno: i32,
    },
    /// An answer that no kernel known here gives.
    Unexpected {
        /// The answer.
        errno: i32,
    },
    /// No directory of `PATH` has the command.
    CommandNotFound {
        /// As it was given.
        command: String,
    },
    /// The command is there, but is not a file that the process may execute.
    CommandNotExecutable {
        /// Where it is.
        path: PathBuf,
        /// What the kernel said.
        errno: i32,
    },
}

/// Linux's own ENOTSUPP, which leaks from a few system calls and is in no libc.
const ENOTSUPP: i32 = 524;

impl LoadError {
    /// What an errno of `seccomp(SECCOMP_SET_MODE_FILTER)` means.
    #[must_use]
    pub const fn from_errno(errno: i32) -> Self {
        match errno {
            libc::EACCES => Self::NoPrivilege,
            libc::EINVAL => Self::Refused,
            libc::ENOMEM => Self::ChainFull,
            libc::ESRCH => Self::ThreadDiverged { tid: None },
            libc::EBUSY => Self::ListenerExists,
            libc::EFAULT => Self::BadAddress,
            libc::EOPNOTSUPP | ENOTSUPP => Self::ActionUnsupported,
            libc::ENOSYS => Self::NoSeccomp,
            libc::EMFILE | libc::ENFILE => Self::NoDescriptor { errno },
            _ => Self::Unexpected { errno },
        }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Decode(error) => error.code(),
            Self::Verify(error) => error.code(),
            Self::Patch(error) => error.code(),
            Self::NoPrivilege => "F0801",
            Self::Refused => "F0802",
            Self::ChainFull => "F0803",
            Self::ThreadDiverged { .. } => "F0804",
            Self::ListenerExists => "F0805",
            Self::BadAddress => "F0806",
            Self::ActionUnsupported => "F0807",
            Self::NoSeccomp => "F0808",
            Self::FlagUnsupported { .. } => "F0809",
            Self::FlagConflict { .. } => "F0810",
            Self::NoNewPrivs { .. } => "F0811",
            Self::NoDescriptor { .. } => "F0812",
            Self::Unexpected { .. } => "F0813",
            Self::CommandNotFound { .. } => "F0814",
            Self::CommandNotExecutable { .. } => "F0815",
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::Patch(error) => error.fmt(f),
            Self::Verify(error) => error.fmt(f),
            Self::NoPrivilege => f.write_str(
                "the process may not install filters (EACCES): set no_new_privs first, or run \
                 with CAP_SYS_ADMIN in its user namespace",
            ),
            Self::Refused => f.write_str(
                "the kernel refuses a filter that is well-formed (EINVAL): it is built without \
                 CONFIG_SECCOMP_FILTER, or the thread is in strict mode already",
            ),
            Self::ChainFull => f.write_str(
                "the filters of this thread would together exceed the kernel's 32768 \
                 instructions, counted after translation with 4 more for each filter (ENOMEM): \
                 install fewer or shorter ones, or start from a process with fewer; or the \
                 kernel is out of memory",
            ),
            Self::ThreadDiverged { tid } => {
                match tid {
                    Some(tid) => write!(f, "thread {tid}")?,
                    None => f.write_str("a thread (ESRCH)")?,
                }
                f.write_str(
                    " has filters that this thread does not have, so all threads cannot be put \
                     under one filter: install before the other threads start, or install in \
                     that thread as well",
                )
            }
            Self::ListenerExists => f.write_str(
                "a filter of this thread already has a user-notification listener, and there \
                 can be one (EBUSY): close that listener, or install without `new_listener`",
            ),
            Self::BadAddress => f.write_str(
                "the kernel could not read the program from memory (EFAULT): this is a fault of \
                 the loader, please report it",
            ),
            Self::ActionUnsupported => f.write_str(
                "the kernel does not know an action that the filter returns (EOPNOTSUPP): use \
                 an older action, or a newer kernel",
            ),
            Self::NoSeccomp => f.write_str(
                "the kernel has no seccomp(2), or another filter hides it (ENOSYS): Linux 3.17 \
                 or later with CONFIG_SECCOMP_FILTER is needed",
            ),
            Self::FlagUnsupported { flag } => write!(
                f,
                "this kernel does not know the flag `{flag}` ({}): leave it out, or use a \
                 newer kernel",
                crate::flag_table::since(flag)
            ),
            Self::FlagConflict { reason } => f.write_str(reason),
            Self::NoNewPrivs { errno } => write!(
                f,
                "no_new_privs cannot be set (errno {errno}): Linux 3.5 or later is needed, and a \
                 filter already in force must allow prctl"
            ),
            Self::NoDescriptor { errno } => write!(
                f,
                "no file descriptor is left for the listener (errno {errno}): close some, or \
                 raise the limit (RLIMIT_NOFILE, fs.file-max)"
            ),
            Self::Unexpected { errno } => write!(
                f,
                "the kernel answered with errno {errno}, which seccomp(2) is not known to do: \
                 a filter already in force may have answered in its place"
            ),
            Self::CommandNotFound { command } => write!(
                f,
                "no directory of PATH has an executable file `{command}`: give its path, with a \
                 slash in it"
            ),
            Self::CommandNotExecutable { path, errno } => write!(
                f,
                "`{}` cannot be executed (errno {errno}): check that it is a file, and its \
                 permissions and those of its directories",
                path.display()
            ),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Decode(error) = self {
            Some(error)
        } else if let Self::Verify(error) = self {
            Some(error)
        } else {
            None
        }
    }
}

impl From<DecodeError> for LoadError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<PatchError> for LoadError {
    fn from(error: PatchError) -> Self {
        match error {
            PatchError::Verify(error) => Self::Verify(error),
            PatchError::Missing { .. }
            | PatchError::Surplus { .. }
            | PatchError::DoesNotFit { .. }
            | PatchError::OtherProgram
            | PatchError::BadSite { .. } => Self::Patch(error),
        }
    }
}

impl From<VerifyError> for LoadError {
    fn from(error: VerifyError) -> Self {
        Self::Verify(error)
    }
}
