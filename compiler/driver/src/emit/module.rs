//! eBPF modules as text and bytes.

use filterc_ebpf::{DisasmOptions, Hook, Unit, disassemble, encode};

use super::Format;
use crate::module::ModuleProgram;

/// One of a policy's modules in some form; `None` if the form has no place for it.
#[must_use]
pub fn emit_module(program: &ModuleProgram, format: Format) -> Option<Vec<u8>> {
    let text = match format {
        // Bytes alone are one program, and name no maps.
        Format::Bpf | Format::Hex => {
            let [unit] = program.module().units.as_slice() else { return None };
            let bytes = encode(&unit.insns, program.endian());
            if format == Format::Bpf {
                return Some(bytes);
            }
            super::hex::text(&bytes)
        }
        Format::Asm => program.module().units.iter().map(asm).collect::<Vec<_>>().join("\n"),
        Format::Ir => super::ir::text(program.dag()),
        Format::Dot => super::ir::dot(program.dag()),
        Format::C
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
    format!("; {}: {}\n{text}", unit.name, hook(unit))
}

fn hook(unit: &Unit) -> String {
    match &unit.hook {
        Hook::Syscall => "syscall".to_owned(),
        Hook::Tracepoint { subsystem, event } => format!("tracepoint/{subsystem}/{event}"),
        Hook::RawTracepoint(name) => format!("raw_tp/{name}"),
        Hook::TracepointBtf(name) => format!("tp_btf/{name}"),
        Hook::Lsm(name) => format!("lsm/{name}"),
    }
}
