//! The hand-written files: each row has evidence and is about something that exists, and
//! the tables made from them are what they say.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::findings::Findings;
use super::read::Tables;
use crate::error::Error;
use crate::generate::lists;
use crate::generate::since::Since;
use crate::tsv::{Row, Sheet};

pub(super) fn check(abi: &Path, tables: &Tables, found: &mut Findings) -> Result<(), Error> {
    let folder = abi.join("curated");
    let entries = fs::read_dir(&folder).map_err(|error| Error::io(&folder, &error))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|error| Error::io(&folder, &error))?.path());
    }
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|ext| ext == "tsv")) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let file = format!("curated/{name}");
        let sheet = Sheet::read(path)?;
        for row in sheet.rows() {
            evidence(&file, row, found);
            match name {
                "bindings.tsv" => bindings(tables, &file, row, found),
                "widths.tsv" => width(tables, &file, row, found),
                "widths64.tsv" => argument(tables, &file, row, row.column(0), found),
                _ => {}
            }
        }
    }
    derived(abi, tables, found);
    since(&folder, tables, found)
}

fn evidence(file: &str, row: &Row, found: &mut Findings) {
    let given = row.width() > 1 && !row.evidence().trim().is_empty();
    found.expect(given, file, format_args!("line {}: no evidence", row.line()));
}

/// `call.argument` is one of an ABI.
fn argument(tables: &Tables, file: &str, row: &Row, name: &str, found: &mut Findings) {
    let parts = name.split_once('.');
    let there = parts.is_some_and(|(call, arg)| tables.has_argument(call, arg));
    let what = format_args!("line {}: no ABI has {name}", row.line());
    found.expect(there, file, what);
}

/// `set, call.argument …, evidence`
fn bindings(tables: &Tables, file: &str, row: &Row, found: &mut Findings) {
    let set = row.column(0);
    let what = format_args!("line {}: no set {set}", row.line());
    found.expect(tables.sets.contains_key(set), file, what);
    for name in row.words(1) {
        argument(tables, file, row, name, found);
    }
}

/// `call.argument, ABIs, type, evidence`: never wider than the table has it.
fn width(tables: &Tables, file: &str, row: &Row, found: &mut Findings) {
    let name = row.column(0);
    argument(tables, file, row, name, found);
    let bits = row.column(2).strip_prefix(['s', 'u']).and_then(|bits| bits.parse::<u8>().ok());
    let known = bits.is_some_and(|bits| matches!(bits, 8 | 16 | 32 | 64));
    found.expect(known, file, format_args!("line {}: no type", row.line()));
    let Some((call, arg)) = name.split_once('.') else { return };
    let mut wider: BTreeMap<u8, Vec<&str>> = BTreeMap::new();
    for (abi, call) in tables.calls_named(call) {
        if row.column(1) != "*" && !row.words(1).any(|other| other == abi) {
            continue;
        }
        let args = tables.args(call).iter().filter(|other| other.name == arg);
        for arg in args.filter(|arg| bits.is_some_and(|bits| arg.width > bits)) {
            wider.entry(arg.width).or_default().push(abi);
        }
    }
    for (width, abis) in wider {
        let what = format_args!("line {}: {name} has {width} bits on", row.line());
        found.add(file, format_args!("{what} {}", abis.join(" ")));
    }
    for abi in row.words(1) {
        let known = tables.abis.iter().any(|other| other.name == abi);
        found.expect(known, file, format_args!("line {}: no ABI {abi}", row.line()));
    }
}

/// The lists are what `generate` makes of the curated files today.
fn derived(abi: &Path, tables: &Tables, found: &mut Findings) {
    let lists = match lists::lists(abi) {
        Ok(lists) => lists,
        Err(error) => {
            found.add("curated", error);
            return;
        }
    };
    for (name, rows) in lists {
        let file = format!("{name}.tsv");
        let text = tables.texts.get(&file).map_or("", String::as_str);
        let same = text.lines().eq(rows.iter().map(String::as_str));
        found.expect(same, &file, "is not what the curated files say; generate it again");
    }
}

/// The versions are those of `since.tsv`, whose rows are about calls and ABIs that exist.
fn since(folder: &Path, tables: &Tables, found: &mut Findings) -> Result<(), Error> {
    let file = "curated/since.tsv";
    let since = Since::read(&folder.join("since.tsv"))?;
    let names = tables.names();
    for (call, abi) in since.names() {
        found.expect(names.contains(call), file, format_args!("no ABI has {call}"));
        let there = abi == "*" || tables.call(abi, call).is_some();
        found.expect(there, file, format_args!("{call}: not on {abi}"));
    }
    for (abi, calls) in &tables.calls {
        for call in calls.iter().filter(|call| since.of(abi, &call.name) != call.since) {
            let what = format_args!("{}: not the version of since.tsv", call.name);
            found.add(&format!("syscalls/{abi}.tsv"), what);
        }
    }
    Ok(())
}
