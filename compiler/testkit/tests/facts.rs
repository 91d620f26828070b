//! Facts of a call: functions that decide by them, in both byte orders; programs that get them from
//! the kernel, in the interpreter with a made-up task; and the proof, for which they are free.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests say what they expect by panicking"
)]

use filterc_abi::registers::machine;
use filterc_abi::{Action, Endian, Fact, Facts, KernelVersion, SeccompData};
use filterc_check::{Budget, Side, Verdict, equivalent};
use filterc_codegen::ebpf::{Object, emit, tracing};
use filterc_ebpf::audit::{self, Moment, Record};
use filterc_ebpf::{Fixed, Host, Insn, MapSpec, Target, Verified, code, interpret, verify};
use filterc_hir::eval::eval_with;
use filterc_hir::expr::{CmpOp, Predicate, Test};
use filterc_hir::policy::{AbiPolicy, Arm, Policy, RuleId, RuleOrigin, Selector};
use filterc_hir::types::{Field, Kind, Place, Type, beside};
use filterc_ir::{Objective, build, passes};

use filterc_testkit::rng::Rng;
use tracing::Access;

const TASK: u64 = 0xffff_8880_1234_0000;
const REGS: u64 = 0xffff_c900_0000_3f58;
const SEEDS: u64 = 120;

/// A number that is often one of few.
fn number(rng: &mut Rng) -> u64 {
    match rng.below(4) {
        0 => rng.below(3) as u64,
        1 => u64::MAX - rng.below(3) as u64,
        2 => 1 << rng.below(64),
        _ => rng.next(),
    }
}

fn field(fact: Fact, rng: &mut Rng) -> Field {
    let ty = Type::new(fact.width(), rng.below(2) == 0, Kind::Integer).unwrap();
    Field::new(fact.name(), Place::Fact(fact), ty).unwrap()
}

/// A test of facts, or of an argument beside them.
fn test(rng: &mut Rng) -> Predicate {
    loop {
        let one = field(Fact::ALL[rng.below(9)], rng);
        let bits = number(rng) & one.ty().mask();
        let op = [CmpOp::Eq, CmpOp::Ne, CmpOp::Lt, CmpOp::Ge][rng.below(4)];
        let value = one.ty().value(bits);
        let mask = i128::from(number(rng) & one.ty().mask());
        let made = match rng.below(4) {
            0 => Test::any_bit(one, mask),
            1 => Test::compare(one, Some(mask), CmpOp::Eq, i128::from(bits) & mask),
            2 => {
                let same = |fact: &&Fact| fact.width() == one.ty().width();
                let others: Vec<_> = Fact::ALL.iter().filter(same).collect();
                let other = *others[rng.below(others.len())];
                Test::compare_field(one, op, field(other, rng))
            }
            _ => Test::compare(one, None, op, value),
        };
        if let Ok(test) = made {
            return Predicate::Test(test);
        }
    }
}

fn policy(seed: u64, endian: Endian) -> Policy {
    let mut rng = Rng::new(seed << 1);
    let name = if endian == Endian::Little { "x86_64" } else { "s390x" };
    let abi = filterc_abi::abi(name).unwrap();
    let mut arms = Vec::new();
    for rule in 0..1 + rng.below(6) as u32 {
        let parts: Vec<_> = (0..1 + rng.below(3)).map(|_| test(&mut rng)).collect();
        let predicate = match rng.below(3) {
            0 => Predicate::Or(parts),
            1 => Predicate::Not(Box::new(Predicate::And(parts))),
            _ => Predicate::And(parts),
        };
        let action = [Action::Allow, Action::Errno(1 + rule as u16), Action::KillProcess];
        let action = action[rng.below(3)];
        arms.push(Arm { rule: RuleId(rule), selector: Selector::Known, predicate, action });
    }
    let span = filterc_grammar::source::Span::default();
    let rules = arms.iter().map(|_| RuleOrigin { span }).collect();
    let part = AbiPolicy::new(abi, KernelVersion::TABLE, Action::Log, Action::Errno(38), arms);
    Policy::new(vec![part], Action::KillProcess, rules)
}

/// Facts near those that the policy asks for.
fn facts(rng: &mut Rng) -> Facts {
    let values: Vec<u64> = (0..9).map(|_| number(rng)).collect();
    Facts::of_values(&values, Endian::Little)
}

fn calls(policy: &Policy, rng: &mut Rng) -> SeccompData {
    let abi = policy.abis()[0].abi();
    let nr = i32::try_from(rng.below(400)).unwrap();
    SeccompData { nr, arch: abi.audit_arch, ..SeccompData::default() }
}

fn compiled(policy: &Policy, endian: Endian, level: u8) -> Object {
    let objective = Objective::default();
    let dag = passes::run(build(policy, endian).unwrap(), level, &objective, &mut |_, _| ());
    emit(&dag, &objective).unwrap()
}

fn returned(program: &Verified, call: &SeccompData, facts: &Facts, endian: Endian) -> u32 {
    let mut host = Host::new(Fixed::default(), endian);
    let mut context = facts.behind(call, endian);
    interpret(program.program(), &mut host, &mut context, 1 << 20).unwrap().ret as u32
}

fn meant(policy: &Policy, call: &SeccompData, facts: &Facts, endian: Endian) -> u32 {
    eval_with(policy, &beside(&[], facts, endian), call).to_ret()
}

#[test]
fn functions_do_what_policies_mean() {
    for seed in 0..SEEDS {
        for endian in [Endian::Little, Endian::Big] {
            let policy = policy(seed, endian);
            let mut rng = Rng::new(seed << 1 ^ 0x5554);
            for level in 0..=2 {
                let program = verify(&compiled(&policy, endian, level).insns, &Target::SYSCALL);
                let program = program.unwrap_or_else(|e| panic!("{seed}: {e}"));
                for _ in 0..60 {
                    let (call, facts) = (calls(&policy, &mut rng), facts(&mut rng));
                    let expected = meant(&policy, &call, &facts, endian);
                    let said = returned(&program, &call, &facts, endian);
                    assert_eq!(said, expected, "{seed} {endian:?} {level} {facts:x?}");
                }
            }
        }
    }
}

#[test]
fn functions_are_proved_with_facts_free() {
    let (mut refuted, mut equal) = (0, 0);
    for seed in 0..SEEDS / 2 {
        for endian in [Endian::Little, Endian::Big] {
            let policy = policy(seed, endian);
            let insns = compiled(&policy, endian, 2).insns;
            let judge = |program: &Verified| {
                let (left, right) = (Side::Policy(&policy), Side::Ebpf(program));
                equivalent(left, right, endian, &Budget::default())
            };
            let program = verify(&insns, &Target::SYSCALL).unwrap();
            assert!(matches!(judge(&program), Verdict::Equal(_)), "{seed} {endian:?}");
            // A fact that is read from a wrong place is noticed, unless it makes no difference.
            for (at, offset) in wrong_places(&insns) {
                let mut wrong = insns.clone();
                wrong[at].offset = offset;
                let program = verify(&wrong, &Target::SYSCALL).unwrap();
                match judge(&program) {
                    Verdict::Differ(found) => {
                        refuted += 1;
                        let facts = filterc_hir::types::facts_of(&found.params, endian);
                        assert_eq!(meant(&policy, &found.call, &facts, endian), found.left);
                        assert_eq!(returned(&program, &found.call, &facts, endian), found.right);
                        assert_ne!(found.left, found.right);
                    }
                    Verdict::Equal(_) => equal += 1,
                    Verdict::Unknown(unknown) => panic!("{seed}: {unknown:?}"),
                }
            }
        }
    }
    assert!(refuted > 150 && equal * 4 < refuted, "{refuted} {equal}");
}

/// Loads of facts, and the place of another fact for each.
fn wrong_places(insns: &[Insn]) -> Vec<(usize, i16)> {
    let is_load =
        |insn: &Insn| insn.opcode & code::CLASS == code::LDX && insn.src == 1 && insn.offset >= 64;
    let loads = insns.iter().enumerate().filter(|(_, insn)| is_load(insn));
    let other = |offset: i16| match offset {
        64 => 68,
        88 => 96,
        _ if offset < 88 => 64,
        _ => 88,
    };
    loads.map(|(at, insn)| (at, other(insn.offset))).collect()
}

/// What the kernel has in memory while a task makes a call.
fn registers(call: &SeccompData) -> Vec<u8> {
    let mut regs = vec![0x5a; 168];
    let mut put = |at: usize, value: u64| regs[at..at + 8].copy_from_slice(&value.to_le_bytes());
    put(120, i64::from(call.nr).cast_unsigned());
    put(128, call.instruction_pointer);
    for (at, value) in [112, 104, 96, 56, 72, 64].into_iter().zip(call.args) {
        put(at, value);
    }
    regs
}

#[test]
fn programs_at_tracepoints_ask_the_kernel_who_calls() {
    let mut told = 0;
    for seed in 0..SEEDS {
        let policy = policy(seed, Endian::Little);
        let object = compiled(&policy, Endian::Little, 2);
        for access in [Access::Numbers, Access::Types] {
            let module = tracing::watch(&object, access, machine("x86_64").unwrap()).unwrap();
            let maps: Vec<MapSpec> = module.maps.iter().map(|map| map.spec).collect();
            for (unit, moment) in module.units.iter().zip([Moment::Enter, Moment::Exit]) {
                let verified =
                    verify(&unit.insns, &tracing::target(unit, &maps, machine("x86_64")));
                let verified = verified.unwrap_or_else(|e| panic!("{seed} {}: {e}", unit.name));
                if access == Access::Types {
                    continue;
                }
                let mut rng = Rng::new(seed << 1 ^ 0xaaaa);
                for _ in 0..10 {
                    let (call, mut facts) = (calls(&policy, &mut rng), facts(&mut rng));
                    // No helper says what the call names; a name ends where it ends.
                    facts.label = 0;
                    facts.comm = Facts::comm(&facts.comm);
                    let call = SeccompData { arch: 0xc000_003e, ..call };
                    let environment = Fixed {
                        processor: facts.cpu,
                        pid_tgid: u64::from(facts.pid) << 32 | u64::from(facts.tid),
                        uid_gid: u64::from(facts.gid) << 32 | u64::from(facts.uid),
                        comm: facts.comm,
                        cgroup_id: facts.cgroup,
                        task: TASK,
                        kernel: vec![(TASK, vec![0; 64]), (REGS, registers(&call))],
                        ..Fixed::default()
                    };
                    let mut host = Host::new(environment, Endian::Little);
                    let ids: Vec<_> = audit::MAPS
                        .into_iter()
                        .map(|(_, spec)| host.add_map(spec).unwrap())
                        .collect();
                    let flags = audit::ENTER | audit::EXIT | audit::ALLOWED;
                    assert!(host.set_task_value(ids[audit::TASKS], TASK, &flags.to_le_bytes()));
                    let mut context = [REGS.to_le_bytes(), [0; 8]].concat();
                    let outcome = interpret(verified.program(), &mut host, &mut context, 1 << 20);
                    outcome.unwrap_or_else(|fault| panic!("{seed} {fault:?}"));
                    let records = host.consume(ids[audit::RECORDS]);
                    let record = Record::from_bytes(&records[0], Endian::Little).unwrap();
                    let expected = meant(&policy, &call, &facts, Endian::Little);
                    assert_eq!((record.action, record.moment), (expected, moment), "{seed}");
                    assert_eq!(record.call, call);
                    told += 1;
                }
            }
        }
    }
    assert_eq!(told, SEEDS * 20);
}
