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

use filterc_check::{Budget, Side, Verdict, equivalent};
use filterc_testkit::corpus;

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
