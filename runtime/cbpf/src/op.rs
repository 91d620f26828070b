//! The pre-decoded form that the interpreter runs: one variant per behaviour, jump
//! distances made into absolute indices, constants where they are used.
//!
//! Only a verified program has this form.

use crate::insn::{Insn, code};

/// What an arithmetic instruction does with A and its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alu {
    /// Sum, modulo 2³².
    Add,
    /// Difference, modulo 2³².
    Sub,
    /// Product, modulo 2³².
    Mul,
    /// Quotient, rounded down.
    Div,
    /// Bitwise or.
    Or,
    /// Bitwise and.
    And,
    /// Shift left by the operand's low five bits.
    Lsh,
    /// Shift right by the operand's low five bits.
    Rsh,
    /// Bitwise exclusive or.
    Xor,
}

/// What a conditional jump asks of A and its operand; all comparisons are unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// Equal.
    Eq,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// A common bit is set.
    Set,
}

/// Where an instruction takes its operand from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The constant.
    K(u32),
    /// X.
    X,
    /// A constant that is filled in later: these bits of that half of a parameter. Only a
    /// [`Template`](crate::Template) has it.
    Param {
        /// The parameter's position.
        param: u8,
        /// Whether the half is bits 63…32.
        high: bool,
        /// The bits; all others are 0.
        mask: u32,
    },
}

/// One instruction of a verified program. Jump targets are indices of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A = word of the data.
    LoadWord(u8),
    /// A = constant (also `ld #len`, which is 64 in seccomp).
    LoadImm(u32),
    /// A = operand: a parameter's.
    Load(Source),
    /// A = `M[i]`.
    LoadMem(u8),
    /// X = constant.
    LoadXImm(u32),
    /// X = `M[i]`.
    LoadXMem(u8),
    /// `M[i]` = A.
    Store(u8),
    /// `M[i]` = X.
    StoreX(u8),
    /// A = A op operand.
    Alu(Alu, Source),
    /// A = −A.
    Neg,
    /// Go on there.
    Ja(u16),
    /// Go on at `jt` if the test holds, else at `jf`.
    Jump {
        /// What is asked …
        test: Test,
        /// … of A and this.
        with: Source,
        /// Where yes leads.
        jt: u16,
        /// Where no leads.
        jf: u16,
    },
    /// X = A.
    Tax,
    /// A = X.
    Txa,
    /// Return the constant.
    RetK(u32),
    /// Return A.
    RetA,
}

/// Length of `struct seccomp_data`: what `ld #len` loads.
const DATA_LENGTH: u32 = filterc_abi::seccomp::SECCOMP_DATA_SIZE;

/// The pre-decoded form of the instruction at `pc`; `None` for one that
/// `verify` refuses anyway.
pub(crate) fn predecode(pc: usize, insn: Insn) -> Option<Op> {
    use code::{A, ABS, ALU, CLASS, IMM, JA, JMP, LD, LDX, LEN, MEM, MISC, RET, ST, STX, TAX, TXA};
    Some(match insn.code & CLASS {
        LD => match insn.code & !CLASS {
            ABS => Op::LoadWord(u8::try_from(insn.k / 4).ok()?),
            IMM => Op::LoadImm(insn.k),
            MEM => Op::LoadMem(u8::try_from(insn.k).ok()?),
            LEN => Op::LoadImm(DATA_LENGTH),
            _ => return None,
        },
        LDX => match insn.code & !CLASS {
            IMM => Op::LoadXImm(insn.k),
            MEM => Op::LoadXMem(u8::try_from(insn.k).ok()?),
            LEN => Op::LoadXImm(DATA_LENGTH),
            _ => return None,
        },
        ST => Op::Store(u8::try_from(insn.k).ok()?),
        STX => Op::StoreX(u8::try_from(insn.k).ok()?),
        ALU => predecode_alu(insn)?,
        JMP if insn.code == JMP | JA => Op::Ja(target(pc, insn.k)?),
        JMP => predecode_jump(pc, insn)?,
        RET => match insn.code & !CLASS {
            code::K => Op::RetK(insn.k),
            A => Op::RetA,
            _ => return None,
        },
        MISC => match insn.code & !CLASS {
            TAX => Op::Tax,
            TXA => Op::Txa,
            _ => return None,
        },
        _ => return None,
    })
}

fn predecode_alu(insn: Insn) -> Option<Op> {
    if insn.code == code::ALU | code::NEG {
        return Some(Op::Neg);
    }
    let alu = match insn.code & 0xf0 {
        code::ADD => Alu::Add,
        code::SUB => Alu::Sub,
        code::MUL => Alu::Mul,
        code::DIV => Alu::Div,
        code::OR => Alu::Or,
        code::AND => Alu::And,
        code::LSH => Alu::Lsh,
        code::RSH => Alu::Rsh,
        code::XOR => Alu::Xor,
        _ => return None,
    };
    Some(Op::Alu(alu, source(insn)))
}

fn predecode_jump(pc: usize, insn: Insn) -> Option<Op> {
    let test = match insn.code & 0xf0 {
        code::JEQ => Test::Eq,
        code::JGT => Test::Gt,
        code::JGE => Test::Ge,
        code::JSET => Test::Set,
        _ => return None,
    };
    let (jt, jf) = (target(pc, insn.jt.into())?, target(pc, insn.jf.into())?);
    Some(Op::Jump { test, with: source(insn), jt, jf })
}

const fn source(insn: Insn) -> Source {
    if insn.code & code::X == 0 { Source::K(insn.k) } else { Source::X }
}

fn target(pc: usize, distance: u32) -> Option<u16> {
    u16::try_from(pc.checked_add(1)?.checked_add(usize::try_from(distance).ok()?)?).ok()
}
