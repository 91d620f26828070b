//! What is emitted does what the policy means, in both byte orders, and verifies.
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
use filterc_codegen::ebpf::{Object, emit};
use filterc_ebpf::{Fixed, Host, Insn, Target, code, interpret, verify};
use filterc_hir::eval::eval as reference;
use filterc_hir::expr::{CmpOp, Predicate, Test};
use filterc_hir::policy::{AbiPolicy, Arm, Policy, RuleId, Selector};
use filterc_ir::{Dag, Objective, build, passes};

use support::{KERNEL, Rng, abis, arg, calls, params, policy};

const SEEDS: u64 = 400;

fn lowered(policy: &Policy, endian: Endian, level: u8) -> Dag {
    let objective = Objective::default();
    passes::run(build(policy, endian).unwrap(), level, &objective, &mut |_, _| ())
}

fn compiled(policy: &Policy, endian: Endian, level: u8) -> Object {
    let object = emit(&lowered(policy, endian, level), &Objective::default()).unwrap();
    assert_eq!(object.insns.len(), object.origin.len());
    object
}

fn disagreement(insns: &[Insn], policy: &Policy, endian: Endian, calls: &[SeccompData]) -> bool {
    let Ok(program) = verify(insns, &Target::SYSCALL) else { return true };
    let mut host = Host::new(Fixed::default(), endian);
    calls.iter().any(|call| {
        let mut context = call.to_bytes(endian);
        let outcome = interpret(program.program(), &mut host, &mut context, u64::MAX).unwrap();
        outcome.ret != reference(policy, call).to_ret().into() || context != call.to_bytes(endian)
    })
}

#[test]
fn programs_do_what_policies_mean() {
    for seed in 0..SEEDS {
        for endian in [Endian::Little, Endian::Big] {
            let policy = policy(seed, endian).bound(&params(seed));
            let calls = calls(&policy, seed, 200);
            for level in 0..=2 {
                let Object { insns, .. } = compiled(&policy, endian, level);
                verify(&insns, &Target::SYSCALL).unwrap_or_else(|e| panic!("{seed}: {e}"));
                let wrong = disagreement(&insns, &policy, endian, &calls);
                assert!(!wrong, "{seed} {endian:?} {level}");
                assert_eq!(insns, compiled(&policy, endian, level).insns, "deterministic");
            }
        }
    }
}

/// The test above must be able to fail: one changed jump is found.
#[test]
fn planted_faults_are_found() {
    let (mut planted, mut found) = (0, 0);
    for seed in 0..SEEDS {
        let policy = policy(seed, Endian::Little).bound(&params(seed));
        let mut insns = compiled(&policy, Endian::Little, 2).insns;
        let swapped = |insn: &Insn| {
            let class = insn.opcode & code::CLASS;
            let op = match insn.opcode & code::OPERATION {
                code::JEQ => code::JNE,
                code::JNE => code::JEQ,
                code::JGE => code::JLT,
                code::JLT => code::JGE,
                _ => return None,
            };
            let is_jump = class == code::JMP || class == code::JMP32;
            is_jump.then_some(Insn { opcode: insn.opcode & !code::OPERATION | op, ..*insn })
        };
        let jumps: Vec<usize> =
            (0..insns.len()).filter(|i| swapped(&insns[*i]).is_some()).collect();
        if jumps.is_empty() {
            continue;
        }
        let victim = Rng::new(seed).pick(&jumps);
        insns[victim] = swapped(&insns[victim]).unwrap();
        let calls = calls(&policy, seed, 600);
        planted += 1;
        found += usize::from(disagreement(&insns, &policy, Endian::Little, &calls));
    }
    assert!(planted > 200 && found * 10 >= planted * 8, "{found} of {planted}");
}

fn one_abi(arms: Vec<Arm>) -> Policy {
    let abi = abis(Endian::Little, 0)[0];
    let part = AbiPolicy::new(abi, KERNEL, Action::Errno(1), Action::Errno(38), arms);
    Policy::new(vec![part], Action::KillProcess, Vec::new())
}

/// `count` rules for one call, each with a test of its own value.
fn chain(count: u32) -> Policy {
    let is = |index, op, value| {
        Predicate::Test(Test::compare(arg(index, 32, false), None, op, value).unwrap())
    };
    let arm = |i: u32| Arm {
        rule: RuleId(i),
        selector: Selector::Nr(2),
        predicate: Predicate::And(vec![
            is(0, CmpOp::Eq, i128::from(i) * 2 + 10),
            is(1, CmpOp::Ne, i128::from(i) + 7),
        ]),
        action: Action::Errno((i % 3000) as u16 + 2),
    };
    one_abi((0..count).map(arm).collect())
}

#[test]
fn the_limit_is_on_the_finished_program() {
    let mut last = 0;
    for count in (1000..12_000).step_by(1000) {
        let dag = lowered(&chain(count), Endian::Little, 0);
        match emit(&dag, &Objective::default()) {
            Ok(object) => last = object.insns.len(),
            Err(error) => {
                assert_eq!(error.code(), "F0410");
                assert!(error.slots > 1 << 15 && last > 25_000, "{} {last}", error.slots);
                return;
            }
        }
    }
    panic!("nothing was too long");
}

#[test]
fn parameters_need_values() {
    let with_params = (0..SEEDS).map(|seed| policy(seed, Endian::Little));
    let mut errors = with_params.filter_map(|policy| {
        emit(&lowered(&policy, Endian::Little, 2), &Objective::default()).err()
    });
    assert_eq!(errors.next().unwrap().code(), "F0260");
}

#[test]
fn instructions_know_their_rules() {
    let Object { insns, origin } = compiled(&chain(5), Endian::Little, 2);
    for rule in 0..5 {
        let of_rule = insns.iter().zip(&origin).filter(|(_, of)| **of == Some(RuleId(rule)));
        let of_rule: Vec<_> = of_rule.map(|(insn, _)| *insn).collect();
        assert!(of_rule.iter().any(|insn| insn.imm == 10 + rule.cast_signed() * 2), "{rule}");
    }
}

/// Rules that have one test after the other are followed once, not once for each value that one
/// of them has compared with.
#[test]
fn long_chains_of_rules_verify() {
    for (count, level) in [(500, 0), (500, 2), (2000, 1)] {
        let policy = chain(count);
        let Object { insns, .. } = compiled(&policy, Endian::Little, level);
        verify(&insns, &Target::SYSCALL).unwrap_or_else(|e| panic!("{count} {level}: {e}"));
        let calls = calls(&policy, 1, 500);
        assert!(!disagreement(&insns, &policy, Endian::Little, &calls));
    }
}
