//! The kernel's constant-allow emulation (`seccomp_is_const_allow`, Linux 5.11 and later).
//!
//! When a filter is attached, the kernel runs it once for every number of every ABI of the
//! machine with a machine so small that the result cannot depend on anything else. If that
//! run reaches `ret allow`, the call is marked in a bitmap, and the filter is never run for
//! it again. This is the same machine, so that a compiler can be held to keep calls in it.

use filterc_abi::seccomp::{offset, ret};

use crate::insn::code;
use crate::verify::Verified;

const LD_W_ABS: u16 = code::LD | code::W | code::ABS;
const RET_K: u16 = code::RET | code::K;
const JA: u16 = code::JMP | code::JA;
const JEQ_K: u16 = code::JMP | code::JEQ | code::K;
const JGE_K: u16 = code::JMP | code::JGE | code::K;
const JGT_K: u16 = code::JMP | code::JGT | code::K;
const JSET_K: u16 = code::JMP | code::JSET | code::K;
const AND_K: u16 = code::ALU | code::AND | code::K;

/// Whether the kernel will answer this call from its cache, given this filter alone (with
/// several filters, all must agree).
///
/// Understood are loads of `nr` and `arch`, jumps by constants, `and #k` and `ret #k`; any
/// other instruction on the way means no, and so does any value but exactly `allow`. The
/// kernel's own exception (`uretprobe` and `uprobe` on x86_64, which no filter governs)
/// is not the filter's doing, and is not made here.
#[must_use]
pub fn const_allow(filter: &Verified, nr: i32, arch: u32) -> bool {
    emulate(filter, nr, arch, |_| ()) == Ok(ret::ALLOW)
}

/// The instruction at which the kernel gives a call up, as it does not understand it; `None`
/// if it comes to a `ret #k`, whatever that says.
#[must_use]
pub fn const_stop(filter: &Verified, nr: i32, arch: u32) -> Option<usize> {
    emulate(filter, nr, arch, |_| ()).err()
}

/// What the kernel runs of a filter for a number when it is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emulated {
    /// Indices of the instructions, in order; without the one that it does not understand.
    pub pcs: Vec<usize>,
    /// What the filter returns, or the index of the instruction that is not understood.
    pub end: Result<u32, usize>,
}

/// The kernel's run for a number, step by step.
#[must_use]
pub fn const_trace(filter: &Verified, nr: i32, arch: u32) -> Emulated {
    let mut pcs = Vec::new();
    let end = emulate(filter, nr, arch, |pc| pcs.push(pc));
    if end.is_err() {
        pcs.pop();
    }
    Emulated { pcs, end }
}

/// What the filter returns, or where that is not understood.
fn emulate(
    filter: &Verified,
    nr: i32,
    arch: u32,
    mut visit: impl FnMut(usize),
) -> Result<u32, usize> {
    let mut reg = 0_u32;
    let mut pc = 0_usize;
    while let Some(insn) = filter.insns().get(pc) {
        visit(pc);
        let k = insn.k;
        let distance = match insn.code {
            LD_W_ABS if k == offset::NR => {
                reg = nr.cast_unsigned();
                0
            }
            LD_W_ABS if k == offset::ARCH => {
                reg = arch;
                0
            }
            RET_K => return Ok(k),
            JA => k as usize,
            JEQ_K => branch(reg == k, insn.jt, insn.jf),
            JGE_K => branch(reg >= k, insn.jt, insn.jf),
            JGT_K => branch(reg > k, insn.jt, insn.jf),
            JSET_K => branch(reg & k != 0, insn.jt, insn.jf),
            AND_K => {
                reg &= k;
                0
            }
            _ => return Err(pc),
        };
        pc = pc.saturating_add(distance).saturating_add(1);
    }
    Err(pc)
}

fn branch(holds: bool, jt: u8, jf: u8) -> usize {
    usize::from(if holds { jt } else { jf })
}
