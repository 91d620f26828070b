//! Lookups in the committed tables, which are part of the binary as text.
//!
//! An ABI's rows are parsed when the first of them is asked for, constants not at all:
//! their lines are sorted, and the binary search reads them where they lie. A row that
//! does not parse is left out; the test at the end holds that there is none.

use std::cmp::Ordering;
use std::sync::OnceLock;

use crate::rows::{self, consts, forms};
use crate::{
    Abi, Alias, CloneOrder, Dependent, Endian, Family, Group, InMemory, Pairs, Set, SubCall,
    Syscall,
};

const SETS: &str = include_str!("../tables/sets.tsv");
const SUB_CALLS: &str = include_str!("../tables/subcalls.tsv");

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

/// The parsed rows of one ABI.
struct Rows {
    /// Sorted by number.
    calls: Vec<Syscall>,
    /// Positions in `calls`, sorted by name.
    by_name: Vec<usize>,
    /// Sorted by name.
    sub_calls: Vec<SubCall>,
}

/// In the order of `abis.tsv`.
static TEXTS: [&str; 29] = [
    include_str!("../tables/syscalls/aarch64.tsv"),
    include_str!("../tables/syscalls/alpha.tsv"),
    include_str!("../tables/syscalls/arm.tsv"),
    include_str!("../tables/syscalls/csky.tsv"),
    include_str!("../tables/syscalls/i386.tsv"),
    include_str!("../tables/syscalls/loongarch64.tsv"),
    include_str!("../tables/syscalls/m68k.tsv"),
    include_str!("../tables/syscalls/mips.tsv"),
    include_str!("../tables/syscalls/mips64.tsv"),
    include_str!("../tables/syscalls/mips64n32.tsv"),
    include_str!("../tables/syscalls/mipsel.tsv"),
    include_str!("../tables/syscalls/mipsel64.tsv"),
    include_str!("../tables/syscalls/mipsel64n32.tsv"),
    include_str!("../tables/syscalls/parisc.tsv"),
    include_str!("../tables/syscalls/parisc64.tsv"),
    include_str!("../tables/syscalls/ppc.tsv"),
    include_str!("../tables/syscalls/ppc64.tsv"),
    include_str!("../tables/syscalls/ppc64le.tsv"),
    include_str!("../tables/syscalls/riscv32.tsv"),
    include_str!("../tables/syscalls/riscv64.tsv"),
    include_str!("../tables/syscalls/s390.tsv"),
    include_str!("../tables/syscalls/s390x.tsv"),
    include_str!("../tables/syscalls/sh.tsv"),
    include_str!("../tables/syscalls/sheb.tsv"),
    include_str!("../tables/syscalls/sparc.tsv"),
    include_str!("../tables/syscalls/sparc64.tsv"),
    include_str!("../tables/syscalls/x32.tsv"),
    include_str!("../tables/syscalls/x86_64.tsv"),
    include_str!("../tables/syscalls/xtensa.tsv"),
];

pub(crate) fn abis() -> &'static [Abi] {
    static PARSED: OnceLock<Vec<Abi>> = OnceLock::new();
    PARSED
        .get_or_init(|| include_str!("../tables/abis.tsv").lines().filter_map(rows::abi).collect())
}

pub(crate) fn x86_64() -> &'static Abi {
    /// Never used: the table has the ABI, and a test holds that.
    static MISSING: Abi = Abi {
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

fn rows_of(abi: &'static Abi) -> Option<&'static Rows> {
    static ROWS: [OnceLock<Rows>; TEXTS.len()] = [const { OnceLock::new() }; TEXTS.len()];
    let index = abis().iter().position(|other| other.name == abi.name)?;
    let text = TEXTS.get(index)?;
    Some(ROWS.get(index)?.get_or_init(|| {
        let forms = forms();
        let calls: Vec<Syscall> =
            text.lines().filter_map(|line| rows::syscall(line, forms)).collect();
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

pub(crate) fn dependents() -> &'static [Dependent] {
    static PARSED: OnceLock<Vec<Dependent>> = OnceLock::new();
    let text = include_str!("../tables/dependents.tsv");
    PARSED.get_or_init(|| text.lines().filter_map(rows::dependent).collect())
}

pub(crate) fn in_memory() -> &'static [InMemory] {
    static PARSED: OnceLock<Vec<InMemory>> = OnceLock::new();
    let text = include_str!("../tables/memory.tsv");
    PARSED.get_or_init(|| text.lines().filter_map(rows::in_memory).collect())
}

pub(crate) fn groups() -> &'static [Group] {
    static PARSED: OnceLock<Vec<Group>> = OnceLock::new();
    let text = include_str!("../tables/groups.tsv");
    PARSED.get_or_init(|| text.lines().filter_map(rows::group).collect())
}

pub(crate) fn aliases() -> &'static [Alias] {
    static PARSED: OnceLock<Vec<Alias>> = OnceLock::new();
    let text = include_str!("../tables/aliases.tsv");
    PARSED.get_or_init(|| text.lines().filter_map(rows::alias).collect())
}

pub(crate) fn families() -> &'static [Family] {
    static PARSED: OnceLock<Vec<Family>> = OnceLock::new();
    let text = include_str!("../tables/families.tsv");
    PARSED.get_or_init(|| text.lines().filter_map(rows::family).collect())
}

pub(crate) fn constant(abi: &'static Abi, name: &str) -> Option<i128> {
    consts::value(consts::find(name)?, abi.name)
}

pub(crate) fn constant_names(abi: &'static Abi) -> impl Iterator<Item = &'static str> {
    consts::TEXT.lines().filter_map(move |line| {
        let (name, values) = line.split_once('\t')?;
        consts::value(values, abi.name).map(|_| name)
    })
}

#[cfg(test)]
#[path = "tables_tests.rs"]
mod tests;
