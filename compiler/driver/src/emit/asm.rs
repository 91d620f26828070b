//! Assembly text.

use filterc_cbpf::{DisasmOptions, disassemble};

use crate::compiled::CompiledProgram;

pub(super) fn emit(program: &CompiledProgram) -> String {
    let options = DisasmOptions { plain: false, endian: program.endian(), abi: None };
    disassemble(program.insns(), &options)
}
