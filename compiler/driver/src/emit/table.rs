//! The table of a program's parameters, as JSON: for loaders that are not ours.
//!
//! A loader takes a number for each of `params`, from `min` to `max`, as 64 bits in two's
//! complement. At each of `sites` it writes four bytes into the program, in its byte order:
//! the number, shifted right, under the mask. Then it verifies the program.

use filterc_cbpf::Table;
use serde::Serialize;

use crate::compiled::{Compiled, CompiledProgram};

#[derive(Serialize)]
struct Document<'a> {
    /// Version of this form; a change that breaks readers raises it.
    format: u32,
    source: &'a str,
    endian: &'static str,
    /// Instructions of the program.
    instructions: usize,
    #[serde(flatten)]
    table: Entries<'a>,
}

/// The two lists of a table.
#[derive(Serialize)]
pub(super) struct Entries<'a> {
    params: Vec<Param<'a>>,
    sites: Vec<Site<'a>>,
    /// A number that tells the unpatched program from others: FNV-1a of its bytes, least
    /// significant first, in hexadecimal.
    fingerprint: String,
}

#[derive(Serialize)]
struct Param<'a> {
    name: &'a str,
    r#type: &'a str,
    min: i128,
    max: i128,
}

#[derive(Serialize)]
struct Site<'a> {
    param: &'a str,
    /// Index of the instruction, and where its constant begins in the bytes of the program.
    instruction: usize,
    offset: usize,
    /// Bytes that are written.
    width: u8,
    shift: u8,
    mask: u32,
}

/// The lists of a program's table.
pub(super) fn entries(table: &Table) -> Entries<'_> {
    let param = |position: u8| table.params.get(usize::from(position));
    Entries {
        params: (table.params.iter())
            .map(|param| Param {
                name: &param.name,
                r#type: &param.ty,
                min: param.min,
                max: param.max,
            })
            .collect(),
        sites: (table.sites.iter())
            .map(|site| Site {
                param: param(site.param).map(|param| &*param.name).unwrap_or_default(),
                instruction: site.pc,
                offset: site.offset(),
                width: 4,
                shift: site.shift(),
                mask: site.mask,
            })
            .collect(),
        fingerprint: format!("{:#018x}", table.program),
    }
}

pub(super) fn emit(compiled: &Compiled, program: &CompiledProgram) -> String {
    let document = Document {
        format: 1,
        source: compiled.name(),
        endian: endian(program),
        instructions: program.insns().len(),
        table: entries(program.table()),
    };
    // Strings and numbers only: this cannot fail, and an empty document would be seen.
    let mut text = serde_json::to_string(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// The byte order of a program, in JSON.
pub(super) const fn endian(program: &CompiledProgram) -> &'static str {
    match program.endian() {
        filterc_abi::Endian::Little => "little",
        filterc_abi::Endian::Big => "big",
    }
}
