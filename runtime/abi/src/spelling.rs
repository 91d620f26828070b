//! The names of an argument's numbers: the constants that a person would have written.
//!
//! The one place that knows: policies that are made, imported and lifted, differences and
//! explanations all spell numbers by it, so that a number has one name everywhere.

use crate::{Abi, Arg, Set, SetKind, Syscall, dependents, set};

/// Constants that the kernel's headers define as another name for one of the same set.
const SECOND_NAMES: &[&str] = &[
    "AF_LOCAL",
    "AF_ROUTE",
    "MAP_ANON",
    "O_FSYNC",
    "O_NDELAY",
    "O_RSYNC",
    "SIGCLD",
    "SIGIOT",
    "SIGPOLL",
    "SIGUNUSED",
    "WUNTRACED",
];

/// Names that are meant where drivers have names of their own for the number.
const PREFERRED: &[&str] = &["TCGETS", "TCSETS"];

/// The set that an argument's numbers are named from. Where it depends on another argument what
/// they mean (`socket.protocol` on `family`), `selected` gives that one's value if it is known: a
/// number that can mean several things has no name.
#[must_use]
pub fn set_of(
    abi: &'static Abi,
    call: &Syscall,
    arg: &Arg,
    selected: impl Fn(&str) -> Option<u64>,
) -> Option<&'static Set> {
    let mut rows = dependents(call.name, arg.name).peekable();
    if rows.peek().is_none() {
        return set(arg.set?);
    }
    let row = rows.find(|row| {
        let value = selected(row.on);
        let width = call.arg(row.on).map_or(64, |on| on.width);
        let is = |name: &&str| value.is_some() && pattern(abi, name, width) == value;
        row.values.iter().any(is)
    })?;
    set(row.set)
}

/// The bits of a constant on an ABI in a field of some width; `None` if it has no value there, or
/// one that does not fit.
#[must_use]
pub fn pattern(abi: &'static Abi, name: &str, width: u8) -> Option<u64> {
    let largest = largest(width);
    let value = abi.constant(name)?;
    let bits = u64::try_from(value & i128::from(u64::MAX)).ok()? & largest;
    let negative = i128::from(bits) - i128::from(largest) - 1;
    (i128::from(bits) == value || negative == value).then_some(bits)
}

const fn largest(width: u8) -> u64 {
    match width {
        0 => 0,
        64.. => u64::MAX,
        width => u64::MAX >> (64 - width),
    }
}

/// How the numbers of a field are spelled on an ABI.
#[derive(Clone, Copy, Debug)]
pub struct Spelling {
    abi: &'static Abi,
    set: &'static Set,
    width: u8,
}

/// Names that are bits together, and the bits that have no name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bits {
    /// Constants, to be joined by `|`.
    pub names: Vec<&'static str>,
    /// What they leave.
    pub left: u64,
}

impl Spelling {
    /// That of a field of some width whose numbers are in a set.
    #[must_use]
    pub const fn new(abi: &'static Abi, set: &'static Set, width: u8) -> Self {
        Self { abi, set, width }
    }

    /// The set.
    #[must_use]
    pub const fn set(&self) -> &'static Set {
        self.set
    }

    /// The name of a number as one of the set's values. `AF_UNIX` and `PF_LOCAL` are one thing, but
    /// where names of several sorts have the number, which is meant is not known.
    #[must_use]
    pub fn value(&self, number: u64) -> Option<&'static str> {
        match self.set.kind {
            SetKind::Enum | SetKind::Mixed => self.one(self.set.values(), number),
            SetKind::Flags => None,
        }
    }

    /// A number as bits: the enumerated part, where the set has one, then flags.
    #[must_use]
    pub fn bits(&self, number: u64) -> Bits {
        let mut bits = Bits { names: Vec::new(), left: number };
        // `O_RDONLY | O_CLOEXEC`: no bit is one of the values, too.
        let (mask, part) = (self.enumerated(), number & self.enumerated());
        if mask != 0
            && number != 0
            && let Some(name) = self.one(self.set.values(), part)
        {
            bits.names.push(name);
            bits.left &= !part;
        }
        self.flags(number, None, &mut bits);
        bits
    }

    /// The same of a mask, which may be the set's own for its enumerated part.
    #[must_use]
    pub fn mask(&self, mask: u64) -> Bits {
        let mut bits = Bits { names: Vec::new(), left: mask };
        self.flags(mask, self.set.mask, &mut bits);
        // `~(SOCK_STREAM | SOCK_CLOEXEC)`: all but one value and some flags.
        let part = bits.left & self.enumerated();
        if part != 0
            && let Some(name) = self.one(self.set.values(), part)
        {
            bits.names.insert(0, name);
            bits.left &= !part;
        }
        bits
    }

    /// A number whose every bit has a name: as a value, or as [`Self::bits`].
    #[must_use]
    pub fn whole(&self, number: u64) -> Option<Vec<&'static str>> {
        if let Some(name) = self.value(number) {
            return Some(vec![name]);
        }
        let bits = match self.set.kind {
            SetKind::Enum => return None,
            SetKind::Flags | SetKind::Mixed => self.bits(number),
        };
        (bits.left == 0 && !bits.names.is_empty()).then_some(bits.names)
    }

    /// Whether people write a number by names, or as the 0 of flags.
    #[must_use]
    pub fn is_named(&self, number: u64) -> bool {
        let flags = self.set.kind != SetKind::Enum;
        (flags && number == 0) || self.whole(number).is_some()
    }

    /// The bits that hold the set's values, where they are not all.
    fn enumerated(&self) -> u64 {
        match self.set.kind {
            SetKind::Mixed => self.set.mask.and_then(|mask| self.of(mask)).unwrap_or_default(),
            SetKind::Enum | SetKind::Flags => 0,
        }
    }

    fn of(&self, name: &str) -> Option<u64> {
        pattern(self.abi, name, self.width)
    }

    /// Adds the names of flags that are within a number and cover what is left of it.
    fn flags(&self, number: u64, more: Option<&'static str>, bits: &mut Bits) {
        let all = self.set.flags().iter().copied().chain(more);
        let mut flags: Vec<(&str, u64)> = all
            .filter(|name| !self.is_second(name))
            .filter_map(|name| Some((name, self.of(name)?)))
            .collect();
        // Names of many bits first: `O_SYNC` before `O_DSYNC`.
        flags.sort_by_key(|(_, flag)| (std::cmp::Reverse(flag.count_ones()), *flag));
        for (name, flag) in flags {
            if flag != 0 && flag & number == flag && flag & bits.left != 0 {
                bits.names.push(name);
                bits.left &= !flag;
            }
        }
    }

    fn is_second(&self, name: &str) -> bool {
        let address = name.strip_prefix("PF_").map(|rest| format!("AF_{rest}"));
        SECOND_NAMES.contains(&name) || address.is_some_and(|name| self.set.contains(&name))
    }

    fn one(&self, names: &[&'static str], number: u64) -> Option<&'static str> {
        let is = |name: &&'static str| self.of(name) == Some(number) && !self.is_second(name);
        let found = || names.iter().copied().filter(is);
        if let Some(name) = found().find(|name| PREFERRED.contains(name)) {
            return Some(name);
        }
        let mut found = found();
        let first = found.next()?;
        found.all(|other| sort(other) == sort(first)).then_some(first)
    }
}

/// What names of one sort begin with; those of signals have no common beginning but `SIG`.
fn sort(name: &str) -> &str {
    name.split_once('_').map_or("", |(sort, _)| sort)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn of(call: &str, arg: &str) -> Spelling {
        let abi = crate::x86_64();
        let call = abi.syscall(call).unwrap();
        let arg = call.arg(arg).unwrap();
        Spelling::new(abi, set_of(abi, call, arg, |_| None).unwrap(), arg.width)
    }

    #[test]
    fn what_a_number_means_may_depend_on_another_argument() {
        let abi = crate::x86_64();
        let socket = abi.syscall("socket").unwrap();
        let protocol = socket.arg("protocol").unwrap();
        assert!(set_of(abi, socket, protocol, |_| None).is_none());
        assert!(set_of(abi, socket, protocol, |_| Some(1)).is_none());
        let name = |family, number| {
            let set = set_of(abi, socket, protocol, |_| Some(family)).unwrap();
            Spelling::new(abi, set, 32).value(number)
        };
        assert_eq!((name(2, 6), name(16, 9)), (Some("IPPROTO_TCP"), Some("NETLINK_AUDIT")));
    }

    #[test]
    fn a_number_has_one_name() {
        assert_eq!(of("socket", "family").value(1), Some("AF_UNIX"));
        assert_eq!(of("socket", "family").value(16), Some("AF_NETLINK"));
        assert_eq!(of("kill", "sig").value(6), Some("SIGABRT"));
        assert_eq!(of("openat", "flags").value(0), Some("O_RDONLY"));
        assert_eq!(of("ioctl", "cmd").value(0x5401), Some("TCGETS"));
        assert_eq!(of("mmap", "flags").whole(0x22).unwrap(), ["MAP_PRIVATE", "MAP_ANONYMOUS"]);
    }

    #[test]
    fn flags_stand_beside_what_is_enumerated() {
        assert_eq!(of("openat", "flags").whole(0o2_000_000).unwrap(), ["O_RDONLY", "O_CLOEXEC"]);
        let names = of("personality", "personality").whole(0x0002_0008).unwrap();
        assert_eq!(names, ["PER_LINUX32", "UNAME26"]);
        let bits = of("openat", "flags").bits(0o4_010_002);
        assert_eq!((bits.names, bits.left), (vec!["O_RDWR", "O_SYNC"], 0));
        assert_eq!(of("socket", "type").mask(0xf).names, ["SOCK_TYPE_MASK"]);
    }

    /// Every spelling of every set is what it spells, on ABIs whose constants differ most.
    #[test]
    fn names_are_the_number() {
        for abi in ["x86_64", "mips", "sparc64"].map(|name| crate::abi(name).unwrap()) {
            for call in abi.syscalls() {
                for arg in call.args {
                    let Some(set) = arg.set.and_then(set) else { continue };
                    let spelling = Spelling::new(abi, set, arg.width);
                    for name in set.members() {
                        let Some(number) = pattern(abi, name, arg.width) else { continue };
                        let or = |names: &[&str]| {
                            names
                                .iter()
                                .filter_map(|it| pattern(abi, it, arg.width))
                                .fold(0, |a, b| a | b)
                        };
                        for bits in [spelling.bits(number), spelling.mask(number)] {
                            assert_eq!(or(&bits.names) | bits.left, number, "{name}");
                        }
                        let value = spelling.value(number).map(|it| or(&[it]));
                        assert!(value.is_none_or(|it| it == number), "{name}");
                    }
                }
            }
        }
    }
}
