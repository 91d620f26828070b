//! What is known of registers and stacks at a place of the program.

use super::scalar::{Link, Scalar};
use super::tnum::Tnum;
use crate::machine::{Extend, Reg, Size};
use crate::op::REGISTERS;

/// A name for a value that may be null, or that must be given back: all copies share it.
pub(super) type Id = u32;

/// What a register or a slot of the stack holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing yet, or nothing that may be used.
    Unset,
    /// A number.
    Scalar(Scalar),
    /// The context.
    Context,
    /// The map of that place.
    Map(usize),
    /// An address in something with bounds.
    Pointer(Pointer),
    /// The same, or null; nothing is known until it is compared with 0.
    MaybeNull(Pointer, Id),
    /// A task of the kernel.
    Task,
    /// The address of something of the kernel that is not looked into.
    Opaque,
    /// An argument of a tracepoint: the structure of that place in the target's list.
    Structure(usize),
}

/// An address in something with bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    pub(super) to: Object,
    /// The known part of the offset …
    pub(super) fixed: i64,
    /// … and the other one; 0 if all is known.
    pub(super) varying: Scalar,
}

/// What a pointer points into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    /// The stack of the function at that depth; offset 0 is its end.
    Stack(usize),
    /// A value of the map of that place, of so many bytes.
    MapValue(usize, u32),
    /// A record of so many bytes, to be given back under that name.
    Record(u32, Id),
}

impl Pointer {
    pub(super) const fn start(to: Object) -> Self {
        Self { to, fixed: 0, varying: Scalar::constant(0) }
    }

    /// The whole offset, if it is known.
    pub(super) fn offset(&self) -> Option<i64> {
        let varying = self.varying.as_constant()?.cast_signed();
        self.fixed.checked_add(varying)
    }

    /// Least and largest offset.
    pub(super) fn bounds(&self) -> (i64, i64) {
        let add = |varying: i64| self.fixed.saturating_add(varying);
        (add(self.varying.smin), add(self.varying.smax))
    }

    /// Whether all offsets are multiples of a power of two, if the fixed one is.
    pub(super) const fn is_aligned(&self, to: u64) -> bool {
        let fixed = Tnum::constant(self.fixed.cast_unsigned());
        self.varying.bits.add(fixed).is_aligned(to)
    }
}

/// Bytes of a stack, and slots of eight.
pub(super) const STACK: i64 = 512;
const SLOTS: usize = 64;

/// A slot of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Written in one piece.
    Whole(Value),
    /// Bytes of numbers, as far as they are written: one bit each.
    Bytes(u8),
}

/// A function that is running.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    registers: [Value; REGISTERS],
    slots: [Slot; SLOTS],
    /// Which function, by its place in the program.
    pub(super) function: usize,
    /// Where the caller goes on.
    pub(super) back: usize,
}

impl Frame {
    /// As a function starts.
    pub(super) fn new(depth: usize, function: usize, back: usize) -> Self {
        let (registers, slots) = ([Value::Unset; REGISTERS], [Slot::Bytes(0); SLOTS]);
        let mut frame = Self { registers, slots, function, back };
        frame.set(Reg::R10, Value::Pointer(Pointer::start(Object::Stack(depth))));
        frame
    }

    pub(super) fn get(&self, reg: Reg) -> Value {
        self.registers.get(reg.index()).copied().unwrap_or(Value::Unset)
    }

    pub(super) fn set(&mut self, reg: Reg, value: Value) {
        if let Some(slot) = self.registers.get_mut(reg.index()) {
            *slot = value;
        }
    }

    /// The slot that the byte at an offset from the end is in, and its place there.
    fn at(offset: i64) -> Option<(usize, u32)> {
        let from_start = usize::try_from(offset.checked_add(STACK)?).ok()?;
        let place = u32::try_from(from_start % 8).ok()?;
        (from_start < 8 * SLOTS).then_some((from_start / 8, place))
    }

    /// The slot that begins at that offset.
    pub(super) fn slot(&self, offset: i64) -> Option<Slot> {
        let (slot, place) = Self::at(offset)?;
        self.slots.get(slot).copied().filter(|_| place == 0)
    }

    /// A value is stored in one piece.
    pub(super) fn set_slot(&mut self, offset: i64, value: Value) {
        if let Some((slot, 0)) = Self::at(offset)
            && let Some(slot) = self.slots.get_mut(slot)
        {
            *slot = Slot::Whole(value);
        }
    }

    /// Whether all these bytes are numbers.
    pub(super) fn has_numbers(&self, start: i64, length: i64) -> bool {
        (start..start + length).all(|offset| {
            let Some((slot, place)) = Self::at(offset) else { return false };
            match self.slots.get(slot) {
                Some(Slot::Whole(Value::Scalar(_))) => true,
                Some(Slot::Bytes(written)) => written >> place & 1 == 1,
                Some(Slot::Whole(_)) | None => false,
            }
        })
    }

    /// Bytes become numbers of which nothing is known.
    pub(super) fn set_numbers(&mut self, start: i64, length: i64) {
        for offset in start..start + length {
            if let Some((slot, place)) = Self::at(offset)
                && let Some(slot) = self.slots.get_mut(slot)
            {
                let written = match slot {
                    Slot::Whole(Value::Scalar(_)) => u8::MAX,
                    Slot::Whole(_) => 0,
                    Slot::Bytes(written) => *written,
                };
                *slot = Slot::Bytes(written | 1 << place);
            }
        }
    }

    /// Every value in registers and slots.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        let slots = self.slots.iter_mut().filter_map(|slot| match slot {
            Slot::Whole(value) => Some(value),
            Slot::Bytes(_) => None,
        });
        self.registers.iter_mut().chain(slots)
    }
}

/// A number read from memory.
pub(super) const fn loaded(extend: Extend, size: Size) -> Value {
    Value::Scalar(Scalar::sized(extend, size))
}

/// All of it: the functions that are running, and the records that are reserved.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) frames: Vec<Frame>,
    pub(super) records: Vec<Id>,
}

impl State {
    /// The function that is running, if the program is.
    pub(super) fn frame(&self) -> Option<&Frame> {
        self.frames.last()
    }

    pub(super) fn frame_mut(&mut self) -> Option<&mut Frame> {
        self.frames.last_mut()
    }

    pub(super) fn get(&self, reg: Reg) -> Value {
        self.frame().map_or(Value::Unset, |frame| frame.get(reg))
    }

    pub(super) fn set(&mut self, reg: Reg, value: Value) {
        if let Some(frame) = self.frame_mut() {
            frame.set(reg, value);
        }
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.frames.iter_mut().flat_map(Frame::values_mut)
    }

    /// What may be null is now known to be, or not to be.
    pub(super) fn settle(&mut self, id: Id, null: bool) {
        for value in self.values_mut() {
            if let Value::MaybeNull(pointer, other) = *value
                && other == id
            {
                *value =
                    if null { Value::Scalar(Scalar::constant(0)) } else { Value::Pointer(pointer) };
            }
        }
        if null {
            self.records.retain(|record| *record != id);
        }
    }

    /// The bounds of such numbers may not be those of the kernel any more.
    pub(super) fn doubt(&mut self, which: impl Fn(&Scalar) -> bool) {
        for value in self.values_mut() {
            if let Value::Scalar(scalar) = value
                && scalar.as_constant().is_none()
                && which(scalar)
            {
                scalar.doubtful = true;
            }
        }
    }

    /// Whether there is a number with such a link.
    pub(super) fn has_link(&mut self, link: Link) -> bool {
        self.values_mut().any(|value| matches!(value, Value::Scalar(scalar) if scalar.link == link))
    }

    /// A record has been given back: nothing that points into it may be used.
    pub(super) fn forget(&mut self, id: Id) {
        for value in self.values_mut() {
            if let Value::Pointer(Pointer { to: Object::Record(_, other), .. })
            | Value::MaybeNull(Pointer { to: Object::Record(_, other), .. }, _) = *value
                && other == id
            {
                *value = Value::Unset;
            }
        }
    }

    /// Whether everything that can happen from `other` can happen from here, so that it need
    /// not be looked at again. `live` says which registers of a function still matter.
    pub(super) fn covers(&self, other: &Self, live: &impl Fn(usize) -> u16) -> bool {
        let mut names = Names::default();
        let shape = self.frames.len() == other.frames.len()
            && self.frames.iter().zip(&other.frames).all(|(a, b)| a.back == b.back)
            && self.records.len() == other.records.len();
        shape
            && self.frames.iter().zip(&other.frames).enumerate().all(|(depth, (a, b))| {
                let live = live(depth);
                let registers = a.registers.iter().zip(&b.registers).enumerate();
                let mut registers = registers.filter(|(reg, _)| live >> reg & 1 == 1);
                registers.all(|(_, (a, b))| covers(a, b, &mut names))
                    && a.slots.iter().zip(&b.slots).all(|(a, b)| slot_covers(a, b, &mut names))
            })
            && self.records.iter().zip(&other.records).all(|(a, b)| names.agree(*a, *b))
    }
}

/// Which names of one state stand for which of another.
#[derive(Default)]
struct Names(Vec<(Id, Id)>);

impl Names {
    fn agree(&mut self, a: Id, b: Id) -> bool {
        match self.0.iter().find(|(x, y)| *x == a || *y == b) {
            Some(pair) => *pair == (a, b),
            None => {
                self.0.push((a, b));
                true
            }
        }
    }
}

fn covers(a: &Value, b: &Value, names: &mut Names) -> bool {
    match (a, b) {
        // Whoever used it was refused, so nobody did.
        (Value::Unset, _) => true,
        (Value::Scalar(a), Value::Scalar(b)) => a.contains(b),
        (Value::Pointer(a), Value::Pointer(b)) => pointer_covers(a, b, names),
        (Value::MaybeNull(a, x), Value::MaybeNull(b, y)) => {
            pointer_covers(a, b, names) && names.agree(*x, *y)
        }
        (
            Value::Scalar(_)
            | Value::Context
            | Value::Map(_)
            | Value::Pointer(_)
            | Value::MaybeNull(..)
            | Value::Task
            | Value::Opaque
            | Value::Structure(_),
            _,
        ) => a == b,
    }
}

fn pointer_covers(a: &Pointer, b: &Pointer, names: &mut Names) -> bool {
    let same = match (a.to, b.to) {
        (Object::Record(x, a), Object::Record(y, b)) => x == y && names.agree(a, b),
        (Object::Record(..) | Object::Stack(_) | Object::MapValue(..), _) => a.to == b.to,
    };
    same && a.fixed == b.fixed && a.varying.contains(&b.varying)
}

fn slot_covers(a: &Slot, b: &Slot, names: &mut Names) -> bool {
    match (a, b) {
        (Slot::Whole(a), Slot::Whole(b)) => covers(a, b, names),
        (Slot::Bytes(0), _) => true,
        (Slot::Bytes(_), Slot::Whole(Value::Scalar(_))) => true,
        (Slot::Bytes(a), Slot::Bytes(b)) => a & !b == 0,
        (Slot::Whole(Value::Unset), _) => true,
        (Slot::Whole(_), Slot::Bytes(_)) | (Slot::Bytes(_), Slot::Whole(_)) => false,
    }
}
