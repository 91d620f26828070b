//! Loads, stores and atomic instructions: what they may touch, and what they find.

use super::scalar::Scalar;
use super::target::{Argument, Context};
use super::value::{Object, Pointer, STACK, Slot, State, Value, loaded};
use super::{Explorer, known};
use crate::error::Kind;
use crate::machine::{Atomic, Extend, Reg, Size, Source, Width};

/// What memory an instruction names.
#[derive(Clone, Copy)]
pub(super) struct Access {
    pub(super) size: Size,
    pub(super) base: Reg,
    pub(super) offset: i16,
}

/// Longest context of [`Context::Syscall`] (`U16_MAX`), and of a tracepoint
/// (`PERF_MAX_TRACE_SIZE`); twelve arguments of a raw tracepoint.
const SYSCALL: i64 = 65_535;
const TRACEPOINT: i64 = 8192;
const RAW_TRACEPOINT: i64 = 96;

/// Bytes in front of a tracepoint's fields that are the kernel's.
const HIDDEN: i64 = 8;

fn bytes(size: Size) -> i64 {
    i64::from(size.bits() / 8)
}

impl Explorer<'_> {
    /// What a load gives.
    pub(super) fn load(
        &mut self,
        state: &State,
        access: Access,
        extend: Extend,
    ) -> Result<Value, Kind> {
        let Access { size, base, offset } = access;
        match known(state, base)? {
            Value::Context => self.load_context(offset.into(), size, extend),
            Value::Pointer(pointer) => {
                let pointer = shifted(pointer, offset);
                match pointer.to {
                    Object::Stack(depth) => self.load_stack(state, depth, &pointer, size, extend),
                    Object::MapValue(..) | Object::Record(..) => {
                        inside(&pointer, bytes(size))?;
                        aligned(&pointer, size)?;
                        Ok(loaded(extend, size))
                    }
                }
            }
            Value::Structure(place) => {
                let Context::Arguments(arguments) = self.target.context else {
                    return Err(Kind::NotAnAddress { reg: base });
                };
                let Some(Argument::Structure(numbers)) = arguments.get(place) else {
                    return Err(Kind::NotAnAddress { reg: base });
                };
                let is_number = numbers.iter().any(|(at, width)| {
                    i64::from(*at) == offset.into() && i64::from(*width) == bytes(size)
                });
                if is_number {
                    return Ok(loaded(extend, size));
                }
                let (least, end) = (offset.into(), i64::from(offset) + bytes(size));
                Err(Kind::OutOfBounds { what: "one of the structure's numbers", least, end })
            }
            Value::Unset
            | Value::Scalar(_)
            | Value::Map(_)
            | Value::MaybeNull(..)
            | Value::Opaque
            | Value::Task => Err(Kind::NotAnAddress { reg: base }),
        }
    }

    fn load_context(&self, offset: i64, size: Size, extend: Extend) -> Result<Value, Kind> {
        let (least, most) = match self.target.context {
            Context::Syscall => (0, SYSCALL),
            Context::Tracepoint => (HIDDEN, TRACEPOINT),
            Context::RawTracepoint => (0, RAW_TRACEPOINT),
            Context::Arguments(arguments) => {
                return load_argument(arguments, offset, size, extend);
            }
        };
        context_bounds(offset, size, least, most)?;
        Ok(loaded(extend, size))
    }

    fn load_stack(
        &mut self,
        state: &State,
        depth: usize,
        pointer: &Pointer,
        size: Size,
        extend: Extend,
    ) -> Result<Value, Kind> {
        let (least, length) = self.stack_range(state, depth, pointer, bytes(size))?;
        aligned(pointer, size)?;
        let Some(frame) = state.frames.get(depth) else {
            return Err(Kind::UnwrittenStack { offset: least });
        };
        let exact = pointer.offset().is_some();
        if exact
            && size == Size::B8
            && let Some(Slot::Whole(value)) = frame.slot(least)
        {
            let unwritten = Kind::UnwrittenStack { offset: least };
            return if value == Value::Unset { Err(unwritten) } else { Ok(value) };
        }
        if frame.has_numbers(least, length) {
            Ok(loaded(extend, size))
        } else {
            Err(Kind::UnwrittenStack { offset: least })
        }
    }

    /// Least offset and length of what an access of a stack can touch. Whoever asks may touch
    /// it: the function's stack is at least so large.
    pub(super) fn stack_range(
        &mut self,
        state: &State,
        depth: usize,
        pointer: &Pointer,
        size: i64,
    ) -> Result<(i64, i64), Kind> {
        let (least, most) = pointer.bounds();
        let end = most.saturating_add(size);
        if least < -STACK || end > 0 {
            return Err(Kind::OutOfBounds { what: "the stack", least, end });
        }
        let function = state.frames.get(depth).map(|frame| frame.function);
        if let Some(used) = function.and_then(|function| self.stacks.get_mut(function)) {
            *used = (*used).max(-least);
        }
        Ok((least, end - least))
    }

    /// A store of the value of an operand.
    pub(super) fn store(
        &mut self,
        state: &mut State,
        access: Access,
        operand: Source,
    ) -> Result<(), Kind> {
        let Access { size, base, offset } = access;
        let value = match operand {
            Source::K(k) => Value::Scalar(Scalar::constant(i64::from(k).cast_unsigned())),
            Source::X(reg) => known(state, reg)?,
        };
        match known(state, base)? {
            Value::Context => {
                if !matches!(self.target.context, Context::Syscall) {
                    return Err(Kind::ReadOnly { what: "the context" });
                }
                number(&value, "stored in the context")?;
                context_bounds(offset.into(), size, 0, SYSCALL)
            }
            Value::Pointer(pointer) => {
                let pointer = shifted(pointer, offset);
                match pointer.to {
                    Object::Stack(depth) => self.store_stack(state, depth, &pointer, size, value),
                    Object::MapValue(..) | Object::Record(..) => {
                        number(&value, "stored where others can read it")?;
                        inside(&pointer, bytes(size))?;
                        aligned(&pointer, size)
                    }
                }
            }
            Value::Structure(_) => Err(Kind::ReadOnly { what: "an argument" }),
            Value::Unset
            | Value::Scalar(_)
            | Value::Map(_)
            | Value::MaybeNull(..)
            | Value::Opaque
            | Value::Task => Err(Kind::NotAnAddress { reg: base }),
        }
    }

    fn store_stack(
        &mut self,
        state: &mut State,
        depth: usize,
        pointer: &Pointer,
        size: Size,
        value: Value,
    ) -> Result<(), Kind> {
        let (least, length) = self.stack_range(state, depth, pointer, bytes(size))?;
        aligned(pointer, size)?;
        let own = depth + 1 == state.frames.len();
        let whole = size == Size::B8 && pointer.offset().is_some();
        if !own || !whole {
            number(&value, "stored in parts, at an unknown place, or in another function's stack")?;
        }
        let Some(frame) = state.frames.get_mut(depth) else {
            return Err(Kind::UnwrittenStack { offset: least });
        };
        if whole {
            frame.set_slot(least, value);
        } else if pointer.offset().is_some() || frame.has_numbers(least, length) {
            frame.set_numbers(least, length);
        } else {
            // One of these is written, and nobody knows which.
            return Err(Kind::UnwrittenStack { offset: least });
        }
        Ok(())
    }

    /// An atomic instruction.
    pub(super) fn atomic(
        &mut self,
        state: &mut State,
        (width, atomic): (Width, Atomic),
        (base, offset): (Reg, i16),
        src: Reg,
    ) -> Result<(), Kind> {
        let size = match width {
            Width::W32 => Size::B4,
            Width::W64 => Size::B8,
        };
        number(&known(state, src)?, "stored by an atomic instruction")?;
        if atomic == Atomic::CompareExchange {
            number(&known(state, Reg::R0)?, "compared by an atomic instruction")?;
        }
        let Value::Pointer(pointer) = known(state, base)? else {
            return Err(Kind::NotAnAddress { reg: base });
        };
        let pointer = shifted(pointer, offset);
        match pointer.to {
            Object::Stack(depth) => {
                if pointer.offset().is_none() {
                    return Err(Kind::NotAnAddress { reg: base });
                }
                let old = self.load_stack(state, depth, &pointer, size, Extend::Zero)?;
                number(&old, "changed by an atomic instruction")?;
                self.store_stack(state, depth, &pointer, size, loaded(Extend::Zero, Size::B8))?;
            }
            Object::MapValue(..) => {
                inside(&pointer, bytes(size))?;
                aligned(&pointer, size)?;
            }
            Object::Record(..) => return Err(Kind::ReadOnly { what: "a record" }),
        }
        let old = loaded(Extend::Zero, size);
        if atomic == Atomic::CompareExchange {
            state.set(Reg::R0, old);
        } else if atomic.changes_register() {
            state.set(src, old);
        }
        Ok(())
    }
}

/// An argument of a tracepoint is read as a whole.
fn load_argument(
    arguments: &[Argument<'_>],
    offset: i64,
    size: Size,
    extend: Extend,
) -> Result<Value, Kind> {
    let length = i64::try_from(arguments.len()).unwrap_or(i64::MAX).saturating_mul(8);
    context_bounds(offset, size, 0, length)?;
    let place = usize::try_from(offset / 8).unwrap_or(usize::MAX);
    match arguments.get(place) {
        _ if size != Size::B8 => Err(Kind::Misaligned { size: 8 }),
        Some(Argument::Number) => Ok(loaded(extend, size)),
        Some(Argument::Structure(_)) => Ok(Value::Structure(place)),
        Some(Argument::Task) => Ok(Value::Task),
        None => Err(Kind::OutOfBounds { what: "the context", least: offset, end: offset + 8 }),
    }
}

fn context_bounds(offset: i64, size: Size, least: i64, most: i64) -> Result<(), Kind> {
    let end = offset + bytes(size);
    if offset < least || end > most {
        return Err(Kind::OutOfBounds { what: "the context", least: offset, end });
    }
    if offset % bytes(size) == 0 { Ok(()) } else { Err(Kind::Misaligned { size: size.bytes() }) }
}

fn shifted(pointer: Pointer, offset: i16) -> Pointer {
    Pointer { fixed: pointer.fixed.saturating_add(offset.into()), ..pointer }
}

fn aligned(pointer: &Pointer, size: Size) -> Result<(), Kind> {
    let to = u64::from(size.bits() / 8);
    if pointer.is_aligned(to) { Ok(()) } else { Err(Kind::Misaligned { size: size.bytes() }) }
}

/// So many bytes are inside the value of a map, or a record.
pub(super) fn inside(pointer: &Pointer, size: i64) -> Result<(), Kind> {
    let (what, length) = match pointer.to {
        Object::MapValue(_, length) => ("the map's value", length),
        Object::Record(length, _) => ("the record", length),
        Object::Stack(_) => ("the stack", 0),
    };
    let (least, most) = pointer.bounds();
    let end = most.saturating_add(size);
    // The kernel wants the unknown part to be positive by itself.
    if least < 0 || pointer.varying.smin < 0 || end > length.into() {
        return Err(Kind::OutOfBounds { what, least, end });
    }
    Ok(())
}

/// Only numbers.
pub(super) fn number(value: &Value, leak: &'static str) -> Result<Scalar, Kind> {
    match value {
        Value::Scalar(scalar) => Ok(*scalar),
        Value::Unset
        | Value::Context
        | Value::Map(_)
        | Value::Pointer(_)
        | Value::MaybeNull(..)
        | Value::Task
        | Value::Opaque
        | Value::Structure(_) => Err(Kind::AddressLeak { what: leak }),
    }
}
