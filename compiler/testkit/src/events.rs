//! Records of events, made by hand, and what was recorded of the kernel's filters.

use filterc_abi::Endian;
use filterc_hir::event::{Part, Record};

/// What a record is made of; the rest of it is 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Content {
    /// `common_type`
    pub event_id: u16,
    /// `common_flags`
    pub flags: u8,
    /// `common_pid`
    pub pid: u32,
    /// `__syscall_nr`
    pub nr: u32,
    /// The argument registers.
    pub args: [u64; 6],
    /// What the call returned, in two's complement.
    pub ret: u64,
}

/// The bytes of a record.
#[must_use]
pub fn bytes(record: &Record, content: &Content) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    for field in &record.fields {
        let arg = |position: u8| content.args.get(usize::from(position)).copied();
        let bits = match field.part {
            Part::Type => content.event_id.into(),
            Part::Pid => content.pid.into(),
            Part::Nr => content.nr.into(),
            Part::Arg(position) | Part::Text(position) => arg(position).unwrap_or_default(),
            Part::Ret => content.ret,
            Part::Flags => content.flags.into(),
            Part::PreemptCount
            | Part::Cpu
            | Part::Comm
            | Part::Process
            | Part::User
            | Part::Group
            | Part::Cgroup
            | Part::Stacktrace => 0,
        };
        let size = usize::from(field.size);
        let little = bits.to_le_bytes();
        let mut word: Vec<u8> = little.iter().copied().take(size).collect();
        if record.endian == Endian::Big {
            word.reverse();
        }
        let start = usize::from(field.offset);
        let place = bytes.get_mut(start..start + size).expect("a record has at most 64 bytes");
        place.copy_from_slice(&word);
    }
    bytes
}

/// The bytes of a text whose characters are Latin-1.
#[must_use]
pub fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a Latin-1 character")).collect()
}
