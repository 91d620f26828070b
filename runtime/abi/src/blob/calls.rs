//! The calls of an ABI with their arguments, all of them at once.

use std::ops::Range;

use hashbrown::HashMap;

use super::bytes::Blob;
use super::reader::{Reader, between, u16_at};
use crate::layout::{NO_REGISTER, NONE, SIGNED, Section};
use crate::{Abi, Arg, ArgKind, Regs, Status, SubCall, Syscall};

/// The size of a row, an argument and a sub-call.
const ROW: usize = 8;
const ARG: usize = 10;
const SUB_CALL: usize = 12;

/// A call without its arguments, and where they are.
struct RawCall {
    call: Syscall,
    args: Range<usize>,
}

/// The calls of one ABI, their arguments in one piece.
pub(crate) struct RawCalls {
    calls: Vec<RawCall>,
    args: Vec<Arg>,
    sub_calls: Vec<SubCall>,
}

/// The calls of one ABI, for good.
#[derive(Debug, Default)]
pub(crate) struct CallTable {
    /// Sorted by number.
    pub(crate) calls: Vec<Syscall>,
    /// Positions in `calls`.
    pub(crate) by_name: HashMap<&'static str, usize>,
    /// Sorted by name.
    pub(crate) sub_calls: Vec<SubCall>,
}

impl RawCalls {
    #[cfg(test)]
    pub(crate) fn count(self) -> usize {
        self.calls.len()
    }

    /// Gives the arguments away, so that the calls can refer to them.
    pub(crate) fn leak(self) -> CallTable {
        let args: &'static [Arg] = self.args.leak();
        let names = self.calls.iter().enumerate();
        let by_name = names.map(|(position, raw)| (raw.call.name, position)).collect();
        let with_args =
            |raw: RawCall| Syscall { args: args.get(raw.args).unwrap_or_default(), ..raw.call };
        CallTable {
            by_name,
            calls: self.calls.into_iter().map(with_args).collect(),
            sub_calls: self.sub_calls,
        }
    }
}

impl Blob {
    /// The calls of one ABI.
    pub(crate) fn calls(&self, abi: &Abi) -> Option<RawCalls> {
        let abis = usize::from(*self.section(Section::Abis).first()?);
        let (offsets, lists) = self.section(Section::Calls).split_at_checked((abis + 1) * 4)?;
        let mut reader = Reader::new(between(offsets, lists, abi.index)?);
        let mut nr = abi.nr_base;
        let mut args = Vec::new();
        let calls = reader.list(|reader| {
            nr = nr.checked_add(u32::try_from(reader.varint()?).ok()?)?;
            self.call(nr, reader.u16()?, &mut args)
        })?;
        let sub_calls = reader.list(|reader| self.sub_call(reader.u16()?))?;
        Some(RawCalls { calls, args, sub_calls })
    }

    fn call(&self, nr: u32, row: u16, args: &mut Vec<Arg>) -> Option<RawCall> {
        let mut reader = Reader::record(self.section(Section::Rows), row.into(), ROW)?;
        let (name, entry) = (self.string(reader.u16()?)?, self.string(reader.u16()?)?);
        let form = reader.u16()?;
        let status = *Status::ALL.get(usize::from(reader.u8()?))?;
        let since = self.version(reader.u8()?)?;
        let start = args.len();
        if form != NONE {
            self.form(form, args)?;
        }
        let call = Syscall { nr, name, entry, status, since, args: &[] };
        Some(RawCall { call, args: start..args.len() })
    }

    /// Appends the arguments of a form.
    fn form(&self, form: u16, args: &mut Vec<Arg>) -> Option<()> {
        let mut reader = Reader::new(self.section(Section::Forms));
        let positions = reader.u16().map(|count| (usize::from(count) + 1) * 2)?;
        let positions = reader.take(positions)?;
        let ids = reader.rest();
        let from = u16_at(positions, form.into())?;
        let to = u16_at(positions, usize::from(form) + 1)?;
        for position in from..to {
            args.push(self.arg(u16_at(ids, position.into())?)?);
        }
        Some(())
    }

    fn arg(&self, id: u16) -> Option<Arg> {
        let mut reader = Reader::record(self.section(Section::Args), id.into(), ARG)?;
        let (name, ctype) = (self.string(reader.u16()?)?, self.string(reader.u16()?)?);
        let set = match reader.u16()? {
            NONE => None,
            id => Some(self.string(id)?),
        };
        let (declared, width) = (reader.u8()?, reader.u8()?);
        let kind = reader.u8()?;
        let signed = kind & SIGNED != 0;
        let kind = *ArgKind::ALL.get(usize::from(kind & !SIGNED))?;
        let regs = regs(reader.u8()?)?;
        Some(Arg { name, ctype, declared, width, signed, kind, regs, set })
    }

    fn sub_call(&self, id: u16) -> Option<SubCall> {
        let mut reader = Reader::record(self.section(Section::SubCalls), id.into(), SUB_CALL)?;
        Some(SubCall {
            name: self.string(reader.u16()?)?,
            multiplexer: self.string(reader.u16()?)?,
            mask: reader.u32()?,
            value: reader.u32()?,
        })
    }
}

fn regs(code: u8) -> Option<Regs> {
    match (code & 15, code >> 4) {
        (NO_REGISTER, NO_REGISTER) => Some(Regs::Invisible),
        (lo @ 0..6, NO_REGISTER) => Some(Regs::One(lo)),
        (lo @ 0..6, hi @ 0..6) => Some(Regs::Pair { lo, hi }),
        _ => None,
    }
}
