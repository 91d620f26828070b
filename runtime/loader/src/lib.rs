//! Filters into the running kernel: `seccomp(2)`, no_new_privs, and the `execve` that
//! follows.
//!
//! * [`install()`] takes a [`Verified`](filterc_cbpf::Verified) program, [`install_bytes`] the
//!   bytes of one; either the filter is in force when they return, or the error says why
//!   not and what to do.
//! * [`patch()`] and [`Unpatched`] put the values of parameters into a program, which is verified
//!   again.
//! * [`exec::Exec`] does everything that a start of a program needs (the search along `PATH`,
//!   the vectors) before a filter is in force, so that exactly one system call comes after.
//! * [`live`]: the filters of a process that runs.
//! * [`bpf`]: eBPF programs and maps, through raw `bpf(2)`.
//! * [`Held`]: a command that has a process, and waits to be started; [`wait`]: for several things
//!   at once.
//! * [`supervised`]: a command, a supervisor that answers its calls, and who stands before both.
//! * [`beside`]: a process that watches this one; [`mod@ptrace`]: what it watches with.
//! * [`notify`]: calls of other tasks that wait for an answer; [`task`]: their memory, and acting in
//!   another's name.
//! * [`strict`]: functions that may do nothing but read, write and end.
//! * [`probe`] asks the running kernel, in forked children, what it accepts and what a
//!   filter does there. It is for tests and attestation; nothing else here uses it.
//!
//! This is the only crate of the project with `unsafe` code, and it is confined to the
//! modules that say so in their first lines.
//!
//! Not done here: deciding what a filter should say, or what is answered to a call.

pub mod beside;
pub mod bpf;
pub mod clock;
mod entry;
pub mod error;
pub mod exec;
mod flag_table;
pub mod flags;
mod held;
pub mod install;
pub mod live;
pub mod notify;
pub mod patch;
pub mod probe;
pub mod ptrace;
mod shared;
pub mod strict;
pub mod supervised;
mod sys;
pub mod task;
pub mod wait;

pub use error::{CODES, LoadError};
pub use exec::Exec;
/// The instruction that `filterc --emit rust` writes, so that its users need this crate only.
pub use filterc_cbpf::Insn;
/// What `filterc --emit rust` writes beside the instructions where a policy has parameters.
pub use filterc_cbpf::{Param, Site, Table};
pub use flags::Flags;
pub use held::{Held, Status};
pub use install::{
    Installed, action_available, flag_available, install, install_bytes, install_program,
    set_no_new_privs,
};
pub use patch::{Unpatched, patch};
