//! Calls of helpers: what each takes, and what it gives.
//!
//! All of these are there for every target, in programs whose licence is GPL.

use super::memory::{inside, number};
use super::scalar::Scalar;
use super::value::{Object, Pointer, State, Value};
use super::{Explorer, known};
use crate::error::Kind;
use crate::helper::Helper;
use crate::machine::Reg;
use crate::map::MapKind;

/// What a helper takes as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// Anything that is set.
    Anything,
    /// A map of one of these kinds.
    Map(&'static [MapKind]),
    /// The address of a key of the map.
    Key,
    /// The address of a value of the map.
    Value,
    /// The same, or the constant 0.
    ValueOrZero,
    /// Memory to be read; the next argument says how long.
    Read,
    /// Memory to be written; the next argument says how long.
    Write,
    /// How long, at least 1.
    Length,
    /// How long.
    LengthOrZero,
    /// A constant: how long the record will be.
    RecordLength,
    /// The start of a record, which is then gone.
    Record,
    /// A task.
    Task,
}

/// What a helper returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gives {
    /// A number.
    Number,
    /// Nothing.
    Nothing,
    /// The address of a value of the map, or null.
    Value,
    /// A record, or null.
    Record,
    /// A task.
    Task,
    /// The address of something of the kernel: to be handed on to helpers.
    Address,
}

const KEYED: &[MapKind] = &[MapKind::Hash, MapKind::Array, MapKind::PercpuArray];
const RINGS: &[MapKind] = &[MapKind::Ringbuf];
const TASKS: &[MapKind] = &[MapKind::TaskStorage];
const GROUPS: &[MapKind] = &[MapKind::CgroupArray];

const fn signature(helper: Helper) -> (&'static [Takes], Gives) {
    use Takes::{Anything, Key, Length, LengthOrZero, Map, Read, Task, ValueOrZero, Write};
    match helper {
        Helper::MapLookupElem => (&[Map(KEYED), Key], Gives::Value),
        Helper::MapUpdateElem => (&[Map(KEYED), Key, Takes::Value, Anything], Gives::Number),
        Helper::MapDeleteElem => (&[Map(KEYED), Key], Gives::Number),
        Helper::KtimeGetNs
        | Helper::GetSmpProcessorId
        | Helper::GetCurrentPidTgid
        | Helper::GetCurrentUidGid
        | Helper::GetCurrentCgroupId => (&[], Gives::Number),
        Helper::CurrentTaskUnderCgroup => (&[Map(GROUPS), Anything], Gives::Number),
        Helper::GetCurrentComm => (&[Write, Length], Gives::Number),
        Helper::ProbeReadUser
        | Helper::ProbeReadKernel
        | Helper::ProbeReadUserStr
        | Helper::ProbeReadKernelStr => (&[Write, LengthOrZero, Anything], Gives::Number),
        Helper::RingbufOutput => (&[Map(RINGS), Read, LengthOrZero, Anything], Gives::Number),
        Helper::RingbufReserve => (&[Map(RINGS), Takes::RecordLength, Anything], Gives::Record),
        Helper::RingbufSubmit | Helper::RingbufDiscard => {
            (&[Takes::Record, Anything], Gives::Nothing)
        }
        Helper::TaskStorageGet => (&[Map(TASKS), Task, ValueOrZero, Anything], Gives::Value),
        Helper::TaskStorageDelete => (&[Map(TASKS), Task], Gives::Number),
        Helper::GetCurrentTaskBtf => (&[], Gives::Task),
        Helper::SendSignal => (&[Anything], Gives::Number),
        Helper::TaskPtRegs => (&[Task], Gives::Address),
    }
}

/// How many arguments a helper has.
pub(super) const fn arguments(helper: Helper) -> usize {
    signature(helper).0.len()
}

const REGISTERS: [Reg; 5] = [Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5];

/// The map that the first argument was, and the memory that waits for its length.
#[derive(Default)]
struct Seen {
    map: Option<usize>,
    memory: Option<(Pointer, bool, u8)>,
    length: u32,
}

impl Explorer<'_> {
    /// A call of a helper.
    pub(super) fn call_helper(&mut self, state: &mut State, id: i32) -> Result<(), Kind> {
        let helper = Helper::new(id).ok_or(Kind::NotThere { what: "helper" })?;
        let (takes, gives) = signature(helper);
        let mut seen = Seen::default();
        for (number, (takes, reg)) in (1_u8..).zip(takes.iter().zip(REGISTERS)) {
            let value = known(state, reg)?;
            self.argument(state, *takes, value, number, &mut seen)?;
        }
        for reg in REGISTERS {
            state.set(reg, Value::Unset);
        }
        let result = match gives {
            Gives::Number => Value::Scalar(Scalar::UNKNOWN),
            Gives::Nothing => Value::Unset,
            Gives::Task => Value::Task,
            Gives::Address => Value::Opaque,
            Gives::Value => {
                let map = seen.map.and_then(|map| Some((map, self.target.maps.get(map)?)));
                let (map, spec) = map.ok_or(Kind::NotThere { what: "map" })?;
                let pointer = Pointer::start(Object::MapValue(map, spec.value_size));
                Value::MaybeNull(pointer, self.new_id())
            }
            Gives::Record => {
                let id = self.new_id();
                state.records.push(id);
                Value::MaybeNull(Pointer::start(Object::Record(seen.length, id)), id)
            }
        };
        state.set(Reg::R0, result);
        Ok(())
    }

    fn argument(
        &mut self,
        state: &mut State,
        takes: Takes,
        value: Value,
        argument: u8,
        seen: &mut Seen,
    ) -> Result<(), Kind> {
        let bad = |expected| Err(Kind::BadArgument { argument, expected });
        let spec = seen.map.and_then(|map| self.target.maps.get(map));
        let (key_size, value_size) = spec.map_or((0, 0), |spec| (spec.key_size, spec.value_size));
        match (takes, value) {
            (Takes::Anything, _) => Ok(()),
            (Takes::Map(kinds), Value::Map(map)) => {
                seen.map = Some(map);
                let kind = self.target.maps.get(map).map(|spec| spec.kind);
                match kind {
                    Some(kind) if kinds.contains(&kind) => Ok(()),
                    _ => bad("a map of another kind"),
                }
            }
            (Takes::Key, Value::Pointer(pointer)) => {
                self.readable(state, &pointer, key_size.into(), argument)
            }
            (Takes::Value | Takes::ValueOrZero, Value::Pointer(pointer)) => {
                self.readable(state, &pointer, value_size.into(), argument)
            }
            (Takes::ValueOrZero, Value::Scalar(scalar)) if scalar.as_constant() == Some(0) => {
                Ok(())
            }
            (Takes::Read | Takes::Write, Value::Pointer(pointer)) => {
                seen.memory = Some((pointer, takes == Takes::Write, argument));
                Ok(())
            }
            (Takes::Length | Takes::LengthOrZero, Value::Scalar(length)) => {
                let least = if takes == Takes::Length { 1 } else { 0 };
                let fits = !length.doubtful
                    && length.smin >= least
                    && length.umin >= least.cast_unsigned();
                let most = i64::try_from(length.umax).ok().filter(|most| *most <= MAX_LENGTH);
                match (most.filter(|_| fits), seen.memory.take()) {
                    (Some(most), Some((pointer, write, at))) => {
                        let exact = length.as_constant().is_some();
                        self.memory_argument(state, &pointer, (most, exact), write, at)
                    }
                    _ => {
                        bad("a length that is bounded, and at least 1 where nothing makes no sense")
                    }
                }
            }
            (Takes::RecordLength, Value::Scalar(length)) => {
                let length = length
                    .as_constant()
                    .filter(|_| !length.doubtful)
                    .and_then(|length| u32::try_from(length).ok());
                match length.filter(|length| i64::from(*length) <= MAX_LENGTH) {
                    Some(length) => {
                        seen.length = length;
                        Ok(())
                    }
                    None => bad("a constant"),
                }
            }
            (Takes::Record, Value::Pointer(Pointer { to: Object::Record(_, id), .. })) => {
                if let Value::Pointer(pointer) = value
                    && pointer.offset() == Some(0)
                {
                    state.records.retain(|record| *record != id);
                    state.forget(id);
                    return Ok(());
                }
                bad("the start of a record")
            }
            (Takes::Task, Value::Task) => Ok(()),
            (Takes::Map(_), _) => bad("a map"),
            (Takes::Key, _) => bad("the address of a key"),
            (Takes::Value | Takes::ValueOrZero, _) => bad("the address of a value"),
            (Takes::Read | Takes::Write, _) => bad("an address"),
            (Takes::Length | Takes::LengthOrZero | Takes::RecordLength, _) => bad("a length"),
            (Takes::Record, _) => bad("a record"),
            (Takes::Task, _) => bad("a task"),
        }
    }

    /// Memory whose length is the map's.
    fn readable(
        &mut self,
        state: &mut State,
        pointer: &Pointer,
        size: i64,
        argument: u8,
    ) -> Result<(), Kind> {
        self.memory_argument(state, pointer, (size, true), false, argument)
    }

    /// Memory of up to so many bytes that a helper reads, or writes.
    fn memory_argument(
        &mut self,
        state: &mut State,
        pointer: &Pointer,
        (size, exact): (i64, bool),
        write: bool,
        argument: u8,
    ) -> Result<(), Kind> {
        let Object::Stack(depth) = pointer.to else {
            if matches!(pointer.to, Object::Record(..)) {
                let expected = "an address in the stack or in a map's value";
                return Err(Kind::BadArgument { argument, expected });
            }
            return inside(pointer, size);
        };
        let expected = "an address at a known offset of the stack";
        let offset = pointer.offset().ok_or(Kind::BadArgument { argument, expected })?;
        // Not even nothing is read outside.
        self.stack_range(state, depth, pointer, size.max(1))?;
        let Some(frame) = state.frames.get_mut(depth) else {
            return Err(Kind::UnwrittenStack { offset });
        };
        let whole = frame.has_numbers(offset, size);
        if write && exact {
            frame.set_numbers(offset, size);
            Ok(())
        } else if whole {
            if write {
                frame.set_numbers(offset, size);
            }
            Ok(())
        } else {
            Err(Kind::UnwrittenStack { offset })
        }
    }
}

/// Longest memory that a helper is given.
const MAX_LENGTH: i64 = 1 << 20;

/// The number in a register.
pub(super) fn returned(state: &State) -> Result<Scalar, Kind> {
    number(&known(state, Reg::R0)?, "returned")
}
