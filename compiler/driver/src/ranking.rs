//! How often calls are made if nothing says so: the ranking in `data/`, on every ABI.
//!
//! The ranking has names of x86_64. On another ABI a name's share goes to what programs make
//! instead where the name is missing (`data/moved.tsv`), and on 32-bit ABIs mostly to the variant
//! for large files, ids and times. A call that was never seen counts as one in a million.

use std::sync::{LazyLock, OnceLock};

use filterc_abi::{self as abi, Abi, Status, Syscall};
use filterc_ir::objective::Frequencies;

const RANKING: &str = include_str!("../data/ranking.tsv");
const ARGUMENTS: &str = include_str!("../data/arguments.tsv");
const MOVED: &str = include_str!("../data/moved.tsv");

/// The share of a call that was never seen.
const UNSEEN: f64 = 1e-6;

/// What an address is in a sample, on ABIs with 64-bit and 32-bit registers.
const ADDRESSES: (u64, u64) = (0x7fff_f7dd_1000, 0xf7dd_1000);

/// A call as it is often made: its argument registers, with a weight.
pub(crate) type Made = ([u64; 6], f64);

/// The rows of a data file by their names, in order; those of one name as they stand there. What a
/// row says is read when it is asked for: a policy asks for few of them.
type Rows = Vec<(&'static str, &'static str)>;

/// Names with their shares.
static SHARES: LazyLock<Vec<(&'static str, f64)>> = LazyLock::new(|| {
    let share = |(name, of_million): (_, &str)| Some((name, of_million.parse::<f64>().ok()? / 1e6));
    rows(RANKING).filter_map(share).collect()
});

/// By name, its calls.
static CALLS: LazyLock<Rows> = LazyLock::new(|| by_name(ARGUMENTS));

/// By name, the calls that stand for it, the first one first.
static INSTEAD: LazyLock<Rows> = LazyLock::new(|| by_name(MOVED));

/// The rows of a data file, what stands first in them and the rest; `#` begins a comment.
fn rows(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| line.split_once('\t'))
}

fn by_name(text: &'static str) -> Rows {
    let mut rows: Rows = rows(text).collect();
    rows.sort_by_key(|(name, _)| *name);
    rows
}

/// The rows of a name, in columns.
fn rows_of(
    rows: &'static Rows,
    name: &str,
) -> impl Iterator<Item = std::str::Split<'static, char>> {
    let start = rows.partition_point(|(other, _)| *other < name);
    let behind = rows.get(start..).unwrap_or_default();
    let count = behind.iter().take_while(|(other, _)| *other == name).count();
    behind.iter().take(count).map(|(_, rest)| rest.split('\t'))
}

/// How often a call is made so, and its registers; a row that is not understood is none, and a
/// test sees to it that there is no such row.
fn made_so(mut row: std::str::Split<'static, char>, address: u64) -> Option<Made> {
    let weight = row.next()?.parse().ok()?;
    let mut registers = [0; 6];
    for (register, text) in registers.iter_mut().zip(row) {
        // Without a value, a register holds an address.
        *register = u64::from_str_radix(text, 16).unwrap_or(address);
    }
    Some((registers, weight))
}

/// The shares of an ABI's calls among all calls of it.
pub(crate) fn frequencies(abi: &'static Abi) -> Frequencies {
    // Each is made once and then shared, since most compilations are for the same ABI.
    static TABLES: LazyLock<Vec<OnceLock<Frequencies>>> =
        LazyLock::new(|| abi::abis().iter().map(|_| OnceLock::new()).collect());
    let index = abi::abis().iter().position(|other| other.name == abi.name);
    match index.and_then(|index| TABLES.get(index)) {
        Some(table) => table.get_or_init(|| rank(abi)).clone(),
        None => rank(abi),
    }
}

fn rank(abi: &'static Abi) -> Frequencies {
    let is_implemented = |call: &&Syscall| call.status == Status::Implemented;
    let unseen = abi.syscalls().iter().filter(is_implemented).map(|call| (call.nr, UNSEEN));
    let seen = SHARES.iter().flat_map(|(name, share)| {
        named(abi, name).into_iter().map(move |(call, part)| (call.nr, share * part))
    });
    Frequencies::new(abi.audit_arch, unseen.chain(seen))
}

/// What a program calls on an ABI where it calls `name` on x86_64, in parts of 1; nothing, if
/// there is no such thing.
pub(crate) fn named(abi: &'static Abi, name: &str) -> Vec<(&'static Syscall, f64)> {
    let instead = rows_of(&INSTEAD, name).flatten().map(|name| -> &str { name });
    let mut names = std::iter::once(name).chain(instead);
    let Some(call) = names.find_map(|name| abi.syscall(name)) else { return Vec::new() };
    if abi.word == 64 {
        return vec![(call, 1.0)];
    }
    let variants = ["64", "32", "_time64"].map(|suffix| format!("{}{suffix}", call.name));
    let variants = variants.iter().filter_map(|name| abi.syscall(name));
    let mmap2 = abi.syscall("mmap2").filter(|_| call.name == "mmap");
    let variants: Vec<_> = variants.chain(mmap2).collect();
    if variants.is_empty() {
        return vec![(call, 1.0)];
    }
    let part = 0.75 / variants.len() as f64;
    let variants = variants.into_iter().map(|variant| (variant, part));
    variants.chain([(call, 0.25)]).collect()
}

/// How the calls of a number are made; nothing if that is not known, or if the ABI takes the
/// arguments in other registers than x86_64.
pub(crate) fn made(abi: &'static Abi, call: &'static Syscall) -> Vec<Made> {
    let is_same = |other: &Syscall| {
        let args = call.args.iter().zip(other.args);
        call.args.len() == other.args.len()
            && args.into_iter().all(|(a, b)| a.name == b.name && a.regs == b.regs)
    };
    let is_same = abi::x86_64().syscall(call.name).is_some_and(is_same);
    if !is_same {
        return Vec::new();
    }
    let address = if abi.register == 64 { ADDRESSES.0 } else { ADDRESSES.1 };
    rows_of(&CALLS, call.name).filter_map(|row| made_so(row, address)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )]

    use super::*;

    #[test]
    fn every_row_is_understood() {
        let count = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(count(RANKING), SHARES.len());
        let total: f64 = SHARES.iter().map(|(_, share)| share).sum();
        assert!((0.99..1.01).contains(&total), "{total}");
        let x86_64 = abi::x86_64();
        for (name, share) in SHARES.iter() {
            assert!(x86_64.syscall(name).is_some() && *share >= 0.0, "{name}");
        }
        assert_eq!(count(ARGUMENTS), CALLS.len());
        for (name, rest) in CALLS.iter() {
            assert!(x86_64.syscall(name).is_some(), "{name}");
            let mut row = rest.split('\t');
            assert!((1..=16).contains(&row.next().unwrap().parse::<u32>().unwrap()), "{name}");
            assert!(row.all(|text| text == "p" || u64::from_str_radix(text, 16).is_ok()), "{name}");
        }
        for of_name in CALLS.chunk_by(|(a, _), (b, _)| a == b) {
            let name = of_name[0].0;
            let made: Vec<_> =
                rows_of(&CALLS, name).map(|row| made_so(row, ADDRESSES.0).unwrap()).collect();
            assert_eq!(made.len(), of_name.len(), "{name}");
            let of_16: f64 = made.iter().map(|(_, weight)| weight).sum();
            assert!((of_16 - 16.0).abs() < 1e-9, "{name}");
        }
        assert_eq!(count(MOVED), INSTEAD.len());
        let exists = |name: &str| abi::abis().iter().any(|abi| abi.syscall(name).is_some());
        for (name, rest) in INSTEAD.iter() {
            assert!(exists(name) && rest.split('\t').all(exists), "{name}");
        }
    }

    /// Nearly everything that programs do has a place on every ABI.
    #[test]
    fn every_abi_has_a_ranking() {
        for abi in abi::abis() {
            let all = frequencies(abi).share(0, u32::MAX);
            assert!((0.97..1.001).contains(&all), "{}: {all}", abi.name);
        }
    }

    #[test]
    fn a_missing_call_is_another() {
        let on = |abi: &str, name: &str| {
            let named = named(abi::abi(abi).unwrap(), name);
            named.into_iter().map(|(call, part)| (call.name, part)).collect::<Vec<_>>()
        };
        assert_eq!(on("x86_64", "open"), [("open", 1.0)]);
        assert_eq!(on("aarch64", "open"), [("openat", 1.0)]);
        assert_eq!(on("i386", "mmap"), [("mmap2", 0.75), ("mmap", 0.25)]);
        assert_eq!(on("arm", "mmap"), [("mmap2", 1.0)]);
        assert_eq!(on("i386", "futex"), [("futex_time64", 0.75), ("futex", 0.25)]);
        assert_eq!(on("i386", "newfstatat"), [("fstatat64", 1.0)]);
        assert_eq!(on("riscv64", "nosuchthing"), []);
    }
}
