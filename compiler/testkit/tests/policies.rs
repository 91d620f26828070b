//! Every policy of the corpus: all engines agree with the reference on its boundary calls.

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

use filterc_testkit::{agree, boundary, corpus, neutral};

/// Random combinations for each number that has tests of arguments.
const COMBINATIONS: usize = 2000;

#[test]
fn engines_agree_on_every_corpus_policy() {
    for compiled in corpus::policies() {
        let calls = boundary::calls(compiled.policy(), COMBINATIONS);
        println!("{}: {} calls", compiled.name(), calls.len());
        agree::assert_agreement(&compiled, &calls);
    }
}

#[test]
fn policies_mean_what_the_neutral_workloads_say() {
    for (policy, workload) in
        [("docker-default", "docker"), ("small", "small"), ("argheavy", "argheavy")]
    {
        let path = corpus::folder("policies").join(format!("{policy}.flt"));
        let compiled = corpus::policy(&path);
        let workload = neutral::Workload::load(workload);
        let streams = neutral::streams();
        assert!(streams.len() > 3000, "the recorded streams are all there");
        // Unknown numbers are the policies' own business, so boundary calls are those of
        // the numbers that the workload names.
        let named = workload.numbers();
        let mut calls = boundary::calls(compiled.policy(), COMBINATIONS);
        calls.retain(|call| {
            call.arch == workload.audit_arch && named.contains(&call.nr.cast_unsigned())
        });
        for call in streams.iter().chain(&calls) {
            let expected = workload.decide(call);
            let actual = filterc_hir::eval::eval(compiled.policy(), call).to_ret();
            assert_eq!(actual, expected, "{}: {call:x?}", workload.name);
        }
        let all: Vec<_> = streams.into_iter().chain(calls).collect();
        agree::assert_agreement(&compiled, &all);
    }
}

#[test]
fn boundary_calls_decide_every_rule_of_the_corpus() {
    use filterc_hir::eval::{Reason, decide};
    for compiled in corpus::policies() {
        let calls = boundary::calls(compiled.policy(), COMBINATIONS);
        let mut decided = vec![false; compiled.policy().rules().len()];
        for call in &calls {
            if let Reason::Rule(rule) = decide(compiled.policy(), call).reason {
                decided[rule.0 as usize] = true;
            }
        }
        let missed: Vec<_> = (0..decided.len()).filter(|&rule| !decided[rule]).collect();
        assert!(missed.is_empty(), "{}: no call decided by rules {missed:?}", compiled.name());
    }
}

#[test]
fn every_rule_of_the_corpus_is_shown_to_decide() {
    use filterc::lints::{Answer, facts};
    use filterc_hir::eval::{Reason, decide};
    use filterc_hir::policy::RuleId;
    for compiled in corpus::policies() {
        let policy = compiled.policy();
        for (rule, facts) in (0..).map(RuleId).zip(facts(policy).rules) {
            let Answer::Yes(call) = facts.decides else {
                panic!("{}: {rule:?} {facts:?}", compiled.name());
            };
            assert_eq!(decide(policy, &call).reason, Reason::Rule(rule), "{}", compiled.name());
        }
    }
}

#[test]
fn the_corpus_has_the_warnings_that_it_is_known_for() {
    let mut told = Vec::new();
    for compiled in corpus::policies() {
        let name = std::path::Path::new(compiled.name()).file_stem().unwrap().to_owned();
        let own = compiled.warnings().iter().filter(|w| filterc::lints::CODES.contains(&w.code.0));
        told.extend(own.map(|warning| (name.to_string_lossy().into_owned(), warning.code.0)));
    }
    // The workload's own redundancy, and refusals that gs.flt repeats from its model.
    let known =
        [("argheavy", "F0324"), ("gs", "F0322")].map(|(name, code)| (name.to_owned(), code));
    assert_eq!(told, known);
}
