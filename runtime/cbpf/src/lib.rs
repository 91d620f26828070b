//! The classic BPF machine as seccomp restricts it: instructions, bytes, assembly text,
//! the kernel's own acceptance rules, and an interpreter.

pub mod insn;

pub use insn::{Insn, Program, code};
