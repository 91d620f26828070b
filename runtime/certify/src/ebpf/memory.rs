//! What registers hold, and the memory that they point to: the call, which is read-only, and the
//! stacks of the functions.

use std::collections::BTreeMap;

use crate::calls::{Calls, Stop};
use crate::number::Alu;
use crate::value::{Half, Value, Width};

/// What a register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Register {
    /// A number.
    Number(Value),
    /// The address of the call, and so many bytes.
    Call(i64),
    /// The address behind the stack of a function, by its depth, and so many bytes.
    Stack(usize, i64),
}

/// Bytes of a function's stack.
const STACK: i64 = 512;

/// Bytes of `struct seccomp_data`.
const DATA: i64 = 64;

impl Register {
    /// Nothing is known of it.
    pub(super) const ANY: Self = Self::Number(Value::any(0));

    /// The number.
    pub(super) fn number(self) -> Result<Value, Stop> {
        match self {
            Self::Number(value) => Ok(value),
            Self::Call(_) | Self::Stack(..) => Err(Stop::Unknown("it computes with an address")),
        }
    }

    /// It and so many bytes.
    pub(super) fn moved(self, by: i64) -> Result<Self, Stop> {
        let sum = |at: i64| at.checked_add(by).ok_or(Stop::Unknown("an address is out of reach"));
        Ok(match self {
            Self::Number(_) => return Err(Stop::Unknown("it takes a number for an address")),
            Self::Call(at) => Self::Call(sum(at)?),
            Self::Stack(frame, at) => Self::Stack(frame, sum(at)?),
        })
    }
}

/// The stacks: what was put into their slots of eight bytes, by function and address.
#[derive(Debug)]
pub(super) struct Memory<'a> {
    pub(super) calls: &'a Calls,
    pub(super) big_endian: bool,
    slots: BTreeMap<(usize, i64), Register>,
}

/// A place in eight bytes: in which half, and how far up.
#[derive(Clone, Copy)]
struct Place {
    high: bool,
    shift: u32,
    mask: u32,
}

impl<'a> Memory<'a> {
    pub(super) const fn new(calls: &'a Calls, big_endian: bool) -> Self {
        Self { calls, big_endian, slots: BTreeMap::new() }
    }

    /// A function has ended: its stack is no more.
    pub(super) fn drop_frame(&mut self, frame: usize) {
        self.slots.retain(|(of, _), _| *of != frame);
    }

    /// What so many bytes at an address are, zeros above them.
    pub(super) fn load(&self, address: Register, size: i64) -> Result<Register, Stop> {
        let whole = match address {
            Register::Call(at) => Register::Number(self.data(bounded(at, 0, DATA, size)?)?),
            Register::Stack(frame, at) => {
                let slot = bounded(at, -STACK, 0, size)?.div_euclid(8);
                *self.slots.get(&(frame, slot)).unwrap_or(&Register::ANY)
            }
            Register::Number(_) => return Err(Stop::Unknown("it reads where no memory is known")),
        };
        let Some(place) = self.place(address, size) else { return Ok(whole) };
        let Register::Number(value) = whole else {
            return Err(Stop::Unknown("it reads part of an address"));
        };
        let half = if place.high { value.high } else { value.low };
        let shifted = shift(Alu::Rsh, half, place.shift);
        Ok(Register::Number(Value::short(shifted.masked(place.mask))))
    }

    /// Puts so many lower bytes at an address.
    pub(super) fn store(
        &mut self,
        address: Register,
        size: i64,
        from: Register,
    ) -> Result<(), Stop> {
        let Register::Stack(frame, at) = address else {
            return Err(Stop::Unknown("it writes elsewhere than to its stack"));
        };
        let slot = bounded(at, -STACK, 0, size)?.div_euclid(8);
        let filled = match self.place(address, size) {
            None => from,
            Some(place) => {
                let number = from.number()?.low.masked(place.mask);
                let before = self.slots.get(&(frame, slot)).and_then(|slot| slot.number().ok());
                // What is left of an address is some number.
                let mut value = before.unwrap_or(Value::any(0));
                let half = if place.high { &mut value.high } else { &mut value.low };
                let kept = half.masked(!(place.mask << place.shift));
                let or = |a, b| Value::alu(Alu::Or, Width::W32, Value::short(a), Value::short(b));
                *half = or(kept, shift(Alu::Lsh, number, place.shift)).low;
                Register::Number(value)
            }
        };
        self.slots.insert((frame, slot), filled);
        Ok(())
    }

    /// The eight bytes of the call around an address.
    fn data(&self, at: i64) -> Result<Value, Stop> {
        let half = |index: i64| {
            let half = u8::try_from(index).ok().and_then(|index| self.calls.half(index));
            half.ok_or(Stop::Unknown("it reads behind the call"))
        };
        let first = at.div_euclid(8) * 2;
        let (low, high) = if self.big_endian { (first + 1, first) } else { (first, first + 1) };
        Ok(Value { low: half(low)?, high: half(high)? })
    }

    /// Where in the eight bytes around them these are; `None`: they are all eight.
    fn place(&self, address: Register, size: i64) -> Option<Place> {
        let (Register::Call(at) | Register::Stack(_, at)) = address else { return None };
        // The distance of the lowest of them from the lowest of all.
        let at = at.rem_euclid(8);
        let from = if self.big_endian { 8 - size - at } else { at };
        let bits = u32::try_from(size * 8).ok().filter(|bits| *bits < 64)?;
        let shift = u32::try_from(from * 8).ok()?;
        Some(Place { high: shift >= 32, shift: shift % 32, mask: u32::MAX >> (32 - bits) })
    }
}

fn shift(op: Alu, half: Half, by: u32) -> Half {
    Value::alu(op, Width::W32, Value::short(half), Value::of(by.into())).low
}

/// An address, if so many bytes at it are between the two, and it is a multiple of their number.
fn bounded(at: i64, first: i64, end: i64, size: i64) -> Result<i64, Stop> {
    if at < first || at > end - size || at.rem_euclid(size) != 0 {
        return Err(Stop::Unknown("it reads or writes outside of what there is, or askew"));
    }
    Ok(at)
}
