//! What the kinds of instructions have in common: operands, and what a line comes to.

use super::cursor::{Cursor, Target};
use super::error::{AsmError, AsmKind};
use crate::insn::Insn;
use crate::op::{Extend, Op, Reg, Size, Source, Width};

/// What a line stands for, but for the distance to its target.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// An instruction, and where it leads.
    Op(Op, Option<Target>),
    /// One slot, legal or not.
    Raw(Insn),
}

/// A register of that width, or a constant.
pub(super) fn operand(cursor: &mut Cursor<'_, '_>, width: Width) -> Result<Source, AsmError> {
    match cursor.maybe_register() {
        Some(named) => Ok(Source::X(named.of(width)?)),
        None => Ok(Source::K(cursor.constant(width)?)),
    }
}

/// `(u32 *)`
pub(super) fn unsigned(cursor: &mut Cursor<'_, '_>) -> Result<Size, AsmError> {
    let place = cursor.place();
    match cursor.pointer_type()? {
        (size, Extend::Zero) => Ok(size),
        (size, Extend::Sign) => {
            let found = format!("`s{}`", size.bits());
            Err(place.error(AsmKind::Unexpected { found, expected: "u8, u16, u32 or u64" }))
        }
    }
}

/// The type that an atomic instruction is for.
pub(super) fn atomic_width(cursor: &mut Cursor<'_, '_>) -> Result<Width, AsmError> {
    let place = cursor.place();
    match unsigned(cursor)? {
        Size::B4 => Ok(Width::W32),
        Size::B8 => Ok(Width::W64),
        size @ (Size::B1 | Size::B2) => {
            let found = format!("`u{}`", size.bits());
            Err(place.error(AsmKind::Unexpected { found, expected: "u32 or u64" }))
        }
    }
}

/// The operand of an atomic instruction: the kernel writes `r` where LLVM writes `w`.
pub(super) fn atomic_register(cursor: &mut Cursor<'_, '_>, width: Width) -> Result<Reg, AsmError> {
    let named = cursor.register()?;
    match width {
        Width::W32 => Ok(named.reg),
        Width::W64 => named.of(width),
    }
}
