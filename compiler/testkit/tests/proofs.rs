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

use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use filterc::{Compiled, CompiledProgram};
use filterc_abi::Endian;
use filterc_cbpf::{Verified, interpret, verify};
use filterc_certify::check;
use filterc_check::{
    Budget, Count, Proof, Side, Verdict, certificate, differences, equivalent, weaker,
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

/// Mutants of each program that are judged, spread over it; all of them with `FILTERC_SLOW`.
fn mutants_of_each() -> usize {
    if std::env::var_os("FILTERC_SLOW").is_some() { usize::MAX } else { 2000 }
}

/// What became of mutants.
#[derive(Clone, Copy, Debug, Default)]
struct Judged {
    /// Proved equal, and of those with a certificate, accepted by it as they are.
    equal: usize,
    accepted: usize,
    /// Refuted, and of those with a certificate, refused by it.
    different: usize,
    refused: usize,
}

/// Judges mutants of a program, by proof and by its certificate.
fn judge_mutants(compiled: &Compiled, program: &CompiledProgram) -> Judged {
    let endian = program.endian();
    let policy = compiled.policy().of_order(endian);
    let calls = boundary::calls(&policy, 40);
    let certificate = certificate(&policy, program.bytes(), endian, [0; 32]).ok();
    let mut judged = Judged::default();
    for (what, mutant) in mutants::some(program.insns(), mutants_of_each()) {
        let of = || format!("{}, {what}", compiled.name());
        let (left, right) = (Side::Policy(&policy), Side::Program(&mutant));
        let accepted = certificate.as_ref().map(|certificate| {
            let bytes = filterc_cbpf::encode(mutant.insns(), endian);
            check(&mutants::reattached(certificate, &bytes).unwrap(), &bytes).is_ok()
        });
        // A shift of `nr` by a word that another jump left in X can need more than a compilation
        // is given.
        let verdict = match equivalent(left, right, endian, &Budget::default()) {
            Verdict::Unknown(_) => equivalent(left, right, endian, &mutants::long()),
            verdict => verdict,
        };
        match verdict {
            Verdict::Equal(_) => {
                judged.equal += 1;
                judged.accepted += usize::from(accepted == Some(true));
                for call in calls.iter().step_by(7) {
                    let (expected, actual) =
                        (eval(&policy, call).to_ret(), interpret(&mutant, call, endian));
                    assert_eq!(actual, expected, "{}: {call:x?}", of());
                }
            }
            Verdict::Differ(found) => {
                judged.different += 1;
                judged.refused += usize::from(accepted == Some(false));
                assert_ne!(accepted, Some(true), "{}: {found:x?}", of());
                let expected = eval(&policy, &found.call).to_ret();
                let actual = interpret(&mutant, &found.call, endian);
                assert_ne!(actual, expected, "{}: {found:x?}", of());
                assert_eq!((expected, actual), (found.left, found.right), "{}", of());
            }
            verdict @ Verdict::Unknown(_) => panic!("{}: {verdict:?}", of()),
        }
    }
    judged
}

#[test]
fn every_mutant_is_proved_equal_or_refuted_by_a_real_call_and_no_certificate_covers_it() {
    let policies = corpus::policies();
    let programs = policies.iter().flat_map(|it| it.programs().map(move |program| (it, program)));
    let queue = Mutex::new(programs);
    let work = || {
        let mut sum = Judged::default();
        while let Some((compiled, program)) = { queue.lock().unwrap().next() } {
            let start = Instant::now();
            let one = judge_mutants(compiled, program);
            println!("{}: {one:?}, {:?}", compiled.name(), start.elapsed());
            sum.equal += one.equal;
            sum.accepted += one.accepted;
            sum.different += one.different;
            sum.refused += one.refused;
        }
        sum
    };
    let sums = thread::scope(|scope| {
        [scope.spawn(work), scope.spawn(work)].map(|thread| thread.join().unwrap())
    });
    println!("mutants: {sums:?}");
    let all = |of: fn(&Judged) -> usize| sums.iter().map(of).sum::<usize>();
    assert!(all(|it| it.equal + it.different) >= 20_000);
    assert!(all(|it| it.refused) > 10_000 && all(|it| it.accepted) > 100);
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
