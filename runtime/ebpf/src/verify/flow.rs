//! The program as a graph: its functions, what can be reached, where ways meet, and which
//! registers still matter where.

use std::collections::BTreeSet;

use crate::error::{Kind, VerifyError};
use crate::helper::Helper;
use crate::op::{Atomic, Callee, Op, Reg, Source};
use crate::wellformed::WellFormed;

/// What the graph tells.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// Slots that more than one way leads to, or that begin a loop or a function.
    pub(super) meets: Vec<bool>,
    /// Registers that some instruction from here on reads before it is written, one bit each.
    pub(super) live: Vec<u16>,
    /// Where the functions begin, in order.
    pub(super) functions: Vec<usize>,
}

impl Flow {
    /// The function that a slot belongs to, by its place in the list.
    pub(super) fn function_of(&self, pc: usize) -> usize {
        self.functions.partition_point(|start| *start <= pc).saturating_sub(1)
    }
}

/// Where the instruction at `pc` leads inside its function.
#[must_use]
pub fn successors(pc: usize, op: Op) -> [Option<usize>; 2] {
    let next = Some(pc + op.slots());
    let target = op
        .distance()
        .and_then(|distance| (pc + 1).checked_add_signed(isize::try_from(distance).ok()?));
    match op {
        Op::Exit => [None, None],
        Op::Goto(_) | Op::GotoLong(_) => [target, None],
        Op::Jump { .. } => [next, target],
        Op::Alu(..)
        | Op::Mov(..)
        | Op::MovSx(..)
        | Op::Neg(..)
        | Op::Swap(..)
        | Op::Wide(..)
        | Op::Address(..)
        | Op::Load { .. }
        | Op::Store { .. }
        | Op::Atomic { .. }
        | Op::Call(_)
        | Op::Packet(..)
        | Op::Second => [next, None],
    }
}

/// The function that a call leads to.
pub(super) fn called(pc: usize, op: Op) -> Option<usize> {
    let Op::Call(Callee::Function(distance)) = op else { return None };
    (pc + 1).checked_add_signed(isize::try_from(distance).ok()?)
}

/// Draws the graph.
pub(super) fn flow(program: &WellFormed) -> Result<Flow, VerifyError> {
    let ops = program.ops();
    let starts: BTreeSet<usize> =
        ops.iter().enumerate().filter_map(|(pc, op)| called(pc, *op)).chain([0]).collect();
    let functions: Vec<usize> = starts.iter().copied().collect();
    check_functions(ops, &functions)?;
    let mut ways = vec![0_u8; ops.len()];
    let mut reached = vec![false; ops.len()];
    let mut open = vec![0];
    for start in &functions {
        if let Some(ways) = ways.get_mut(*start) {
            *ways = 2;
        }
    }
    while let Some(pc) = open.pop() {
        let (Some(op), Some(seen)) = (ops.get(pc), reached.get_mut(pc)) else { continue };
        if std::mem::replace(seen, true) {
            continue;
        }
        for to in successors(pc, *op).into_iter().flatten() {
            if let Some(ways) = ways.get_mut(to) {
                // A way back may be a loop, whatever else leads there.
                *ways = ways.saturating_add(if to <= pc { 2 } else { 1 });
            }
            open.push(to);
        }
        open.extend(called(pc, *op));
    }
    let lost = reached.iter().zip(ops).position(|(seen, op)| !seen && *op != Op::Second);
    if let Some(pc) = lost {
        return Err(VerifyError { pc, kind: Kind::Unreachable });
    }
    let meets = ways.iter().map(|ways| *ways > 1).collect();
    Ok(Flow { meets, live: live_registers(ops), functions })
}

/// No way leads out of a function but through its end.
fn check_functions(ops: &[Op], functions: &[usize]) -> Result<(), VerifyError> {
    let ends = functions.iter().skip(1).copied().chain([ops.len()]);
    for (start, end) in functions.iter().copied().zip(ends) {
        for (pc, op) in ops.iter().enumerate().take(end).skip(start) {
            if *op == Op::Second {
                continue;
            }
            let leaves = |to: &usize| *to < start || *to >= end;
            if successors(pc, *op).iter().flatten().any(leaves) {
                return Err(VerifyError { pc, kind: Kind::LeavesFunction });
            }
        }
    }
    Ok(())
}

const fn bit(reg: Reg) -> u16 {
    1 << reg.number()
}

const fn source(source: Source) -> u16 {
    match source {
        Source::K(_) => 0,
        Source::X(reg) => bit(reg),
    }
}

/// Registers that an instruction reads, and those that it writes.
fn uses(op: Op) -> (u16, u16) {
    const ARGUMENTS: u16 = 0b11_1110;
    const R0: u16 = 1;
    match op {
        Op::Alu(_, _, dst, operand) => (bit(dst) | source(operand), bit(dst)),
        Op::Mov(_, dst, operand) => (source(operand), bit(dst)),
        Op::MovSx(_, dst, src, _) => (bit(src), bit(dst)),
        Op::Neg(_, dst) | Op::Swap(_, dst, _) => (bit(dst), bit(dst)),
        Op::Wide(dst, _) | Op::Address(dst, _) => (0, bit(dst)),
        Op::Load { dst, base, .. } => (bit(base), bit(dst)),
        Op::Store { base, value, .. } => (bit(base) | source(value), 0),
        Op::Atomic { atomic: Atomic::CompareExchange, base, src, .. } => {
            (bit(base) | bit(src) | R0, R0)
        }
        Op::Atomic { atomic, base, src, .. } => {
            let written = if atomic.changes_register() { bit(src) } else { 0 };
            (bit(base) | bit(src), written)
        }
        Op::Jump { left, right, .. } => (bit(left) | source(right), 0),
        Op::Call(Callee::Helper(id)) => {
            let count = Helper::new(id).map_or(5, super::call::arguments);
            (ARGUMENTS & ((2 << count) - 1), ARGUMENTS | R0)
        }
        Op::Call(Callee::Function(_) | Callee::Kernel(..)) => (ARGUMENTS, ARGUMENTS | R0),
        Op::Exit => (R0, 0),
        Op::Packet(..) | Op::Goto(_) | Op::GotoLong(_) | Op::Second => (0, 0),
    }
}

/// For each slot the registers that some instruction from there on reads before it is written,
/// one bit each.
#[must_use]
pub fn live_registers(ops: &[Op]) -> Vec<u16> {
    // Backward, until nothing changes.

    let mut live = vec![0_u16; ops.len()];
    loop {
        let mut changed = false;
        for (pc, op) in ops.iter().enumerate().rev() {
            let after = successors(pc, *op).into_iter().flatten();
            let after = after.fold(0, |all, to| all | live.get(to).copied().unwrap_or(0));
            let (reads, writes) = uses(*op);
            let before = reads | (after & !writes);
            if let Some(slot) = live.get_mut(pc).filter(|slot| **slot != before) {
                *slot = before;
                changed = true;
            }
        }
        if !changed {
            return live;
        }
    }
}
