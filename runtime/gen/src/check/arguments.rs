//! Arguments: width, registers, kind and set fit each other and the ABI.

use std::collections::BTreeSet;

use super::findings::Findings;
use super::read::{Abi, Arg, Call, Pairs, Tables};

/// Registers that a filter sees.
const REGISTERS: u8 = 6;

/// Values of 64 bits that the call's definition takes in two halves itself, and whether the
/// high half is first: not as the ABI's C compiler would pass them.
const HALVES: [(&str, &str, bool); 6] = [
    ("_llseek", "offset", true),
    ("llseek", "offset", true),
    ("preadv", "pos", false),
    ("preadv2", "pos", false),
    ("pwritev", "pos", false),
    ("pwritev2", "pos", false),
];

/// The kinds of arguments, as `ArgKind` has them.
const KINDS: [&str; 14] = [
    "address", "enum", "fd", "flags", "gid", "id", "int", "mode", "offset", "pid", "pointer",
    "signal", "size", "uid",
];

pub(super) fn check(tables: &Tables, found: &mut Findings) {
    for abi in &tables.abis {
        let file = format!("syscalls/{}.tsv", abi.name);
        for call in tables.calls.get(&abi.name).into_iter().flatten() {
            let mut seen = Seen::default();
            for arg in tables.args(call) {
                for what in one(tables, abi, call, arg).into_iter().chain(seen.add(arg)) {
                    found.add(&file, format_args!("{}.{}: {what}", call.name, arg.name));
                }
            }
            gap(call, &seen, &file, found);
        }
    }
}

/// Names and registers of the arguments so far.
#[derive(Default)]
struct Seen<'a> {
    names: BTreeSet<&'a str>,
    regs: BTreeSet<u8>,
    invisible: bool,
    /// An invisible value that takes two registers: one of them may be the sixth.
    invisible_pair: bool,
}

impl<'a> Seen<'a> {
    fn add(&mut self, arg: &'a Arg) -> Option<String> {
        self.invisible |= arg.regs.is_empty();
        self.invisible_pair |= arg.regs.is_empty() && arg.width == 64;
        let fresh = self.names.insert(&arg.name);
        let free = arg.regs.iter().all(|reg| self.regs.insert(*reg));
        let what = if fresh { "a register that another has" } else { "stands twice" };
        (!fresh || !free).then(|| what.to_owned())
    }
}

/// An argument is beyond the sixth register only where the registers are used up.
fn gap(call: &Call, seen: &Seen<'_>, file: &str, found: &mut Findings) {
    // On m68k no argument is in sight.
    let Some(last) = seen.regs.last() else { return };
    let left = (REGISTERS - 1).saturating_sub(*last);
    let full = left == 0 || (left == 1 && seen.invisible_pair);
    let what = format_args!("{}: an argument beyond the sixth register, which is free", call.name);
    found.expect(!seen.invisible || full, file, what);
}

/// What is wrong with one argument.
fn one(tables: &Tables, abi: &Abi, call: &Call, arg: &Arg) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let (width, declared) = (arg.width, arg.declared);
    expect(matches!(width, 8 | 16 | 32 | 64), format!("{width} bits"));
    expect(width <= declared, format!("{width} bits of {declared}"));
    let pointer = arg.kind == "pointer";
    let word = [abi.word, abi.register].contains(&width);
    expect(!pointer || (word && !arg.signed), "a pointer that is no word".to_owned());
    expect(KINDS.contains(&arg.kind.as_str()), format!("no kind {}", arg.kind));
    match *arg.regs.as_slice() {
        [reg] => {
            expect(reg < REGISTERS, format!("register {reg}"));
            expect(width <= abi.register, format!("{width} bits in one register"));
        }
        [lo, hi] => {
            expect(lo < REGISTERS && hi < REGISTERS, format!("registers {lo}, {hi}"));
            expect(width == 64, format!("{width} bits in two registers"));
            // n32 has registers of 64 bits, but takes the halves that o32 passes.
            expect(abi.word == 32, "a pair on a 64-bit ABI".to_owned());
            expect(in_order(abi, call, arg, (lo, hi)), format!("the pair {lo}, {hi}"));
        }
        _ => {}
    }
    match arg.set.as_deref().map(|name| (name, tables.sets.get(name))) {
        None => {}
        Some((name, None)) => expect(false, format!("no set {name}")),
        Some((name, Some(set))) => {
            let kind = match arg.kind.as_str() {
                "flags" => set.kind != "enum",
                "enum" => set.kind == "enum",
                _ => true,
            };
            expect(kind, format!("{} with the set {name}, which is {}", arg.kind, set.kind));
        }
    }
    wrong
}

/// Whether a pair is in the order of the call's definition, or as the ABI's C compiler passes
/// one: neighbours, in the byte order, the first of them even where the ABI aligns.
fn in_order(abi: &Abi, call: &Call, arg: &Arg, (lo, hi): (u8, u8)) -> bool {
    let own = HALVES.iter().find(|(name, value, _)| call.name == *name && arg.name == *value);
    let high_first = own.map_or(abi.big_endian, |(_, _, high_first)| *high_first);
    let (first, second) = if high_first { (hi, lo) } else { (lo, hi) };
    let fits = own.is_some()
        || match abi.pairs {
            Pairs::Whole => false,
            Pairs::Any => true,
            Pairs::Even => first % 2 == 0,
        };
    first + 1 == second && fits
}
