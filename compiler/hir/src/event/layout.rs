//! Records as the tables have them, and as a `format` file of the kernel has them.

use filterc_abi::{Abi, Status, Syscall};

use super::record::{Field, Part, Record};

/// The subsystem whose events these are.
pub const SUBSYSTEM: &str = "syscalls";

const ENTER: &str = "sys_enter_";
const EXIT: &str = "sys_exit_";

/// The end of an event's name for a call: that of the kernel's function, which for some calls is
/// not that of the call (`newstat`, `umount`).
#[must_use]
pub fn event_suffix(call: &Syscall) -> Option<&'static str> {
    let implemented = call.status == Status::Implemented;
    call.entry.strip_prefix("sys_").filter(|_| implemented)
}

/// Names of all syscall events of a machine of that ABI, in the order of the numbers. A call
/// that its kernel was built without has none there.
pub fn events(abi: &'static Abi) -> impl Iterator<Item = String> {
    let suffixes = abi.syscalls().iter().filter_map(event_suffix);
    suffixes.flat_map(|suffix| [format!("{ENTER}{suffix}"), format!("{EXIT}{suffix}")])
}

/// What the end of an event's name is, if it is that of a syscall event.
#[must_use]
pub fn suffix_of(event: &str) -> Option<&str> {
    event.strip_prefix(ENTER).or_else(|| event.strip_prefix(EXIT))
}

impl Record {
    /// The record of a syscall event on a machine of that ABI; `None` if no call has it.
    #[must_use]
    pub fn of_event(abi: &'static Abi, event: &str) -> Option<Self> {
        let suffix = suffix_of(event)?;
        let call = abi.syscalls().iter().find(|call| event_suffix(call) == Some(suffix))?;
        // A register of the machine; all fields behind the number are of that size.
        let size = abi.word / 8;
        let mut offset = if size == 8 { 16 } else { 12 };
        let mut fields = common();
        let mut push = |name: &str, ctype: &str, part, signed| {
            let (name, ctype) = (name.to_owned(), ctype.to_owned());
            fields.push(Field { name, ctype, part, offset, size, signed });
            offset += u16::from(size);
        };
        if event.starts_with(EXIT) {
            push("ret", "long", Part::Ret, true);
        } else {
            for (position, arg) in (0..).zip(call.args) {
                push(arg.name, arg.ctype, argument(arg.ctype, position), false);
            }
        }
        Some(Self {
            subsystem: SUBSYSTEM.to_owned(),
            name: event.to_owned(),
            nr: Some(call.nr),
            endian: abi.endian,
            fields,
        })
    }

    /// The record that a `format` file of a syscall event describes; `None` if the text is none,
    /// or has a field that is no register.
    #[must_use]
    pub fn of_format(abi: &'static Abi, text: &str) -> Option<Self> {
        let name = text.lines().find_map(|line| line.strip_prefix("name:"))?.trim();
        let suffix = suffix_of(name)?;
        let call = abi.syscalls().iter().find(|call| event_suffix(call) == Some(suffix));
        let mut position = 0;
        let mut fields = Vec::new();
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("field:")) {
            fields.push(field(line, name, &mut position)?);
        }
        let endian = abi.endian;
        let (subsystem, name) = (SUBSYSTEM.to_owned(), name.to_owned());
        Some(Self { subsystem, name, nr: call.map(|call| call.nr), endian, fields })
    }
}

/// What an argument of that type is to the kernel's filters.
fn argument(ctype: &str, position: u8) -> Part {
    match ctype {
        "char *" | "const char *" => Part::Text(position),
        _ => Part::Arg(position),
    }
}

/// The fields that all events have, and the number that all syscall events have.
fn common() -> Vec<Field> {
    let field = |name: &str, ctype: &str, part, offset, size, signed| Field {
        name: name.to_owned(),
        ctype: ctype.to_owned(),
        part,
        offset,
        size,
        signed,
    };
    vec![
        field("common_type", "unsigned short", Part::Type, 0, 2, false),
        field("common_flags", "unsigned char", Part::Flags, 2, 1, false),
        field("common_preempt_count", "unsigned char", Part::PreemptCount, 3, 1, false),
        field("common_pid", "int", Part::Pid, 4, 4, true),
        field("__syscall_nr", "int", Part::Nr, 8, 4, true),
    ]
}

/// A line of a `format` file behind its `field:`. `position` counts the arguments.
fn field(line: &str, event: &str, position: &mut u8) -> Option<Field> {
    let mut parts = line.split(';').map(str::trim);
    let (ctype, name) = parts.next()?.rsplit_once(' ')?;
    let mut number = |key: &str| -> Option<u16> {
        parts.next()?.strip_prefix(key)?.strip_prefix(':')?.parse().ok()
    };
    let offset = number("offset")?;
    let size = u8::try_from(number("size")?).ok().filter(|size| matches!(size, 1 | 2 | 4 | 8))?;
    let signed = number("signed")? != 0;
    let ctype = ctype.replace(" __user", "");
    let part = match name {
        "common_type" => Part::Type,
        "common_flags" => Part::Flags,
        "common_preempt_count" => Part::PreemptCount,
        "common_pid" => Part::Pid,
        "__syscall_nr" => Part::Nr,
        "ret" if event.starts_with(EXIT) => Part::Ret,
        _ => {
            *position += 1;
            argument(&ctype, *position - 1)
        }
    };
    Some(Field { name: name.to_owned(), ctype, part, offset, size, signed })
}
