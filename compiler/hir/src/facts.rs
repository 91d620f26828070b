//! Facts of a call as fields: who makes it, and the labels of the object that it names.
//!
//! A call's own arguments win, as over all fields: `kill` has a `pid` of its own.

use filterc_abi::Fact;
use filterc_abi::facts::COMM_SIZE;

use crate::sight::Sight;
use crate::types::{Field, Kind, Place, Type};

/// Labels of a policy: a bit of the fact each.
pub(crate) const MAX_LABELS: usize = 64;

/// A fact that is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    /// The command name: a text.
    Comm,
    /// The labels of the object: a set.
    Label,
}

/// Facts that are numbers, with their width and whether they have a sign, as the kernel has them.
const NUMBERS: &[(&str, Fact, u8, bool)] = &[
    ("pid", Fact::Pid, 32, true),
    ("tid", Fact::Tid, 32, true),
    ("uid", Fact::Uid, 32, false),
    ("gid", Fact::Gid, 32, false),
    ("cpu", Fact::Cpu, 32, true),
    ("cgroup", Fact::Cgroup, 64, false),
];

/// The fact of that name that is a number, for programs that see it.
pub(crate) fn number(sight: Sight, name: &str) -> Option<Field> {
    let (name, fact, width, signed) = NUMBERS.iter().find(|(known, ..)| *known == name)?;
    let ty = Type::new(*width, *signed, Kind::Integer)?;
    Field::new(*name, Place::Fact(*fact), ty).filter(|_| sight.has_task())
}

/// The fact of that name that is none, for programs that see it.
pub(crate) fn special(sight: Sight, name: &str) -> Option<Special> {
    match name {
        "comm" if sight.has_task() => Some(Special::Comm),
        "label" if sight.has_labels() => Some(Special::Label),
        _ => None,
    }
}

/// The labels as one field of bits.
pub(crate) fn labels() -> Option<Field> {
    bits("label", Fact::Label)
}

/// The half of the command name with the byte at a place, and how far that byte is above its
/// lowest bit, on a machine of that byte order.
pub(crate) fn comm_byte(at: usize, endian: filterc_abi::Endian) -> Option<(Field, u32)> {
    let (name, fact) = match at {
        0..8 => ("comm[0..8]", Fact::CommHead),
        8..COMM_SIZE => ("comm[8..16]", Fact::CommTail),
        _ => return None,
    };
    let byte = u32::try_from(at % 8).ok()?;
    let shift = match endian {
        filterc_abi::Endian::Little => 8 * byte,
        filterc_abi::Endian::Big => 8 * (7 - byte),
    };
    Some((bits(name, fact)?, shift))
}

fn bits(name: &'static str, fact: Fact) -> Option<Field> {
    Field::new(name, Place::Fact(fact), Type::new(64, false, Kind::Integer)?)
}
