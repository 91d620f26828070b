//! Rust text to `include!`: needs `filterc-loader` and nothing else.

use std::fmt::Write as _;

use super::names::{comment, identifier};
use crate::compiled::{Compiled, CompiledProgram};

pub(super) fn emit(compiled: &Compiled, program: &CompiledProgram, name: &str) -> String {
    let insns = program.insns();
    let mut out = format!(
        "/// Seccomp filter made by filterc from `{}`, for {}.\n\
         pub const {}: [filterc_loader::Insn; {}] = [\n",
        comment(compiled.name()),
        program.abi_names().join(", "),
        identifier(name),
        insns.len(),
    );
    for insn in insns {
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "    filterc_loader::Insn {{ code: 0x{:02x}, jt: {}, jf: {}, k: 0x{:08x} }},",
            insn.code, insn.jt, insn.jf, insn.k
        );
    }
    out.push_str("];\n");
    out
}
