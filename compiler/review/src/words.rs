//! Calls, values and sightings in words.

use std::fmt::Write as _;

use filterc_abi::spelling::{self, Spelling};
use filterc_abi::{self as abi, Abi, Arg};
pub use filterc_audit::words::{action, mask, value};

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
    let mut text = value(spelling(abi, seen, arg), arg, bits.value & mask);
    // What the kernel does not look at.
    if bits.value & !mask != 0 {
        let _ = write!(text, " [register {:#x}]", bits.value);
    }
    text
}

/// How an argument's numbers are spelled in a call: what they mean may depend on another argument.
#[must_use]
pub fn spelling(abi: &'static Abi, seen: &Seen, arg: &Arg) -> Option<Spelling> {
    let call = abi.syscall_by_nr(seen.nr.cast_unsigned())?;
    let selected = |name: &str| {
        let on = call.arg(name)?;
        let (bits, mask) = (seen.argument(on.regs), mask(on.width));
        (bits.known & mask == mask).then_some(bits.value & mask)
    };
    Some(Spelling::new(abi, spelling::set_of(abi, call, arg, selected)?, arg.width))
}

/// The spelling of a mask of an argument: the set's own name for it, or its flags, in parentheses
/// where there are several.
#[must_use]
pub fn mask_of(spelling: Option<Spelling>, arg: &Arg, bits: u64) -> String {
    let own = spelling.map(|spelling| spelling.mask(bits)).filter(|it| it.left == 0);
    if let Some([name]) = own.as_ref().map(|it| it.names.as_slice()) {
        return (*name).to_owned();
    }
    let text = value(spelling, arg, bits);
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
        let named = |call: &str, arg: &str, number| {
            let call = abi.syscall(call).unwrap();
            let arg = call.arg(arg).unwrap();
            let seen = Seen::number(abi.audit_arch, call.nr.cast_signed());
            value(spelling(abi, &seen, arg), arg, number)
        };
        assert_eq!(named("socket", "family", 16), "AF_NETLINK");
        assert_eq!(named("socket", "family", 4000), "4000");
        // What it means depends on the family, which is not known.
        assert_eq!(named("socket", "protocol", 9), "9");
        assert_eq!(named("mmap", "prot", 3), "PROT_READ | PROT_WRITE");
    }
}
