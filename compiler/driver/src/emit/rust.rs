//! Rust text to `include!`: needs `filterc-loader` and nothing else.

use std::fmt::Write as _;

use filterc_cbpf::{Param, Site, Table};

use super::names::{comment, identifier};
use crate::compiled::{Compiled, CompiledProgram};

pub(super) fn emit(compiled: &Compiled, program: &CompiledProgram, name: &str) -> String {
    let insns = program.insns();
    let (source, abis) = (comment(compiled.name()), program.abi_names().join(", "));
    let name = identifier(name);
    let mut out = format!("/// Seccomp filter made by filterc from `{source}`, for {abis}.\n");
    // Writing to a string cannot fail, here and below.
    let _ = if program.is_unpatched() {
        writeln!(
            out,
            "///\n/// `{name}.patch(…)` makes the filter, once the parameters' values are known.\n\
             pub const {name}: filterc_loader::Unpatched = filterc_loader::Unpatched {{\n    \
             insns: &["
        )
    } else {
        writeln!(out, "pub const {name}: [filterc_loader::Insn; {}] = [", insns.len())
    };
    for insn in insns {
        let _ = writeln!(
            out,
            "    filterc_loader::Insn {{ code: 0x{:02x}, jt: {}, jf: {}, k: 0x{:08x} }},",
            insn.code, insn.jt, insn.jf, insn.k
        );
    }
    if program.is_unpatched() {
        out.push_str("    ],\n    table: ");
        table(&mut out, program.table());
        out.push_str("};\n");
    } else {
        out.push_str("];\n");
    }
    out
}

fn table(out: &mut String, table: &Table) {
    out.push_str("filterc_loader::Table {\n        params: std::borrow::Cow::Borrowed(&[\n");
    for param in table.params.iter() {
        let Param { name, ty, min, max } = param;
        let _ = writeln!(
            out,
            "            filterc_loader::Param {{ name: std::borrow::Cow::Borrowed({name:?}), ty: \
             std::borrow::Cow::Borrowed({ty:?}), min: {min}, max: {max} }},"
        );
    }
    out.push_str("        ]),\n        sites: std::borrow::Cow::Borrowed(&[\n");
    for site in table.sites.iter() {
        let Site { pc, param, high, mask } = site;
        let _ = writeln!(
            out,
            "            filterc_loader::Site {{ pc: {pc}, param: {param}, high: {high}, mask: \
             {mask:#x} }},"
        );
    }
    let _ = writeln!(out, "        ]),\n        program: {:#018x},\n    }},", table.program);
}
