//! What a field's name stands for in a call: its own arguments first, then what every
//! call has. Names that only other targets can see are refused with the reason.

use filterc_abi::{Arg, ArgKind, Regs};

use crate::error::{Blindness, Kind};
use crate::findings::{Calls, Subject};
use crate::types::{self, Field, Place, Type};

/// A field, and the argument that it is, if it is one.
pub(crate) type Found = (Field, Option<&'static Arg>);

/// The field of that name.
pub(crate) fn find(subject: Subject, name: &str) -> Result<Found, Kind> {
    if let Some(own) = own(subject, name) {
        return own;
    }
    match of_every_call(name) {
        Some(field) => Ok((field, None)),
        None => Err(refusal(subject, name)),
    }
}

/// The call's own argument of that name.
pub(crate) fn own(subject: Subject, name: &str) -> Option<Result<Found, Kind>> {
    let Calls::One(call) = subject.calls else { return None };
    let arg = call.arg(name)?;
    Some(match of_argument(arg) {
        Some(field) => Ok((field, Some(arg))),
        None => {
            Err(Kind::OutOfSight { what: name.to_owned(), blindness: Blindness::SeventhRegister })
        }
    })
}

/// The field that an argument is; `None` if it is beyond the sixth register.
pub(crate) fn of_argument(arg: &Arg) -> Option<Field> {
    let kind = match arg.kind {
        ArgKind::Pointer => types::Kind::Pointer,
        ArgKind::Int
        | ArgKind::Flags
        | ArgKind::Enum
        | ArgKind::Fd
        | ArgKind::Pid
        | ArgKind::Uid
        | ArgKind::Gid
        | ArgKind::Signal
        | ArgKind::Mode
        | ArgKind::Size
        | ArgKind::Offset
        | ArgKind::Id
        | ArgKind::Address => types::Kind::Integer,
    };
    let place = match arg.regs {
        Regs::One(register) => Place::Arg(register),
        Regs::Pair { lo, hi } => Place::Pair { lo, hi },
        Regs::Invisible => return None,
    };
    Field::new(arg.name, place, Type::new(arg.width, arg.signed, kind)?)
}

/// `nr`, `arch`, `instruction_pointer`.
pub(crate) fn of_every_call(name: &str) -> Option<Field> {
    let (name, place, width, signed) = match name {
        "nr" => ("nr", Place::Nr, 32, true),
        "arch" => ("arch", Place::Arch, 32, false),
        "instruction_pointer" => ("instruction_pointer", Place::InstructionPointer, 64, false),
        _ => return None,
    };
    Field::new(name, place, Type::new(width, signed, types::Kind::Integer)?)
}

/// `args[index]`, the whole register; `None` if there is no such register.
pub(crate) fn register(index: i128) -> Option<Field> {
    const NAMES: [&str; 6] = ["args[0]", "args[1]", "args[2]", "args[3]", "args[4]", "args[5]"];
    let index = u8::try_from(index).ok()?;
    let name = *NAMES.get(usize::from(index))?;
    let ty = Type::new(64, false, types::Kind::Integer)?;
    Field::new(name, Place::Arg(index), ty)
}

/// Why there is no such field.
fn refusal(subject: Subject, name: &str) -> Kind {
    let field = name.to_owned();
    if name == "args" {
        return Kind::BadIndex { what: "an index is missing".to_owned() };
    }
    if let Some(kind) = in_memory(subject, name) {
        return kind;
    }
    if let Some(blindness) = seen_by_others(name) {
        return Kind::OutOfSight { what: field, blindness };
    }
    if matches!(subject.calls, Calls::Any | Calls::Range(..)) {
        return Kind::NotOfAny { field };
    }
    Kind::NoSuchField { name: field }
}

/// The argument of that name that the call takes from memory.
pub(crate) fn in_memory(subject: Subject, name: &str) -> Option<Kind> {
    let Calls::One(call) = subject.calls else { return None };
    let row = subject.abi.in_memory(call.name)?;
    // `how.flags` is what a C programmer would write.
    let (head, field) = name.split_once('.').unwrap_or((row.arg, name));
    if head != row.arg || !row.fields.contains(&field) {
        return None;
    }
    let field = name.to_owned();
    Some(Kind::InMemory { field, call: call.name, pointer: row.arg, note: row.note })
}

/// Fields of other targets, and why this one cannot see them.
fn seen_by_others(name: &str) -> Option<Blindness> {
    let (head, tail) = name.split_once('.').unwrap_or((name, ""));
    Some(match (head, tail) {
        ("pid" | "tid" | "uid" | "gid" | "comm" | "exe" | "cgroup" | "cpu", _)
        | ("parent" | "ancestor", _) => Blindness::Task,
        ("ret", "") => Blindness::Exit,
        ("label", "") | ("fd", "socket") => Blindness::Object,
        ("addr", "family" | "port" | "ip") => Blindness::Memory,
        ("COMM" | "CPU" | "common_type" | "common_flags", "")
        | ("common_preempt_count" | "common_pid" | "__syscall_nr", "") => Blindness::EventFilter,
        _ => return None,
    })
}
