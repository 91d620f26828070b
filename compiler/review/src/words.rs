//! Calls, values and sightings in words.

use std::fmt::Write as _;

use filterc_abi::{self as abi, Abi, Action, Arg, ArgKind, Set, SetKind};
use filterc_cbpf::errno::errno_name_on;

use crate::seen::{Bits, Seen};

/// A call with its arguments decoded as far as they are known: `openat(dfd = AT_FDCWD, filename =
/// ?, flags = O_RDWR | O_CLOEXEC, mode = ?) on x86_64`.
#[must_use]
pub fn call(seen: &Seen) -> String {
    let nr = seen.nr.cast_unsigned();
    let Some(abi) = abi::abi_of_call(seen.arch, nr) else {
        let token = seen.arch;
        return format!("{} under the unknown architecture {token:#010x}", raw(seen));
    };
    let mut text = match abi.syscall_by_nr(nr) {
        None => raw(seen),
        Some(known) => {
            let arg = |arg: &Arg| format!("{} = {}", arg.name, argument(abi, arg, seen));
            let args: Vec<String> = known.args.iter().map(arg).collect();
            format!("{}({})", known.name, args.join(", "))
        }
    };
    // Writing to a string cannot fail.
    let _ = write!(text, " on {}", abi.name);
    text
}

/// An action as a policy writes it, its errno by the name that it has on an ABI.
#[must_use]
pub fn action(action: Action, abi: Option<&'static Abi>) -> String {
    let Action::Errno(number) = action else { return action.to_string() };
    match abi.and_then(|abi| errno_name_on(abi, number)) {
        Some(name) => format!("errno({name})"),
        None => action.to_string(),
    }
}

/// The name of a call, or its number.
#[must_use]
pub fn name(seen: &Seen) -> String {
    crate::seen::known(seen)
        .map_or_else(|| format!("syscall({})", seen.nr), |call| call.name.to_owned())
}

fn raw(seen: &Seen) -> String {
    let arg = |bits: &Bits| match bits.known {
        0 => "?".to_owned(),
        _ => format!("{:#x}", bits.value),
    };
    let args: Vec<String> = seen.args.iter().map(arg).collect();
    format!("syscall({})({})", seen.nr, args.join(", "))
}

fn argument(abi: &'static Abi, arg: &Arg, seen: &Seen) -> String {
    let bits = seen.argument(arg.regs);
    let mask = mask(arg.width);
    if bits.known & mask != mask {
        return "?".to_owned();
    }
    let mut text = value(abi, arg, bits.value & mask);
    // What the kernel does not look at.
    if bits.value & !mask != 0 {
        let _ = write!(text, " [register {:#x}]", bits.value);
    }
    text
}

/// The low bits.
#[must_use]
pub fn mask(width: u8) -> u64 {
    u64::MAX.checked_shr(64 - u32::from(width.min(64))).unwrap_or_default()
}

/// A value of an argument, in the names that it has: also as a policy can write it, but for the
/// case that it has none.
#[must_use]
pub fn value(abi: &'static Abi, arg: &Arg, value: u64) -> String {
    // Permissions are read as octal digits.
    let set = arg.set.filter(|_| arg.kind != ArgKind::Mode);
    if let Some(text) = set.and_then(abi::set).and_then(|set| in_set(abi, set, arg, value)) {
        return text;
    }
    let sign = 1_u64 << (arg.width.clamp(1, 64) - 1);
    let negative = arg.signed && value & sign != 0;
    let magnitude = (!value & (sign - 1)).wrapping_add(1);
    let bits = matches!(arg.kind, ArgKind::Flags | ArgKind::Pointer | ArgKind::Address);
    if arg.kind == ArgKind::Fd && negative && magnitude == 100 {
        "AT_FDCWD".to_owned()
    } else if arg.kind == ArgKind::Mode {
        if value == 0 { "0".to_owned() } else { format!("0{value:o}") }
    } else if bits || (!arg.signed && value > 0xffff) {
        format!("{value:#x}")
    } else if negative {
        format!("-{magnitude}")
    } else {
        value.to_string()
    }
}

/// A value as a member of a set: one of its values, or several flags.
fn in_set(abi: &'static Abi, set: &Set, arg: &Arg, value: u64) -> Option<String> {
    let of = |name: &str| {
        let bits = abi.constant(name)? & i128::from(mask(arg.width));
        u64::try_from(bits).ok()
    };
    let named =
        |value: u64| one_name(set.values().iter().copied().filter(|it| of(it) == Some(value)));
    if set.kind != SetKind::Flags
        && let Some(name) = named(value)
    {
        return Some(name.to_owned());
    }
    if set.kind == SetKind::Enum || value == 0 {
        return None;
    }
    let mut parts = Vec::new();
    let mut left = value;
    if let Some(enumerated) = set.mask.and_then(of)
        && let Some(name) = named(value & enumerated)
    {
        parts.push(name.to_owned());
        left &= !enumerated;
    }
    let mut flags: Vec<(&str, u64)> =
        set.flags().iter().filter_map(|name| Some((*name, of(name)?))).collect();
    // Names of many bits first: `O_SYNC` before `O_DSYNC`.
    flags.sort_by_key(|(_, bits)| (std::cmp::Reverse(bits.count_ones()), *bits));
    for (name, bits) in flags {
        if bits != 0 && left & bits == bits {
            parts.push(name.to_owned());
            left &= !bits;
        }
    }
    if parts.is_empty() {
        return None;
    }
    if left != 0 {
        parts.push(format!("{left:#x}"));
    }
    Some(parts.join(" | "))
}

/// The name of a value. `AF_UNIX` and `PF_LOCAL` are one thing, but where names of several sorts have
/// the value (`IPPROTO_IP`, `BTPROTO_L2CAP`), which is meant depends on what is not asked here.
pub(crate) fn one_name(names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let all: Vec<&str> = names.collect();
    // Signals have no common beginning but `SIG`.
    let sort = |name: &str| match name.split_once('_') {
        Some((sort, _)) => sort.replace("PF", "AF"),
        None => String::new(),
    };
    let first = *all.first()?;
    let same = all.iter().all(|name| sort(name) == sort(first));
    let preferred = all.iter().find(|name| **name == "AF_UNIX").copied();
    same.then(|| preferred.unwrap_or(first))
}

/// The spelling of a mask of an argument: the set's own name for it, or its flags, in parentheses
/// where there are several.
#[must_use]
pub fn mask_of(abi: &'static Abi, arg: &Arg, bits: u64) -> String {
    let own = arg.set.and_then(abi::set).and_then(|set| set.mask);
    let is = |name: &&str| abi.constant(name).and_then(|it| u64::try_from(it).ok()) == Some(bits);
    if let Some(name) = own.filter(is) {
        return name.to_owned();
    }
    let text = value(abi, arg, bits);
    if text.contains('|') { format!("({text})") } else { text }
}

/// A text that fits a line of prose: `A, B and C`.
#[must_use]
pub fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use filterc_abi::Regs;

    use super::*;

    #[test]
    fn what_is_known_is_named() {
        let abi = abi::x86_64();
        let mut seen = Seen::number(abi.audit_arch, 257);
        assert_eq!(call(&seen), "openat(dfd = ?, filename = ?, flags = ?, mode = ?) on x86_64");
        seen.put(Regs::One(0), Bits::low(0xffff_ff9c, 32));
        seen.put(Regs::One(2), Bits::low(0o2000102, 32));
        seen.put(Regs::One(3), Bits::whole(0x1_01a4));
        assert_eq!(
            call(&seen),
            "openat(dfd = AT_FDCWD, filename = ?, flags = O_RDWR | O_CREAT | O_CLOEXEC, \
             mode = 0644 [register 0x101a4]) on x86_64"
        );
    }

    #[test]
    fn what_is_not_known_is_raw() {
        let text = call(&Seen::number(1, 5));
        assert_eq!(text, "syscall(5)(?, ?, ?, ?, ?, ?) under the unknown architecture 0x00000001");
    }

    #[test]
    fn values_have_names() {
        let abi = abi::x86_64();
        let socket = abi.syscall("socket").unwrap();
        let family = socket.arg("family").unwrap();
        assert_eq!(value(abi, family, 16), "AF_NETLINK");
        assert_eq!(value(abi, family, 4000), "4000");
        let mmap = abi.syscall("mmap").unwrap();
        assert_eq!(value(abi, mmap.arg("prot").unwrap(), 3), "PROT_READ | PROT_WRITE");
    }
}
