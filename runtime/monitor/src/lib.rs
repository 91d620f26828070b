//! Supervisors: the part of a policy that the kernel cannot decide from registers, decided beside
//! it.
//!
//! A supervisor is asked for the calls that the filter in the kernel answers with `notify` or
//! `trace`. It finds out what the policy's [questions](filterc_hir::questions) ask, decides by the
//! reference semantics ([`filterc_hir::eval`]), and answers.
//!
//! * [`view`]: what is seen of a call beyond its registers; [`caller`] keeps what was seen of one.
//! * [`judge`] decides by what was seen.
//! * [`notify`]: supervision by user notifications, which answers, and where it must, acts:
//!   [`mod@perform`] is a call in the task's place, with its [`rights`].
//! * [`ptrace`]: supervision by `ptrace(2)`.

pub mod caller;
pub mod calls;
pub mod judge;
pub mod notify;
pub mod perform;
pub mod ptrace;
pub mod rights;
pub mod view;
