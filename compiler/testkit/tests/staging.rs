//! Policies for monitors: the kernel's part comes to the gate for exactly the calls whose decision
//! depends on answers, at every level and after each pass; faults are refuted; and the kernel's part
//! followed by the policy with all answers is the policy.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it counted"
)]

use filterc::{Compiled, Gate, OptLevel, Options, Source, Target, compile};
use filterc_abi::{Action, Endian, Facts, SeccompData};
use filterc_cbpf::{Insn, Verified, code, interpret, verify};
use filterc_check::{Budget, NoCertificate, Side, Stated, Verdict, certificate_of, equivalent};
use filterc_codegen as codegen;
use filterc_hir::eval::eval_with;
use filterc_hir::policy::Policy;
use filterc_hir::settled::{Settled, settled};
use filterc_hir::types::{BESIDE, beside, put_answer};
use filterc_ir as ir;
use filterc_testkit::{boundary, corpus, mutants, rng::Rng};

fn options(gate: Gate) -> Options {
    Options { target: Target::Monitor, gate, ..corpus::options() }
}

fn policies() -> Vec<(Source, Compiled)> {
    let read = |path: &std::path::PathBuf| {
        let source = Source::read(path).unwrap();
        let compiled = compile(&source, &options(Gate::Notify)).unwrap_or_else(|e| panic!("{e}"));
        (source, compiled)
    };
    corpus::files("monitor", "flt").iter().map(read).collect()
}

/// Parameters, facts and answers, these drawn at random; now and then all the same.
fn answers(policy: &Policy, endian: Endian, rng: &mut Rng) -> [u64; BESIDE] {
    let mut all = beside(&[], &Facts::default(), endian);
    let mode = rng.below(4);
    for question in 0..policy.questions().len() {
        let yes = if mode < 2 { mode == 1 } else { rng.below(2) == 1 };
        put_answer(&mut all, question as u16, yes);
    }
    all
}

/// What the kernel's part must say to a call.
fn expected(policy: &Policy, gate: Action, call: &SeccompData) -> Action {
    match settled(policy, &[], call) {
        Settled::Always(action) => action,
        Settled::Depends => gate,
        Settled::Unknown => panic!("too many ways: {call:x?}"),
    }
}

#[test]
fn kernel_and_monitor_together_are_the_policy() {
    let (mut calls, mut gated) = (0, 0);
    for (_, compiled) in policies() {
        assert!(compiled.program().proof().is_some());
        let mut rng = Rng::new(7);
        for program in compiled.programs() {
            let policy = compiled.policy().of_order(program.endian());
            for call in boundary::calls(&policy, 200) {
                let ret = interpret(program.verified(), &call, program.endian());
                calls += 1;
                let is_gate = ret == Action::Notify.to_ret();
                gated += u32::from(is_gate);
                let mut said = std::collections::BTreeSet::new();
                for _ in 0..8 {
                    let answers = answers(&policy, program.endian(), &mut rng);
                    let action = eval_with(&policy, &answers, &call).to_ret();
                    assert!(is_gate || action == ret, "{} {call:x?}", compiled.name());
                    said.insert(action);
                }
                let expected = expected(&policy, Action::Notify, &call).to_ret();
                assert_eq!(ret, expected, "{} {call:x?} {said:x?}", compiled.name());
            }
        }
    }
    println!("{calls} calls, {gated} of them come to the monitor");
    assert!(calls > 3_000 && gated > 200);
}

#[test]
fn every_pass_is_proved_at_every_level_for_both_gates() {
    let (mut proofs, objective) = (0, ir::Objective::default());
    for (source, compiled) in policies() {
        for gate in [Gate::Notify, Gate::Trace].map(Gate::action) {
            for endian in compiled.programs().map(filterc::CompiledProgram::endian) {
                let mut prove = |stage: &str, dag: &ir::Dag| {
                    let dag = ir::passes::run(dag.clone(), 0, &objective, &mut |_, _| ());
                    let object = codegen::cbpf::emit(&dag, &objective).unwrap();
                    let program = verify(&object.insns).unwrap();
                    let verdict = judge(compiled.policy(), gate, &program, endian);
                    let proved = matches!(verdict, Verdict::Equal(_));
                    assert!(proved, "{} {stage}: {verdict:?}", compiled.name());
                    proofs += 1;
                };
                let dag = ir::build(compiled.policy(), endian).unwrap();
                assert!(ir::stage::asks(&dag));
                let dag = ir::stage(&dag, gate).unwrap();
                assert!(!ir::stage::asks(&dag));
                ir::validate(&dag).unwrap();
                prove("stage", &dag);
                let _ = ir::passes::run(dag, 2, &objective, &mut |pass, dag| prove(pass, dag));
            }
        }
        for opt_level in [OptLevel::O0, OptLevel::O1] {
            let options = Options { opt_level, ..options(Gate::Trace) };
            assert!(compile(&source, &options).is_ok());
        }
    }
    println!("{proofs} proofs");
}

fn judge(policy: &Policy, gate: Action, program: &Verified, endian: Endian) -> Verdict {
    let (left, right) = (Side::Staged { policy, gate }, Side::Program(program));
    equivalent(left, right, endian, &Budget::default())
}

/// Programs with one fault of staging: a return that asks the monitor where it need not, or decides
/// where it must not.
fn faults(program: &[Insn]) -> Vec<Verified> {
    let gate = Action::Notify.to_ret();
    let returns = program.iter().enumerate().filter(|(_, insn)| insn.code == code::RET);
    let mut faults = Vec::new();
    for (at, insn) in returns {
        let others = [Action::Allow, Action::Errno(1), Action::KillProcess, Action::Notify];
        for other in others.map(Action::to_ret).into_iter().filter(|other| *other != insn.k) {
            // What has nothing to do with the gate is what other tests plant.
            if insn.k == gate || other == gate {
                let mut fault = program.to_vec();
                fault[at].k = other;
                faults.extend(verify(&fault));
            }
        }
    }
    faults
}

#[test]
fn faults_are_refuted_by_a_call() {
    let (mut refuted, mut equal) = (0, 0);
    for (_, compiled) in policies() {
        let program = compiled.program();
        let endian = program.endian();
        let policy = compiled.policy().of_order(endian);
        let gate = Action::Notify;
        let mutants = mutants::some(program.insns(), 150).map(|(_, mutant)| mutant);
        for mutant in faults(program.insns()).into_iter().chain(mutants) {
            match judge(compiled.policy(), gate, &mutant, endian) {
                Verdict::Differ(found) => {
                    // Both sides, run anew: here by all answers, not by what the judge says.
                    let said = interpret(&mutant, &found.call, endian);
                    let meant = expected(&policy, gate, &found.call).to_ret();
                    assert_eq!((said, meant), (found.right, found.left), "{found:x?}");
                    assert_ne!(said, meant);
                    refuted += 1;
                }
                Verdict::Equal(_) => {
                    equal += 1;
                    for call in boundary::calls(&policy, 40) {
                        let meant = expected(&policy, gate, &call).to_ret();
                        assert_eq!(interpret(&mutant, &call, endian), meant, "{call:x?}");
                    }
                }
                Verdict::Unknown(unknown) => panic!("{unknown:?}"),
            }
        }
    }
    println!("{refuted} refuted, {equal} equal");
    assert!(refuted > 300 && refuted > 10 * equal);
}

/// Predicates by chance, of a few tests of registers and questions, of which some are the same.
fn predicate(rng: &mut Rng, depth: usize) -> String {
    const TESTS: [&str; 9] = [
        "filename == \"/a\"",
        "filename != \"/b\"",
        "filename ~ \"/c/*\"",
        "uid == 0",
        "uid >= 1000",
        "uid < 5",
        "flags & 1",
        "flags in { 2, 3 }",
        "dfd == 3",
    ];
    if depth == 0 || rng.below(4) == 0 {
        return TESTS[rng.below(TESTS.len())].to_owned();
    }
    let (a, b) = (predicate(rng, depth - 1), predicate(rng, depth - 1));
    match rng.below(3) {
        0 => format!("({a} and {b})"),
        1 => format!("({a} or {b})"),
        _ => format!("(not ({a}))"),
    }
}

#[test]
fn small_policies_by_brute_force() {
    let mut rng = Rng::new(19);
    let (mut calls, mut gated) = (0, 0);
    for round in 0..300 {
        let mut text = "arch x86_64\ndefault errno(EPERM)\n".to_owned();
        for _ in 0..=rng.below(4) {
            let action = ["allow", "errno(5)", "kill", "notify"][rng.below(4)];
            text += &format!("{action} openat if {}\n", predicate(&mut rng, 3));
        }
        let options = Options { prove: round % 4 == 0, ..options(Gate::Notify) };
        let compiled = match compile(&Source::text("small.flt", text.clone()), &options) {
            Ok(compiled) => compiled,
            Err(errors) => panic!("{text}\n{errors}"),
        };
        let policy = compiled.policy();
        let count = policy.questions().len();
        for registers in 0..8_u64 {
            for flags in 0..4 {
                let args = [registers, 0, flags, 0, 0, 0];
                let call =
                    SeccompData { nr: 257, arch: 0xc000_003e, args, ..SeccompData::default() };
                // All answers there are, one after the other.
                let mut said: Vec<Action> = (0..1_u64 << count)
                    .map(|bits| {
                        let mut all = beside(&[], &Facts::default(), Endian::Little);
                        all[filterc_hir::types::FIRST_ANSWERS] = bits;
                        eval_with(policy, &all, &call)
                    })
                    .collect();
                said.dedup();
                let all_one = said.iter().all(|action| *action == said[0]);
                let expected = if all_one { said[0] } else { Action::Notify };
                let ret = interpret(compiled.program().verified(), &call, Endian::Little);
                assert_eq!(ret, expected.to_ret(), "{text}{call:x?}");
                calls += 1;
                gated += u32::from(!all_one);
            }
        }
    }
    println!("{calls} calls, {gated} of them come to the monitor");
    assert!(gated > 1_000 && gated < calls);
}

/// Hundreds of rules for one call, of which none decides alone.
#[test]
fn many_rules_of_one_call_are_a_small_program() {
    let mut text = "arch x86_64\ndefault errno(EPERM)\n".to_owned();
    for rule in 0..400 {
        text +=
            &format!("allow openat if filename ~ \"/srv/{rule}/*\" and flags == {}\n", rule % 3);
    }
    let compiled = compile(&Source::text("many.flt", text), &options(Gate::Notify));
    let compiled = compiled.unwrap_or_else(|errors| panic!("{errors}"));
    let len = compiled.program().insns().len();
    println!("{len} instructions for 400 rules");
    assert!(compiled.program().proof().is_some() && len < 40);
}

#[test]
fn staged_programs_have_no_certificate() {
    let (_, compiled) = policies().remove(0);
    let program = compiled.program();
    let (left, right) = (Stated::Policy(compiled.policy()), Stated::Cbpf(program.bytes(), &[]));
    let why = certificate_of(left, right, program.endian(), [0; 32]).unwrap_err();
    assert!(matches!(why, NoCertificate::Unknown(_)), "{why}");
}

#[test]
fn questions_of_the_corpus_are_these() {
    let mut shown = String::new();
    for (_, compiled) in policies() {
        shown += &format!("{}\n", compiled.name().rsplit('/').next().unwrap());
        for (at, question) in compiled.policy().questions().iter().enumerate() {
            shown += &format!("  {at} {}: {:?}\n", question.text, question.asked);
        }
        for program in compiled.programs() {
            let dag = ir::build(compiled.policy(), program.endian()).unwrap();
            let staged = ir::stage(&dag, Action::Notify).unwrap();
            shown += &format!(
                "  {}: {} instructions; {} decisions, {} staged\n",
                program.abi_names().join("+"),
                program.insns().len(),
                dag.nodes().len(),
                staged.nodes().len()
            );
        }
    }
    insta::assert_snapshot!(shown);
}
