//! Every policy of the corpus, proved: the bytes mean what the text says, for all calls, at
//! every optimization level.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it skipped"
)]

use std::time::Instant;

use filterc_cbpf::interpret;
use filterc_check::{Budget, Side, Verdict, equivalent};
use filterc_hir::eval::eval;
use filterc_testkit::{boundary, corpus, mutants};

#[test]
fn every_corpus_policy_is_proved() {
    for compiled in corpus::policies() {
        for program in compiled.programs() {
            let start = Instant::now();
            let verdict = equivalent(
                Side::Policy(compiled.policy()),
                Side::Program(program.verified()),
                program.endian(),
                &Budget::default(),
            );
            println!("{}: {:?} {verdict:?}", compiled.name(), start.elapsed());
            assert!(matches!(verdict, Verdict::Equal(_)), "{}: {verdict:?}", compiled.name());
        }
    }
}

/// Mutants of each program that are judged, spread over it.
const MUTANTS: usize = 3000;

#[test]
fn every_mutant_is_proved_equal_or_refuted_by_a_real_call() {
    let (mut equal, mut different) = (0, 0);
    for compiled in corpus::policies() {
        for program in compiled.programs() {
            let calls = boundary::calls(compiled.policy(), 40);
            let all: Vec<_> = mutants::of(program.insns()).collect();
            let stride = all.len().div_ceil(MUTANTS).max(1);
            for (what, mutant) in all.iter().step_by(stride) {
                let of = || format!("{}, {what}", compiled.name());
                let (left, right) = (Side::Policy(compiled.policy()), Side::Program(mutant));
                match equivalent(left, right, program.endian(), &Budget::default()) {
                    Verdict::Equal(_) => {
                        equal += 1;
                        for call in calls.iter().step_by(7) {
                            let expected = eval(compiled.policy(), call).to_ret();
                            let actual = interpret(mutant, call, program.endian());
                            assert_eq!(actual, expected, "{}: {call:x?}", of());
                        }
                    }
                    Verdict::Differ(found) => {
                        different += 1;
                        let expected = eval(compiled.policy(), &found.call).to_ret();
                        let actual = interpret(mutant, &found.call, program.endian());
                        assert_ne!(actual, expected, "{}: {found:x?}", of());
                        assert_eq!((expected, actual), (found.left, found.right), "{}", of());
                    }
                    verdict @ Verdict::Unknown(_) => panic!("{}: {verdict:?}", of()),
                }
            }
        }
    }
    println!("mutants: {equal} proved equal, {different} refuted");
    assert!(equal + different >= 20_000, "{equal} + {different}");
}
