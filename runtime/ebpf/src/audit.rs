//! What programs that watch tasks, and those who read their records, agree on.
//!
//! A module that decides about the calls of tasks has three maps: [`TASKS`] says which tasks are
//! watched and what of them is told, [`RECORDS`] is where it is told, and [`LOST`] counts what
//! there was no room for. The value of a task is 64 bits, a sum of [`ENTER`], [`EXIT`], [`ALLOWED`]
//! and [`HOOK`]; a task without one, or with 0, is a stranger. A child begins with its parent's.

use filterc_abi::{Endian, SeccompData};

use crate::map::{MapKind, MapSpec};

/// The map of watched tasks, by its place.
pub const TASKS: usize = 0;
/// The map of records.
pub const RECORDS: usize = 1;
/// The map with the number of records that there was no room for.
pub const LOST: usize = 2;

/// What of a task is told: calls that begin. Those that the kernel denies before are not among
/// them.
pub const ENTER: u64 = 1;
/// Calls that end, those that were denied included.
pub const EXIT: u64 = 2;
/// Also calls that the policy allows.
pub const ALLOWED: u64 = 4;
/// At hooks of security modules, decisions about objects, which are carried out there.
pub const HOOK: u64 = 8;

/// Bytes of the room for records.
const ROOM: u32 = 1 << 18;

/// The maps, by place, each with its name.
pub const MAPS: [(&str, MapSpec); 3] = [
    ("tasks", MapSpec { kind: MapKind::TaskStorage, key_size: 4, value_size: 8, max_entries: 0 }),
    ("records", MapSpec { kind: MapKind::Ringbuf, key_size: 0, value_size: 0, max_entries: ROOM }),
    ("lost", MapSpec { kind: MapKind::Array, key_size: 4, value_size: 8, max_entries: 1 }),
];

/// When a call was decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// When it began.
    Enter,
    /// When it ended.
    Exit,
    /// When it had found an object, and was about to use it.
    Hook,
}

impl Moment {
    /// Its number in a record.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Enter => 0,
            Self::Exit => 1,
            Self::Hook => 2,
        }
    }
}

/// A decision about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Nanoseconds since boot, without suspended time.
    pub time: u64,
    /// The process.
    pub tgid: u32,
    /// The thread.
    pub tid: u32,
    /// What the call returned; 0 where it begins.
    pub ret: i64,
    /// The decision, as a seccomp filter returns it.
    pub action: u32,
    /// When.
    pub moment: Moment,
    /// The call.
    pub call: SeccompData,
}

/// Offsets in a record.
pub mod offset {
    /// The time, 64 bits.
    pub const TIME: usize = 0;
    /// Process above, thread below, 64 bits.
    pub const PID_TGID: usize = 8;
    /// What the call returned, 64 bits.
    pub const RET: usize = 16;
    /// The decision, 32 bits.
    pub const ACTION: usize = 24;
    /// The moment, 32 bits.
    pub const MOMENT: usize = 28;
    /// The call, 64 bytes.
    pub const CALL: usize = 32;
}

/// Bytes of a record.
pub const RECORD_SIZE: usize = 96;

impl Record {
    /// A record from a ring buffer of a machine of that byte order; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], endian: Endian) -> Option<Self> {
        let bytes: &[u8; RECORD_SIZE] = bytes.try_into().ok()?;
        let u64_at = |at: usize| {
            let field = *bytes.get(at..)?.first_chunk()?;
            Some(match endian {
                Endian::Little => u64::from_le_bytes(field),
                Endian::Big => u64::from_be_bytes(field),
            })
        };
        let u32_at = |at: usize| {
            let field = *bytes.get(at..)?.first_chunk()?;
            Some(match endian {
                Endian::Little => u32::from_le_bytes(field),
                Endian::Big => u32::from_be_bytes(field),
            })
        };
        let call = offset::CALL;
        let mut args = [0; 6];
        for (arg, at) in args.iter_mut().zip((call + 16..).step_by(8)) {
            *arg = u64_at(at)?;
        }
        let moment = match u32_at(offset::MOMENT)? {
            0 => Moment::Enter,
            1 => Moment::Exit,
            2 => Moment::Hook,
            _ => return None,
        };
        let pid_tgid = u64_at(offset::PID_TGID)?;
        Some(Self {
            time: u64_at(offset::TIME)?,
            tgid: u32::try_from(pid_tgid >> 32).ok()?,
            tid: u32::try_from(pid_tgid & 0xffff_ffff).ok()?,
            ret: u64_at(offset::RET)?.cast_signed(),
            action: u32_at(offset::ACTION)?,
            moment,
            call: SeccompData {
                nr: u32_at(call)?.cast_signed(),
                arch: u32_at(call + 4)?,
                instruction_pointer: u64_at(call + 8)?,
                args,
            },
        })
    }
}
