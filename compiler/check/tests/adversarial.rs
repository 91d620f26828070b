//! Programs that are hard to compare: relations between words, arithmetic, millions of paths,
//! and all of that in programs as long as the kernel takes them.
//!
//! Each pair is decided right, or not at all: never wrong, never for more than a minute or a
//! gibibyte (in release mode, by the processor's time). What takes long runs with
//! `FILTERC_SLOW` set. Everything runs on a stack of 512 KiB: nothing recurses as deep as a
//! program is long.

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
use std::thread;
use std::time::Duration;

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
    let insns = assemble(text).unwrap_or_else(|error| panic!("{error}"));
    verify(&insns).unwrap_or_else(|error| panic!("{error}"))
}

/// A verdict, and how long it took.
fn timed(left: &Verified, right: &Verified) -> (Verdict, Duration) {
    let judged = || {
        let before = processor_time();
        let (one, other) = (Side::Program(left), Side::Program(right));
        let verdict = equivalent(one, other, Endian::Little, &Budget::default());
        (verdict, processor_time().saturating_sub(before))
    };
    thread::scope(|scope| {
        let small = thread::Builder::new().stack_size(512 << 10);
        small.spawn_scoped(scope, judged).unwrap().join().unwrap()
    })
}

/// How long this thread has run on a processor: other tests run beside it.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

fn judge(name: &str, left: &str, right: &str, truth: Truth) {
    let (left, right) = (program(left), program(right));
    let (verdict, took) = timed(&left, &right);
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
    println!("{name}: {took:.2?}, {} KiB, {verdict:?}", peak_kib());
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

/// (a0 + a1) · a2, and a0 · a2 + a1 · a2, against a3 or a constant.
fn distributed(bits: u32, against: &str) -> [String; 2] {
    let mask = u32::MAX >> (32 - bits);
    let end = format!("{against}\n{ENDS}");
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

const AGAINST_CONSTANT: &str = "jeq #5040, yes, no";
const AGAINST_WORD: &str = "tax\nld [40]\njeq x, yes, no";

/// (a0 / a1) · a1 <= a0: always.
fn quotient(bits: u32) -> [String; 2] {
    let mask = u32::MAX >> (32 - bits);
    let rounded = format!(
        "{}and #{mask}\njeq #0, yes\n{}div x\nmul x\ntax\nld M[1]\njge x, yes, no\n{ENDS}",
        low(1),
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
    let [sum, products] = distributed(6, AGAINST_CONSTANT);
    judge("products are distributed, 6 bits", &sum, &products, Equal);
    let [rounded, always] = quotient(6);
    judge("a quotient is rounded down, 6 bits", &rounded, &always, Equal);
}

#[test]
fn words_multiplied_and_nobody_sees_through() {
    if !slow() {
        return;
    }
    for (against, how) in [(AGAINST_CONSTANT, "a constant"), (AGAINST_WORD, "a word")] {
        for bits in [8, 10, 32] {
            let [sum, products] = distributed(bits, against);
            let name = format!("products are distributed, {bits} bits, against {how}");
            judge(&name, &sum, &products, EqualButHard);
        }
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
        let (test, weight) = (1_u32 << bit, weight(bit));
        let add = format!("ld M[0]\nadd #{weight}\nst M[0]");
        let _ = writeln!(text, "{}jset #{test}, +0, +3\n{add}", low(0));
    }
    let _ = write!(text, "ld M[0]\njgt #{limit}, yes, no\n{ENDS}");
    text
}

/// What is asked of an argument, and with what.
type Comparison = (usize, u64, u64);

/// Rules of random 64-bit comparisons of different arguments: a call is allowed if all of one
/// rule hold.
fn rules(count: u64, comparisons: usize) -> Vec<Vec<Comparison>> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    let mut rule = |i: u64| -> Vec<Comparison> {
        (0..comparisons).map(|j| ((i as usize + j) % 6, random() >> 62, random())).collect()
    };
    (0..count).map(&mut rule).collect()
}

/// A program for rules, asked in that order.
fn in_order(rules: &[Vec<Comparison>]) -> String {
    let mut text = String::new();
    for (i, rule) in rules.iter().enumerate() {
        for (j, (arg, op, value)) in rule.iter().enumerate() {
            let (upper, lower) = (value >> 32, value & 0xffff_ffff);
            let (high, low) = (high(*arg), low(*arg));
            let (no, ok) = (format!("no{i}"), format!("ok{i}_{j}"));
            let test = match op {
                // Less.
                0 => format!(
                    "{high}jgt #{upper}, {no}\njeq #{upper}, +0, {ok}\n{low}jge #{lower}, {no}"
                ),
                // At least.
                1 => format!(
                    "{high}jgt #{upper}, {ok}\njeq #{upper}, +0, {no}\n{low}jge #{lower}, +0, {no}"
                ),
                // A common bit in the upper half.
                2 => format!("{high}jset #{upper}, +0, {no}"),
                // A common bit.
                _ => format!("{high}jset #{upper}, {ok}\n{low}jset #{lower}, +0, {no}"),
            };
            let _ = writeln!(text, "{test}\n{ok}: ld #0");
        }
        let _ = write!(text, "ret allow\n{}: ", format_args!("no{i}"));
    }
    text + "ret errno(1)\n"
}

fn judge_rules(count: u64, comparisons: usize, truth: Truth) {
    let rules = rules(count, comparisons);
    let mut turned: Vec<Vec<_>> = rules.iter().rev().cloned().collect();
    turned.iter_mut().for_each(|rule| rule.reverse());
    let (one, other) = (in_order(&rules), in_order(&turned));
    println!("{} instructions", program(&one).insns().len());
    let name = format!("one call, {count} rules of {comparisons} comparisons");
    judge(&name, &one, &other, truth);
    turned[0][0].2 ^= 1 << 63;
    let name = format!("{name}, one bit another");
    judge(&name, &one, &in_order(&turned), Different);
}

#[test]
fn many_rules_for_one_call() {
    judge_rules(10, 4, Equal);
    judge_rules(20, 4, Equal);
}

#[test]
fn very_many_rules_for_one_call() {
    if slow() {
        judge_rules(40, 4, Equal);
        judge_rules(80, 4, EqualButHard);
        judge_rules(100, 5, EqualButHard);
    }
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

#[test]
fn numbers_calculated_with() {
    // No part of the numbers behaves alike: three times the number, in two ways.
    let times = |three: &str| {
        let test = |k: u32| {
            format!("ld [0]\n{three}jeq #{}, +0, +1\nret allow\n", k.wrapping_mul(0x0301_0703))
        };
        let tests: String = (0..60).map(test).collect();
        tests + "ret errno(1)\n"
    };
    let product = times("mul #3\n");
    let sum = times("st M[0]\nldx M[0]\nadd x\nadd x\n");
    judge("three times the number", &product, &sum, Equal);
    judge("three times the number, wrong", &product, &times("lsh #2\n"), Different);
}

/// Numbers below a bound, and a tail that all of them come to.
fn dispatched(numbers: u32, tail: &str) -> String {
    let mut text = "ld [0]\n".to_owned();
    for nr in (0..numbers).step_by(10) {
        let _ = writeln!(text, "jge #{}, +11", nr + 10);
        for one in nr..nr + 10 {
            let _ = writeln!(text, "jeq #{one}, +{}, +0", nr + 10 - one);
        }
        text.push_str("jmp tail\n");
    }
    text + "ret errno(1)\ntail: " + tail
}

#[test]
fn a_hard_tail_for_many_numbers() {
    let tail = |first, second| {
        format!(
            "{}and #{first}\ntax\n{}lsh x\nst M[0]\n{}and #{second}\ntax\nld M[0]\nlsh x\ntax\n\
             {}jeq x, yes, no\n{ENDS}",
            low(1),
            low(0),
            low(1),
            low(2)
        )
    };
    let judge = |numbers| {
        let one = dispatched(numbers, &tail(16, 15));
        let other = dispatched(numbers, &tail(3, 28));
        judge(&format!("a shift in two ways, for {numbers} numbers"), &one, &other, Equal);
    };
    judge(20);
    if slow() {
        judge(1000);
    }
}

#[test]
fn as_long_as_can_be() {
    if !slow() {
        return;
    }
    // Bits of all words but nr and arch, with weights, added up modulo 2³², in two orders.
    let order: Vec<(u32, u32)> =
        (2..16).flat_map(|word| (0..32).map(move |bit| (word, bit))).collect();
    let sum = |order: &mut dyn Iterator<Item = &(u32, u32)>| {
        let mut text = "ld #0\nst M[0]\n".to_owned();
        for (word, bit) in order {
            let weight = (word * 32 + bit).wrapping_mul(0x9e37_79b9);
            let _ = write!(text, "ld [{}]\njset #{}, +0, +3\n", 4 * word, 1_u32 << bit);
            let _ = write!(text, "ld M[0]\nadd #{weight}\nst M[0]\n");
        }
        text + "ld M[0]\njgt #0x7fffffff, yes, no\n" + ENDS
    };
    let (up, down) = (sum(&mut order.iter()), sum(&mut order.iter().rev()));
    judge("448 weights", &up, &down, EqualButHard);
    // Products of words, with one sum written in two ways: a circuit as large as they get.
    for products in [150, 320] {
        let sum = |step: &str| {
            let mut text = "ld #1\nst M[0]\n".to_owned();
            for i in 0..products {
                let word = 4 * (2 + i % 14);
                let _ = write!(text, "ld [{word}]\ntax\nld M[0]\nmul x\n{step}\nst M[0]\n");
            }
            text + "ld M[0]\njset #0x80000000, yes, no\n" + ENDS
        };
        let name = format!("{products} products");
        judge(&name, &sum("add #12345"), &sum("sub #4294954951"), EqualButHard);
    }
    // 4096 instructions that mix everything into the scratch memory: equal, but for one constant.
    let mixed = |constant: u32| {
        let mut text = String::new();
        for i in 0..511_u32 {
            let (word, cell) = (4 * (2 + i % 14), i % 16);
            let _ = write!(text, "ld [{word}]\nldx M[{}]\nmul x\nadd #{i}\n", (i + 1) % 16);
            let _ =
                write!(text, "jset #{}, +1, +0\nrsh #7\nxor #{constant}\nst M[{cell}]\n", i | 1);
        }
        let clear: String = (0..16).map(|i| format!("st M[{i}]\n")).collect();
        let text = "ld #1\n".to_owned() + &clear + &text[..text.len() - 200];
        let cut = text.rfind('\n').unwrap();
        format!("{}\nld M[3]\njset #1, yes, no\n{ENDS}", &text[..cut])
    };
    judge("4000 instructions that mix", &mixed(0x55), &mixed(0x54), Different);
}
