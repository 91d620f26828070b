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

#[path = "machines/mod.rs"]
mod machines;

use filterc_abi::registers::{MACHINES, Machine};
use filterc_abi::{Endian, SeccompData, seccomp};
use filterc_codegen::ebpf::{emit, tracing};
use filterc_ebpf::audit::{self, Moment, Record};
use filterc_ebpf::btf::{Btf, relocate};
use filterc_ebpf::interp::{MapError, MapId};
use filterc_ebpf::{Fixed, Host, MapSpec, Module, Verified, interpret, verify};
use filterc_hir::eval::eval as reference;
use filterc_hir::policy::Policy;
use filterc_ir::{Objective, build, passes};

use machines::{Kernel, REGS, TASK, shown};
use support::{calls, params, policy};
use tracing::Access;

fn module(policy: &Policy, access: Access, machine: &'static Machine) -> Module {
    let objective = Objective::default();
    let dag = build(policy, machine.endian).unwrap();
    let dag = passes::run(dag, 2, &objective, &mut |_, _| ());
    tracing::watch(&emit(&dag, &objective).unwrap(), access, machine).unwrap()
}

fn specs(module: &Module) -> Vec<MapSpec> {
    module.maps.iter().map(|map| map.spec).collect()
}

fn host(kernel: &Kernel, call: &SeccompData, flags: u64) -> (Host<Fixed>, Vec<MapId>) {
    let endian = kernel.machine.endian;
    let environment = Fixed {
        ktime_ns: 77,
        pid_tgid: 3 << 32 | 4,
        task: TASK,
        kernel: vec![(TASK, kernel.task(call)), (REGS, kernel.registers(call))],
        ..Fixed::default()
    };
    let mut host = Host::new(environment, endian);
    let maps: Result<Vec<MapId>, MapError> =
        audit::MAPS.map(|(_, spec)| host.add_map(spec)).into_iter().collect();
    let maps = maps.unwrap();
    if flags != 0 {
        assert!(host.set_task_value(maps[audit::TASKS], TASK, &bytes(endian, flags)));
    }
    (host, maps)
}

fn bytes(endian: Endian, value: u64) -> [u8; 8] {
    if endian == Endian::Little { value.to_le_bytes() } else { value.to_be_bytes() }
}

#[test]
fn every_program_verifies() {
    for machine in MACHINES {
        for seed in 0..20 {
            let policy = policy(seed, machine.endian).bound(&params(seed));
            for access in [Access::Numbers, Access::Types] {
                let module = module(&policy, access, machine);
                let maps = specs(&module);
                for unit in &module.units {
                    let target = tracing::target(unit, &maps, Some(machine));
                    verify(&unit.insns, &target)
                        .unwrap_or_else(|e| panic!("{} {seed} {}: {e}", machine.name, unit.name));
                }
            }
        }
    }
}

/// The programs at the start and the end of a call.
fn programs(module: &Module, machine: &Machine) -> [Verified; 2] {
    let maps = specs(module);
    [0, 1].map(|at| {
        let unit = &module.units[at];
        verify(&unit.insns, &tracing::target(unit, &maps, Some(machine))).unwrap()
    })
}

/// Runs the program at a call, on a kernel of that machine; what it told, and what it lost.
fn told(
    programs: &[Verified; 2],
    kernel: &Kernel,
    call: &SeccompData,
    (flags, moment): (u64, Moment),
) -> (Vec<Vec<u8>>, u64) {
    let program = &programs[moment.number() as usize];
    let (mut host, ids) = host(kernel, call, flags);
    let endian = kernel.machine.endian;
    let mut context = bytes(endian, REGS).to_vec();
    context.extend(bytes(endian, (-13_i64).cast_unsigned()));
    let outcome = interpret(program.program(), &mut host, &mut context, 1 << 20);
    assert_eq!(outcome.unwrap().ret, 0);
    let lost = host.lookup(ids[audit::LOST], &[0; 4]).unwrap().try_into().unwrap();
    let lost =
        if endian == Endian::Little { u64::from_le_bytes(lost) } else { u64::from_be_bytes(lost) };
    (host.consume(ids[audit::RECORDS]), lost)
}

#[test]
fn records_say_what_the_policy_says() {
    for machine in MACHINES {
        let (mut spoken, mut silent, mut allowed) = (0, 0, 0);
        for seed in 0..24 {
            let policy = policy(seed, machine.endian).bound(&params(seed));
            let plain = module(&policy, Access::Numbers, machine);
            let kernel =
                if seed % 2 == 0 { Kernel::known(machine) } else { Kernel::moved(machine) };
            let types = kernel.types();
            let module = relocate(&plain, &Btf::read(&types, machine.endian).unwrap()).unwrap();
            let module = programs(&module, machine);
            for (at, call) in calls(&policy, seed, 12).into_iter().enumerate() {
                let call = shown(machine, call, at);
                let all = (0..8).flat_map(|flags| [(flags, Moment::Enter), (flags, Moment::Exit)]);
                for (flags, moment) in all {
                    let (records, lost) = told(&module, &kernel, &call, (flags, moment));
                    assert_eq!(lost, 0);
                    let action = reference(&policy, &call).to_ret();
                    let wanted = if moment == Moment::Enter { audit::ENTER } else { audit::EXIT };
                    let allow = filterc_abi::Action::Allow.to_ret();
                    let is_told = flags & wanted != 0
                        && (moment == Moment::Enter || !kernel.is_gone(&call))
                        && (flags & audit::ALLOWED != 0 || action != allow);
                    if !is_told {
                        silent += 1;
                        assert!(records.is_empty(), "{} {seed} {call:x?} {flags}", machine.name);
                        continue;
                    }
                    spoken += 1;
                    allowed += usize::from(action == allow);
                    let record = Record::from_bytes(&records[0], machine.endian).unwrap();
                    let ret = if moment == Moment::Exit { -13 } else { 0 };
                    let expected = Record { time: 77, tgid: 3, tid: 4, ret, action, moment, call };
                    assert_eq!((record, records.len()), (expected, 1), "{} {seed}", machine.name);
                }
            }
        }
        assert!(spoken > 1_000 && silent > 1_000, "{}: {spoken} {silent}", machine.name);
        assert!(spoken > allowed);
    }
}

/// At the end of a call, registers may be those of other code.
#[test]
fn the_end_of_a_return_from_a_signal_is_left_alone() {
    let flags = audit::ENTER | audit::EXIT | audit::ALLOWED;
    for machine in MACHINES {
        let policy = policy(1, machine.endian).bound(&params(1));
        let module = programs(&module(&policy, Access::Numbers, machine), machine);
        let call = shown(machine, calls(&policy, 1, 1)[0], 0);
        let mut kernel = Kernel::known(machine);
        assert_eq!(told(&module, &kernel, &call, (flags, Moment::Exit)).0.len(), 1);
        let (call, kernel) = kernel.returned(call);
        let (records, lost) = told(&module, kernel, &call, (flags, Moment::Exit));
        assert_eq!((records.len(), lost), (0, 0), "{}", machine.name);
    }
}

/// A kernel whose registers are not where those of the machine are known to be: nothing is told of
/// what cannot be read.
#[test]
fn registers_elsewhere_are_not_read() {
    let flags = audit::ENTER | audit::ALLOWED;
    let mut seen = 0;
    for machine in MACHINES.iter().filter(|machine| machine.mark.is_some()) {
        let policy = policy(1, machine.endian).bound(&params(1));
        let plain = module(&policy, Access::Numbers, machine);
        let mut kernel = Kernel::known(machine);
        kernel.mark += 8;
        let types = kernel.types();
        let module = relocate(&plain, &Btf::read(&types, machine.endian).unwrap()).unwrap();
        let module = programs(&module, machine);
        let call = shown(machine, calls(&policy, 1, 1)[0], 0);
        let (records, lost) = told(&module, &kernel, &call, (flags, Moment::Enter));
        assert_eq!((records.len(), lost), (0, 1), "{}", machine.name);
        // The types of another machine's kernel have no such registers at all.
        for other in MACHINES.iter().filter(|other| other.endian == machine.endian) {
            let types = Kernel::known(other).types();
            let fits = relocate(&plain, &Btf::read(&types, machine.endian).unwrap()).is_ok();
            assert_eq!(fits, other.name == machine.name, "{} {}", machine.name, other.name);
            seen += 1;
        }
    }
    assert!(seen > 50);
}

/// The layout of a call is the kernel's.
#[test]
fn the_call_in_a_record_is_a_seccomp_data() {
    assert_eq!(seccomp::SECCOMP_DATA_SIZE as usize + audit::offset::CALL, audit::RECORD_SIZE);
    assert_eq!(Record::from_bytes(&[0; 95], Endian::Little), None);
}
