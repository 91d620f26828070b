//! The classic BPF machine as seccomp restricts it: instructions, bytes, assembly text,
//! the kernel's own acceptance rules, and an interpreter.
//!
//! * [`encode()`] / [`decode()`]: instructions and the bytes of `struct sock_filter[]`, in
//!   either byte order.
//! * [`assemble()`] / [`disassemble()`]: instructions and text; the syntax stands in [`asm`].
//! * [`verify()`]: exactly what the kernel accepts as a seccomp filter, and the only way to a
//!   [`Verified`] program.
//! * [`interpret`]: what a verified program returns for a call; [`const_allow()`]: whether
//!   the kernel will answer the call from its cache, without running the program.
//! * [`template`]: programs with constants that are filled in when they are loaded.
//! * [`converted_len`]: how long the kernel takes a program to be.
//! * [`machine`]: the meaning of every instruction, for whoever computes with other words than
//!   numbers.
//!
//! Everything here is a pure function of its arguments: nothing asks the running kernel
//! (the loader's `probe` does), and nothing here knows what a policy is.

pub mod asm;
pub mod const_allow;
pub mod converted;
pub mod decode;
pub mod disasm;
pub mod encode;
pub mod errno;
pub mod error;
mod form;
pub mod insn;
pub mod interp;
pub mod machine;
mod op;
pub mod template;
pub mod verify;

pub use asm::assemble;
pub use const_allow::const_allow;
pub use converted::converted_len;
pub use decode::decode;
pub use disasm::{DisasmOptions, disassemble, listing};
pub use encode::encode;
pub use error::{DecodeError, Kind, VerifyError};
pub use insn::{Insn, Program, code};
pub use interp::{Outcome, Trace, interpret, interpret_counted, interpret_traced, interpret_words};
pub use template::{MAX_PARAMS, Param, PatchError, Site, Table, Template, fingerprint};
pub use verify::{MAX_INSNS, Verified, verify};
