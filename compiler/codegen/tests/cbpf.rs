//! What is emitted does what the policy means, fits the machine, and keeps calls in the
//! kernel's cache.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    unreachable_pub,
    dead_code,
    reason = "tests say what they expect by panicking"
)]

#[path = "../../ir/tests/support/mod.rs"]
mod support;

use filterc_abi::{Action, Endian, SeccompData};
use filterc_cbpf::{Insn, Template, code, const_allow, interpret, interpret_traced, verify};
use filterc_codegen::cbpf::{Object, emit};
use filterc_hir::eval::eval as reference;
use filterc_hir::expr::{CmpOp, Predicate, Test};
use filterc_hir::policy::{AbiPolicy, Arm, Policy, RuleId, Selector};
use filterc_ir::{Dag, Node, build, passes};

use support::{KERNEL, Rng, abis, arg, calls, params, policy};

const SEEDS: u64 = 400;

fn lowered(policy: &Policy, endian: Endian, level: u8) -> Dag {
    passes::run(
        build(policy, endian).unwrap(),
        level,
        &filterc_ir::Objective::default(),
        &mut |_, _| (),
    )
}

fn compiled(policy: &Policy, endian: Endian, level: u8) -> Object {
    let object = emit(&lowered(policy, endian, level), &filterc_ir::Objective::default()).unwrap();
    assert_eq!(object.insns.len(), object.origin.len());
    object
}

fn disagreement(insns: &[Insn], policy: &Policy, endian: Endian, calls: &[SeccompData]) -> bool {
    let Ok(program) = verify(insns) else { return true };
    calls.iter().any(|call| interpret(&program, call, endian) != reference(policy, call).to_ret())
}

#[test]
fn programs_do_what_policies_mean() {
    for seed in 0..SEEDS {
        for endian in [Endian::Little, Endian::Big] {
            let policy = policy(seed, endian);
            let calls = calls(&policy, seed, 200);
            let params = params(seed);
            let bound = policy.bound(&params);
            for level in 0..=2 {
                let Object { insns, sites, .. } = compiled(&policy, endian, level);
                // With 0 for parameters it stands there already; with others, once patched.
                let patched = Template::new(&insns, &sites).unwrap().patch(&params).unwrap();
                for (insns, policy) in [(&*insns, &policy), (patched.insns(), &bound)] {
                    assert!(
                        !disagreement(insns, policy, endian, &calls),
                        "{seed} {endian:?} {level}"
                    );
                }
                assert_eq!(insns, compiled(&policy, endian, level).insns, "deterministic");
            }
        }
    }
}

/// The test above must be able to fail: one changed jump or constant is found.
#[test]
fn planted_faults_are_found() {
    let (mut planted, mut found) = (0, 0);
    for seed in 0..SEEDS {
        let policy = policy(seed, Endian::Little);
        let mut insns = compiled(&policy, Endian::Little, 2).insns;
        let is_jump = |insn: &Insn| insn.code & code::CLASS == code::JMP && insn.jt != insn.jf;
        let jumps: Vec<usize> = (0..insns.len()).filter(|&i| is_jump(&insns[i])).collect();
        // A policy of one ABI may have a single action, and a program no jump that matters.
        if jumps.is_empty() {
            continue;
        }
        let victim = Rng::new(seed).pick(&jumps);
        let Insn { jt, jf, .. } = insns[victim];
        (insns[victim].jt, insns[victim].jf) = (jf, jt);
        let calls = calls(&policy, seed, 600);
        planted += 1;
        found += usize::from(disagreement(&insns, &policy, Endian::Little, &calls));
    }
    assert!(found * 10 >= planted * 8, "{found} of {planted}");
}

/// The residual of each number, by the DAG: a leaf `allow` must be in the cache, and on the
/// way to any number's residual nothing may run that the kernel's emulation does not know.
#[test]
fn unconditional_allows_stay_in_the_cache() {
    let mut cached = 0;
    for seed in 0..SEEDS {
        for endian in [Endian::Little, Endian::Big] {
            let policy = policy(seed, endian);
            let dag = passes::run(
                build(&policy, endian).unwrap(),
                1,
                &filterc_ir::Objective::default(),
                &mut |_, _| (),
            );
            let program =
                verify(&emit(&dag, &filterc_ir::Objective::default()).unwrap().insns).unwrap();
            let built = build(&policy, endian).unwrap();
            for root in built.roots() {
                // Numbers from 0, of n32 and of x32.
                let numbers = (0..470).chain(6000..6470).chain(0x4000_0000..0x4000_0100);
                for nr in numbers.chain([10_000, -1]) {
                    let call = SeccompData { nr, arch: root.audit_arch, ..Default::default() };
                    if residual(&built, root.node, &call) == Some(Action::Allow) {
                        cached += 1;
                        assert!(const_allow(&program, nr, root.audit_arch), "{seed} {nr}");
                    }
                }
            }
        }
    }
    assert!(cached > 10_000, "{cached}");
}

/// The action that a number has whatever its arguments are.
fn residual(dag: &Dag, mut id: filterc_ir::NodeId, call: &SeccompData) -> Option<Action> {
    loop {
        id = match dag.node(id) {
            Node::Leaf(action) => return Some(*action),
            Node::Switch(cases) => {
                let nr = call.nr.cast_unsigned();
                cases[cases.partition_point(|case| case.first <= nr) - 1].target
            }
            Node::Branch { test: filterc_ir::Test::Field { field, .. }, .. }
                if field.place() != filterc_hir::types::Place::Nr =>
            {
                return None;
            }
            Node::Branch { test: filterc_ir::Test::Fields { .. }, .. } => return None,
            Node::Branch { test, then, otherwise } => {
                let words = &call.words(dag.endian());
                let input =
                    filterc_ir::test::Input { call, words, params: &[], endian: dag.endian() };
                if test.holds(&input) { *then } else { *otherwise }
            }
        };
    }
}

fn one_abi(arms: Vec<Arm>) -> Policy {
    let abi = abis(Endian::Little, 0)[0];
    let part = AbiPolicy::new(abi, KERNEL, Action::Errno(1), Action::Errno(38), arms);
    Policy::new(vec![part], Action::KillProcess, Vec::new())
}

fn is(index: u8, op: CmpOp, value: i128) -> Predicate {
    Predicate::Test(Test::compare(arg(index, 32, false), None, op, value).unwrap())
}

/// `count` rules for one call, each with a test of its own value.
fn chain(count: u32, op: CmpOp, action: impl Fn(u32) -> Action) -> Policy {
    let arm = |i: u32| Arm {
        rule: RuleId(i),
        selector: Selector::Nr(2),
        predicate: Predicate::And(vec![
            is(0, op, i128::from(i) * 2 + 10),
            is(1, CmpOp::Ne, i128::from(i) + 7),
        ]),
        action: action(i),
    };
    one_abi((0..count).map(arm).collect())
}

#[test]
fn far_jumps_are_relaxed_on_both_arms() {
    // Distances around 255 instructions and far beyond, returns few (copied) and many.
    for count in (55..75).chain(120..135).chain([250, 400, 800]) {
        for op in [CmpOp::Eq, CmpOp::Ne, CmpOp::Ge, CmpOp::Lt] {
            for level in [0, 2] {
                let action = |i: u32| Action::Errno((i % 300) as u16 + 1);
                let policy = chain(count, op, action);
                let object = compiled(&policy, Endian::Little, level);
                let edge = |i: u64| [i * 2 + 9, i * 2 + 10, i * 2 + 11];
                let picks = [0, 1, count / 2, count - 2, count - 1, count];
                let calls: Vec<_> = picks
                    .into_iter()
                    .flat_map(|i| edge(i.into()).map(|a| (a, u64::from(i))))
                    .flat_map(|(a, i)| {
                        [i + 6, i + 7, 0].map(|b| SeccompData {
                            nr: 2,
                            arch: 0xc000_003e,
                            args: [a, b, 0, 0, 0, 0],
                            ..Default::default()
                        })
                    })
                    .collect();
                let wrong = disagreement(&object.insns, &policy, Endian::Little, &calls);
                assert!(!wrong, "{count} {op:?} {level}");
            }
        }
    }
}

#[test]
fn relaxation_is_needed_and_used() {
    let policy = chain(400, CmpOp::Eq, |i| Action::Errno((i % 300) as u16 + 1));
    let insns = compiled(&policy, Endian::Little, 2).insns;
    assert!(insns.iter().any(|insn| insn.code == code::JMP | code::JA), "no trampoline");
    assert!(insns.len() > 255);
}

#[test]
fn the_limit_is_on_the_finished_program() {
    let action = |i: u32| Action::Errno((i % 300) as u16 + 1);
    let mut last = 0;
    for count in (1..2000).step_by(37) {
        let dag = lowered(&chain(count, CmpOp::Eq, action), Endian::Little, 2);
        match emit(&dag, &filterc_ir::Objective::default()) {
            Ok(object) => {
                assert!(object.insns.len() <= 4096);
                last = object.insns.len();
            }
            Err(error) => {
                assert_eq!((error.code(), error.limit), ("F0401", 4096));
                assert!(error.insns > 4096);
                assert!(error.costs.is_sorted_by(|a, b| a.insns >= b.insns));
                assert!(error.costs.len() as u32 >= count / 2, "{}", error.costs.len());
                assert!(last > 3800, "{last}");
                return;
            }
        }
    }
    panic!("nothing was too long");
}

#[test]
fn arch_comes_first_then_nr_and_known_numbers_are_not_asked_for_the_foreign_bit() {
    let policy = chain(3, CmpOp::Eq, |_| Action::Allow);
    let insns = compiled(&policy, Endian::Little, 2).insns;
    let load = code::LD | code::W | code::ABS;
    assert_eq!((insns[0].code, insns[0].k), (load, 4));
    assert_eq!((insns[1].code, insns[1].k), (code::JMP | code::JEQ, 0xc000_003e));
    let program = verify(&insns).unwrap();
    let call = SeccompData { nr: 2, arch: 0xc000_003e, ..Default::default() };
    let pcs = interpret_traced(&program, &call, Endian::Little).pcs;
    assert_eq!((insns[pcs[2]].code, insns[pcs[2]].k), (load, 0));
    assert!(
        pcs.iter().all(|pc| insns[*pc].code != code::JMP | code::JSET || insns[*pc].k != 1 << 30)
    );
}

/// Two ABIs with one token: what the number leads to is there once.
#[test]
fn x86_64_and_x32_share_a_token_and_their_residuals() {
    let part = |name: &str, base: u32| {
        let test = Test::compare(arg(0, 32, true), None, CmpOp::Eq, 5).unwrap();
        let arm = Arm {
            rule: RuleId(0),
            selector: Selector::Nr(base + 2),
            predicate: Predicate::Test(test),
            action: Action::Allow,
        };
        let abi = filterc_abi::abi(name).unwrap();
        AbiPolicy::new(abi, KERNEL, Action::Errno(1), Action::Errno(38), vec![arm])
    };
    let (native, x32) = (part("x86_64", 0), part("x32", 0x4000_0000));
    let compiled = |parts: &[&AbiPolicy]| {
        let parts = parts.iter().map(|part| (*part).clone()).collect();
        let policy = Policy::new(parts, Action::KillProcess, Vec::new());
        let insns = compiled(&policy, Endian::Little, 2).insns;
        assert!(!disagreement(&insns, &policy, Endian::Little, &calls(&policy, 1, 2000)));
        insns
    };
    let both = compiled(&[&native, &x32]);
    assert_eq!(both, compiled(&[&native, &x32]), "deterministic");
    let count = |code: u16, k: u32| both.iter().filter(|i| i.code == code && i.k == k).count();
    // By the bit or by order, whichever suits the numbers around it.
    assert!(count(code::JMP | code::JSET, 0x4000_0000) <= 1);
    assert_eq!(count(code::JMP | code::JEQ, 0xc000_003e), 1);
    assert_eq!(count(code::JMP | code::JEQ, 5), 1, "{both:x?}");
    // Whichever is listed first, the program is as long.
    assert_eq!(both.len(), compiled(&[&x32, &native]).len());
    assert!(both.len() < compiled(&[&native]).len() + compiled(&[&x32]).len());
}

#[test]
fn no_abi_of_a_byte_order_is_all_foreign() {
    let dag = build(&one_abi(Vec::new()), Endian::Big).unwrap();
    let insns = emit(&dag, &filterc_ir::Objective::default()).unwrap().insns;
    assert_eq!(insns, [Insn::stmt(code::RET, Action::KillProcess.to_ret())]);
}

#[test]
fn instructions_know_their_rules() {
    // None does what the default does, or its tests would be in vain.
    let policy = chain(5, CmpOp::Eq, |i| Action::Errno(i as u16 + 2));
    let Object { insns, origin, .. } = compiled(&policy, Endian::Little, 2);
    for rule in 0..5 {
        let of_rule =
            insns.iter().zip(&origin).filter(|(_, origin)| **origin == Some(RuleId(rule)));
        let of_rule: Vec<_> = of_rule.map(|(insn, _)| *insn).collect();
        assert!(of_rule.iter().any(|insn| insn.k == 10 + rule * 2), "{rule}: {of_rule:?}");
    }
}
