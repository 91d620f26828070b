//! `check_load_and_stores`: no word of scratch memory is read before it is stored.
//!
//! One forward pass, as the kernel makes it. It is stricter than it would have to be, and
//! so is this: control is taken to run on behind a return, so what was stored before the
//! return, and no more, counts as stored for the instruction after it.

use super::jumps::is_conditional_jump;
use crate::error::{Kind, VerifyError};
use crate::insn::{Insn, code};

/// One bit per word of scratch memory: set where every way stores it.
type Stored = u16;

const JA: u16 = code::JMP | code::JA;
const LD_MEM: u16 = code::LD | code::MEM;
const LDX_MEM: u16 = code::LDX | code::MEM;

/// Expects that `classic::check` has passed: indices below 16, jumps inside.
pub(super) fn check(program: &[Insn]) -> Result<(), VerifyError> {
    // What holds at each instruction by the jumps that lead there.
    let mut at_target: Vec<Stored> = vec![Stored::MAX; program.len()];
    let mut stored: Stored = 0;
    for (pc, insn) in program.iter().enumerate() {
        stored &= at_target.get(pc).copied().unwrap_or(0);
        let bit = 1_u16.checked_shl(insn.k).unwrap_or(0);
        match insn.code {
            code::ST | code::STX => stored |= bit,
            LD_MEM | LDX_MEM if stored & bit == 0 => {
                return Err(VerifyError { pc, kind: Kind::UninitialisedScratch { k: insn.k } });
            }
            JA => {
                join(&mut at_target, pc, insn.k, stored);
                // Nothing falls through: whoever gets behind here has jumped there.
                stored = Stored::MAX;
            }
            code if is_conditional_jump(code) => {
                join(&mut at_target, pc, insn.jt.into(), stored);
                join(&mut at_target, pc, insn.jf.into(), stored);
                stored = Stored::MAX;
            }
            _ => {}
        }
    }
    Ok(())
}

fn join(at_target: &mut [Stored], pc: usize, distance: u32, stored: Stored) {
    let target = (pc + 1).saturating_add(distance as usize);
    if let Some(mask) = at_target.get_mut(target) {
        *mask &= stored;
    }
}
