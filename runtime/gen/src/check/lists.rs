//! The tables of names: every name is of a call or an argument that exists.

use std::collections::BTreeSet;

use super::findings::Findings;
use super::read::{Status, Tables};
use crate::tsv::Row;

pub(super) fn check(tables: &Tables, found: &mut Findings) {
    let names = tables.names();
    groups(tables, &names, found);
    for row in tables.list("families") {
        let (file, name) = ("families.tsv", row.column(0));
        let calls: Vec<&str> = row.words(2).chain(row.words(3)).collect();
        real(&names, row, calls.iter().copied(), file, found);
        found.expect(row.words(2).next().is_some(), file, format_args!("{name}: no calls"));
        found.expect(calls.len() > 1, file, format_args!("{name}: one call is no family"));
        let distinct: BTreeSet<_> = calls.iter().collect();
        let once = distinct.len() == calls.len();
        found.expect(once, file, format_args!("{name}: a call among the others too"));
        found.expect(!row.column(1).is_empty(), file, format_args!("{name}: not described"));
    }
    for row in tables.list("aliases") {
        let (file, name) = ("aliases.tsv", row.column(0));
        real(&names, row, row.words(1), file, found);
        let other = name != row.column(1);
        found.expect(other, file, format_args!("{name} is the call's own name"));
        found.expect(!row.column(2).is_empty(), file, format_args!("{name}: nobody uses it"));
    }
    for row in tables.list("memory") {
        memory(tables, row, found);
    }
    for row in tables.list("dependents") {
        dependent(tables, row, found);
    }
    for row in tables.list("subcalls") {
        sub_call(tables, &names, row, found);
    }
}

fn real<'a>(
    names: &BTreeSet<&str>,
    row: &Row,
    calls: impl Iterator<Item = &'a str>,
    file: &str,
    found: &mut Findings,
) {
    for call in calls {
        let what = format_args!("{}: no ABI has {call}", row.column(0));
        found.expect(names.contains(call), file, what);
    }
}

/// Every call is in a group.
fn groups(tables: &Tables, names: &BTreeSet<&str>, found: &mut Findings) {
    let file = "groups.tsv";
    let mut grouped = BTreeSet::new();
    for row in tables.list("groups") {
        let name = row.column(0);
        real(names, row, row.words(2), file, found);
        found.expect(row.words(2).next().is_some(), file, format_args!("{name}: empty"));
        found.expect(!row.column(1).is_empty(), file, format_args!("{name}: not described"));
        grouped.extend(row.words(2));
    }
    for call in names.difference(&grouped) {
        found.add(file, format_args!("{call} is in no group"));
    }
}

/// The ABIs of a row: those that it names, or all that implement the call.
fn abis<'a>(tables: &'a Tables, row: &'a Row, call: &'a str) -> Vec<&'a str> {
    if row.column(1) != "*" {
        return row.words(1).collect();
    }
    let there = tables.calls_named(call).filter(|(_, call)| call.status == Status::Implemented);
    there.map(|(abi, _)| abi).collect()
}

/// The argument exists, and the names of what lies in memory are not those of arguments.
fn memory(tables: &Tables, row: &Row, found: &mut Findings) {
    let (file, name, pointer) = ("memory.tsv", row.column(0), row.column(2));
    let abis = abis(tables, row, name);
    found.expect(!abis.is_empty(), file, format_args!("{name}: no ABI has it"));
    found.expect(row.words(3).next().is_some(), file, format_args!("{name}: no fields"));
    found.expect(!row.column(4).is_empty(), file, format_args!("{name}: no note"));
    for abi in abis {
        let Some(call) = tables.call(abi, name) else {
            found.add(file, format_args!("{name}: {abi} has no such call"));
            continue;
        };
        let args = tables.args(call);
        let there = args.iter().any(|arg| arg.name == pointer);
        found.expect(there, file, format_args!("{name}: no argument {pointer} on {abi}"));
        for field in row.words(3).filter(|field| args.iter().any(|arg| arg.name == *field)) {
            found.add(file, format_args!("{name}: {field} is an argument on {abi}"));
        }
    }
}

/// Call, arguments, constants and set exist.
fn dependent(tables: &Tables, row: &Row, found: &mut Findings) {
    let (file, name) = ("dependents.tsv", row.column(0));
    for arg in [row.column(1), row.column(2)] {
        let there = tables.has_argument(name, arg);
        found.expect(there, file, format_args!("{name}: no ABI has the argument {arg}"));
    }
    found.expect(row.column(1) != row.column(2), file, format_args!("{name}: depends on itself"));
    found.expect(row.words(3).next().is_some(), file, format_args!("{name}: on no value"));
    for value in row.words(3) {
        let there = tables.constants.contains_key(value);
        found.expect(there, file, format_args!("{name}: {value} is no constant"));
    }
    let set = row.column(4);
    found.expect(tables.sets.contains_key(set), file, format_args!("{name}: no set {set}"));
}

/// The multiplexer exists there; the number is under the mask, and of one call alone.
fn sub_call(tables: &Tables, names: &BTreeSet<&str>, row: &Row, found: &mut Findings) {
    let (file, abi, name, multiplexer) =
        ("subcalls.tsv", row.column(0), row.column(1), row.column(2));
    let what = format_args!("{abi} {name}: no ABI has it");
    found.expect(names.contains(name), file, what);
    let there = tables.call(abi, multiplexer).is_some();
    found.expect(there, file, format_args!("{abi} {name}: {abi} has no {multiplexer}"));
    let mask = row.column(3).strip_prefix("0x").and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let value: Option<u32> = row.column(4).parse().ok();
    let under = mask.zip(value).is_some_and(|(mask, value)| value & !mask == 0);
    found.expect(under, file, format_args!("{abi} {name}: the number is not under the mask"));
    let key = |row: &Row| [0, 2, 4].map(|index| row.column(index).to_owned());
    let same = tables.list(file.trim_end_matches(".tsv")).iter().filter(|r| key(r) == key(row));
    found.expect(same.count() == 1, file, format_args!("{abi} {name}: another has its number"));
}
