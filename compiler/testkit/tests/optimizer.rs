//! Policies that optimizers have got wrong, or taken too long for.
//!
//! The former are the patterns of faults in libpcap's optimizer, which works on the same
//! machine: what it took to be always true, or folded, or threaded past. Each is compiled at
//! each level and proved.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use filterc::cost::longest_path;
use filterc::{OptLevel, Options, Source};

/// Conditions on arguments of 64 bits, in one policy each.
const CONDITIONS: [&str; 14] = [
    // "Some bit of all of them is set" is not always true.
    "(args[0] & 0xffffffff) != 0",
    "(args[0] & 0xffffffffffffffff) != 0",
    "(args[0] & 0xffffffff) == 0 || args[1] == 1",
    // A comparison is no value that could be numbered with another of the same operands.
    "args[0] == 5 && !(args[0] == 5 && args[1] == 0)",
    "(args[0] & 4) == 4 && args[0] >= 4",
    "args[0] > 0xffffffff || (args[0] & 0x80000000) != 0",
    // Both arms lead to the same place, but what was loaded before is asked again.
    "(args[0] == 1 || args[0] != 1) && args[0] == 2",
    "(args[0] == 1 && args[1] == 2) || (args[0] != 1 && args[1] == 2)",
    // Order at the ends of a word, and of its halves.
    "args[0] >= 0x80000000 && args[0] < 0xffffffff",
    "args[0] <= 0xfffffffffffffffe",
    "args[0] >= 0x100000000 && args[0] <= 0x1ffffffff",
    // Masks that are orders.
    "(args[0] & 0xfffffffc) == 0 || (args[0] & 0xfffffffa) == 0",
    "(args[0] & 0x80000000) == 0 && (args[0] & 0xc0000000) != 0",
    "(args[0] & 7) == 7 || (args[0] & 7) == 3 || (args[0] & 6) == 0",
];

fn compiled(condition: &str, opt_level: OptLevel, prove: bool) -> filterc::Compiled {
    let text = format!(
        "arch x86_64\nkernel 6.18\ndefault errno(EPERM)\nunknown default\nallow ioctl if {condition}\n"
    );
    let options = Options { opt_level, prove, ..Options::default() };
    filterc::compile(&Source::text("condition", text), &options)
        .unwrap_or_else(|_| panic!("{condition:.80}"))
}

#[test]
fn patterns_that_others_have_got_wrong_are_proved() {
    for condition in CONDITIONS {
        for level in [OptLevel::O0, OptLevel::O1, OptLevel::O2] {
            assert!(compiled(condition, level, true).program().proof().is_some(), "{condition}");
        }
    }
}

#[test]
fn many_values_of_a_word_are_searched() {
    let values = |count: u32| {
        let tests = (0..count).map(|i| format!("args[1] == {}", i * 7 + 3));
        tests.collect::<Vec<_>>().join(" || ")
    };
    for (count, at_most) in [(20, 40), (200, 48), (1000, 56)] {
        let compiled = compiled(&values(count), OptLevel::O2, true);
        let program = compiled.program();
        assert!(program.proof().is_some());
        let longest = longest_path(program.insns());
        assert!(longest <= at_most, "{count} values: {longest}");
    }
}

/// What is asked quickly is longer; a program that only fits if it is short is short.
#[test]
fn what_fits_in_some_way_is_compiled() {
    let tests = (0..4000).map(|i| format!("args[1] == {}", i * 7 + 3));
    let condition = tests.collect::<Vec<_>>().join(" || ");
    let insns = compiled(&condition, OptLevel::O2, false).program().insns().len();
    assert!((4000..=4096).contains(&insns), "{insns}");
}
