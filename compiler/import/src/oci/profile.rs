//! A profile as it is written: what OCI's `linux.seccomp` says, and what Docker and Podman
//! add to it.

use filterc_abi::{Action, KernelVersion};
use filterc_grammar::source::Span;

use crate::arguments::conditions::Condition;

/// A profile.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) default: Verdict,
    pub(crate) architectures: Architectures,
    pub(crate) entries: Vec<Entry>,
    /// Members that say how a filter is loaded, not what it decides.
    pub(crate) for_the_loader: Vec<String>,
}

/// What a profile says about ABIs.
#[derive(Debug)]
pub(crate) enum Architectures {
    /// `architectures`: these, and the host's.
    List(Vec<(String, Span)>),
    /// `archMap`: for each host's architecture those that it can run too.
    Map(Vec<(String, Vec<(String, Span)>)>),
}

/// An action with the errno that stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) kind: VerdictKind,
    pub(crate) errno: Option<Errno>,
    pub(crate) path: String,
    pub(crate) span: Span,
}

/// The actions of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VerdictKind {
    Allow,
    Errno,
    KillProcess,
    KillThread,
    Log,
    Notify,
    Trace,
    Trap,
}

/// An errno as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Errno {
    Number(u16),
    Name(String),
}

/// One entry of `syscalls`.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) span: Span,
    pub(crate) names: Vec<(String, Span)>,
    pub(crate) verdict: Verdict,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) includes: Filter,
    pub(crate) excludes: Filter,
    pub(crate) comment: String,
}

/// What must (or must not) be so for an entry to count.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) caps: Vec<String>,
    pub(crate) arches: Vec<String>,
    pub(crate) kernel: Option<KernelVersion>,
}

impl VerdictKind {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "SCMP_ACT_ALLOW" => Self::Allow,
            "SCMP_ACT_ERRNO" => Self::Errno,
            "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Self::KillThread,
            "SCMP_ACT_KILL_PROCESS" => Self::KillProcess,
            "SCMP_ACT_LOG" => Self::Log,
            "SCMP_ACT_NOTIFY" => Self::Notify,
            "SCMP_ACT_TRACE" => Self::Trace,
            "SCMP_ACT_TRAP" => Self::Trap,
            _ => return None,
        })
    }

    /// Whether an errno may stand beside it.
    pub(crate) const fn has_data(self) -> bool {
        matches!(self, Self::Errno | Self::Trace)
    }

    /// The filter's action, with `data` where it has some.
    pub(crate) const fn action(self, data: u16) -> Action {
        match self {
            Self::Allow => Action::Allow,
            Self::Errno => Action::Errno(data),
            Self::KillProcess => Action::KillProcess,
            Self::KillThread => Action::KillThread,
            Self::Log => Action::Log,
            Self::Notify => Action::Notify,
            Self::Trace => Action::Trace(data),
            Self::Trap => Action::Trap(0),
        }
    }
}
