//! Asking the running kernel, in forked children: what it accepts as a filter, what a
//! filter does there, and which of its return values a call gets.
//!
//! * [`accepts`]: the kernel's verdict on programs, thousands a second, none installed.
//! * [`run`]: a filter in force, real system calls, what came of each.
//! * [`decisions`]: which return value the filter has for each call, without any call
//!   being executed: safe for `kill(-1)` and `reboot` too.
//! * [`sandboxed`]: scripts of system calls in a sandbox, with bits of an argument flipped:
//!   which bits the kernel looks at.
//! * [`detached`]: a kernel file system to read, mounted nowhere.
//!
//! These are oracles for tests and attestation. They fork, so they cost about a millisecond
//! each; the children make only async-signal-safe calls, so that threads of the parent do
//! not matter. Nothing of the calling process changes. Where kernel, architecture or
//! permissions lack what an oracle needs, it says [`ProbeError::Unavailable`] with the reason.

mod acceptance;
mod child;
mod decisions;
mod error;
mod mount;
mod real;
mod sandbox;
pub mod script;

pub use acceptance::{Verdict, accepts};
pub use decisions::{Decision, decisions};
pub use error::ProbeError;
pub use mount::detached;
pub use real::{Call, Entry, Observed, run};
pub use script::sandboxed;
