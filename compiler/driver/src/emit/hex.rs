//! Hexadecimal text, for eyes and for tools such as `xxd -r -p`.

use std::fmt::Write as _;

use crate::compiled::CompiledProgram;

pub(super) fn emit(program: &CompiledProgram) -> String {
    let mut out = String::new();
    for insn in program.bytes().chunks(8) {
        for byte in insn {
            // Writing to a string cannot fail.
            let _ = write!(out, "{byte:02x}");
        }
        out.push('\n');
    }
    out
}
