//! Inputs drawn from bytes: policies, programs, and text that is almost one of them.

pub mod policy;
pub mod program;
pub mod soup;
