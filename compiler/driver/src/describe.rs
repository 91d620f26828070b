//! Calls, ways through a program, decisions, and proofs that came to no end as text, for whoever
//! has to understand one.

use std::fmt::Write as _;

use filterc_abi::facts::COMM_SIZE;
use filterc_abi::spelling::{self, Spelling};
use filterc_abi::{self as abi, Abi, Arg, ArgKind, Facts, Regs, SeccompData, Syscall};
use filterc_check::{Unknown, Why};
use filterc_hir::eval::{Decision, Reason};
use filterc_hir::policy::Param;

/// A call with its arguments decoded: `openat(dfd = AT_FDCWD, filename = 0x0, …) on x86_64`. Bits
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

/// A call as `eval` and `explain-call` read it: `openat(AT_FDCWD, 0x0, O_RDWR, 0x0) on x86_64`,
/// with ` at 0x7f…` behind it where the instruction pointer is not 0. Where registers hold what
/// the arguments do not, by number, with registers.
#[must_use]
pub fn notation(call: &SeccompData) -> String {
    let nr = call.nr.cast_unsigned();
    let abi = abi::abi_of_call(call.arch, nr);
    let named = abi.and_then(|abi| Some((abi, abi.syscall_by_nr(nr)?)));
    let mut text = match named.and_then(|(abi, known)| positional(abi, known, call)) {
        Some(text) => text,
        None => {
            let used = call.args.iter().rposition(|arg| *arg != 0).map_or(0, |last| last + 1);
            let args: Vec<String> =
                call.args.iter().take(used).map(|arg| format!("{arg:#x}")).collect();
            format!("syscall({})({})", call.nr, args.join(", "))
        }
    };
    // Writing to a string cannot fail.
    let _ = match abi {
        Some(abi) => write!(text, " on {}", abi.name),
        None => write!(text, " on {:#x}", call.arch),
    };
    if call.instruction_pointer != 0 {
        let _ = write!(text, " at {:#x}", call.instruction_pointer);
    }
    text
}

/// The call by its name, each argument at its place; `None` if registers hold more than that.
fn positional(abi: &'static Abi, known: &'static Syscall, call: &SeccompData) -> Option<String> {
    // `syscall(1)` is a call by its number.
    if known.name == "syscall" {
        return None;
    }
    let mut args = Vec::new();
    let mut used = [false; 6];
    for arg in known.args {
        let registers = match arg.regs {
            Regs::Invisible => [None, None],
            Regs::One(i) => [Some(i), None],
            Regs::Pair { lo, hi } => [Some(lo), Some(hi)],
        };
        for register in registers.into_iter().flatten() {
            *used.get_mut(usize::from(register))? = true;
        }
        args.push(match bits_of(arg, call) {
            None => "_".to_owned(),
            Some((_, true)) => return None,
            Some((value, false)) => bits(abi, arg, value, call),
        });
    }
    let hidden = call.args.iter().zip(used).any(|(register, used)| *register != 0 && !used);
    (!hidden).then(|| format!("{}({})", known.name, args.join(", ")))
}

/// An argument's number as an expression: flags by their names.
fn bits(abi: &'static Abi, arg: &Arg, value: u64, call: &SeccompData) -> String {
    let spelling = spelling_of(abi, arg, call).filter(|_| arg.kind != ArgKind::Mode);
    match spelling.and_then(|spelling| spelling.whole(value)) {
        Some(names) => names.join(" | "),
        None => number(abi, arg, value, call),
    }
}

fn raw(call: &SeccompData) -> String {
    let args: Vec<String> = call.args.iter().map(|arg| format!("{arg:#x}")).collect();
    format!("syscall({})({})", call.nr, args.join(", "))
}

fn argument(abi: &'static Abi, arg: &Arg, call: &SeccompData) -> String {
    let Some((value, ignored)) = bits_of(arg, call) else { return "?".to_owned() };
    let mut text = number(abi, arg, value, call);
    if let (true, Regs::One(i) | Regs::Pair { lo: i, .. }) = (ignored, arg.regs) {
        let whole = call.args.get(usize::from(i)).copied().unwrap_or_default();
        let _ = write!(text, " [register {whole:#x}]");
    }
    text
}

/// An argument's number by its name, or as a person would write it.
fn number(abi: &'static Abi, arg: &Arg, value: u64, call: &SeccompData) -> String {
    let named = spelling_of(abi, arg, call).and_then(|spelling| spelling.value(value));
    if let Some(name) = named {
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

/// How an argument's numbers are spelled in a call.
fn spelling_of(abi: &'static Abi, arg: &Arg, call: &SeccompData) -> Option<Spelling> {
    let known = abi.syscall_by_nr(call.nr.cast_unsigned())?;
    let selected = |name: &str| Some(bits_of(known.arg(name)?, call)?.0);
    Some(Spelling::new(abi, spelling::set_of(abi, known, arg, selected)?, arg.width))
}

/// The bits of an argument that the kernel uses, and whether others are set; `None` where a filter
/// sees none.
fn bits_of(arg: &Arg, call: &SeccompData) -> Option<(u64, bool)> {
    let register = |i: u8| call.args.get(usize::from(i)).copied().unwrap_or_default();
    let low = |i: u8| register(i) & 0xffff_ffff;
    match arg.regs {
        Regs::Invisible => None,
        Regs::Pair { lo, hi } => {
            Some((low(lo) | low(hi) << 32, (register(lo) | register(hi)) >> 32 != 0))
        }
        Regs::One(i) => {
            let mask = u64::MAX >> (64 - arg.width.clamp(1, 64));
            Some((register(i) & mask, register(i) & !mask != 0))
        }
    }
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
            "openat(dfd = AT_FDCWD, filename = 0x7fff0000, flags = 0x241, \
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
