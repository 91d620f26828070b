//! Lookups in the committed tables, which are part of the binary as text.
//!
//! An ABI's rows are parsed when the first of them is asked for, constants not at all:
//! their lines are sorted, and the binary search reads them where they lie. A row that
//! does not parse is left out; the test at the end holds that there is none.

use std::cmp::Ordering;
use std::sync::OnceLock;

use crate::rows::{self, consts, forms};
use crate::{Abi, Set, SubCall, Syscall};

pub(crate) use crate::abis::WITHOUT_TABLES;
use crate::abis::{WITH_TABLES, X86_64};

const SETS: &str = include_str!("../tables/sets.tsv");
const SUB_CALLS: &str = include_str!("../tables/subcalls.tsv");

/// The parsed rows of one ABI.
struct Table {
    name: &'static str,
    text: &'static str,
    rows: OnceLock<Rows>,
}

struct Rows {
    /// Sorted by number.
    calls: Vec<Syscall>,
    /// Positions in `calls`, sorted by name.
    by_name: Vec<usize>,
    /// Sorted by name.
    sub_calls: Vec<SubCall>,
}

static TABLES: [Table; 4] = [
    table("aarch64", include_str!("../tables/syscalls/aarch64.tsv")),
    table("i386", include_str!("../tables/syscalls/i386.tsv")),
    table("riscv64", include_str!("../tables/syscalls/riscv64.tsv")),
    table("x86_64", include_str!("../tables/syscalls/x86_64.tsv")),
];

const fn table(name: &'static str, text: &'static str) -> Table {
    Table { name, text, rows: OnceLock::new() }
}

pub(crate) fn abis() -> &'static [&'static Abi] {
    WITH_TABLES
}

pub(crate) fn x86_64() -> &'static Abi {
    &X86_64
}

fn rows_of(abi: &'static Abi) -> Option<&'static Rows> {
    let table = TABLES.iter().find(|table| table.name == abi.name)?;
    Some(table.rows.get_or_init(|| {
        let forms = forms();
        let calls: Vec<Syscall> =
            table.text.lines().filter_map(|line| rows::syscall(line, forms)).collect();
        let name_at = |&i: &usize| calls.get(i).map(|call| call.name);
        let mut by_name: Vec<usize> = (0..calls.len()).collect();
        by_name.sort_unstable_by_key(name_at);
        let sub_calls = SUB_CALLS.lines().filter_map(|line| rows::sub_call(line, abi.name));
        Rows { by_name, sub_calls: sub_calls.collect(), calls }
    }))
}

pub(crate) fn syscalls(abi: &'static Abi) -> &'static [Syscall] {
    rows_of(abi).map_or(&[], |rows| &rows.calls)
}

pub(crate) fn syscall_by_name(abi: &'static Abi, name: &str) -> Option<&'static Syscall> {
    let rows = rows_of(abi)?;
    let order = |&i: &usize| rows.calls.get(i).map_or(Ordering::Less, |call| call.name.cmp(name));
    let found = rows.by_name.binary_search_by(order).ok()?;
    rows.calls.get(*rows.by_name.get(found)?)
}

pub(crate) fn sub_calls(abi: &'static Abi) -> &'static [SubCall] {
    rows_of(abi).map_or(&[], |rows| &rows.sub_calls)
}

pub(crate) fn sets() -> &'static [Set] {
    static PARSED: OnceLock<Vec<Set>> = OnceLock::new();
    PARSED.get_or_init(|| SETS.lines().filter_map(rows::set).collect())
}

pub(crate) fn set(name: &str) -> Option<&'static Set> {
    let sets = sets();
    sets.binary_search_by(|set| set.name.cmp(name)).ok().and_then(|i| sets.get(i))
}

/// The column of an ABI's values in `consts.tsv`.
fn column(abi: &Abi) -> Option<usize> {
    WITH_TABLES.iter().position(|other| other.name == abi.name)
}

pub(crate) fn constant(abi: &'static Abi, name: &str) -> Option<i128> {
    let line = consts::find(name)?;
    consts::value(line, column(abi)?)
}

pub(crate) fn constant_names(abi: &'static Abi) -> impl Iterator<Item = &'static str> {
    let column = column(abi);
    consts::TEXT.lines().filter_map(move |line| {
        let (name, values) = line.split_once('\t')?;
        consts::value(values, column?).map(|_| name)
    })
}

#[cfg(test)]
#[path = "tables_tests.rs"]
mod tests;
