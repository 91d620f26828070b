//! The record of an event: which fields it has, where they lie, and how the kernel reads them.

use filterc_abi::Endian;

/// The names that every syscall event has besides its own fields and the common ones, each in
/// the two spellings that the kernel knows. They are in no `format` file.
const GENERIC: [(&str, Part); 7] = [
    ("cpu", Part::Cpu),
    ("CPU", Part::Cpu),
    ("common_cpu", Part::Cpu),
    ("comm", Part::Comm),
    ("COMM", Part::Comm),
    ("stacktrace", Part::Stacktrace),
    ("STACKTRACE", Part::Stacktrace),
];

/// Who calls, beside what the kernel's filters know of it: in no record, and an addition to their
/// language. Each with its C type, its bytes, and whether it has a sign.
const WHO: [(&str, Part, &str, u8, bool); 4] = [
    ("pid", Part::Process, "pid_t", 4, true),
    ("uid", Part::User, "uid_t", 4, false),
    ("gid", Part::Group, "gid_t", 4, false),
    ("cgroup", Part::Cgroup, "u64", 8, false),
];

/// The layout of an event's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The event's subsystem: `syscalls`.
    pub subsystem: String,
    /// The event's name: `sys_enter_openat`.
    pub name: String,
    /// The call's number, where the event is of one call.
    pub nr: Option<u32>,
    /// Byte order of the fields.
    pub endian: Endian,
    /// The fields, the common ones first, as the `format` file has them. See [`Record::field`]
    /// for the names that are not among them.
    pub fields: Vec<Field>,
}

/// A field of a record, or what can be named like one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name.
    pub name: String,
    /// The C type as the kernel declares it (`const char *`, `int`).
    pub ctype: String,
    /// What it is.
    pub part: Part,
    /// Where it begins in the record, in bytes; 0 for what is not in the record.
    pub offset: u16,
    /// Its length in the record, in bytes: 1, 2, 4 or 8. The type of [`Part::Cpu`] is that of an
    /// `int`; 0 for [`Part::Comm`] and [`Part::Stacktrace`], which are no numbers.
    pub size: u8,
    /// Whether the kernel compares it as a signed number.
    pub signed: bool,
}

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// `common_type`: the event's number, which is the same for all its records.
    Type,
    /// `common_flags`: how interrupts stood.
    Flags,
    /// `common_preempt_count`.
    PreemptCount,
    /// `common_pid`: the thread's id, in the first pid namespace.
    Pid,
    /// `__syscall_nr`: the call's number.
    Nr,
    /// The argument with that position, as the whole register.
    Arg(u8),
    /// The argument with that position, which the kernel takes for a string: its type is exactly
    /// `char *` or `const char *`. No number of it can be compared.
    Text(u8),
    /// `ret`: what the call returned.
    Ret,
    /// `cpu`: the processor that runs the call; in no record.
    Cpu,
    /// `comm`: the thread's name, at most 15 bytes; in no record.
    Comm,
    /// `pid`: the process's id, in the first pid namespace; in no record.
    Process,
    /// `uid`: the real user id, in the first user namespace; in no record.
    User,
    /// `gid`: the real group id, in the first user namespace; in no record.
    Group,
    /// `cgroup`: the id of the thread's group in the hierarchy of version 2; in no record.
    Cgroup,
    /// `stacktrace`: accepted as a number, and every test of it is false; in no record.
    Stacktrace,
}

impl Field {
    /// Its width in bits; 0 if it is no number.
    #[must_use]
    pub const fn width(&self) -> u8 {
        self.size.saturating_mul(8)
    }

    /// The bits of its width.
    #[must_use]
    pub const fn mask(&self) -> u64 {
        mask(self.width())
    }

    /// Its bits in a record; 0 where the record is too short, or the field is in none.
    #[must_use]
    pub fn read(&self, record: &[u8], endian: Endian) -> u64 {
        let start = usize::from(self.offset);
        let bytes = record.get(start..start + usize::from(self.size)).unwrap_or_default();
        let push = |word: u64, byte: &u8| (word << 8) | u64::from(*byte);
        match endian {
            Endian::Little => bytes.iter().rev().fold(0, push),
            Endian::Big => bytes.iter().fold(0, push),
        }
    }
}

/// The low `width` bits set.
#[must_use]
pub const fn mask(width: u8) -> u64 {
    match width {
        0 => 0,
        1..64 => (1 << width) - 1,
        _ => u64::MAX,
    }
}

impl Record {
    /// What a name stands for: the event's own fields first, then what every event has, then the
    /// common fields. (`cpu` of `sys_enter_perf_event_open` is an argument.)
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Field> {
        let named = |own: bool| {
            self.fields.iter().find(|field| field.name == name && field.part.is_own() == own)
        };
        named(true).cloned().or_else(|| generic(name)).or_else(|| named(false).cloned())
    }

    /// The same in our language, which also knows who calls. `tid` is `common_pid`.
    #[must_use]
    pub fn seen(&self, name: &str) -> Option<Field> {
        self.field(name).or_else(|| match name {
            "tid" => self.fields.iter().find(|field| field.part == Part::Pid).cloned(),
            _ => who(name),
        })
    }
}

impl Part {
    /// Whether it says who calls, and the kernel's filters do not know it.
    #[must_use]
    pub const fn is_who(self) -> bool {
        matches!(self, Self::Process | Self::User | Self::Group | Self::Cgroup)
    }

    /// Whether the field is the event's own, not one that all events have.
    const fn is_own(self) -> bool {
        matches!(self, Self::Nr | Self::Arg(_) | Self::Text(_) | Self::Ret)
    }
}

fn who(name: &str) -> Option<Field> {
    let (_, part, ctype, size, signed) = WHO.iter().find(|(known, ..)| *known == name)?;
    let (name, ctype) = (name.to_owned(), (*ctype).to_owned());
    Some(Field { name, ctype, part: *part, offset: 0, size: *size, signed: *signed })
}

fn generic(name: &str) -> Option<Field> {
    let (_, part) = GENERIC.iter().find(|(known, _)| *known == name)?;
    let (ctype, size) = match part {
        Part::Cpu => ("int", 4),
        Part::Comm => ("char *", 0),
        Part::Type
        | Part::Flags
        | Part::PreemptCount
        | Part::Pid
        | Part::Nr
        | Part::Arg(_)
        | Part::Text(_)
        | Part::Ret
        | Part::Process
        | Part::User
        | Part::Group
        | Part::Cgroup
        | Part::Stacktrace => ("", 0),
    };
    Some(Field {
        name: name.to_owned(),
        ctype: ctype.to_owned(),
        part: *part,
        offset: 0,
        size,
        signed: *part == Part::Cpu,
    })
}
