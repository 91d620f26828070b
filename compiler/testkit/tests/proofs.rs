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

use filterc::{Compiled, CompiledProgram};
use filterc_abi::Endian;
use filterc_cbpf::{Verified, interpret, verify};
use filterc_certify::{Certificate, check, sha256};
use filterc_check::{
    Budget, Count, NoCertificate, Proof, Side, Verdict, certificate, differences, equivalent,
    weaker,
};
use filterc_codegen as codegen;
use filterc_hir::eval::eval;
use filterc_ir as ir;
use filterc_testkit::{boundary, corpus, mutants};

fn assert_proved(compiled: &Compiled, program: &Verified, endian: Endian, what: &str) -> Proof {
    let (policy, program) = (Side::Policy(compiled.policy()), Side::Program(program));
    match equivalent(policy, program, endian, &Budget::default()) {
        Verdict::Equal(proof) => proof,
        verdict => panic!("{}, {what}: {verdict:?}", compiled.name()),
    }
}

#[test]
fn every_corpus_policy_is_proved() {
    for compiled in corpus::policies() {
        for program in compiled.programs() {
            let start = Instant::now();
            let proof = assert_proved(&compiled, program.verified(), program.endian(), "bytes");
            println!("{}: {:?} {proof:?}", compiled.name(), start.elapsed());
            // The library has proved it before it handed it out.
            assert_eq!(program.proof(), Some(proof));
        }
    }
}

/// What a decision DAG comes to, with no more passes than code generation needs.
fn emitted(dag: &ir::Dag) -> Verified {
    let lowered = ir::passes::run(dag.clone(), 0, &ir::Objective::default(), &mut |_, _| ());
    verify(&codegen::cbpf::emit(&lowered, &ir::Objective::default()).unwrap().insns).unwrap()
}

#[test]
fn every_pass_is_proved_at_every_level() {
    let mut proofs = 0;
    for compiled in corpus::policies() {
        for endian in compiled.programs().map(CompiledProgram::endian) {
            for level in 0..=2 {
                let dag = ir::build(compiled.policy(), endian).unwrap();
                let mut stages = vec![("build".to_owned(), emitted(&dag))];
                let _ = ir::passes::run(dag, level, &ir::Objective::default(), &mut |pass, dag| {
                    stages.push((pass.to_owned(), emitted(dag)));
                });
                for (pass, program) in stages {
                    let what = format!("-O{level} after {pass}");
                    assert_proved(&compiled, &program, endian, &what);
                    proofs += 1;
                }
            }
        }
    }
    println!("{proofs} proofs");
}

/// Mutants of each program that are judged, spread over it.
const MUTANTS: usize = 1200;

#[test]
fn every_mutant_is_proved_equal_or_refuted_by_a_real_call() {
    let (mut equal, mut different) = (0, 0);
    for compiled in corpus::policies() {
        for program in compiled.programs() {
            let policy = compiled.policy().of_order(program.endian());
            let calls = boundary::calls(&policy, 40);
            let all: Vec<_> = mutants::of(program.insns()).collect();
            let stride = all.len().div_ceil(MUTANTS).max(1);
            for (what, mutant) in all.iter().step_by(stride) {
                let of = || format!("{}, {what}", compiled.name());
                let (left, right) = (Side::Policy(compiled.policy()), Side::Program(mutant));
                match equivalent(left, right, program.endian(), &Budget::default()) {
                    Verdict::Equal(_) => {
                        equal += 1;
                        for call in calls.iter().step_by(7) {
                            let expected = eval(&policy, call).to_ret();
                            let actual = interpret(mutant, call, program.endian());
                            assert_eq!(actual, expected, "{}: {call:x?}", of());
                        }
                    }
                    Verdict::Differ(found) => {
                        different += 1;
                        let expected = eval(&policy, &found.call).to_ret();
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

#[test]
fn certificates_are_accepted_and_damaged_ones_are_not() {
    let (mut accepted, mut flipped) = (0, 0);
    for compiled in corpus::policies() {
        for program in compiled.programs() {
            let start = Instant::now();
            let made = certificate(compiled.policy(), program.bytes(), program.endian(), [7; 32]);
            let took = start.elapsed();
            let certificate = match made {
                Ok(certificate) => certificate,
                Err(why) => {
                    println!("{}: no certificate: {why}", compiled.name());
                    assert!(
                        matches!(why, NoCertificate::Relational | NoCertificate::TooLarge),
                        "{}: {why}",
                        compiled.name()
                    );
                    continue;
                }
            };
            let start = Instant::now();
            let report = check(&certificate, program.bytes()).unwrap();
            let size = certificate.len();
            println!(
                "{}: {report:?}, {size} bytes, made in {took:?}, checked in {:?}",
                compiled.name(),
                start.elapsed()
            );
            accepted += 1;
            let stride = size.div_ceil(200).max(1);
            for at in (0..size).step_by(stride) {
                for bit in [0, 5] {
                    let mut damaged = certificate.clone();
                    damaged[at] ^= 1 << bit;
                    let verdict = check(&damaged, program.bytes());
                    assert!(verdict.is_err(), "{}: byte {at}", compiled.name());
                    flipped += 1;
                }
            }
            for length in [0, 7, 8, 100, size - 1] {
                assert!(check(&certificate[..length], program.bytes()).is_err());
            }
        }
    }
    println!("{accepted} accepted, {flipped} damaged and refused");
    assert!(accepted >= 7);
}

/// A certificate that names another program: only then the mutant itself is judged.
fn reattached(certificate: &[u8], program: &[u8]) -> Vec<u8> {
    let read = Certificate::read(certificate).unwrap();
    Certificate { program: sha256::of(program), ..read }.write()
}

#[test]
fn no_certificate_covers_a_different_program() {
    let (mut same, mut different) = (0, 0);
    for compiled in corpus::policies() {
        for program in compiled.programs() {
            let endian = program.endian();
            let Ok(certificate) = certificate(compiled.policy(), program.bytes(), endian, [0; 32])
            else {
                continue;
            };
            let all: Vec<_> = mutants::of(program.insns()).collect();
            let stride = all.len().div_ceil(300).max(1);
            for (what, mutant) in all.iter().step_by(stride) {
                let bytes = filterc_cbpf::encode(mutant.insns(), endian);
                let (left, right) = (Side::Policy(compiled.policy()), Side::Program(mutant));
                let verdict = equivalent(left, right, endian, &Budget::default());
                let accepted = check(&reattached(&certificate, &bytes), &bytes).is_ok();
                match verdict {
                    Verdict::Equal(_) => same += usize::from(accepted),
                    verdict => {
                        assert!(!accepted, "{}, {what}: {verdict:?}", compiled.name());
                        different += 1;
                    }
                }
            }
        }
    }
    println!("{different} different mutants refused, {same} equal ones accepted");
    assert!(different > 1000);
}

#[test]
fn differences_are_all_that_there_are() {
    let program = |text: &str| {
        let source = filterc::Source::text("test.flt", text);
        filterc::compile(&source, &corpus::options()).unwrap_or_else(|e| panic!("{e}"))
    };
    let a = program("arch x86_64\nallow read, write\nallow openat if flags & O_CREAT\n");
    let b = program(
        "arch x86_64\nallow read, close\nerrno(13) openat if flags & O_CREAT && mode == 0x180\n\
         allow openat if flags & O_CREAT\n",
    );
    let endian = Endian::Little;
    let (left, right) = (Side::Policy(a.policy()), Side::Program(b.program().verified()));
    let found = differences(left, right, endian, &Budget::default()).unwrap();
    let numbers: Vec<_> = found.iter().map(|d| (d.nr, d.complete, d.count.to_string())).collect();
    // One number has 2⁴⁴⁸ calls, of which half have O_CREAT, and 2⁻¹⁶ of those that mode.
    let whole = Count::power_of_two(448);
    assert_eq!(found.len(), 3, "{numbers:?}");
    assert_eq!((found[0].nr, &found[0].count), ((1, 1), &whole));
    assert_eq!((found[1].nr, &found[1].count), ((3, 3), &whole));
    assert_eq!((found[2].nr, &found[2].count), ((257, 257), &Count::power_of_two(448 - 17)));
    for difference in &found {
        let call = &difference.witness;
        assert_eq!(eval(a.policy(), call).to_ret(), difference.left);
        assert_eq!(interpret(b.program().verified(), call, endian), difference.right);
        assert!(difference.complete && !difference.cubes.is_empty());
    }
    let lost = weaker(left, right, endian, &Budget::default()).unwrap();
    assert_eq!(lost.iter().map(|d| d.nr.0).collect::<Vec<_>>(), [3]);
    assert!(differences(left, left, endian, &Budget::default()).unwrap().is_empty());
}
