//! Assembly text.

use filterc_cbpf::{DisasmOptions, disassemble};

use crate::pipeline::Compiled;

pub(super) fn emit(compiled: &Compiled) -> String {
    let program = compiled.program();
    let options = DisasmOptions { plain: false, endian: program.endian(), abi: None };
    disassemble(program.insns(), &options)
}
