//! What values of an argument come to: the rules by which they are generalised.
//!
//! | kind of the argument | seen | condition |
//! |---|---|---|
//! | flags of a known set | any values | no other flags than were seen, all together |
//! | one of a known set, a signal | up to sixteen values | one of them |
//! | one of a known set and flags | up to sixteen values | one of those, and no other flags |
//! | descriptor | only 0, 1, 2, or only `AT_FDCWD` | one of them |
//! | anything else, or not in the record | | none |

use std::collections::BTreeSet;

use filterc_abi::spelling::{self, Spelling};
use filterc_abi::{Abi, Arg, ArgKind, Set, SetKind, Syscall};

use crate::seen::Bits;
use crate::words;

/// Values that are listed; more of them are no list that anybody made.
const MAX_LISTED: usize = 16;

/// How much of the arguments a policy keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Calls alone.
    Calls,
    /// Flags, choices and descriptors, by the rules above.
    Arguments,
    /// All values but addresses, as they were seen; where there are more than sixteen, as above.
    Exact,
}

/// The condition on an argument; `None` if there is none.
pub(crate) fn condition(
    (abi, call): (&'static Abi, &'static Syscall),
    arg: &'static Arg,
    seen: &BTreeSet<Bits>,
    detail: Detail,
) -> Option<String> {
    let values: BTreeSet<i128> =
        seen.iter().map(|bits| number(arg, *bits)).collect::<Option<_>>()?;
    if detail == Detail::Calls || values.is_empty() {
        return None;
    }
    // Of a number that can mean several things nothing is known but that.
    let set = spelling::set_of(abi, call, arg, |_| None);
    let by_kind = match arg.kind {
        ArgKind::Flags | ArgKind::Enum | ArgKind::Signal => of_set(abi, arg, set, &values),
        ArgKind::Fd => descriptor(abi, arg, &values),
        ArgKind::Int
        | ArgKind::Pid
        | ArgKind::Uid
        | ArgKind::Gid
        | ArgKind::Mode
        | ArgKind::Size
        | ArgKind::Offset
        | ArgKind::Id
        | ArgKind::Address
        | ArgKind::Pointer => None,
    };
    let is_number = !matches!(arg.kind, ArgKind::Address | ArgKind::Pointer);
    match by_kind {
        None if detail == Detail::Exact && is_number => listed(abi, arg, set, &values),
        other => other,
    }
}

/// The number that the kernel takes the bits for; `None` if some of them are not known.
fn number(arg: &Arg, bits: Bits) -> Option<i128> {
    let width = u32::from(arg.width.clamp(1, 64));
    let mask = words::mask(arg.width);
    if bits.known & mask != mask {
        return None;
    }
    let value = bits.value & mask;
    let negative = arg.signed && value >> (width - 1) & 1 == 1;
    Some(i128::from(value) - if negative { 1_i128 << width } else { 0 })
}

fn of_set(
    abi: &'static Abi,
    arg: &'static Arg,
    set: Option<&'static Set>,
    values: &BTreeSet<i128>,
) -> Option<String> {
    let Some(set) = set else {
        // Choices without names are choices still, flags without names are numbers.
        return (arg.kind != ArgKind::Flags).then(|| listed(abi, arg, set, values)).flatten();
    };
    match set.kind {
        SetKind::Enum => listed(abi, arg, Some(set), values),
        SetKind::Flags => Some(flags(abi, arg, set, None, union(values))),
        SetKind::Mixed => mixed(abi, arg, set, values),
    }
}

fn union(values: &BTreeSet<i128>) -> i128 {
    values.iter().fold(0, |all, value| all | value)
}

/// `flags == 0`, or `!(flags & ~(A | B))`.
fn flags(
    abi: &'static Abi,
    arg: &Arg,
    set: &'static Set,
    mask: Option<&str>,
    union: i128,
) -> String {
    let mut names: Vec<String> = mask.map(str::to_owned).into_iter().collect();
    let mut rest = union;
    for name in set.flags() {
        match abi.constant(name) {
            Some(value) if value != 0 && value & union == value && value & rest != 0 => {
                names.push((*name).to_owned());
                rest &= !value;
            }
            Some(_) | None => {}
        }
    }
    if rest != 0 {
        names.push(format!("{rest:#x}"));
    }
    match names.as_slice() {
        [] => format!("{} == 0", arg.name),
        [one] => format!("!({} & ~{one})", arg.name),
        _ => format!("!({} & ~({}))", arg.name, names.join(" | ")),
    }
}

/// A choice under a mask and flags beside it.
fn mixed(
    abi: &'static Abi,
    arg: &'static Arg,
    set: &'static Set,
    values: &BTreeSet<i128>,
) -> Option<String> {
    let Some((name, mask)) = set.mask.and_then(|name| Some((name, abi.constant(name)?))) else {
        return listed(abi, arg, Some(set), values);
    };
    let chosen: BTreeSet<i128> = values.iter().map(|value| value & mask).collect();
    if chosen.len() > MAX_LISTED {
        return None;
    }
    // No bit of the choice is then as no flag is.
    if chosen.iter().all(|value| *value == 0) {
        return Some(flags(abi, arg, set, None, union(values)));
    }
    let names: Vec<String> = chosen.iter().map(|value| spelled(abi, set, arg, *value)).collect();
    if union(values) & !mask == 0 {
        return Some(is_one_of(arg.name, &names));
    }
    let choice = is_one_of(&format!("({} & {name})", arg.name), &names);
    let beside = flags(abi, arg, set, Some(name), union(values) & !mask);
    Some(format!("{choice} && {beside}"))
}

fn descriptor(abi: &'static Abi, arg: &'static Arg, values: &BTreeSet<i128>) -> Option<String> {
    let standard = values.iter().all(|value| (0..=2).contains(value));
    let cwd = abi.constant("AT_FDCWD");
    let directory = values.len() == 1 && values.first().copied() == cwd;
    (standard || directory)
        .then(|| listed(abi, arg, arg.set.and_then(filterc_abi::set), values))
        .flatten()
}

/// `family == AF_UNIX`, `cmd in { TCGETS, TIOCGWINSZ }`.
fn listed(
    abi: &'static Abi,
    arg: &'static Arg,
    set: Option<&'static Set>,
    values: &BTreeSet<i128>,
) -> Option<String> {
    if values.len() > MAX_LISTED {
        return None;
    }
    let names: Vec<String> = values
        .iter()
        .map(|value| match set {
            Some(set) => spelled(abi, set, arg, *value),
            None => value.to_string(),
        })
        .collect();
    Some(is_one_of(arg.name, &names))
}

fn is_one_of(field: &str, names: &[String]) -> String {
    match names {
        [one] => format!("{field} == {one}"),
        _ => format!("{field} in {{ {} }}", names.join(", ")),
    }
}

/// The name of a value in a set, or the number where there is none.
fn spelled(abi: &'static Abi, set: &'static Set, arg: &Arg, value: i128) -> String {
    let bits = u64::try_from(value & i128::from(words::mask(arg.width))).unwrap_or_default();
    let name = Spelling::new(abi, set, arg.width).value(bits);
    name.map_or_else(|| value.to_string(), str::to_owned)
}
