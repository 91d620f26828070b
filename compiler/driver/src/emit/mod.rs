//! The forms in which a compiled policy can be written: one file each, one line in [`FORMATS`].

mod asm;
mod c;
mod cost;
mod hex;
mod hir;
mod ir;
mod json;
mod module;
mod names;
mod pfc;
mod rust;
mod table;

use filterc_abi::Endian;
use filterc_ebpf::{DisasmOptions, Module};

use crate::compiled::{Compiled, CompiledProgram};
use crate::module::ModuleProgram;

pub use module::listing;
pub use pfc::{CODES, NoPfc, pfc};

/// An output form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `struct sock_filter[]`, or of one eBPF program `struct bpf_insn[]`, 8 bytes an instruction,
    /// in the target's byte order.
    Bpf,
    /// Assembly text with names and policy lines; `filterc asm` assembles it again.
    Asm,
    /// A C header with an array of `struct sock_filter`.
    C,
    /// Rust text with a constant array of `filterc_loader::Insn`.
    Rust,
    /// JSON: instructions, ABIs and, for each instruction, the rule that it is from.
    Json,
    /// The resolved and typed policy.
    Hir,
    /// The decision DAG, after all passes.
    Ir,
    /// The decision DAG as a Graphviz graph.
    Dot,
    /// The raw program as hexadecimal text, one instruction a line.
    Hex,
    /// What the program costs, and which rule costs what.
    Cost,
    /// The same as JSON.
    CostJson,
    /// JSON: the parameters of a program, and where they go.
    Table,
    /// Pseudo filter code, as libseccomp writes it; [`pfc`] says why there may be none.
    Pfc,
    /// An ELF object file of eBPF programs, for libbpf, aya, and `filterc load`.
    Obj,
}

/// Every form with its name on the command line.
pub const FORMATS: &[(&str, Format)] = &[
    ("bpf", Format::Bpf),
    ("asm", Format::Asm),
    ("c", Format::C),
    ("rust", Format::Rust),
    ("json", Format::Json),
    ("hir", Format::Hir),
    ("ir", Format::Ir),
    ("dot", Format::Dot),
    ("hex", Format::Hex),
    ("cost", Format::Cost),
    ("cost-json", Format::CostJson),
    ("table", Format::Table),
    ("pfc", Format::Pfc),
    ("obj", Format::Obj),
];

impl Format {
    /// Whether the form shows a program: a policy for two byte orders then has two texts.
    /// The typed policy is one for all its ABIs.
    #[must_use]
    pub const fn is_of_program(self) -> bool {
        !matches!(self, Self::Hir)
    }

    /// Whether the form is a program and nothing else: where parameters have no value, it would
    /// decide by chance.
    #[must_use]
    pub const fn is_bare(self) -> bool {
        matches!(self, Self::Bpf | Self::Hex | Self::Asm)
    }

    /// Whether the form is bytes that a terminal should not be shown.
    #[must_use]
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::Bpf | Self::Obj)
    }
}

/// One of a policy's programs in some form; `None` if the form has no place for it. `name` becomes
/// the constant's name in C and Rust.
#[must_use]
pub fn emit(
    compiled: &Compiled,
    program: &CompiledProgram,
    format: Format,
    name: &str,
) -> Option<Vec<u8>> {
    let text = match format {
        Format::Bpf => return Some(program.bytes().to_vec()),
        Format::Asm => asm::emit(program),
        Format::C => c::emit(compiled, program, name),
        Format::Rust => rust::emit(compiled, program, name),
        Format::Json => json::emit(compiled, program),
        Format::Hir => hir::emit(compiled),
        Format::Ir => ir::text(program.dag()),
        Format::Dot => ir::dot(program.dag()),
        Format::Hex => hex::text(program.bytes()),
        Format::Cost => cost::text(compiled, program),
        Format::CostJson => cost::json(compiled, program),
        Format::Table => table::emit(compiled, program),
        Format::Pfc => pfc(compiled, program).ok()?,
        // Object files are of eBPF.
        Format::Obj => return None,
    };
    Some(text.into_bytes())
}

/// One of a policy's eBPF modules in some form; `None` if the form has no place for it.
#[must_use]
pub fn emit_module(program: &ModuleProgram, format: Format) -> Option<Vec<u8>> {
    let text = match format {
        Format::Ir => ir::text(program.dag()),
        Format::Dot => ir::dot(program.dag()),
        Format::Bpf
        | Format::Obj
        | Format::Hex
        | Format::Asm
        | Format::C
        | Format::Rust
        | Format::Json
        | Format::Hir
        | Format::Cost
        | Format::CostJson
        | Format::Pfc
        | Format::Table => return emit_programs(program.module(), program.endian(), format),
    };
    Some(text.into_bytes())
}

/// A module in some form, for machines of a byte order; `None` if the form has no place for it.
#[must_use]
pub fn emit_programs(module: &Module, endian: Endian, format: Format) -> Option<Vec<u8>> {
    let text = match format {
        Format::Bpf => return module::bytes(module, endian),
        Format::Obj => return module::object(module, endian),
        Format::Hex => hex::text(&module::bytes(module, endian)?),
        Format::Asm => listing(module, &DisasmOptions { plain: false }),
        Format::Ir
        | Format::Dot
        | Format::C
        | Format::Rust
        | Format::Json
        | Format::Hir
        | Format::Cost
        | Format::CostJson
        | Format::Pfc
        | Format::Table => return None,
    };
    Some(text.into_bytes())
}
