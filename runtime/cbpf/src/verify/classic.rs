//! `bpf_check_classic`: what holds for every classic BPF program, sockets' too.

use super::jumps::is_conditional_jump;
use crate::error::{Kind, VerifyError};
use crate::form;
use crate::insn::SCRATCH_WORDS;
use crate::insn::{Insn, code};

/// Start of the ancillary area of a socket filter's packet (`SKF_AD_OFF`, −0x1000).
const ANCILLARY: u32 = 0xffff_f000;

/// Offset behind the last known ancillary word (`SKF_AD_VLAN_TPID` is 60): the known ones
/// are all the multiples of four below it.
const ANCILLARY_END: u32 = 64;

/// Every instruction by itself, then the last one.
pub(super) fn check(program: &[Insn]) -> Result<(), VerifyError> {
    for (pc, insn) in program.iter().enumerate() {
        check_insn(program.len(), pc, *insn).map_err(|kind| VerifyError { pc, kind })?;
    }
    match program.last().map(|insn| insn.code) {
        Some(RET_K | RET_A) => Ok(()),
        _ => Err(VerifyError { pc: program.len().saturating_sub(1), kind: Kind::NoFinalReturn }),
    }
}

const RET_K: u16 = code::RET | code::K;
const RET_A: u16 = code::RET | code::A;
const DIV_K: u16 = code::ALU | code::DIV | code::K;
const MOD_K: u16 = code::ALU | code::MOD | code::K;
const LSH_K: u16 = code::ALU | code::LSH | code::K;
const RSH_K: u16 = code::ALU | code::RSH | code::K;
const LD_MEM: u16 = code::LD | code::MEM;
const LDX_MEM: u16 = code::LDX | code::MEM;
const LD_W_ABS: u16 = code::LD | code::W | code::ABS;
const LD_H_ABS: u16 = code::LD | code::H | code::ABS;
const LD_B_ABS: u16 = code::LD | code::B | code::ABS;
const JA: u16 = code::JMP | code::JA;

fn check_insn(length: usize, pc: usize, insn: Insn) -> Result<(), Kind> {
    let k = insn.k;
    // The kernel's table of codes is the same set as the assembler's.
    if form::of(insn.code).is_none() {
        return Err(Kind::UnknownInsn { code: insn.code });
    }
    match insn.code {
        DIV_K | MOD_K if k == 0 => Err(Kind::DivisionByZero),
        LSH_K | RSH_K if k >= 32 => Err(Kind::ShiftTooLarge { k }),
        LD_MEM | LDX_MEM | code::ST | code::STX if k as usize >= SCRATCH_WORDS => {
            Err(Kind::ScratchOutOfRange { k })
        }
        JA => check_jump(length, pc, k),
        LD_W_ABS | LD_H_ABS | LD_B_ABS if k >= ANCILLARY && !is_known_ancillary(k) => {
            Err(Kind::AncillaryOffset { k })
        }
        code if is_conditional_jump(code) => {
            check_jump(length, pc, insn.jt.into())?;
            check_jump(length, pc, insn.jf.into())
        }
        _ => Ok(()),
    }
}

/// Jumps go forward only (the distance is unsigned), and must stay inside.
fn check_jump(length: usize, pc: usize, distance: u32) -> Result<(), Kind> {
    let target = pc as u64 + 1 + u64::from(distance);
    if target < length as u64 { Ok(()) } else { Err(Kind::JumpOutOfRange { target, length }) }
}

/// `bpf_anc_helper`.
const fn is_known_ancillary(k: u32) -> bool {
    let offset = k - ANCILLARY;
    offset < ANCILLARY_END && offset.is_multiple_of(4)
}
