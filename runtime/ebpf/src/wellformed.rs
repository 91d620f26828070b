//! The first gate: every instruction is one of the RFC and every jump stays inside.
//!
//! These are the kernel's rules that need no knowledge of what is in the registers. A
//! well-formed program can be run: the interpreter stops with a fault where a verified one
//! would never go. Nothing is promised of it but that.

use crate::error::{Kind, VerifyError};
use crate::form;
use crate::insn::{Insn, MAX_INSNS};
use crate::op::Op;

/// A program whose instructions are all legal. Only [`well_formed`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WellFormed {
    insns: Box<[Insn]>,
    ops: Box<[Op]>,
}

impl WellFormed {
    /// The slots, as they were given.
    #[must_use]
    pub fn insns(&self) -> &[Insn] {
        &self.insns
    }

    /// What is in each slot: as many as slots, [`Op::Second`] behind each wide one.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }
}

/// Accepts programs of legal instructions whose jumps stay inside.
///
/// # Errors
/// The first rule that the program breaks: length, then instructions, then jumps.
pub fn well_formed(program: &[Insn]) -> Result<WellFormed, VerifyError> {
    let whole = |kind| Err(VerifyError { pc: 0, kind });
    match program.len() {
        0 => return whole(Kind::Empty),
        length if length > MAX_INSNS => return whole(Kind::TooLong { length }),
        _ => {}
    }
    let ops = read_all(program)?;
    for (pc, op) in ops.iter().enumerate() {
        check_target(&ops, pc, *op).map_err(|kind| VerifyError { pc, kind })?;
    }
    match ops.last() {
        Some(Op::Exit | Op::Goto(_) | Op::GotoLong(_)) => {}
        _ => return Err(VerifyError { pc: program.len() - 1, kind: Kind::NoFinalExit }),
    }
    Ok(WellFormed { insns: program.into(), ops: ops.into() })
}

fn read_all(program: &[Insn]) -> Result<Vec<Op>, VerifyError> {
    let mut ops = Vec::with_capacity(program.len());
    while let Some(insn) = program.get(ops.len()) {
        let pc = ops.len();
        let op = match form::read(*insn, program.get(pc + 1).copied()) {
            Ok(Op::Packet(..)) => Err(Kind::Packet),
            other => other,
        };
        let op = op.map_err(|kind| VerifyError { pc, kind })?;
        ops.push(op);
        if op.slots() == 2 {
            ops.push(Op::Second);
        }
    }
    Ok(ops)
}

fn check_target(ops: &[Op], pc: usize, op: Op) -> Result<(), Kind> {
    let Some(distance) = op.distance() else { return Ok(()) };
    // Distances of all kinds count from the next slot: the kernel's `insn + off + 1`.
    let target = i64::try_from(pc).unwrap_or(i64::MAX).saturating_add(1 + i64::from(distance));
    match usize::try_from(target).ok().and_then(|at| ops.get(at).map(|op| (at, op))) {
        Some((at, Op::Second)) => Err(Kind::JumpIntoWide { target: at }),
        Some(_) => Ok(()),
        None => Err(Kind::JumpOutOfRange { target, length: ops.len() }),
    }
}
