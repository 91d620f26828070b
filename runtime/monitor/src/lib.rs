//! Supervisors: the part of a policy that the kernel cannot decide from registers, decided beside
//! it.
//!
//! A supervisor is asked for the calls that the filter in the kernel answers with `notify` or
//! `trace`. It finds out what the policy's [questions](filterc_hir::questions) ask, decides by the
//! reference semantics ([`filterc_hir::eval`]), and answers.
//!
//! * [`ptrace`]: supervision by `ptrace(2)`.
//! * [`view`]: what is seen of a call beyond its registers.

pub mod ptrace;
pub mod view;
