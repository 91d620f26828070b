//! Where the table has registers, kernels of these machines have them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect by panicking")]

use std::collections::BTreeMap;

use filterc_abi::registers::{Convention, Gone, MACHINES, Machine, Source, Tasks, machine};

/// Members by machine and name: offset and bytes.
fn members() -> BTreeMap<(&'static str, &'static str), (u32, u32)> {
    let rows = include_str!("registers.tsv").lines().filter(|line| !line.starts_with('#'));
    let rows = rows.map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [machine, member, offset, bytes, "types" | "header"] = columns.as_slice() else {
            panic!("{line}");
        };
        ((*machine, *member), (offset.parse().unwrap(), bytes.parse().unwrap()))
    });
    rows.collect()
}

/// What the kernel reads for a filter, by the names of its source: the number, the instruction
/// pointer, the arguments, what tells the ABI of a task, and what the end of a call shows.
struct Names {
    machine: &'static str,
    number: &'static str,
    instruction_pointer: &'static str,
    arguments: &'static [[&'static str; 6]],
    told: &'static str,
    gone: &'static str,
}

const POWERPC: [&str; 6] = ["orig_gpr3", "gpr[4]", "gpr[5]", "gpr[6]", "gpr[7]", "gpr[8]"];
const RISCV: [&str; 6] = ["orig_a0", "a1", "a2", "a3", "a4", "a5"];
const I386: [&str; 6] = ["bx", "cx", "dx", "si", "di", "bp"];

const fn names(
    machine: &'static str,
    [number, instruction_pointer]: [&'static str; 2],
    arguments: &'static [[&'static str; 6]],
    [told, gone]: [&'static str; 2],
) -> Names {
    Names { machine, number, instruction_pointer, arguments, told, gone }
}

const NAMES: [Names; 11] = [
    names(
        "aarch64",
        ["syscallno", "pc"],
        &[["orig_x0", "regs[1]", "regs[2]", "regs[3]", "regs[4]", "regs[5]"]],
        ["pstate", ""],
    ),
    names(
        "arm",
        ["", "uregs[15]"],
        &[["uregs[17]", "uregs[1]", "uregs[2]", "uregs[3]", "uregs[4]", "uregs[5]"]],
        ["", ""],
    ),
    names("i386", ["orig_ax", "ip"], &[I386], ["", ""]),
    names(
        "loongarch64",
        ["regs[11]", "csr_era"],
        &[["orig_a0", "regs[5]", "regs[6]", "regs[7]", "regs[8]", "regs[9]"]],
        ["", "regs[0]"],
    ),
    names("ppc", ["gpr[0]", "nip"], &[POWERPC], ["", "trap"]),
    names("ppc64", ["gpr[0]", "nip"], &[POWERPC], ["msr", "trap"]),
    names("ppc64le", ["gpr[0]", "nip"], &[POWERPC], ["msr", "trap"]),
    names("riscv32", ["a7", "epc"], &[RISCV], ["", "cause"]),
    names("riscv64", ["a7", "epc"], &[RISCV], ["", "cause"]),
    names(
        "s390x",
        ["int_code", "psw.addr"],
        &[["orig_gpr2", "gprs[3]", "gprs[4]", "gprs[5]", "gprs[6]", "gprs[7]"]],
        ["psw.mask", ""],
    ),
    names("x86_64", ["orig_ax", "ip"], &[["di", "si", "dx", "r10", "r8", "r9"], I386], ["", ""]),
];

/// The offset and bytes of a source in the registers.
fn of_source(source: Source, machine: &Machine) -> Option<(u32, u32)> {
    match source {
        Source::Register(at) => Some((at, machine.word)),
        Source::Word(at) => Some((at, 4)),
        Source::Task(_) => None,
    }
}

#[test]
fn registers_are_where_kernels_have_them() {
    let members = members();
    let mut seen = 0;
    assert_eq!(
        NAMES.each_ref().map(|it| it.machine),
        MACHINES.iter().map(|it| it.name).collect::<Vec<_>>().as_slice()
    );
    for names in &NAMES {
        let machine = machine(names.machine).unwrap();
        let mut is = |member: &str, place: Option<(u32, u32)>| {
            let expected = members.get(&(names.machine, member)).copied();
            assert_eq!(place.is_none(), member.is_empty(), "{} {member}", names.machine);
            assert_eq!(place, expected, "{} {member}", names.machine);
            seen += usize::from(place.is_some());
        };
        is(names.number, of_source(machine.number, machine));
        is(names.instruction_pointer, Some((machine.instruction_pointer, machine.word)));
        let (told, conventions): (_, Vec<&Convention>) = match &machine.tasks {
            Tasks::One(only) => (None, vec![only]),
            Tasks::Two { of, set, clear, .. } => (of_source(*of, machine), vec![clear, set]),
        };
        is(names.told, told);
        is(
            names.gone,
            match machine.gone {
                Gone::Number(_) => None,
                Gone::Is(at, _) | Gone::IsNot(at, _) | Gone::Has(at, _) => Some((at, machine.word)),
            },
        );
        if let Some(mark) = machine.mark {
            let [member] = mark.members else { panic!("{}", machine.name) };
            is(member.name, Some((mark.offset(), mark.size())));
        }
        for (convention, names) in conventions.into_iter().zip(names.arguments.iter().cycle()) {
            for (at, member) in convention.arguments.into_iter().zip(names) {
                is(member, Some((at, machine.word)));
            }
        }
    }
    assert!(seen > 110, "{seen}");
}
