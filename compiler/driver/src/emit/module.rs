//! eBPF modules as text and bytes.

use filterc_ebpf::{DisasmOptions, Unit, disassemble, encode};

use crate::module::ModuleProgram;

/// The bytes of the only program; several are no one piece, and name maps besides.
pub(super) fn bytes(program: &ModuleProgram) -> Option<Vec<u8>> {
    match program.module().units.as_slice() {
        [unit] => Some(encode(&unit.insns, program.endian())),
        _ => None,
    }
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
