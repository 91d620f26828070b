//! The instructions that are emitted, each by its name.

use filterc_ebpf::{Insn, code};

use super::value::{Reg, Value};

/// The address of the call.
pub(super) const CALL: u8 = 1;

/// For constants, differences, and what is returned.
pub(super) const SCRATCH: u8 = 0;

/// `r = *(u32 *)(r1 + offset)`, or u64.
pub(super) fn load(to: Reg, value: Value) -> Insn {
    let size = if value.wide { code::DW } else { code::W };
    let opcode = code::LDX | size | code::MEM;
    Insn { dst: to.number(), src: CALL, offset: value.offset.into(), ..Insn::new(opcode) }
}

/// `to = from`, all 64 bits.
pub(super) fn copy(to: u8, from: Reg) -> Insn {
    let opcode = code::ALU64 | code::MOV | code::X;
    Insn { dst: to, src: from.number(), ..Insn::new(opcode) }
}

/// `w = constant`: the upper half becomes 0.
pub(super) fn word(to: u8, value: u32) -> Insn {
    Insn { dst: to, imm: value.cast_signed(), ..Insn::new(code::ALU | code::MOV | code::K) }
}

/// `r = constant`, in as few slots as there are.
pub(super) fn constant(to: u8, value: u64) -> Vec<Insn> {
    if let Ok(value) = u32::try_from(value) {
        return vec![word(to, value)];
    }
    if let Some(imm) = extended(value) {
        return vec![Insn { dst: to, imm, ..Insn::new(code::ALU64 | code::MOV | code::K) }];
    }
    let half = |bits: u64| u32::try_from(bits & 0xffff_ffff).unwrap_or_default().cast_signed();
    let low = Insn { dst: to, imm: half(value), ..Insn::new(code::WIDE) };
    vec![low, Insn { imm: half(value >> 32), ..Insn::default() }]
}

/// `reg &= constant`, or a register.
pub(super) fn and(reg: Reg, wide: bool, with: Operand) -> Insn {
    let class = if wide { code::ALU64 } else { code::ALU };
    with.of(class | code::AND, reg.number())
}

/// `reg ^= other`.
pub(super) fn xor(reg: u8, wide: bool, other: Reg) -> Insn {
    let class = if wide { code::ALU64 } else { code::ALU };
    Operand::Register(other.number()).of(class | code::XOR, reg)
}

/// `if reg op operand goto`.
pub(super) fn jump(op: u8, wide: bool, reg: u8, operand: Operand) -> Insn {
    let class = if wide { code::JMP } else { code::JMP32 };
    operand.of(class | op, reg)
}

/// `goto`.
pub(super) const fn ja() -> Insn {
    Insn::new(code::JMP | code::JA)
}

/// `exit`.
pub(super) const fn exit() -> Insn {
    Insn::new(code::JMP | code::EXIT)
}

/// What an instruction takes beside its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Constant(i32),
    Register(u8),
}

impl Operand {
    fn of(self, opcode: u8, dst: u8) -> Insn {
        match self {
            Self::Constant(imm) => Insn { dst, imm, ..Insn::new(opcode | code::K) },
            Self::Register(src) => Insn { dst, src, ..Insn::new(opcode | code::X) },
        }
    }
}

/// The constant that an instruction of 64 bits makes this number of, by its sign.
pub(super) fn extended(value: u64) -> Option<i32> {
    i32::try_from(value.cast_signed()).ok()
}

/// The test that holds where another does not; `jset` has none.
pub(super) const fn opposite(op: u8) -> Option<u8> {
    Some(match op {
        code::JEQ => code::JNE,
        code::JNE => code::JEQ,
        code::JGT => code::JLE,
        code::JLE => code::JGT,
        code::JGE => code::JLT,
        code::JLT => code::JGE,
        code::JSGT => code::JSLE,
        code::JSLE => code::JSGT,
        code::JSGE => code::JSLT,
        code::JSLT => code::JSGE,
        _ => return None,
    })
}
