//! What only a monitor can answer about a call: what stands behind its pointers, and what is
//! known of tasks.
//!
//! A question has the answer yes or no. In predicates it is a field of one bit
//! (`Place::Answer`), by its position among the policy's questions; for a kernel's filter, and for
//! proofs, that bit is free.

use std::net::IpAddr;

use crate::event::glob;
use crate::expr::CmpOp;

/// Which task a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// The one that makes the call.
    Caller,
    /// The parent of its process.
    Parent,
    /// Some process above it: its parent, that one's, and so on. Yes if one of them does.
    Ancestor,
}

/// A text that another is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    /// The same bytes.
    Exact(Vec<u8>),
    /// The kernel's wildcards (`*`, `?`, `[a-z]`); in a path `*` and `?` stop at no `/`.
    Glob(Vec<u8>),
}

impl Pattern {
    /// Whether the whole text is like this. Neither has a NUL.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Exact(bytes) => bytes == text,
            Self::Glob(pattern) => glob::matches(pattern, text),
        }
    }
}

/// A number that is known of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Number {
    /// The process.
    Pid,
    /// The thread.
    Tid,
    /// The real user id.
    Uid,
    /// The real group id.
    Gid,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Asked {
    /// Whether the object that a path argument names has a path like this: an absolute one without
    /// `.`, `..` and symbolic links, as the caller would see it.
    Path {
        /// The register of the path.
        argument: u8,
        /// The register of the folder that it begins at; `None`: the caller's own.
        folder: Option<u8>,
        /// The pattern.
        pattern: Pattern,
    },
    /// Whether the bytes up to a NUL that an argument points to are like this.
    Text {
        /// The register.
        argument: u8,
        /// The pattern.
        pattern: Pattern,
    },
    /// Whether the family of the socket address behind an argument is one of these.
    Family {
        /// The register of the address.
        address: u8,
        /// The register of its length.
        length: u8,
        /// First and last, in the order of numbers.
        ranges: Vec<(u16, u16)>,
    },
    /// Whether its port is one of these, in the machine's byte order; no for families without.
    Port {
        /// The register of the address.
        address: u8,
        /// The register of its length.
        length: u8,
        /// First and last, in the order of numbers.
        ranges: Vec<(u16, u16)>,
    },
    /// Whether its IP address is in one of these networks; no for families without.
    Ip {
        /// The register of the address.
        address: u8,
        /// The register of its length.
        length: u8,
        /// Addresses, and how many leading bits of each count.
        networks: Vec<(IpAddr, u8)>,
    },
    /// Whether a word of the command that `execve` is given is like this.
    Word {
        /// The register of the vector.
        argument: u8,
        /// Which one, from 0; `None`: some word.
        index: Option<u32>,
        /// The pattern.
        pattern: Pattern,
    },
    /// Whether the path of a task's program is like this.
    Exe {
        /// Whose.
        who: Who,
        /// The pattern.
        pattern: Pattern,
    },
    /// Whether the command name is like this.
    Comm {
        /// Whose.
        who: Who,
        /// The pattern.
        pattern: Pattern,
    },
    /// Whether the path of a task's control group, in the hierarchy of version 2, is like this.
    Cgroup {
        /// Whose.
        who: Who,
        /// The pattern.
        pattern: Pattern,
    },
    /// Whether a number of a task compares so.
    Number {
        /// Whose.
        who: Who,
        /// Which.
        number: Number,
        /// How.
        op: CmpOp,
        /// With what.
        value: i64,
    },
    /// Whether an argument is the descriptor of a socket.
    Socket {
        /// The register.
        argument: u8,
    },
    /// Whether what the call returned compares so: only of calls that have ended.
    Result {
        /// How.
        op: CmpOp,
        /// With what.
        value: i64,
    },
}

impl Asked {
    /// Whether the answer rests on memory that other threads can change between the answer and
    /// the kernel's own look: the call may not simply go on then.
    #[must_use]
    pub const fn is_in_memory(&self) -> bool {
        match self {
            Self::Path { .. }
            | Self::Text { .. }
            | Self::Family { .. }
            | Self::Port { .. }
            | Self::Ip { .. }
            | Self::Word { .. }
            // Threads share their table of descriptors as they do memory.
            | Self::Socket { .. } => true,
            Self::Exe { .. }
            | Self::Comm { .. }
            | Self::Cgroup { .. }
            | Self::Number { .. }
            | Self::Result { .. } => false,
        }
    }
}

/// Calls that a monitor performs itself, on its own copy of what it looked at, so that to look and
/// to act is one.
const PERFORMED: &[&str] = &[
    "bind",
    "chmod",
    "chown",
    "chown32",
    "connect",
    "creat",
    "fchmodat",
    "fchmodat2",
    "fchownat",
    "lchown",
    "lchown32",
    "link",
    "linkat",
    "mkdir",
    "mkdirat",
    "open",
    "openat",
    "openat2",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "symlink",
    "symlinkat",
    "truncate",
    "truncate64",
    "unlink",
    "unlinkat",
];

/// Whether a monitor performs the call of that name itself where it looked at memory.
#[must_use]
pub fn performed(call: &str) -> bool {
    PERFORMED.binary_search(&call).is_ok()
}

/// All calls that a monitor performs itself, sorted.
#[must_use]
pub const fn all_performed() -> &'static [&'static str] {
    PERFORMED
}

/// A question of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub asked: Asked,
    /// As the policy spells it.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn performed_calls_are_sorted_and_read_memory() {
        assert!(PERFORMED.is_sorted_by(|a, b| a < b));
        for name in PERFORMED {
            let calls: Vec<_> =
                filterc_abi::abis().iter().filter_map(|abi| abi.syscall(name)).collect();
            assert!(!calls.is_empty(), "{name}");
            let visible = calls.iter().filter(|call| !call.args.is_empty());
            let reads =
                |call: &&filterc_abi::Syscall| !call.paths().is_empty() || call.address().is_some();
            assert!(visible.clone().any(reads), "{name}");
        }
        assert!(performed("openat") && !performed("execve"));
    }
}
