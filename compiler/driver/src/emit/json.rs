//! JSON, for tools that embed or inspect a program.

use filterc_grammar::source::Span;
use serde::Serialize;

use super::table::{self, Entries, endian};
use crate::compiled::{Compiled, CompiledProgram};
use crate::render::position;

#[derive(Serialize)]
struct Document<'a> {
    /// Version of this form; a change that breaks readers raises it.
    format: u32,
    source: &'a str,
    endian: &'static str,
    abis: Vec<Abi<'a>>,
    rules: Vec<String>,
    instructions: Vec<Instruction>,
    /// What is to be filled in before the program is loaded; absent if nothing is.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    table: Option<Entries<'a>>,
}

#[derive(Serialize)]
struct Abi<'a> {
    name: &'a str,
    audit_arch: u32,
    kernel: String,
}

#[derive(Serialize)]
struct Instruction {
    code: u16,
    jt: u8,
    jf: u8,
    k: u32,
    /// Index into `rules`; absent for dispatch and defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<u32>,
}

pub(super) fn emit(compiled: &Compiled, program: &CompiledProgram) -> String {
    let place = |span: Span| position(compiled.sources(), span);
    let insns = program.insns().iter().zip(program.origin());
    let document = Document {
        format: 1,
        source: compiled.name(),
        endian: endian(program),
        abis: (compiled.policy().abis().iter())
            .filter(|part| part.abi().endian == program.endian())
            .map(|part| Abi {
                name: part.abi().name,
                audit_arch: part.abi().audit_arch,
                kernel: part.kernel().to_string(),
            })
            .collect(),
        rules: compiled.policy().rules().iter().map(|rule| place(rule.span)).collect(),
        instructions: insns
            .map(|(insn, rule)| Instruction {
                code: insn.code,
                jt: insn.jt,
                jf: insn.jf,
                k: insn.k,
                rule: rule.map(|rule| rule.0),
            })
            .collect(),
        table: program.is_unpatched().then(|| table::entries(program.table())),
    };
    // Strings and numbers only: this cannot fail, and an empty document would be seen.
    let mut text = serde_json::to_string(&document).unwrap_or_default();
    text.push('\n');
    text
}
