//! eBPF programs and maps of the running kernel, through raw `bpf(2)`.
//!
//! * [`Loaded`]: all of a module: its maps, its programs with types and policy lines.
//! * [`Program`]: has the kernel verify a program, runs it once, attaches it.
//! * [`Map`], [`RingReader`]: what programs and user space share.
//! * [`Btf`]: types, for maps that must have them.
//!
//! Everything goes when its value is dropped: nothing is pinned, and what is attached is
//! detached. Whether a program means what a policy says is not asked here.

mod btf;
mod error;
mod join;
mod kernel;
mod load;
mod log;
mod map;
mod program;
mod sys;
mod tasks;

pub use btf::Btf;
pub use error::{Action, At, BpfError, CODES, ModuleLoadError, Refusal, Rejection};
pub use filterc_ebpf::{MapKind, MapSpec};
pub use join::MAX_GROUPS;
pub use kernel::machine;
pub use load::Loaded;
pub use map::{Map, RingReader, Update};
pub use program::{Link, Log, Program, ProgramKind, ProgramSpec, ProgramTypes};
pub use tasks::{CgroupError, Groups, Process};
