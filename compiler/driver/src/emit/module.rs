//! eBPF modules as text and bytes.

use filterc_abi::Endian;
use filterc_ebpf::{DisasmOptions, Module, Unit, disassemble, encode};

use crate::module::ModuleProgram;

/// The bytes of the only program; several are no one piece, and name maps besides.
pub(super) fn bytes(program: &ModuleProgram) -> Option<Vec<u8>> {
    match program.module().units.as_slice() {
        [unit] => Some(encode(&unit.insns, program.endian())),
        _ => None,
    }
/// One of a policy's modules in some form; `None` if the form has no place for it.
#[must_use]
pub fn emit_module(program: &ModuleProgram, format: Format) -> Option<Vec<u8>> {
    let text = match format {
        Format::Ir => super::ir::text(program.dag()),
        Format::Dot => super::ir::dot(program.dag()),
        Format::Bpf
        | Format::Hex
        | Format::Obj
        | Format::Asm
        | Format::C
        | Format::Rust
        | Format::Json
        | Format::Hir
        | Format::Cost
        | Format::CostJson
        | Format::Table => return emit_programs(program.module(), program.endian(), format),
    };
    Some(text.into_bytes())
}

/// A module in some form, for machines of a byte order; `None` if the form has no place for it.
pub fn emit_programs(module: &Module, endian: Endian, format: Format) -> Option<Vec<u8>> {
        // Bytes alone are one program, and name no maps.
        Format::Bpf | Format::Hex => {
            let [unit] = module.units.as_slice() else { return None };
            if !module.maps.is_empty() {
                return None;
            }
            let bytes = encode(&unit.insns, endian);
            if format == Format::Bpf {
                return Some(bytes);
            }
            super::hex::text(&bytes)
        }
        // A module that the driver has made is consistent, and names values of no map but one that
        // has only one.
        Format::Obj => return filterc_object::write(module, endian).ok(),
        Format::Asm => module.units.iter().map(asm).collect::<Vec<_>>().join("\n"),
        Format::Ir
        | Format::Dot
        | Format::Table => return None,
}

/// Each program under its name. More than one are not one text to be assembled again.
pub(super) fn asm(program: &ModuleProgram) -> String {
    let text = |unit: &Unit| {
        let text = disassemble(&unit.insns, &DisasmOptions { plain: false });
        format!("; {}: {}\n{text}", unit.name, unit.hook.section())
    };
    program.module().units.iter().map(text).collect::<Vec<_>>().join("\n")
}

/// The object file. A module that the driver has made is consistent, and takes the addresses of
/// values of maps with one value alone.
pub(super) fn object(program: &ModuleProgram) -> Option<Vec<u8>> {
    filterc_object::write(program.module(), program.endian()).ok()
}
