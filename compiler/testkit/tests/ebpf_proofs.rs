//! eBPF programs for every policy of the corpus, proved: what the code generator emits, and what
//! classic programs are as eBPF, is what the policy says and what the classic program does, for
//! all calls.

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
use filterc_abi::registers::machine;
use filterc_abi::{Endian, Facts, SeccompData};
use filterc_cbpf::{self as cbpf};
use filterc_check::{Budget, Side, Verdict, Why, differences, equivalent};
use filterc_codegen as codegen;
use filterc_codegen::ebpf::tracing::{Access, target, watch};
use filterc_ebpf::{Fixed, Function, Host, Insn, MapSpec, Target, Verified, interpret, verify};
use filterc_hir::eval::eval;
use filterc_hir::policy::Policy;
use filterc_hir::types::facts_of;
use filterc_ir as ir;
use filterc_testkit::translated::{Style, translated};
use filterc_testkit::{boundary, corpus, ebpf_mutants, mutants};

fn verified(insns: &[Insn]) -> Verified {
    verify(insns, &Target::SYSCALL).unwrap_or_else(|e| panic!("{e}"))
}

/// What a program says of a call and its facts: mutants may look at these.
fn run(program: &Verified, call: &SeccompData, facts: &Facts, endian: Endian) -> u32 {
    let mut host = Host::new(Fixed::default(), endian);
    let mut data = facts.behind(call, endian);
    interpret(program.program(), &mut host, &mut data, 1_000_000).unwrap().ret as u32
}

fn assert_equal(left: Side<'_>, right: Side<'_>, endian: Endian, what: &str) {
    let verdict = equivalent(left, right, endian, &Budget::default());
    assert!(matches!(verdict, Verdict::Equal(_)), "{what}: {verdict:x?}");
}

/// A policy of the corpus, lowered for machines of one byte order.
fn lowered(policy: &Policy, endian: Endian, level: u8) -> ir::Dag {
    let dag = ir::build(policy, endian).unwrap();
    ir::passes::run(dag, level, &ir::Objective::default(), &mut |_, _| ())
}

/// A policy of which the parameters, if it has some, are 0.
fn bound(compiled: &Compiled) -> Policy {
    compiled.policy().bound(&vec![0; compiled.policy().params().len()])
}

/// The programs of a policy, as far as the byte order and the level make a difference.
fn each(mut what: impl FnMut(&Compiled, &Policy, Endian, u8, &ir::Dag)) {
    for compiled in corpus::policies() {
        let policy = bound(&compiled);
        for endian in compiled.programs().map(CompiledProgram::endian) {
            for level in 0..=2 {
                what(&compiled, &policy, endian, level, &lowered(&policy, endian, level));
            }
        }
    }
}

#[test]
fn classic_programs_as_ebpf_are_proved() {
    let mut proofs = 0;
    each(|compiled, policy, endian, level, dag| {
        let insns = codegen::cbpf::emit(dag, &ir::Objective::default()).unwrap().insns;
        let classic = cbpf::verify(&insns).unwrap();
        for style in [Style::Words, Style::Halves(endian)] {
            let what = format!("{} -O{level} {style:?}", compiled.name());
            let start = Instant::now();
            let program = verified(&translated(&classic, style));
            let (checked, start) = (start.elapsed(), Instant::now());
            let side = Side::Ebpf(&program);
            assert_equal(Side::Program(&classic), side, endian, &what);
            println!("{what}: verified in {checked:?}, proved in {:?}", start.elapsed());
            assert_equal(side, Side::Policy(policy), endian, &what);
            proofs += 2;
        }
    });
    println!("{proofs} proofs");
}

#[test]
fn emitted_programs_are_proved() {
    let mut proofs = 0;
    each(|compiled, policy, endian, level, dag| {
        let what = format!("{} -O{level}", compiled.name());
        let objective = ir::Objective::default();
        let classic = codegen::cbpf::emit(dag, &objective).unwrap().insns;
        let classic = cbpf::verify(&classic).unwrap();
        let program = verified(&codegen::ebpf::emit(dag, &objective).unwrap().insns);
        let start = Instant::now();
        assert_equal(Side::Policy(policy), Side::Ebpf(&program), endian, &what);
        let (took, start) = (start.elapsed(), Instant::now());
        assert_equal(Side::Policy(policy), Side::Program(&classic), endian, &what);
        println!("{what}: proved in {took:?}, as classic program in {:?}", start.elapsed());
        assert_equal(Side::Ebpf(&program), Side::Program(&classic), endian, &what);
        assert_eq!(
            differences(Side::Policy(policy), Side::Ebpf(&program), endian, &Budget::default()),
            Ok(Vec::new()),
            "{what}"
        );
        proofs += 2;
    });
    println!("{proofs} proofs");
}

#[test]
fn functions_of_watching_programs_are_proved_where_they_are() {
    let mut proofs = 0;
    each(|compiled, policy, endian, level, dag| {
        // Whoever watches is a machine of this byte order.
        if endian != Endian::Little || level != 2 {
            return;
        }
        let decide = codegen::ebpf::emit(dag, &ir::Objective::default()).unwrap();
        for access in [Access::Numbers, Access::Types] {
            let module = watch(&decide, access, machine("x86_64").unwrap()).unwrap();
            let maps: Vec<MapSpec> = module.maps.iter().map(|map| map.spec).collect();
            for unit in &module.units {
                let what = format!("{}: {}", compiled.name(), unit.name);
                let decide = unit.functions.iter().find(|function| function.name == "decide");
                let Some(Function { slot, .. }) = decide else { continue };
                let whole = verify(&unit.insns, &target(unit, &maps, machine("x86_64")));
                let whole = whole.unwrap_or_else(|e| panic!("{what}: {e}"));
                let side = Side::Function { program: &whole, slot: *slot };
                assert_equal(Side::Policy(policy), side, endian, &what);
                proofs += 1;
            }
        }
    });
    println!("{proofs} proofs");
    assert!(proofs > 0);
}

/// What became of mutants.
#[derive(Clone, Copy, Debug, Default)]
struct Judged {
    equal: usize,
    different: usize,
    /// Our verifier does not take them.
    refused: usize,
    /// They do what is not judged.
    outside: usize,
}

/// Mutants of each program that are judged; all of them with `FILTERC_SLOW`.
fn mutants_of_each() -> usize {
    if std::env::var_os("FILTERC_SLOW").is_some() { usize::MAX } else { 300 }
}

fn judge_mutants(policy: &Policy, insns: &[Insn], endian: Endian, name: &str) -> Judged {
    let policy = policy.of_order(endian);
    let calls = boundary::calls(&policy, 40);
    let mut judged = Judged::default();
    for mutant in ebpf_mutants::some(insns, mutants_of_each()) {
        let what = format!("{name}, {}", mutant.what);
        let Some(program) = mutant.program else {
            judged.refused += 1;
            continue;
        };
        let (left, right) = (Side::Policy(&policy), Side::Ebpf(&program));
        let verdict = match equivalent(left, right, endian, &Budget::default()) {
            Verdict::Unknown(unknown) if unknown.why == Why::Budget => {
                println!("{what}: takes longer");
                equivalent(left, right, endian, &mutants::long())
            }
            verdict => verdict,
        };
        match verdict {
            Verdict::Equal(_) => {
                judged.equal += 1;
                for call in calls.iter().step_by(7) {
                    let expected = eval(&policy, call).to_ret();
                    assert_eq!(
                        run(&program, call, &Facts::default(), endian),
                        expected,
                        "{what}: {call:x?}"
                    );
                }
            }
            Verdict::Differ(found) => {
                judged.different += 1;
                let expected = eval(&policy, &found.call).to_ret();
                let facts = facts_of(&found.params, endian);
                let actual = run(&program, &found.call, &facts, endian);
                assert_ne!(actual, expected, "{what}: {found:x?}");
                assert_eq!((expected, actual), (found.left, found.right), "{what}");
            }
            Verdict::Unknown(why) => {
                assert!(matches!(why.why, Why::Outside(_)), "{what}: {why:?}");
                println!("{what}: {why:?}");
                judged.outside += 1;
            }
        }
    }
    judged
}

#[test]
fn every_mutant_is_proved_equal_or_refuted_by_a_real_call() {
    let policies = corpus::policies();
    let programs = policies.iter().flat_map(|it| it.programs().map(move |program| (it, program)));
    let queue = Mutex::new(programs);
    let work = || {
        let mut sum = Judged::default();
        while let Some((compiled, program)) = { queue.lock().unwrap().next() } {
            let (policy, endian) = (bound(compiled), program.endian());
            let objective = ir::Objective::default();
            let dag = lowered(&policy, endian, 2);
            let classic = codegen::cbpf::emit(&dag, &objective).unwrap().insns;
            let classic = cbpf::verify(&classic).unwrap();
            let emitted = codegen::ebpf::emit(&dag, &objective).unwrap().insns;
            let as_halves = translated(&classic, Style::Halves(endian));
            for insns in [emitted, as_halves] {
                let start = Instant::now();
                let one = judge_mutants(&policy, &insns, endian, compiled.name());
                println!("{}: {one:?}, {:?}", compiled.name(), start.elapsed());
                sum.equal += one.equal;
                sum.different += one.different;
                sum.refused += one.refused;
                sum.outside += one.outside;
            }
        }
        sum
    };
    let sums = thread::scope(|scope| {
        [scope.spawn(work), scope.spawn(work)].map(|thread| thread.join().unwrap())
    });
    println!("mutants: {sums:?}");
    let all = |of: fn(&Judged) -> usize| sums.iter().map(of).sum::<usize>();
    assert!(all(|it| it.equal + it.different) >= 5000 && all(|it| it.equal) > 100);
    assert!(all(|it| it.outside) * 100 < all(|it| it.different));
}
