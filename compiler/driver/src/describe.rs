//! Calls, ways through a program, decisions, and proofs that came to no end as text, for whoever
//! has to understand one.

use std::fmt::Write as _;

use filterc_abi::facts::COMM_SIZE;
use filterc_abi::{self as abi, Abi, Arg, ArgKind, Facts, Regs, SeccompData};
use filterc_check::{Unknown, Why};
use filterc_hir::eval::{Decision, Reason};
use filterc_hir::policy::Param;

/// A call with its arguments decoded: `openat(dfd = -100, filename = 0x0, …) on x86_64`. Bits
/// that the kernel does not use are shown where they are not 0.
#[must_use]
pub fn call(call: &SeccompData) -> String {
    let nr = call.nr.cast_unsigned();
    let Some(abi) = abi::abi_of_call(call.arch, nr) else {
        let token = call.arch;
        return format!("{} under the unknown architecture {token:#010x}", raw(call));
    };
    let known = abi.syscall_by_nr(nr).filter(|call| !call.args.is_empty());
    let mut text = match known {
        None => abi.syscall_by_nr(nr).map_or_else(|| raw(call), |it| format!("{}()", it.name)),
        Some(known) => {
            let arg = |arg: &Arg| format!("{} = {}", arg.name, argument(abi, arg, call));
            let args: Vec<String> = known.args.iter().map(arg).collect();
            format!("{}({})", known.name, args.join(", "))
        }
    };
    // Writing to a string cannot fail.
    let _ = write!(text, " on {}", abi.name);
    if call.instruction_pointer != 0 {
        let _ = write!(text, ", instruction_pointer = {:#x}", call.instruction_pointer);
    }
    text
}

/// Values of parameters, behind a call: `, with log_fd = 0x3`; nothing if there are none.
#[must_use]
pub fn params(params: &[Param], values: &[u64]) -> String {
    let one = |(param, value): (&Param, &u64)| format!("{} = {value:#x}", param.name);
    let all: Vec<String> = params.iter().zip(values).map(one).collect();
    if all.is_empty() { String::new() } else { format!(", with {}", all.join(", ")) }
}

/// The facts of a call that are not 0, behind it: `, where uid = 1000, comm = "sh"`.
#[must_use]
pub fn facts(facts: &Facts) -> String {
    let mut all = Vec::new();
    let numbers: [(&str, u64); 6] = [
        ("pid", facts.pid.into()),
        ("tid", facts.tid.into()),
        ("uid", facts.uid.into()),
        ("gid", facts.gid.into()),
        ("cpu", facts.cpu.into()),
        ("cgroup", facts.cgroup),
    ];
    for (name, value) in numbers.into_iter().filter(|(_, value)| *value != 0) {
        all.push(format!("{name} = {value}"));
    }
    if facts.comm != [0; COMM_SIZE] {
        let name: Vec<u8> = facts.comm.into_iter().flat_map(std::ascii::escape_default).collect();
        all.push(format!(
            "comm = \"{}\"",
            String::from_utf8_lossy(&name).trim_end_matches("\\x00")
        ));
    }
    if facts.label != 0 {
        all.push(format!("label = {:#x}", facts.label));
    }
    if all.is_empty() { String::new() } else { format!(", where {}", all.join(", ")) }
}

fn raw(call: &SeccompData) -> String {
    let args: Vec<String> = call.args.iter().map(|arg| format!("{arg:#x}")).collect();
    format!("syscall({})({})", call.nr, args.join(", "))
}

fn argument(abi: &'static Abi, arg: &Arg, call: &SeccompData) -> String {
    let register = |i: u8| call.args.get(usize::from(i)).copied().unwrap_or_default();
    let low = |i: u8| register(i) & 0xffff_ffff;
    let (value, ignored) = match arg.regs {
        Regs::Invisible => return "?".to_owned(),
        Regs::Pair { lo, hi } => {
            let ignored = (register(lo) | register(hi)) >> 32 != 0;
            (low(lo) | low(hi) << 32, ignored.then(|| register(lo)))
        }
        Regs::One(i) => {
            let mask = u64::MAX >> (64 - arg.width.clamp(1, 64));
            let value = register(i);
            (value & mask, (value & !mask != 0).then_some(value))
        }
    };
    let mut text = number(abi, arg, value);
    if let Some(whole) = ignored {
        let _ = write!(text, " [register {whole:#x}]");
    }
    text
}

fn number(abi: &'static Abi, arg: &Arg, value: u64) -> String {
    if let Some(name) = arg.set.and_then(|set| name(abi, set, value)) {
        return name.to_owned();
    }
    let hexadecimal =
        matches!(arg.kind, ArgKind::Flags | ArgKind::Pointer | ArgKind::Address | ArgKind::Mode);
    let sign_bit = 1_u64 << (arg.width.clamp(1, 64) - 1);
    if hexadecimal || (!arg.signed && value > 0xffff) {
        format!("{value:#x}")
    } else if arg.signed && value & sign_bit != 0 {
        format!("-{}", (!value & (sign_bit - 1)).wrapping_add(1))
    } else {
        value.to_string()
    }
}

/// The constant of a set that has that value.
fn name(abi: &'static Abi, set: &str, value: u64) -> Option<&'static str> {
    let values = abi::set(set)?.values();
    values.iter().copied().find(|name| {
        let constant = abi.constant(name);
        constant.is_some_and(|constant| u64::try_from(constant) == Ok(value))
    })
}

/// Positions of instructions, runs of them written as `3-7`.
#[must_use]
pub fn path(pcs: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &pc in pcs {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == pc => *last = pc,
            _ => runs.push((pc, pc)),
        }
    }
    let run = |(first, last): (usize, usize)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    runs.into_iter().map(run).collect::<Vec<_>>().join(", ")
}

/// What a policy decides, and by what.
#[must_use]
pub fn decision(decision: &Decision) -> String {
    let action = decision.action;
    match decision.reason {
        Reason::Rule(rule) => format!("{action}, by rule {}", rule.0 + 1),
        Reason::Default => format!("{action}, by the default"),
        Reason::Unknown => format!("{action}, as for any unknown number"),
        Reason::Foreign => format!("{action}, as for any foreign ABI"),
    }
}

/// Where a proof came to no end, and what was spent on it: a sentence each.
#[must_use]
pub fn unknown(unknown: &Unknown) -> Vec<String> {
    let place = match unknown.at {
        Some((arch, nr)) => format!(
            "the question is about the call with the number {} under the architecture {arch:#010x}",
            nr.cast_signed()
        ),
        None => "the question is about all calls at once".to_owned(),
    };
    match unknown.why {
        Why::Budget => {}
        Why::Outside(outside) => return vec![place, format!("not judged: {outside}")],
        Why::Spurious => {
            let fault = "a call was found that turned out to be none: a fault of the prover";
            return vec![place, fault.to_owned()];
        }
    }
    let (spent, budget) = (unknown.spent, unknown.budget);
    vec![
        place,
        format!(
            "spent: {} of {} steps, on {} parts of the numbers, with {} conflicts of the solver",
            spent.steps, budget.steps, spent.rectangles, spent.conflicts
        ),
        format!(
            "each question may take decision diagrams of {} nodes, {} states of a program, {} \
             gates and {} conflicts",
            budget.nodes, budget.states, budget.gates, budget.conflicts
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_readable() {
        let x86_64 = abi::x86_64().audit_arch;
        let openat = SeccompData {
            nr: 257,
            arch: x86_64,
            instruction_pointer: 0,
            args: [0xffff_ff9c, 0x7fff_0000, 0x241, 0x1_01a4, 0, 0],
        };
        assert_eq!(
            call(&openat),
            "openat(dfd = -100, filename = 0x7fff0000, flags = 0x241, \
             mode = 0x1a4 [register 0x101a4]) on x86_64"
        );
        let i386 = abi::abi("i386").unwrap().audit_arch;
        let pread = SeccompData {
            nr: 180,
            arch: i386,
            instruction_pointer: 0x1000,
            args: [3, 0, 9, 0xffff_ffff, 0xffff_ffff, 0],
        };
        let text = call(&pread);
        assert!(text.starts_with("pread64(fd = 3, buf = 0x0, count = 9, pos = -1) on i386"));
        assert!(text.ends_with("instruction_pointer = 0x1000"));
        let unknown = SeccompData { nr: 99_999, arch: x86_64, ..SeccompData::default() };
        assert_eq!(call(&unknown), "syscall(99999)(0x0, 0x0, 0x0, 0x0, 0x0, 0x0) on x86_64");
        let foreign = SeccompData { nr: -1, arch: 1, ..SeccompData::default() };
        assert!(call(&foreign).ends_with("under the unknown architecture 0x00000001"));
    }

    #[test]
    fn paths_are_short() {
        assert_eq!(path(&[0, 1, 2, 7, 9, 10]), "0-2, 7, 9-10");
        assert_eq!(path(&[]), "");
    }
}
