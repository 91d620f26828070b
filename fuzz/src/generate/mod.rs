//! Inputs drawn from bytes: policies, DAGs, programs, and text that is almost one of them.

pub mod calls;
pub mod dag;
pub mod ebpf;
pub mod objective;
pub mod policy;
pub mod program;
pub mod soup;
