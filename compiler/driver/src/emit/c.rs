//! A C header.

use std::fmt::Write as _;

use super::names::{comment, identifier};
use crate::compiled::{Compiled, CompiledProgram};

pub(super) fn emit(compiled: &Compiled, program: &CompiledProgram, name: &str) -> String {
    let name = identifier(name);
    let mut out = format!(
        "/* Made by filterc from {}. Do not edit. ABIs: {}. */\n\
         #ifndef {name}_FILTER_H\n#define {name}_FILTER_H\n\n\
         #include <linux/filter.h>\n\n\
         static const struct sock_filter {name}[] = {{\n",
        comment(compiled.name()),
        program.abi_names().join(", "),
    );
    for insn in program.insns() {
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "    {{ 0x{:02x}, {}, {}, 0x{:08x} }},",
            insn.code, insn.jt, insn.jf, insn.k
        );
    }
    out.push_str("};\n\n#endif\n");
    out
}
