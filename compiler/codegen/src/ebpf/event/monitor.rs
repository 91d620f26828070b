//! Whose events a filter is about.
//!
//! A program at a tracepoint runs for every task of the system, and what it drops is dropped for
//! every perf event there. So it asks first whether the task is watched, by the same map as the
//! programs that watch tasks for a policy, and keeps the events of strangers.

use filterc_ebpf::{NamedMap, audit};

/// Whose events are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Monitored {
    /// Those of tasks that have a value other than 0 in the map `tasks`, as
    /// [`filterc_ebpf::audit`] has it.
    #[default]
    Tasks,
    /// All.
    Everybody,
}

/// The place of the map with the watched tasks.
pub(super) const TASKS: i32 = 0;

/// The word of the stack for keys of maps: the first one.
pub(super) const KEY: i16 = -8;

impl Monitored {
    /// The place of the first map behind those that say whose events are looked at.
    pub(super) const fn free(self) -> i32 {
        match self {
            Self::Tasks => TASKS + 1,
            Self::Everybody => 0,
        }
    }

    /// The maps in front of that one.
    pub(super) fn maps(self) -> Vec<NamedMap> {
        let [(name, spec), ..] = audit::MAPS;
        match self {
            Self::Tasks => vec![NamedMap { name: name.to_owned(), spec }],
            Self::Everybody => Vec::new(),
        }
    }
}
