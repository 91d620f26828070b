//! Policies that make sense: every statement and every form of test that a filter can
//! express, over calls with arguments of every width and sign.

use arbitrary::{Result, Unstructured};
use filterc_abi::{Abi, Arg, ArgKind, Regs, Syscall};

/// Calls whose arguments have all the types there are, and some that ABIs lack.
const CALLS: &[&str] = &[
    "read",
    "write",
    "openat",
    "open",
    "close",
    "lseek",
    "_llseek",
    "mmap",
    "mmap2",
    "mprotect",
    "pread64",
    "pwrite64",
    "fchmod",
    "chmod",
    "fchown",
    "chown",
    "ioctl",
    "fcntl",
    "kill",
    "prctl",
    "clone",
    "personality",
    "dup2",
    "dup3",
    "sync_file_range",
    "fallocate",
    "statx",
    "clone3",
    "bpf",
    "memfd_secret",
    "cachestat",
    "mseal",
    "getpid",
    "exit_group",
];

const ACTIONS: &[&str] = &[
    "allow",
    "log",
    "notify",
    "trace",
    "trace(7)",
    "trap",
    "trap(65535)",
    "errno(EPERM)",
    "errno(ENOSYS)",
    "errno(4095)",
    "kill_thread",
    "kill_process",
    "kill",
];

/// The text of a policy that the checker accepts, but for the odd test that it finds to be
/// never true; those are for the caller to skip.
///
/// # Errors
/// The bytes were used up.
pub fn policy(u: &mut Unstructured<'_>) -> Result<String> {
    text(u, false)
}

/// The same, with parameters in its tests; a test of another width than the parameter's makes
/// no policy either.
///
/// # Errors
/// The bytes were used up.
pub fn policy_with_params(u: &mut Unstructured<'_>) -> Result<String> {
    text(u, true)
}

/// Parameters, by their types.
const PARAMS: &[&str] = &["s32", "u32", "u16", "s64", "u64"];

fn text(u: &mut Unstructured<'_>, params: bool) -> Result<String> {
    let abis = abis(u)?;
    let names: Vec<&str> = abis.iter().map(|abi| abi.name).collect();
    let mut text = format!("arch {}\n", names.join(", "));
    if u.arbitrary()? {
        text.push_str(u.choose(&["kernel 5.4\n", "kernel 6.6\n", "kernel 6.18\n"])?);
    }
    for header in ["default", "unknown", "foreign"] {
        if u.arbitrary()? {
            text.push_str(&format!("{header} {}\n", u.choose(ACTIONS)?));
        }
    }
    for _ in 0..u.int_in_range(1..=12)? {
        let mut rule = rule(u, &abis)?;
        if params && rule.contains(" if ") {
            rule = format!("{rule} && {}", param_test(u, &rule)?);
        }
        text.push_str(&rule);
        text.push('\n');
    }
    for ty in PARAMS.iter().filter(|_| params) {
        text.push_str(&format!("param p_{ty}: {ty}\n"));
    }
    Ok(text)
}

/// A test against a parameter of some field of a rule, or of what every call has.
fn param_test(u: &mut Unstructured<'_>, rule: &str) -> Result<String> {
    let fields = ["fd", "dfd", "flags", "mode", "offset", "len", "count", "pos", "sig", "pid"];
    let of_rule: Vec<&str> =
        fields.into_iter().filter(|field| rule.contains(&format!("{field} "))).collect();
    let mut fields = vec!["args[0]", "args[1]", "instruction_pointer"];
    fields.extend(of_rule.repeat(3));
    let field = *u.choose(&fields)?;
    let raw = field.contains("args") || field.contains("pointer");
    let ty = if raw { "u64" } else { *u.choose(PARAMS)? };
    Ok(match u.int_in_range(0..=3)? {
        0 => format!("!({field} in {{ 1, p_{ty}, 0x40 }})"),
        1 => format!("({field} & {:#x}) {} p_{ty}", value(u, 16)?.max(1), u.choose(&["==", "!="])?),
        _ => format!("{field} {} p_{ty}", operator(u)?),
    })
}

/// One ABI or several of those that have filters; often those that one kernel has.
fn abis(u: &mut Unstructured<'_>) -> Result<Vec<&'static Abi>> {
    let filtered: Vec<&'static Abi> =
        filterc_abi::abis().iter().filter(|abi| abi.filters_since.is_some()).collect();
    let first = *u.choose(&filtered)?;
    let mut abis = vec![first];
    let kin = u.ratio(1, 3)?;
    for _ in 0..u.int_in_range(0..=4)? {
        let other = *u.choose(&filtered)?;
        let fits = !kin || other.kernel_arch == first.kernel_arch;
        if fits && abis.iter().all(|abi| abi.name != other.name) {
            abis.push(other);
        }
    }
    // x32 shares its token with x86_64: each is often to meet the other.
    for sibling in filtered.iter().filter(|abi| kin && abi.audit_arch == first.audit_arch) {
        if sibling.name != first.name && abis.iter().all(|abi| abi.name != sibling.name) {
            abis.push(sibling);
        }
    }
    Ok(abis)
}

fn rule(u: &mut Unstructured<'_>, abis: &[&'static Abi]) -> Result<String> {
    let action = u.choose(ACTIONS)?;
    if u.ratio(1, 8)? {
        let test = raw_test(u)?;
        return Ok(format!("{action} any if {test}"));
    }
    if u.ratio(1, 12)? {
        let base = u.choose(abis)?.nr_base;
        return Ok(format!("{action} syscall({})", base + u.int_in_range(0..=1000)?));
    }
    if u.ratio(1, 12)? {
        return range(u, abis, action);
    }
    if u.ratio(1, 12)? {
        let group = u.choose(&["@basic-io", "@known", "@since(5.1)"])?;
        return Ok(format!("{action} {group}"));
    }
    // A call that some of the ABIs have, with the definitions of all that have it.
    let name = *u.choose(CALLS)?;
    let calls: Vec<&'static Syscall> = abis.iter().filter_map(|abi| abi.syscall(name)).collect();
    let Some(first) = calls.first() else { return Ok(format!("{action} read")) };
    // Fields that all of them have, so that the rule is legal on every ABI; each as it is
    // where it is narrowest.
    let fields: Vec<&'static Arg> = first
        .args
        .iter()
        .filter(|arg| calls.iter().all(|call| call.arg(arg.name).is_some_and(is_testable)))
        .filter_map(|arg| {
            let each = calls.iter().filter_map(|call| call.arg(arg.name));
            each.min_by_key(|arg| (arg.width, !arg.signed))
        })
        .collect();
    if fields.is_empty() || u.ratio(1, 3)? {
        return Ok(format!("{action} {name}"));
    }
    let predicate = predicate(u, &fields, 0)?;
    Ok(format!("{action} {name} if {predicate}"))
}

/// A rule on a range of numbers: near those of calls, behind them, or over many blocks of them.
fn range(u: &mut Unstructured<'_>, abis: &[&'static Abi], action: &str) -> Result<String> {
    let base = u.choose(abis)?.nr_base;
    let first = base.saturating_add(match u.int_in_range(0..=3)? {
        0..=1 => u.int_in_range(0..=600)?,
        2 => u.int_in_range(0..=0x9000_0000)?,
        _ => 0x3fff_fff0 + u.int_in_range(0..=32)?,
    });
    let length = match u.int_in_range(0..=3)? {
        0..=1 => u.int_in_range(0..=300)?,
        2 => u.int_in_range(0..=u32::MAX)?,
        _ => 0,
    };
    let first = first.min(u32::MAX - 1);
    let last = first.saturating_add(length).min(u32::MAX - 1);
    let condition = match u.int_in_range(0..=3)? {
        0 => format!(" if args[{}] == {:#x}", u.int_in_range(0..=5)?, value(u, 63)? | 1),
        1 => format!(" if instruction_pointer & {:#x}", value(u, 64)? | 1),
        _ => String::new(),
    };
    Ok(format!("{action} syscall({first:#x}..{last:#x}){condition}"))
}

fn is_testable(arg: &Arg) -> bool {
    arg.kind != ArgKind::Pointer && arg.regs != Regs::Invisible
}

fn predicate(u: &mut Unstructured<'_>, fields: &[&Arg], depth: usize) -> Result<String> {
    let choice = if depth > 3 { 0 } else { u.int_in_range(0..=7)? };
    Ok(match choice {
        0..=3 => test(u, fields)?,
        4 => format!("!({})", predicate(u, fields, depth + 1)?),
        5 => raw_test(u)?,
        op => {
            let mut parts = Vec::new();
            for _ in 0..u.int_in_range(2..=4)? {
                parts.push(format!("({})", predicate(u, fields, depth + 1)?));
            }
            parts.join(if op == 6 { " && " } else { " || " })
        }
    })
}

/// A test of something that every call has.
fn raw_test(u: &mut Unstructured<'_>) -> Result<String> {
    let op = operator(u)?;
    Ok(match u.int_in_range(0..=4)? {
        0 => format!("nr {op} {}", u.int_in_range(1..=460)?),
        1 => format!("instruction_pointer {op} {:#x}", value(u, 64)? | 1),
        2 => format!("args[{}] & {:#x}", u.int_in_range(0..=5)?, value(u, 64)? | 1),
        3 => format!("args[0] {op} args[{}]", u.int_in_range(1..=5)?),
        _ => format!("args[{}] {op} {:#x}", u.int_in_range(0..=5)?, value(u, 63)? | 1),
    })
}

fn test(u: &mut Unstructured<'_>, fields: &[&Arg]) -> Result<String> {
    let arg = *u.choose(fields)?;
    let name = arg.name;
    // One bit less than the narrowest width that the argument has on any ABI.
    let width = u32::from(arg.width.min(32));
    let ordered = value(u, width - 1)?.max(1);
    let signed = arg.signed && u.arbitrary()?;
    let sign = if signed { "-" } else { "" };
    Ok(match u.int_in_range(0..=6)? {
        0 | 1 => format!("{name} {} {sign}{ordered:#x}", operator(u)?),
        2 => format!("{name} & {:#x}", value(u, width)?.max(1)),
        3 => {
            let mask = value(u, width)?.max(1);
            let bits = value(u, width)? & mask;
            format!("({name} & {mask:#x}) {} {bits:#x}", u.choose(&["==", "!="])?)
        }
        4 => {
            let last = ordered.saturating_add(value(u, 4)?).min((1 << (width - 1)) - 1);
            format!("{name} in {{ 0, {ordered}..{last}, {:#x} }}", value(u, width)?)
        }
        5 => {
            let other = *u.choose(fields)?;
            let same = other.width == arg.width && other.signed == arg.signed;
            if same && other.name != name && arg.width == 32 {
                format!("{name} {} {}", operator(u)?, other.name)
            } else {
                format!("not {name} == {ordered}")
            }
        }
        _ => format!("{name} == ~{ordered:#x} & {:#x}", (1_u64 << width) - 1),
    })
}

fn operator(u: &mut Unstructured<'_>) -> Result<&'static str> {
    u.choose(&["==", "!=", "<", "<=", ">", ">="]).copied()
}

/// A value of at most `bits` bits, near a power of two as often as not.
fn value(u: &mut Unstructured<'_>, bits: u32) -> Result<u64> {
    let mask = u64::MAX >> (64 - bits.clamp(1, 64));
    let power = 1_u64 << u.int_in_range(0..=bits.clamp(1, 64) - 1)?;
    let value = match u.int_in_range(0..=3)? {
        0 => power,
        1 => power.wrapping_sub(1),
        2 => power.wrapping_neg(),
        _ => u.arbitrary()?,
    };
    Ok(value & mask)
}
