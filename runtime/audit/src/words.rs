//! Values, actions and results in the names that they have.

use std::fmt::Write as _;

use filterc_abi::{
    self as abi, Abi, Action, Arg, ArgKind, Endian, Regs, SeccompData, Set, SetKind, Syscall,
};
use filterc_cbpf::errno::{errno_name, errno_name_on, errno_number};

use crate::record::{Argument, Call};

/// What the tables know of a call.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its ABI.
    pub abi: Option<&'static Abi>,
    /// The call.
    pub call: Option<&'static Syscall>,
}

impl Known {
    /// Looks a call up.
    #[must_use]
    pub fn of(data: &SeccompData) -> Self {
        let nr = data.nr.cast_unsigned();
        let abi = abi::abi_of_call(data.arch, nr);
        Self { abi, call: abi.and_then(|abi| abi.syscall_by_nr(nr)) }
    }

    /// The call by name, or its number.
    #[must_use]
    pub fn name(&self, data: &SeccompData) -> String {
        self.call.map_or_else(|| format!("syscall_{:#x}", data.nr), |call| call.name.to_owned())
    }

    /// Names and values of its arguments, in order; what was read of its memory is shown as such,
    /// byte for byte but for what is [`quoted`].
    pub fn each(&self, call: &Call, mut told: impl FnMut(&str, Vec<u8>)) {
        let (Some(abi), Some(known)) = (self.abi, self.call) else { return };
        for arg in known.args {
            let text = match (of_argument(&call.data, arg.regs), read_of(call, arg.regs)) {
                (_, Some(read)) => behind(abi, arg, read),
                (Some(bits), None) => value(abi, arg, bits & mask(arg.width)),
                (None, None) => "?".to_owned(),
            };
            told(arg.name, text.into_bytes());
        }
    }
}

/// The bits of an argument; `None` if no register has it.
#[must_use]
pub fn of_argument(data: &SeccompData, regs: Regs) -> Option<u64> {
    let register = |index: u8| data.args.get(usize::from(index)).copied();
    match regs {
        Regs::One(index) => register(index),
        Regs::Pair { lo, hi } => Some(register(lo)? & 0xffff_ffff | register(hi)? << 32),
        Regs::Invisible => None,
    }
}

/// What was read of the memory of an argument.
#[must_use]
pub fn read_of(call: &Call, regs: Regs) -> Option<&Argument> {
    let Regs::One(index) = regs else { return None };
    call.read.iter().find(|read| read.index == index)
}

/// What stands behind a pointer.
fn behind(abi: &'static Abi, arg: &Arg, read: &Argument) -> String {
    let cut = if read.cut { "..." } else { "" };
    if arg.ctype.contains("struct sockaddr")
        && let Some(address) = address(abi, &read.bytes)
    {
        return format!("{address}{cut}");
    }
    // A vector of texts.
    if arg.ctype.matches('*').count() > 1 {
        let words = read.bytes.split(|byte| *byte == 0).map(quoted).collect::<Vec<_>>();
        return format!("[{}{}]", words.join(", "), if read.cut { ", ..." } else { "" });
    }
    format!("{}{cut}", quoted(&read.bytes))
}

/// A socket address: `{AF_INET, 127.0.0.1, port 80}`.
fn address(abi: &'static Abi, bytes: &[u8]) -> Option<String> {
    let (family, rest) = bytes.split_first_chunk()?;
    let family = match abi.endian {
        Endian::Little => u16::from_le_bytes(*family),
        Endian::Big => u16::from_be_bytes(*family),
    };
    let is = |name: &str| abi.constant(name) == Some(family.into());
    if is("AF_INET") {
        let (port, rest) = rest.split_first_chunk()?;
        let ip = std::net::Ipv4Addr::from(*rest.first_chunk::<4>()?);
        return Some(format!("{{AF_INET, {ip}, port {}}}", u16::from_be_bytes(*port)));
    }
    if is("AF_INET6") {
        let (port, rest) = rest.split_first_chunk()?;
        let ip = std::net::Ipv6Addr::from(*rest.get(4..)?.first_chunk::<16>()?);
        return Some(format!("{{AF_INET6, {ip}, port {}}}", u16::from_be_bytes(*port)));
    }
    if is("AF_UNIX") {
        // An abstract name begins with a NUL, and has no end of its own.
        let path = match rest {
            [0, ..] => rest,
            _ => rest.split(|byte| *byte == 0).next().unwrap_or_default(),
        };
        return Some(format!("{{AF_UNIX, {}}}", quoted(path)));
    }
    None
}

/// Bytes as a C string shows them: printable ones, and escapes.
#[must_use]
pub fn quoted(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => {
                let digit = bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
                // Writing to a string cannot fail.
                let _ =
                    if digit { write!(text, "\\{byte:03o}") } else { write!(text, "\\{byte:o}") };
            }
        }
    }
    text.push('"');
    text
}

/// Bytes in hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of such a text.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let pair = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    rest.is_empty().then(|| pairs.iter().map(pair).collect()).flatten()
}

/// The largest number that a result has for an error (`MAX_ERRNO`).
const MAX_ERRNO: u64 = 4095;

/// The name of the error that a result is: the last page of the numbers is errors.
#[must_use]
pub fn error(ret: i64, abi: Option<&'static Abi>) -> Option<&'static str> {
    let number = errno_of(ret)?;
    match abi {
        Some(abi) => errno_name_on(abi, number),
        None => errno_name(number),
    }
}

/// The error that a result is.
#[must_use]
pub fn errno_of(ret: i64) -> Option<u16> {
    let is_error = ret < 0 && ret.unsigned_abs() <= MAX_ERRNO;
    is_error.then(|| u16::try_from(ret.unsigned_abs()).ok()).flatten()
}

/// What an error means, in the words of the C library of this machine.
#[must_use]
pub fn error_text(name: &str) -> Option<String> {
    let number = i32::from(errno_number(name)?);
    let text = std::io::Error::from_raw_os_error(number).to_string();
    Some(text.split(" (os error").next().unwrap_or_default().to_owned())
}

/// The name of a signal, as most ABIs number them.
#[must_use]
pub fn signal(number: u8) -> Option<&'static str> {
    let abi = abi::x86_64();
    let names = abi::set("signal")?.values().iter().copied();
    let of = |name: &&str| abi.constant(name) == Some(number.into());
    let real = |name: &&str| !matches!(*name, "SIGIOT" | "SIGCLD" | "SIGPOLL" | "SIGUNUSED");
    names.filter(real).find(of)
}

/// A result: `-1 ENOENT (No such file or directory)`, a number, or an address.
#[must_use]
pub fn result(ret: i64, known: &Known) -> String {
    if errno_of(ret).is_some() {
        return match error(ret, known.abi) {
            Some(name) => match error_text(name) {
                Some(text) => format!("-1 {name} ({text})"),
                None => format!("-1 {name}"),
            },
            None => format!("-1 ({})", ret.unsigned_abs()),
        };
    }
    // Nothing but addresses is so large.
    if !(0..=0xffff_ffff).contains(&ret) { format!("{ret:#x}") } else { ret.to_string() }
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
#[must_use]
pub fn one_name(names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
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
