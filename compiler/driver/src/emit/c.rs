//! A C header.

use std::fmt::Write as _;

use filterc_cbpf::Table;

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
    out.push_str("};\n");
    if program.is_unpatched() {
        parameters(&mut out, &name, program.table());
    }
    out.push_str("\n#endif\n");
    out
}

/// A function that puts the parameters into a copy of the array.
fn parameters(out: &mut String, name: &str, table: &Table) {
    let _ = write!(
        out,
        "\n/* Puts the parameters into a copy of the array, which decides by chance without them. \
         Returns 0,\n   or the position of the first (from 1) whose value does not fit. */\n\
         static inline int {name}_patch(struct sock_filter *filter"
    );
    let is_signed = |param: &filterc_cbpf::Param| param.min < 0 && param.max <= i64::MAX.into();
    for param in table.params.iter() {
        let ty = if is_signed(param) { "long long" } else { "unsigned long long" };
        let _ = write!(out, ", {ty} {}_", param.name);
    }
    out.push_str(")\n{\n");
    for (position, param) in (1..).zip(table.params.iter()) {
        let name = &param.name;
        let test = if is_signed(param) {
            // The smallest number of C has no literal.
            format!("{name}_ < {} - 1 || {name}_ > {}LL", c_number(param.min + 1), param.max)
        } else if param.max < u64::MAX.into() {
            format!("{name}_ > {}ULL", param.max)
        } else {
            // Any number of 64 bits fits.
            continue;
        };
        let _ = writeln!(out, "    if ({test}) return {position};");
    }
    for site in table.sites.iter() {
        let name = table.params.get(usize::from(site.param)).map(|param| &param.name);
        let _ = writeln!(
            out,
            "    filter[{}].k = (__u32)((unsigned long long){}_ >> {}) & 0x{:x};",
            site.pc,
            name.map(|name| &**name).unwrap_or_default(),
            site.shift(),
            site.mask
        );
    }
    out.push_str("    return 0;\n}\n");
}

fn c_number(value: i128) -> String {
    format!("{value}LL")
}
