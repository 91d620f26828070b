//! Where jumps go.

use crate::form::{self, Shape};
use crate::insn::Insn;

/// Where a jump that has an exact spelling goes, be it inside the program or not.
pub(super) fn targets(pc: usize, insn: Insn) -> Vec<usize> {
    let at = |distance: u32| (pc + 1).saturating_add(distance as usize);
    match form::of(insn.code).filter(|form| form.is_whole(insn)).map(|form| form.shape) {
        Some(Shape::Target) => vec![at(insn.k)],
        Some(Shape::JumpK | Shape::JumpX) => vec![at(insn.jt.into()), at(insn.jf.into())],
        _ => Vec::new(),
    }
}
