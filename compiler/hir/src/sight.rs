//! What programs can see of a call beside its registers, and what is said where they cannot.

use crate::error::{Blindness, Kind};

/// What the programs of a target see of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sight {
    /// The `struct seccomp_data` and nothing else: a seccomp filter.
    #[default]
    Registers,
    /// And who calls: an eBPF program at a tracepoint.
    Task,
    /// And the labels of the object that the call names: an eBPF program at hooks of security
    /// modules.
    Object,
    /// And what stands behind its pointers, and what is known of its task and those above it: a
    /// monitor, which is asked where the registers do not decide.
    Monitor,
}

impl Sight {
    /// Whether it is known who calls, as [facts](filterc_abi::Fact) of the call.
    #[must_use]
    pub const fn has_task(self) -> bool {
        matches!(self, Self::Task | Self::Object)
    }

    /// Whether labels can be asked for.
    #[must_use]
    pub const fn has_labels(self) -> bool {
        matches!(self, Self::Object | Self::Monitor)
    }

    /// Whether the object's labels are known, as a fact of the call.
    #[must_use]
    pub const fn has_object(self) -> bool {
        matches!(self, Self::Object)
    }

    /// Whether questions can be asked ([`crate::questions`]).
    #[must_use]
    pub const fn has_answers(self) -> bool {
        matches!(self, Self::Monitor)
    }

    /// The programs, where they are no seccomp filters, and the targets that make them.
    const fn programs(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Registers => None,
            // What is said of a monitor stands apart.
            Self::Monitor => None,
            Self::Task => {
                Some(("a program at a tracepoint", "the targets `tp_btf` and `raw_tracepoint`"))
            }
            Self::Object => {
                Some(("a program at hooks of security modules", "the targets `lsm` and `syscall`"))
            }
        }
    }
}

/// What else is said of a finding that comes of what a target's programs see, where they are no
/// seccomp filters: its message, the words at the place, and the help.
pub(crate) fn words(sight: Sight, kind: &Kind) -> Option<[String; 3]> {
    if sight.has_answers() {
        return of_monitor(kind);
    }
    let (program, targets) = sight.programs()?;
    if let Kind::OutOfSight { what, blindness } = kind {
        let (why, help) = beyond(*blindness, program);
        return Some([format!("{program} cannot see `{what}`"), why, help]);
    }
    if let Kind::NotForTarget { keyword, .. } = kind {
        let why = match *keyword {
            "label" => "it is not told which object a call names; the target `lsm` is".to_owned(),
            "event" => "event filters are compiled by the target `tracepoint`".to_owned(),
            "sequence" => "it has no memory of earlier calls; a monitor has".to_owned(),
            "require" => "a program cannot ask about the kernel; a loader can".to_owned(),
            _ => return None,
        };
        let help = format!("the policy is compiled for {targets}");
        return Some([format!("`{keyword}` is not for {program}"), why, help]);
    }
    None
}

/// The same, for a monitor: it sees what is asked for, but perhaps not so.
fn of_monitor(kind: &Kind) -> Option<[String; 3]> {
    let text = |what: &str, why: &str, help: &str| {
        Some([what.to_owned(), why.to_owned(), help.to_owned()])
    };
    if let Kind::OutOfSight { what, blindness } = kind {
        return match blindness {
            Blindness::Task | Blindness::Memory | Blindness::Object => text(
                &format!("the monitor is not asked for `{what}` so"),
                "it answers questions with yes or no",
                "what it is asked for stands on the left, and on the right what it is compared \
                 with: constants, texts and patterns",
            ),
            Blindness::SeventhRegister => text(
                &format!("the monitor does not look at `{what}`"),
                "a call has six argument registers",
                "leave the test out",
            ),
            Blindness::Exit | Blindness::EventFilter => None,
        };
    }
    let Kind::NotForTarget { keyword, .. } = kind else { return None };
    match *keyword {
        "require" => text(
            "`require` is not for a monitor",
            "it is started on a kernel that takes its filter, or it is not",
            "leave the statement out",
        ),
        "sequence" => text(
            "`sequence` is not for a monitor of this version",
            "it has no memory of earlier calls yet",
            "leave the statement out",
        ),
        _ => None,
    }
}

fn beyond(blindness: Blindness, program: &str) -> (String, String) {
    let text = |why: &str, help: &str| (why.to_owned(), help.to_owned());
    match blindness {
        Blindness::Memory => text(
            "it is behind a pointer, and what stands there can change before the kernel looks",
            "targets that can: the monitor, where it performs the call itself",
        ),
        Blindness::Task => (
            format!("{program} knows pid, tid, uid, gid, comm, cgroup and cpu of the caller"),
            "targets that can see more of it: the monitor".to_owned(),
        ),
        Blindness::Exit => text(
            "a policy decides about calls that have no result yet",
            "targets that can: event filters of exit events (`event syscalls:sys_exit_NAME if …`)",
        ),
        Blindness::Object => {
            (format!("{program} is not told"), "the target `lsm` knows an object's labels".into())
        }
        Blindness::EventFilter => text(
            "this is a form of the kernel's event filters",
            "targets that can: event filters (`event SUBSYSTEM:NAME if …`)",
        ),
        Blindness::SeventhRegister => {
            text("a call has six argument registers", "targets that can: the monitor")
        }
    }
}
