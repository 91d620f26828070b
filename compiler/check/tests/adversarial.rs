//! Programs that are hard to compare: relations between words, arithmetic, millions of paths,
//! and all of that in programs as long as the kernel takes them.
//!
//! Each pair is decided right, or not at all: never wrong, never for more than a minute or a
//! gibibyte (in release mode). What takes long runs with `FILTERC_SLOW` set.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use filterc_abi::Endian;
use filterc_cbpf::{Verified, assemble, interpret, verify};
use filterc_check::{Budget, Side, Verdict, equivalent};

/// What is true of a pair, and whether that has to be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    Equal,
    Different,
    /// Equal, but no method here need see it.
    EqualButHard,
}

use Truth::{Different, Equal, EqualButHard};

fn program(text: &str) -> Verified {
    let insns = assemble(text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    verify(&insns).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

fn judge(name: &str, left: &str, right: &str, truth: Truth) {
    let (left, right) = (program(left), program(right));
    let start = Instant::now();
    let (one, other) = (Side::Program(&left), Side::Program(&right));
    let verdict = equivalent(one, other, Endian::Little, &Budget::default());
    let took = start.elapsed();
    match verdict {
        Verdict::Equal(_) => assert!(truth != Different, "{name}: {verdict:?}"),
        Verdict::Differ(found) => {
            assert_eq!(truth, Different, "{name}: {verdict:?}");
            let values = [&left, &right].map(|p| interpret(p, &found.call, Endian::Little));
            assert_eq!(values, [found.left, found.right], "{name}");
            assert_ne!(found.left, found.right, "{name}");
        }
        Verdict::Unknown(_) => assert_eq!(truth, EqualButHard, "{name}: {verdict:?}"),
    }
    println!("{name}: {took:.2?}, {verdict:?}");
    let limit = if cfg!(debug_assertions) { 600 } else { 60 };
    assert!(took < Duration::from_secs(limit), "{name}: {took:?}");
    assert!(peak_kib() < 1 << 20, "{name}: {} KiB", peak_kib());
}

/// The peak of this process's memory: an upper bound, since other tests run in it.
fn peak_kib() -> u64 {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return 0 };
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// Whether what takes long is to run; says if not.
fn slow() -> bool {
    let slow = env::var_os("FILTERC_SLOW").is_some();
    if !slow {
        println!("skipped: FILTERC_SLOW is not set");
    }
    slow
}

/// `ld` of the low and the high half of an argument.
fn low(arg: usize) -> String {
    format!("ld [{}]\n", 16 + 8 * arg)
}

fn high(arg: usize) -> String {
    format!("ld [{}]\n", 20 + 8 * arg)
}

/// A = left, X = right, of low halves cut to so many bits.
fn pair(left: usize, right: usize, bits: u32) -> String {
    let mask = u32::MAX >> (32 - bits);
    format!("{}and #{mask}\nst M[1]\n{}and #{mask}\ntax\nld M[1]\n", low(left), low(right))
}

const ENDS: &str = "yes: ret allow\nno: ret errno(1)\n";

#[test]
fn words_compared_with_each_other() {
    let below = format!(
        "{}tax\n{}jgt x, no\njeq x, +0, yes\n{}tax\n{}jge x, no, yes\n{ENDS}",
        high(1),
        high(0),
        low(1),
        low(0)
    );
    let above = format!(
        "{}tax\n{}jgt x, yes\njeq x, +0, no\n{}tax\n{}jgt x, yes, no\n{ENDS}",
        high(0),
        high(1),
        low(0),
        low(1)
    );
    judge("64-bit arg0 < arg1, both ways", &below, &above, Equal);
    let at_most = above.replace("jgt x, yes, no", "jge x, yes, no");
    judge("64-bit arg0 < arg1, and <=", &below, &at_most, Different);
    let sum = format!("{}add x\ntax\n{}jeq x, yes, no\n{ENDS}", pair(0, 1, 32), low(2));
    let difference = format!("{}sub x\ntax\n{}jeq x, yes, no\n{ENDS}", pair(2, 1, 32), low(0));
    judge("a0 + a1 == a2, a2 - a1 == a0", &sum, &difference, Equal);
    let negative = format!("{}sub x\ntax\n{}jeq x, yes, no\n{ENDS}", pair(1, 2, 32), low(0));
    judge("a0 + a1 == a2, a1 - a2 == a0", &sum, &negative, Different);
    let equalities = |pairs: [(usize, usize); 3]| {
        let one = |(a, b)| format!("{}jeq x, +0, no\n", pair(a, b, 32));
        pairs.map(one).concat() + "jmp yes\n" + ENDS
    };
    let crossed = equalities([(0, 3), (1, 4), (2, 5)]);
    judge("crossed equalities", &crossed, &equalities([(5, 2), (3, 0), (4, 1)]), Equal);
    judge("other equalities", &crossed, &equalities([(0, 4), (1, 3), (2, 5)]), Different);
}

#[test]
fn shifts_by_words() {
    // a0 << (a1 & 31) == a2, at once and in two steps.
    let at_once = format!("{}lsh x\ntax\n{}jeq x, yes, no\n{ENDS}", pair(0, 1, 32), low(2));
    let steps = |first, second| {
        format!(
            "{}and #{first}\ntax\n{}lsh x\nst M[0]\n{}and #{second}\ntax\nld M[0]\nlsh x\ntax\n\
             {}jeq x, yes, no\n{ENDS}",
            low(1),
            low(0),
            low(1),
            low(2)
        )
    };
    judge("a shift in two steps", &at_once, &steps(16, 15), Equal);
    judge("a shift in two steps, one too short", &at_once, &steps(16, 7), Different);
    let right = format!("{}rsh x\nand #1\njeq #1, yes, no\n{ENDS}", pair(0, 1, 32));
    let bit =
        format!("{}and #31\ntax\nld #1\nlsh x\ntax\n{}jset x, yes, no\n{ENDS}", low(1), low(0));
    judge("bit a1 of a0, two ways", &right, &bit, Equal);
}

#[test]
fn multiplied_with_constants() {
    let equals = |code: &str, k: u32| format!("{}{code}\njeq #{k}, yes, no\n{ENDS}", low(0));
    let inverse = 0xaaaa_aaab_u32;
    assert_eq!(inverse.wrapping_mul(3), 1);
    let k = 1_000_000_u32;
    judge("a0 * 3 == k", &equals("mul #3", k), &equals("neg\nneg", k.wrapping_mul(inverse)), Equal);
    judge("a0 * 3 == k, wrong", &equals("mul #3", k), &equals("neg\nneg", k / 3), Different);
    let range = format!("{}jge #70, +0, no\njgt #79, no, yes\n{ENDS}", low(0));
    judge("a0 / 10 == 7", &equals("div #10", 7), &range, Equal);
    let golden = 0x9e37_79b1_u32;
    let mut inverse = 1_u32;
    for _ in 0..5 {
        inverse = inverse.wrapping_mul(2_u32.wrapping_sub(golden.wrapping_mul(inverse)));
    }
    assert_eq!(inverse.wrapping_mul(golden), 1);
    let product = equals(&format!("mul #{golden}"), k);
    judge("a0 * 0x9e3779b1 == k", &product, &equals("or #0", k.wrapping_mul(inverse)), Equal);
    judge("a0 * 0x9e3779b1 == k, wrong", &product, &equals("or #0", k), Different);
}

/// a0 · a1, or a1 · a0, against a2.
fn product(left: usize, right: usize, bits: u32) -> String {
    format!("{}mul x\ntax\n{}jeq x, yes, no\n{ENDS}", pair(left, right, bits), low(2))
}

/// (a0 + a1) · a2, and a0 · a2 + a1 · a2, against a3.
fn distributed(bits: u32) -> [String; 2] {
    let mask = u32::MAX >> (32 - bits);
    let end = format!("tax\n{}jeq x, yes, no\n{ENDS}", low(3));
    let sum = format!(
        "{}add x\nst M[2]\n{}and #{mask}\ntax\nld M[2]\nmul x\n{end}",
        pair(0, 1, bits),
        low(2)
    );
    let products = format!(
        "{}mul x\nst M[2]\n{}mul x\ntax\nld M[2]\nadd x\n{end}",
        pair(0, 2, bits),
        pair(1, 2, bits)
    );
    [sum, products]
}

/// (a0 / a1) · a1 <= a0: always.
fn quotient(bits: u32) -> [String; 2] {
    let rounded = format!(
        "{}jeq #0, yes\n{}div x\nmul x\ntax\nld M[1]\njge x, yes, no\n{ENDS}",
        format_args!("{}and #{}\n", low(1), u32::MAX >> (32 - bits)),
        pair(0, 1, bits)
    );
    [rounded, "ret allow\n".to_owned()]
}

#[test]
fn words_multiplied_with_each_other() {
    for bits in [8, 12, 16, 32] {
        let name = format!("a0 * a1 commutes, {bits} bits");
        judge(&name, &product(0, 1, bits), &product(1, 0, bits), Equal);
    }
    judge("a0 * a1 is not a0 * a0", &product(0, 1, 32), &product(0, 0, 32), Different);
    let [sum, products] = distributed(8);
    judge("products are distributed, 8 bits", &sum, &products, Equal);
    let [rounded, always] = quotient(6);
    judge("a quotient is rounded down, 6 bits", &rounded, &always, Equal);
}

#[test]
fn words_multiplied_and_nobody_sees_through() {
    if !slow() {
        return;
    }
    for bits in [10, 12, 16, 32] {
        let [sum, products] = distributed(bits);
        judge(&format!("products are distributed, {bits} bits"), &sum, &products, EqualButHard);
    }
    for bits in [10, 16, 32] {
        let [rounded, always] = quotient(bits);
        judge(&format!("a quotient is rounded down, {bits} bits"), &rounded, &always, EqualButHard);
    }
}

/// A weight for each bit of a0 that is set, all added up, in that order of bits; more than that
/// is allowed.
fn weights(order: impl Iterator<Item = u32>, weight: impl Fn(u32) -> u32, limit: u32) -> String {
    let mut text = "ld #0\nst M[0]\n".to_owned();
    for bit in order {
        let _ = write!(text, "{}jset #{}, +0, +3\n", low(0), 1_u32 << bit);
        let _ = write!(text, "ld M[0]\nadd #{}\nst M[0]\n", weight(bit));
    }
    let _ = write!(text, "ld M[0]\njgt #{limit}, yes, no\n{ENDS}");
    text
}

#[test]
fn millions_of_paths() {
    let up = weights(0..24, |bit| bit + 1, 150);
    judge("weights over 24 bits", &up, &weights((0..24).rev(), |bit| bit + 1, 150), Equal);
    judge("other weights over 24 bits", &up, &weights(0..24, |bit| bit + 1, 151), Different);
    // No two sums are the same: there is no state that two paths share.
    let weight = |bit: u32| (1 << bit) + bit * bit;
    let up = weights(0..24, weight, 1 << 23);
    judge("weights that never agree", &up, &weights((0..24).rev(), weight, 1 << 23), Equal);
    let other = weights((0..24).rev(), weight, (1 << 23) + 1);
    judge("weights that never agree, another limit", &up, &other, Different);
}
