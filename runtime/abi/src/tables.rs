//! Lookups in the tables. What an ABI's calls and the lists are is read when the first of
//! them is asked for, and kept; constants are looked up where they lie.

use std::sync::OnceLock;

use crate::blob::{Blob, CallTable, RawCalls, blob};
use crate::{
    Abi, Alias, CloneOrder, Constant, Dependent, Endian, Family, Group, InMemory, Pairs, Set,
    SubCall, Syscall,
};

const NO_SECCOMP: &str = "its kernel has no seccomp filters";

/// The other ABIs of the kernel, sorted by name, each with the reason.
pub(crate) static WITHOUT_TABLES: &[(&str, &str)] = &[
    ("arc", NO_SECCOMP),
    ("arm_oabi", "a kernel with this ABI has no seccomp filters"),
    ("hexagon", NO_SECCOMP),
    ("loongarch32", "no tables in this version"),
    ("microblaze", NO_SECCOMP),
    ("nios2", NO_SECCOMP),
    ("openrisc", NO_SECCOMP),
];

/// A table, read once; empty if it cannot be read.
fn once<T>(
    table: &'static OnceLock<Vec<T>>,
    read: impl FnOnce(&Blob) -> Option<Vec<T>>,
) -> &'static [T] {
    table.get_or_init(|| blob().and_then(read).unwrap_or_default())
}

pub(crate) fn abis() -> &'static [Abi] {
    static ABIS: OnceLock<Vec<Abi>> = OnceLock::new();
    once(&ABIS, Blob::abis)
}

pub(crate) fn x86_64() -> &'static Abi {
    /// Never used: the table has the ABI, and a test holds that.
    static MISSING: Abi = Abi {
        index: usize::MAX,
        name: "",
        audit_arch: 0,
        audit_arch_name: "",
        endian: Endian::Little,
        word: 64,
        register: 64,
        nr_base: 0,
        mark: None,
        filters_since: None,
        clone_order: CloneOrder::Default,
        pairs: Pairs::Whole,
        kernel_arch: "",
    };
    crate::abi("x86_64").unwrap_or(&MISSING)
}

/// The calls of an ABI.
fn calls_of(abi: &'static Abi) -> Option<&'static CallTable> {
    static TABLES: OnceLock<Vec<OnceLock<CallTable>>> = OnceLock::new();
    let tables = TABLES.get_or_init(|| abis().iter().map(|_| OnceLock::new()).collect());
    let read = || blob().and_then(|blob| blob.calls(abi)).map(RawCalls::leak).unwrap_or_default();
    tables.get(abi.index).map(|table| table.get_or_init(read))
}

pub(crate) fn syscalls(abi: &'static Abi) -> &'static [Syscall] {
    calls_of(abi).map_or(&[], |table| &table.calls)
}

pub(crate) fn syscall_by_name(abi: &'static Abi, name: &str) -> Option<&'static Syscall> {
    let CallTable { calls, by_name, .. } = calls_of(abi)?;
    calls.get(*by_name.get(name)?)
}

pub(crate) fn sub_calls(abi: &'static Abi) -> &'static [SubCall] {
    calls_of(abi).map_or(&[], |table| &table.sub_calls)
}

pub(crate) fn sets() -> &'static [Set] {
    static SETS: OnceLock<Vec<Set>> = OnceLock::new();
    once(&SETS, Blob::sets)
}

pub(crate) fn dependents() -> &'static [Dependent] {
    static DEPENDENTS: OnceLock<Vec<Dependent>> = OnceLock::new();
    once(&DEPENDENTS, Blob::dependents)
}

pub(crate) fn in_memory() -> &'static [InMemory] {
    static IN_MEMORY: OnceLock<Vec<InMemory>> = OnceLock::new();
    once(&IN_MEMORY, Blob::in_memory)
}

pub(crate) fn groups() -> &'static [Group] {
    static GROUPS: OnceLock<Vec<Group>> = OnceLock::new();
    once(&GROUPS, Blob::groups)
}

pub(crate) fn aliases() -> &'static [Alias] {
    static ALIASES: OnceLock<Vec<Alias>> = OnceLock::new();
    once(&ALIASES, Blob::aliases)
}

pub(crate) fn families() -> &'static [Family] {
    static FAMILIES: OnceLock<Vec<Family>> = OnceLock::new();
    once(&FAMILIES, Blob::families)
}

pub(crate) fn constant_id(name: &str) -> Option<u16> {
    blob()?.constant_id(name)
}

pub(crate) fn constant(abi: &'static Abi, name: &str) -> Option<Constant> {
    blob()?.constant(abi, name)
}

/// Made as a whole when somebody asks: for a guess at a mistyped name, say.
pub(crate) fn constant_names(abi: &'static Abi) -> impl Iterator<Item = &'static str> {
    static ALL: OnceLock<Vec<(String, crate::blob::Record)>> = OnceLock::new();
    let all = once(&ALL, Blob::all_constants);
    let here = move |(name, record): &'static (String, _)| {
        blob()?.has(abi, *record).then_some(name.as_str())
    };
    all.iter().filter_map(here)
}

#[cfg(test)]
#[path = "tables_tests.rs"]
mod tests;
