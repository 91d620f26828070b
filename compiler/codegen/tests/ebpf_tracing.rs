//! Programs that watch tasks, in the interpreter: what is told is what the policy says of the
//! call, and of watched tasks alone.
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

use filterc_abi::{Endian, SeccompData, seccomp};
use filterc_codegen::ebpf::{emit, tracing};
use filterc_ebpf::audit::{self, Moment, Record};
use filterc_ebpf::interp::{MapError, MapId};
use filterc_ebpf::{Fixed, Host, MapSpec, Module, interpret, verify};
use filterc_hir::eval::eval as reference;
use filterc_hir::policy::Policy;
use filterc_ir::{Objective, build, passes};

use support::{calls, params, policy};
use tracing::{Access, Layout};

const TASK: u64 = 0xffff_8880_1234_0000;
const REGS: u64 = 0xffff_c900_0000_3f58;
const I386: u32 = 0x4000_0003;

fn module(policy: &Policy, access: Access, layout: Layout) -> Module {
    let objective = Objective::default();
    let dag = build(policy, Endian::Little).unwrap();
    let dag = passes::run(dag, 2, &objective, &mut |_, _| ());
    tracing::watch(&emit(&dag, &objective).unwrap(), access, layout).unwrap()
}

fn specs(module: &Module) -> Vec<MapSpec> {
    module.maps.iter().map(|map| map.spec).collect()
}

/// What the kernel has in memory while a task makes a call.
fn registers(call: &SeccompData) -> Vec<u8> {
    let mut regs = vec![0x5a; 168];
    let mut put = |at: usize, value: u64| regs[at..at + 8].copy_from_slice(&value.to_le_bytes());
    put(120, (call.nr as i64).cast_unsigned());
    put(128, call.instruction_pointer);
    let places =
        if call.arch == I386 { [40, 88, 96, 104, 112, 32] } else { [112, 104, 96, 56, 72, 64] };
    for (at, value) in places.into_iter().zip(call.args) {
        put(at, value);
    }
    regs
}

fn host(call: &SeccompData, layout: Layout, flags: u64) -> (Host<Fixed>, Vec<MapId>) {
    let mut task = vec![0xa5; 64];
    let status = if call.arch == I386 { 0xfe } else { 0xfd_u32 };
    let at = usize::from(layout.status);
    task[at..at + 4].copy_from_slice(&status.to_le_bytes());
    let environment = Fixed {
        ktime_ns: 77,
        pid_tgid: 3 << 32 | 4,
        task: TASK,
        kernel: vec![(TASK, task), (REGS, registers(call))],
        ..Fixed::default()
    };
    let mut host = Host::new(environment, Endian::Little);
    let maps: Result<Vec<MapId>, MapError> =
        audit::MAPS.map(|(_, spec)| host.add_map(spec)).into_iter().collect();
    let maps = maps.unwrap();
    if flags != 0 {
        assert!(host.set_task_value(maps[audit::TASKS], TASK, &flags.to_le_bytes()));
    }
    (host, maps)
}

#[test]
fn every_program_verifies() {
    for seed in 0..60 {
        let policy = policy(seed, Endian::Little).bound(&params(seed));
        for access in [Access::Numbers, Access::Types] {
            let module = module(&policy, access, Layout::default());
            let maps = specs(&module);
            for unit in &module.units {
                let target = tracing::target(unit, &maps);
                verify(&unit.insns, &target)
                    .unwrap_or_else(|e| panic!("{seed} {}: {e}", unit.name));
            }
        }
    }
}

#[test]
fn records_say_what_the_policy_says() {
    let (mut told, mut silent) = (0, 0);
    for seed in 0..60 {
        let policy = policy(seed, Endian::Little).bound(&params(seed));
        let layout = Layout { status: if seed % 2 == 0 { 16 } else { 8 } };
        let module = module(&policy, Access::Numbers, layout);
        let maps = specs(&module);
        let verified = |at: usize| {
            let unit = &module.units[at];
            verify(&unit.insns, &tracing::target(unit, &maps)).unwrap()
        };
        let programs = [verified(0), verified(1)];
        for mut call in calls(&policy, seed, 30) {
            // Other tokens do not come to a kernel of x86_64.
            call.arch = if call.arch == I386 { I386 } else { 0xc000_003e };
            let all = (0..8).flat_map(|flags| [(flags, Moment::Enter), (flags, Moment::Exit)]);
            for (flags, moment) in all {
                let program = &programs[moment.number() as usize];
                let (mut host, ids) = host(&call, layout, flags);
                let mut context = REGS.to_le_bytes().to_vec();
                context.extend((-13_i64).to_le_bytes());
                let outcome = interpret(program.program(), &mut host, &mut context, 1 << 20);
                assert_eq!(outcome.unwrap().ret, 0);
                let records = host.consume(ids[audit::RECORDS]);
                let action = reference(&policy, &call).to_ret();
                let wanted = if moment == Moment::Enter { audit::ENTER } else { audit::EXIT };
                let is_told = flags & wanted != 0
                    && (call.nr != -1 || moment == Moment::Enter)
                    && (flags & audit::ALLOWED != 0
                        || action != filterc_abi::Action::Allow.to_ret());
                if !is_told {
                    silent += 1;
                    assert!(records.is_empty(), "{seed} {call:x?} {flags}");
                    continue;
                }
                told += 1;
                let record = Record::from_bytes(&records[0], Endian::Little).unwrap();
                let ret = if moment == Moment::Exit { -13 } else { 0 };
                let expected = Record { time: 77, tgid: 3, tid: 4, ret, action, moment, call };
                assert_eq!((record, records.len()), (expected, 1), "{seed} {flags}");
            }
        }
    }
    assert!(told > 3_000 && silent > 3_000, "{told} {silent}");
}

/// The layout of a call is the kernel's.
#[test]
fn the_call_in_a_record_is_a_seccomp_data() {
    assert_eq!(seccomp::SECCOMP_DATA_SIZE as usize + audit::offset::CALL, audit::RECORD_SIZE);
    assert_eq!(Record::from_bytes(&[0; 95], Endian::Little), None);
}
