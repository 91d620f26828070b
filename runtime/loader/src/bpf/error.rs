//! What can go wrong with `bpf(2)`, as data.

use std::fmt;

/// A command that the kernel refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BpfError {
    /// What was to be done.
    pub action: &'static str,
    /// What the kernel said.
    pub errno: i32,
}

impl BpfError {
    /// Whether nobody without more privileges, or on this kernel, can do that: not the fault of
    /// what was asked.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self.errno, libc::EPERM | libc::EACCES | libc::ENOSYS)
    }
}

impl fmt::Display for BpfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the kernel refuses to {} (errno {})", self.action, self.errno)?;
        match self.errno {
            libc::EPERM => f.write_str(
                ": CAP_BPF, and CAP_PERFMON for tracing, are needed; and a kernel may refuse \
                 types of programs to everybody",
            ),
            libc::ENOSYS => f.write_str(": it has no bpf(2)"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for BpfError {}

/// A program that the kernel refused, and what its verifier said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The errno.
    pub error: BpfError,
    /// The verifier's log; empty if the verifier was never asked.
    pub log: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)?;
        if self.log.is_empty() { Ok(()) } else { write!(f, "\n{}", self.log.trim_end()) }
    }
}

impl std::error::Error for Refusal {}

/// The errno of an action as an error.
pub(super) const fn refused(action: &'static str) -> impl Fn(i32) -> BpfError {
    move |errno| BpfError { action, errno }
}
