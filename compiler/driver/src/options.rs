//! What a compilation can be asked for, beside the source.

use std::path::PathBuf;

pub use filterc_abi::registers::Machine;
use filterc_abi::{self as abi, Abi, Action};
use filterc_hir::Sight;

use crate::profile::Profile;

/// How hard the optimizer tries. Every level means the same; `-O0` is for comparing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum OptLevel {
    /// Only what instruction selection needs.
    O0,
    /// Cheap clean-up: simplify, merge ranges of numbers.
    O1,
    /// Everything.
    #[default]
    O2,
}

impl OptLevel {
    /// The level as the pass list counts it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::O0 => 0,
            Self::O1 => 1,
            Self::O2 => 2,
        }
    }
}

/// What the optimizer makes least of; every goal means the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goal {
    /// A weighted sum of the others.
    #[default]
    Balanced,
    /// Instructions.
    Size,
    /// What calls run.
    Speed,
    /// What the kernel runs when the filter is attached.
    Install,
}

/// What is made of a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Target {
    /// A seccomp filter: [`compile`](crate::compile).
    #[default]
    Seccomp,
    /// An eBPF program that decides about a `struct seccomp_data` on request.
    Syscall,
    /// eBPF programs that tell what the policy says of the calls of watched tasks, at raw
    /// tracepoints.
    RawTracepoint,
    /// The same with the kernel's types (`tp_btf`), which costs calls less.
    TracepointBtf,
    /// eBPF programs that keep or drop events, by the `event` statements:
    /// [`compile_events`](crate::compile_events).
    Tracepoint,
    /// eBPF programs that carry out what the policy says of the calls of watched tasks, at the hooks
    /// of security modules where the kernel shows the object that a call names.
    Lsm,
    /// The kernel's part of a monitor: a seccomp filter that decides what registers decide, and
    /// asks the monitor ([`Options::gate`]) exactly where what it is asked still matters.
    Monitor,
}

/// Every target with its name on the command line.
pub const TARGETS: &[(&str, Target)] = &[
    ("seccomp", Target::Seccomp),
    ("syscall", Target::Syscall),
    ("raw_tracepoint", Target::RawTracepoint),
    ("tp_btf", Target::TracepointBtf),
    ("tracepoint", Target::Tracepoint),
    ("lsm", Target::Lsm),
    ("monitor", Target::Monitor),
];

impl Target {
    /// What its programs see of a call.
    #[must_use]
    pub const fn sight(self) -> Sight {
        match self {
            Self::Seccomp | Self::Tracepoint => Sight::Registers,
            Self::RawTracepoint | Self::TracepointBtf => Sight::Task,
            Self::Syscall | Self::Lsm => Sight::Object,
            Self::Monitor => Sight::Monitor,
        }
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        TARGETS.iter().find(|(_, target)| *target == self).map_or("", |(name, _)| name)
    }
}

/// How the kernel's part of a monitor asks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Gate {
    /// By a notification, as `notify` does.
    #[default]
    Notify,
    /// By a stop for its tracer, as `trace(0)` does.
    Trace,
}

/// Every gate with its name on the command line.
pub const GATES: &[(&str, Gate)] = &[("notify", Gate::Notify), ("trace", Gate::Trace)];

impl Gate {
    /// What the filter returns where it asks.
    #[must_use]
    pub const fn action(self) -> Action {
        match self {
            Self::Notify => Action::Notify,
            Self::Trace => Action::Trace(0),
        }
    }
}

/// Options of [`compile`](crate::compile).
#[derive(Clone, Debug)]
pub struct Options {
    /// The ABI of a policy without `arch`; by default the host's.
    pub default_abi: Option<&'static Abi>,
    /// Overrides the policy's `arch` (`--arch`).
    pub abis: Option<Vec<&'static Abi>>,
    /// Where `include` looks after the including file's own folder (`-I`), in order.
    pub include_paths: Vec<PathBuf>,
    /// Constants that replace a policy's `const` of that name, or add one (`-D`).
    pub defines: Vec<(String, i128)>,
    /// Values of the policy's parameters (`--param`): all, or none. With none, the program is
    /// one to be patched before it is loaded.
    pub params: Vec<(String, i128)>,
    /// What is made (`--target`): [`compile_module`](crate::compile_module) makes all but filters.
    pub target: Target,
    /// How the kernel's part of a monitor asks it (`--gate`).
    pub gate: Gate,
    /// The kernel's machine that programs at tracepoints and hooks are for (`--machine`); without
    /// it, the widest that has tasks of the policy's ABIs.
    pub machine: Option<&'static Machine>,
    /// How hard the optimizer tries.
    pub opt_level: OptLevel,
    /// What it tries to make least of (`-O size`, `-O speed`, `-O install`).
    pub goal: Goal,
    /// Whether the kernel answers calls that are always allowed from a bitmap, as it does since
    /// 5.11 (else `--no-bitmap`); a policy for an older kernel has none anyway.
    pub bitmap: bool,
    /// Which calls programs make (`--profile`); without it, the shipped ranking says.
    pub profile: Option<Profile>,
    /// Whether the program is proved to be what the policy says (else `--no-prove`).
    pub prove: bool,
    /// Whether a warning fails the compilation.
    pub deny_warnings: bool,
}

impl Options {
    /// The action that asks a monitor, if one is what the programs are for.
    #[must_use]
    pub fn target_gate(&self) -> Option<Action> {
        (self.target == Target::Monitor).then(|| self.gate.action())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            default_abi: abi::host(),
            abis: None,
            include_paths: Vec::new(),
            defines: Vec::new(),
            params: Vec::new(),
            target: Target::default(),
            gate: Gate::default(),
            machine: None,
            opt_level: OptLevel::default(),
            goal: Goal::default(),
            bitmap: true,
            profile: None,
            prove: true,
            deny_warnings: false,
        }
    }
}
