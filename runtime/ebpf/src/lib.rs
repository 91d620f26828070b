//! The eBPF machine of RFC 9669 as Linux runs it: instructions, bytes, assembly text, a
//! verifier within the kernel's, and an interpreter.
//!
//! * [`encode()`] / [`decode()`]: instructions and the bytes of `struct bpf_insn[]`, in either
//!   byte order.
//! * [`assemble()`] / [`disassemble()`]: instructions and text; the syntax stands in [`asm`].
//! * [`well_formed()`]: programs of legal instructions whose jumps stay inside, and the only
//!   way to a [`WellFormed`] program.
//! * [`verify()`]: some of what the kernel accepts and nothing else, and the only way to a
//!   [`Verified`] program.
//! * [`interpret()`]: what a program does with a context, its maps and helpers included.
//! * [`btf`]: their types, functions and lines, in the kernel's format.
//! * [`module`]: programs that belong together, with their maps; [`consistent()`] says whether
//!   they do, [`audit`] which maps and records those have that watch tasks.
//! * [`machine`]: the meaning of every instruction, for whoever computes with other words than
//!   numbers.
//!
//! Everything here is a pure function of its arguments: nothing asks the running kernel
//! (the loader does), and nothing here knows what a policy is.

pub mod asm;
pub mod audit;
pub mod btf;
pub mod consistent;
pub mod decode;
pub mod disasm;
pub mod encode;
pub mod error;
pub mod field;
mod form;
pub mod helper;
pub mod insn;
pub mod interp;
pub mod labels;
pub mod machine;
pub mod map;
pub mod module;
mod op;
pub mod verify;
pub mod wellformed;

pub use asm::assemble;
pub use consistent::{ModuleError, consistent};
pub use decode::decode;
pub use disasm::{DisasmOptions, disassemble};
pub use encode::encode;
pub use error::{DecodeError, Kind, VerifyError};
pub use field::{Field, FieldUse, Question};
pub use helper::Helper;
pub use insn::{Insn, MAX_INSNS, Program, code};
pub use interp::{Environment, Fixed, Host, Outcome, interpret, interpret_traced};
pub use labels::LabelPattern;
pub use map::{MapKind, MapSpec};
pub use module::{Function, Hook, Line, Module, NamedMap, Unit};
pub use verify::{Target, Verified, verify};
pub use wellformed::{WellFormed, well_formed};
