//! eBPF modules as text and bytes.

use filterc_abi::Endian;
use filterc_ebpf::{DisasmOptions, Module, Unit, disassemble, encode};

use super::Format;
use crate::module::ModuleProgram;

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
#[must_use]
pub fn emit_programs(module: &Module, endian: Endian, format: Format) -> Option<Vec<u8>> {
    let text = match format {
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
        | Format::C
        | Format::Rust
        | Format::Json
        | Format::Hir
        | Format::Cost
        | Format::CostJson
        | Format::Table => return None,
    };
    Some(text.into_bytes())
}

/// One program, under its name. More than one are not one text to be assembled again.
fn asm(unit: &Unit) -> String {
    let text = disassemble(&unit.insns, &DisasmOptions { plain: false });
    format!("; {}: {}\n{text}", unit.name, unit.hook.section())
}
