//! Object files: a [`Module`](filterc_ebpf::Module) as the relocatable ELF that libbpf,
//! bpftool and aya load, and back.
//!
//! * [`write()`]: one section for each hook (`SEC("tp_btf/sys_enter")`), functions that programs
//!   call in `.text`, maps that BTF defines in `.maps`, the licence, and types, functions and
//!   policy lines in `.BTF` and `.BTF.ext`.
//! * [`read()`]: the reverse, for files of anybody. What it does not understand it refuses by
//!   name: nothing is left out silently.
//!
//! `read(write(module)) == module`, and the bytes are a function of the module. Nothing here
//! knows the running kernel, or what a policy is.

mod contents;
mod error;
mod fields;
mod maps;
mod read;
mod units;
mod write;

pub use error::{CODES, ObjectError};
pub use read::{is_object, read, read_as};
pub use write::write;

/// Relocation: the 64-bit constant of a wide instruction is an address.
const R_BPF_64_64: u32 = object::elf::R_BPF_64_64;
/// Relocation: a call.
const R_BPF_64_32: u32 = object::elf::R_BPF_64_32;
/// The section with the licence.
const LICENSE: &str = "license";
