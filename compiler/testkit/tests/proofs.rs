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
use filterc_abi::{Endian, SeccompData};
use filterc_cbpf::{Verified, interpret, verify};
use filterc_certify::policy::Policy as Resolved;
use filterc_certify::word::Word;
use filterc_certify::{Certificate, check, sha256, tree};
use filterc_check::{
    Budget, Count, NoCertificate, Proof, Side, Verdict, certificate, differences, equivalent,
    weaker,
};
use filterc_codegen as codegen;
use filterc_hir::eval::eval;
use filterc_ir as ir;
use filterc_testkit::rng::Rng;
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

/// A certificate that names another program: only then the mutant itself is judged.
fn reattached(certificate: &[u8], program: &[u8]) -> Vec<u8> {
    let read = Certificate::read(certificate).unwrap();
    Certificate { program: sha256::of(program), ..read }.write()
}

/// What a proof may take that is hard.
fn long() -> Budget {
    let default = Budget::default();
    Budget { steps: default.steps * 16, conflicts: default.conflicts * 16, ..default }
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
            check(&reattached(certificate, &bytes), &bytes).is_ok()
        });
        // A shift of `nr` by a word that another jump left in X can need more than a compilation
        // is given.
        let verdict = match equivalent(left, right, endian, &Budget::default()) {
            Verdict::Unknown(_) => equivalent(left, right, endian, &long()),
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

/// Where the subtree that begins at a place ends, if it is one.
fn end_of(tree: &[u8], mut at: usize) -> Option<usize> {
    let mut open = 1;
    while open > 0 {
        let (length, children) = match *tree.get(at)? {
            tree::SPLIT_AT => (6, 2),
            tree::SPLIT_ON => (3, 2),
            tree::LEAF => (5, 0),
            tree::EMPTY => (1, 0),
            _ => return None,
        };
        (at, open) = (at + length, open + children - 1);
    }
    Some(at)
}

/// What the leaf says that a call comes to: the tree, read in another way than the checker does.
fn said(tree: &[u8], words: &[u32; 16]) -> Option<u32> {
    let number = |at: usize| Some(u32::from_le_bytes(tree.get(at..at + 4)?.try_into().ok()?));
    let mut at = 0;
    loop {
        let word = |at: usize| words.get(usize::from(*tree.get(at)?)).copied();
        let (first, into_first) = match *tree.get(at)? {
            tree::SPLIT_AT => (at + 6, word(at + 1)? < number(at + 2)?),
            tree::SPLIT_ON => (at + 3, word(at + 1)? >> tree.get(at + 2)? & 1 == 0),
            tree::LEAF => return number(at + 1),
            _ => return None,
        };
        at = if into_first { first } else { end_of(tree, first)? };
    }
}

/// Trees that are not the one that was made: bits turned over, subtrees exchanged, cut off, and
/// something behind the end.
fn damaged(tree: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut other = tree.to_vec();
    match rng.below(8) {
        0..=2 => other[rng.below(tree.len())] ^= 1 << rng.below(8),
        3 => other.truncate(rng.below(tree.len())),
        4 => other.push(tree::EMPTY),
        _ => {
            // The children of a node that is not far down, which are large.
            let mut at = 0;
            for _ in 0..rng.below(12) {
                let first = at + if tree[at] == tree::SPLIT_AT { 6 } else { 3 };
                let next = if rng.below(2) == 0 { first } else { end_of(tree, first).unwrap() };
                if tree[next] > tree::SPLIT_ON {
                    break;
                }
                at = next;
            }
            let first = at + if tree[at] == tree::SPLIT_AT { 6 } else { 3 };
            let second = end_of(tree, first).unwrap();
            let end = end_of(tree, second).unwrap();
            other[first..end].rotate_left(second - first);
        }
    }
    other
}

#[test]
fn a_damaged_tree_is_refused_though_its_seal_is_right() {
    let mut rng = Rng::new(11);
    let (mut refused, mut harmless) = (0, 0);
    for compiled in corpus::policies() {
        for program in compiled.programs() {
            let endian = program.endian();
            let policy = compiled.policy().of_order(endian);
            let Ok(made) = certificate(&policy, program.bytes(), endian, [0; 32]) else { continue };
            let read = Certificate::read(&made).unwrap();
            let calls = boundary::calls(&policy, 4);
            let leads = |tree: &[u8]| {
                for call in &calls {
                    let value = interpret(program.verified(), call, endian);
                    assert_eq!(said(tree, &call.words(endian)), Some(value), "{call:x?}");
                }
            };
            leads(read.tree);
            for _ in 0..100 {
                let tree = damaged(read.tree, &mut rng);
                if tree == read.tree {
                    continue;
                }
                let sealed = Certificate { tree: &tree, ..read.clone() }.write();
                if check(&sealed, program.bytes()).is_err() {
                    refused += 1;
                    continue;
                }
                // Another proof of what is true: it must still lead every call to its value.
                harmless += 1;
                leads(&tree);
            }
        }
    }
    println!("{refused} damaged trees refused, {harmless} that prove the same accepted");
    assert!(refused > 700 && harmless < refused / 10);
}

#[test]
fn a_certificate_with_another_policy_or_program_is_refused() {
    let policies = corpus::policies();
    let all: Vec<(Vec<u8>, &CompiledProgram)> = policies
        .iter()
        .flat_map(|compiled| compiled.programs().map(move |program| (compiled, program)))
        .filter_map(|(compiled, program)| {
            let made =
                certificate(compiled.policy(), program.bytes(), program.endian(), [0; 32]).ok()?;
            Some((made, program))
        })
        .collect();
    let mut pairs = 0;
    for (i, (one, program)) in all.iter().enumerate() {
        for (j, (other, another)) in all.iter().enumerate() {
            if i == j {
                continue;
            }
            let (read, foreign) =
                (Certificate::read(one).unwrap(), Certificate::read(other).unwrap());
            assert!(check(one, another.bytes()).is_err());
            assert!(check(&reattached(one, another.bytes()), another.bytes()).is_err());
            let swapped = Certificate { policy: foreign.policy, ..read }.write();
            assert!(check(&swapped, program.bytes()).is_err());
            pairs += 1;
        }
    }
    println!("{pairs} pairs");
    // A policy of which a digit is another: accepted only where that digit decides nothing.
    let mut rng = Rng::new(12);
    let (mut refused, mut harmless) = (0, 0);
    for (made, program) in &all {
        let read = Certificate::read(made).unwrap();
        let digits: Vec<usize> =
            read.policy.match_indices(|c: char| c.is_ascii_hexdigit()).map(|(at, _)| at).collect();
        for _ in 0..60 {
            let mut text = read.policy.to_owned();
            let at = *rng.pick(&digits).unwrap();
            let digit = *rng.pick(&["0", "1", "7", "a", "f"]).unwrap();
            text.replace_range(at..=at, digit);
            let sealed = Certificate { policy: &text, ..read.clone() }.write();
            if text == read.policy {
                continue;
            }
            if check(&sealed, program.bytes()).is_err() {
                refused += 1;
                continue;
            }
            harmless += 1;
            let policy = Resolved::read(&text).unwrap();
            for _ in 0..200 {
                let word = |rng: &mut Rng| match rng.below(3) {
                    0 => u32::try_from(rng.below(500)).unwrap(),
                    1 => filterc_abi::x86_64().audit_arch,
                    _ => (rng.next() >> 32) as u32,
                };
                let args = [0; 6].map(|_: u64| rng.next() >> rng.below(64));
                let (nr, arch) = (word(&mut rng).cast_signed(), word(&mut rng));
                let call = SeccompData { nr, arch, instruction_pointer: rng.next(), args };
                let words = call.words(program.endian()).map(|word| Word::of(word.into()));
                let value = interpret(program.verified(), &call, program.endian());
                assert_eq!(policy.run(&words).ok(), Some(value), "{call:x?}: {text}");
            }
        }
    }
    println!("{refused} changed policies refused, {harmless} that mean the same accepted");
    assert!(refused > harmless);
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
