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
}

impl Part {
    /// Whether the field is the event's own, not one that all events have.
    const fn is_own(self) -> bool {
        matches!(self, Self::Nr | Self::Arg(_) | Self::Text(_) | Self::Ret)
    }
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
