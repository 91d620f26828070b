//! What can go wrong with `bpf(2)`, as data.

use std::fmt;

use filterc_ebpf::btf::RelocateError;
use filterc_ebpf::{Line, ModuleError};

/// Every code of this module, sorted. A module that does not fit together has the code of
/// [`ModuleError`].
pub const CODES: &[&str] = &[
    "F0835", "F0836", "F0837", "F0838", "F0839", "F0840", "F0841", "F0842", "F0843", "F0844",
    "F0845", "F0846", "F0847", "F0867",
];

/// What the kernel was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A map.
    MakeMap,
    /// To keep types.
    TakeTypes,
    /// To verify a program and keep it.
    Accept,
    /// To run a program once.
    Run,
    /// To run a program from now on.
    Attach,
    /// The event of a tracepoint.
    OpenTracepoint,
    /// The value of a key.
    LookUp,
    /// To add or change a key.
    Change,
    /// To remove a key.
    TakeOut,
    /// All keys.
    ListKeys,
    /// The memory of a ring buffer.
    MapMemory,
}

impl Action {
    const fn text(self) -> &'static str {
        match self {
            Self::MakeMap => "make a map",
            Self::TakeTypes => "take types",
            Self::Accept => "accept the program",
            Self::Run => "run the program",
            Self::Attach => "attach the program",
            Self::OpenTracepoint => "open the tracepoint",
            Self::LookUp => "look a key up",
            Self::Change => "change a map",
            Self::TakeOut => "take a key out of a map",
            Self::ListKeys => "list the keys of a map",
            Self::MapMemory => "map a ring buffer into memory",
        }
    }
}

/// A command that the kernel refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BpfError {
    /// What was to be done.
    pub action: Action,
    /// What the kernel said.
    pub errno: i32,
    /// EPERM, although the process has the capabilities: this kernel allows it to nobody.
    pub nobody: bool,
}

impl BpfError {
    /// Whether nobody without more privileges, or on this kernel, can do that: not the fault of
    /// what was asked.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self.errno, libc::EPERM | libc::EACCES | libc::ENOSYS)
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match (self.errno, self.action) {
            (libc::ENOSYS, _) => "F0838",
            (libc::EPERM, _) if self.nobody => "F0836",
            (libc::EPERM, _) | (libc::EACCES, Action::OpenTracepoint) => "F0835",
            (_, Action::Accept) => "F0837",
            (_, Action::MakeMap) => "F0839",
            (_, Action::TakeTypes) => "F0840",
            (_, Action::Attach | Action::OpenTracepoint) => "F0843",
            (
                _,
                Action::Run
                | Action::LookUp
                | Action::Change
                | Action::TakeOut
                | Action::ListKeys
                | Action::MapMemory,
            ) => "F0844",
        }
    }
}

impl fmt::Display for BpfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the kernel refuses to {} (errno {})", self.action.text(), self.errno)?;
        match self.errno {
            libc::EPERM if self.nobody => f.write_str(
                ": this process has the capabilities, so the kernel refuses this to everybody \
                 (lockdown, or a rule of whoever runs the machine)",
            ),
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

/// An instruction, and the line that it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// The slot.
    pub slot: u32,
    /// The instruction as text.
    pub insn: String,
    /// The line of the policy, where the instruction has one.
    pub line: Option<Line>,
}

/// A program of a module that the kernel's verifier refused, and where in the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The program's name.
    pub unit: String,
    /// The errno.
    pub errno: i32,
    /// What the verifier says about the last instruction.
    pub reason: String,
    /// The instruction and its line of the policy.
    pub at: Option<At>,
    /// The lines of the policy on the way there.
    pub path: Vec<Line>,
    /// What may help.
    pub suggestion: &'static str,
    /// All that the verifier said.
    pub log: String,
}

/// Why a module does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleLoadError {
    /// Its parts do not fit together.
    Module(ModuleError),
    /// The kernel refused something.
    Bpf {
        /// What it is about: a map or a program, by name.
        what: String,
        /// What the kernel said.
        error: BpfError,
    },
    /// The kernel's verifier refused a program.
    Rejected(Box<Rejection>),
    /// There is no such place in this kernel.
    NoHook {
        /// The hook, as its section is called.
        hook: String,
    },
    /// The kernel does not tell its types.
    NoKernelTypes {
        /// What reading them failed with, if it was not that they cannot be understood.
        errno: i32,
    },
    /// The kernel's structures are not those that a program reads.
    NoField(RelocateError),
    /// There is no tracefs where it is looked for.
    NoTracefs,
    /// No task can be chosen: the module has no map that says which are monitored.
    NoTaskMap,
    /// There is no such task.
    NoTask {
        /// Its number.
        id: u32,
        /// What the kernel said.
        errno: i32,
    },
}

impl ModuleLoadError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Module(error) => error.code(),
            Self::Bpf { error, .. } => error.code(),
            Self::Rejected(_) => "F0837",
            Self::NoHook { .. } => "F0841",
            Self::NoKernelTypes { .. } => "F0842",
            Self::NoField(_) => "F0867",
            Self::NoTracefs => "F0845",
            Self::NoTaskMap => "F0846",
            Self::NoTask { .. } => "F0847",
        }
    }
}

impl fmt::Display for ModuleLoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(error) => error.fmt(f),
            Self::Bpf { what, error } => write!(f, "{what}: {error}"),
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::NoHook { hook } => write!(
                f,
                "this kernel has no `{hook}`: it is older or newer than the policy expects, or \
                 built without it"
            ),
            Self::NoKernelTypes { errno } => write!(
                f,
                "the kernel does not tell its types, at {KERNEL_TYPES} (errno {errno}): one with \
                 CONFIG_DEBUG_INFO_BTF is needed for this program"
            ),
            Self::NoField(error) => error.fmt(f),
            Self::NoTracefs => f.write_str(
                "there is no tracefs at /sys/kernel/tracing or /sys/kernel/debug/tracing, which \
                 tells the number of an event: mount it (`mount -t tracefs tracefs \
                 /sys/kernel/tracing`)",
            ),
            Self::NoTaskMap => f.write_str(
                "the programs have no map `tasks`, which would say which tasks they are about: \
                 they would run for every task of the machine",
            ),
            Self::NoTask { id, errno } => write!(f, "there is no task {id} (errno {errno})"),
        }
    }
}

impl std::error::Error for ModuleLoadError {}

impl From<ModuleError> for ModuleLoadError {
    fn from(error: ModuleError) -> Self {
        Self::Module(error)
    }
}

impl From<RelocateError> for ModuleLoadError {
    fn from(error: RelocateError) -> Self {
        Self::NoField(error)
    }
}

/// Where the running kernel tells its types.
pub(super) const KERNEL_TYPES: &str = "/sys/kernel/btf/vmlinux";

/// The errno of an action as an error.
pub(super) fn refused(action: Action) -> impl Fn(i32) -> BpfError {
    move |errno| BpfError { action, errno, nobody: errno == libc::EPERM && is_capable() }
}

/// Whether this process has what `bpf(2)` asks for.
fn is_capable() -> bool {
    const SYS_ADMIN: u64 = 1 << 21;
    const PERFMON_AND_BPF: u64 = 3 << 38;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    effective.is_some_and(|bits| bits & SYS_ADMIN != 0 || bits & PERFMON_AND_BPF == PERFMON_AND_BPF)
}
