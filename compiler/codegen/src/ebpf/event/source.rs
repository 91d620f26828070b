//! What a program can know at an event: fields of the record, and what helpers tell.

use filterc_ebpf::machine::Size;
use filterc_hir::event::filter::Operand;
use filterc_hir::event::{Field, Part};

use super::error::Kind;

/// Something that is read once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// A number in the record.
    Record(u16, Size),
    /// The processor.
    Cpu,
    /// Process id above, thread id below.
    PidTgid,
    /// The process.
    Process,
    /// The real group id above, the real user id below.
    UidGid,
    /// The real group id.
    Group,
    /// The id of the control group.
    Cgroup,
    /// The address of this processor's buffer for texts.
    Buffer,
    /// The thread's name.
    Comm,
    /// The text where a pointer in the record points.
    User(u16),
}

impl Source {
    /// Bits that a number of this has; all above are 0.
    pub(super) const fn bits(self) -> u8 {
        match self {
            Self::Record(_, Size::B1) => 8,
            Self::Record(_, Size::B2) => 16,
            Self::Record(_, Size::B4) | Self::Cpu | Self::Process | Self::Group => 32,
            Self::Record(_, Size::B8)
            | Self::PidTgid
            | Self::UidGid
            | Self::Cgroup
            | Self::Buffer
            | Self::Comm
            | Self::User(_) => 64,
        }
    }

    /// Whether it is a number, which fits a register.
    pub(super) const fn is_number(self) -> bool {
        matches!(
            self,
            Self::Record(..)
                | Self::Cpu
                | Self::PidTgid
                | Self::Process
                | Self::UidGid
                | Self::Group
                | Self::Cgroup
        )
    }

    /// Whether a program calls a helper for it.
    pub(super) const fn is_called(self) -> bool {
        !matches!(self, Self::Record(..))
    }
}

/// The low `width` bits of a source, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct View {
    pub(super) source: Source,
    pub(super) width: u8,
}

/// A number that a filter looks at, or one that is known before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    View(View),
    /// The same for all records of the event.
    Constant(u64),
}

/// Where an operand comes from.
pub(super) fn known(operand: &Operand, event_id: Option<u16>) -> Result<Known, Kind> {
    let field = &operand.field;
    let source = match field.part {
        Part::Cpu => Source::Cpu,
        Part::Pid => Source::PidTgid,
        Part::Process => Source::Process,
        Part::User => Source::UidGid,
        Part::Group => Source::Group,
        Part::Cgroup => Source::Cgroup,
        Part::Type => {
            let id = event_id.ok_or(Kind::UnknownId)?;
            return Ok(Known::Constant(u64::from(id) & operand.mask()));
        }
        Part::Nr | Part::Arg(_) | Part::Text(_) | Part::Ret => in_record(field)?,
        Part::Flags | Part::PreemptCount | Part::Comm | Part::Stacktrace => {
            return Err(Kind::OutOfSight { field: field.name.clone() });
        }
    };
    Ok(Known::View(View { source, width: operand.width.min(source.bits()) }))
}

/// Bytes in front of the fields that a program may see.
const HIDDEN: u16 = 8;

fn in_record(field: &Field) -> Result<Source, Kind> {
    let size = Size::ALL.into_iter().find(|size| size.bytes() == usize::from(field.size));
    match size {
        Some(size) if field.offset >= HIDDEN => Ok(Source::Record(field.offset, size)),
        Some(_) | None => Err(Kind::OutOfSight { field: field.name.clone() }),
    }
}
