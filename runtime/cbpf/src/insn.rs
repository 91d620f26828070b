//! The classic BPF instruction: `struct sock_filter` of `linux/filter.h`.

/// One instruction, as the kernel stores it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Insn {
    /// Operation: class, size or operation, mode or source.
    pub code: u16,
    /// Instructions to skip when a conditional jump is taken.
    pub jt: u8,
    /// Instructions to skip when it is not.
    pub jf: u8,
    /// Constant, offset, or distance of an unconditional jump.
    pub k: u32,
}

/// A program that nobody has verified.
pub type Program = Vec<Insn>;

/// Most instructions that a filter may have (`BPF_MAXINSNS`).
pub const MAX_INSNS: usize = 4096;

/// Words of scratch memory (`BPF_MEMWORDS`).
pub const SCRATCH_WORDS: usize = 16;

/// Parts of `code` (`linux/bpf_common.h`), or-ed together.
pub mod code {
    /// Class: load into A.
    pub const LD: u16 = 0x00;
    /// Class: load into X.
    pub const LDX: u16 = 0x01;
    /// Class: store A.
    pub const ST: u16 = 0x02;
    /// Class: store X.
    pub const STX: u16 = 0x03;
    /// Class: arithmetic on A.
    pub const ALU: u16 = 0x04;
    /// Class: jump.
    pub const JMP: u16 = 0x05;
    /// Class: return.
    pub const RET: u16 = 0x06;
    /// Class: register transfer.
    pub const MISC: u16 = 0x07;
    /// Mask of the class.
    pub const CLASS: u16 = 0x07;

    /// Size: word, 32 bits.
    pub const W: u16 = 0x00;
    /// Size: half word.
    pub const H: u16 = 0x08;
    /// Size: byte.
    pub const B: u16 = 0x10;

    /// Mode: constant.
    pub const IMM: u16 = 0x00;
    /// Mode: absolute offset into the data.
    pub const ABS: u16 = 0x20;
    /// Mode: offset relative to X.
    pub const IND: u16 = 0x40;
    /// Mode: scratch memory `M[k]`.
    pub const MEM: u16 = 0x60;
    /// Mode: length of the data.
    pub const LEN: u16 = 0x80;
    /// Mode: IP header length (never allowed in seccomp).
    pub const MSH: u16 = 0xa0;

    /// ALU: add.
    pub const ADD: u16 = 0x00;
    /// ALU: subtract.
    pub const SUB: u16 = 0x10;
    /// ALU: multiply.
    pub const MUL: u16 = 0x20;
    /// ALU: divide.
    pub const DIV: u16 = 0x30;
    /// ALU: bitwise or.
    pub const OR: u16 = 0x40;
    /// ALU: bitwise and.
    pub const AND: u16 = 0x50;
    /// ALU: shift left.
    pub const LSH: u16 = 0x60;
    /// ALU: shift right.
    pub const RSH: u16 = 0x70;
    /// ALU: negate.
    pub const NEG: u16 = 0x80;
    /// ALU: remainder (never allowed in seccomp).
    pub const MOD: u16 = 0x90;
    /// ALU: exclusive or.
    pub const XOR: u16 = 0xa0;

    /// Jump: always.
    pub const JA: u16 = 0x00;
    /// Jump: if equal.
    pub const JEQ: u16 = 0x10;
    /// Jump: if greater, unsigned.
    pub const JGT: u16 = 0x20;
    /// Jump: if greater or equal, unsigned.
    pub const JGE: u16 = 0x30;
    /// Jump: if a common bit is set.
    pub const JSET: u16 = 0x40;

    /// Source: the constant `k`.
    pub const K: u16 = 0x00;
    /// Source: X.
    pub const X: u16 = 0x08;
    /// Return: A.
    pub const A: u16 = 0x10;

    /// Transfer: A to X.
    pub const TAX: u16 = 0x00;
    /// Transfer: X to A.
    pub const TXA: u16 = 0x80;
}

impl Insn {
    /// An instruction without jump offsets.
    #[must_use]
    pub const fn stmt(code: u16, k: u32) -> Self {
        Self { code, jt: 0, jf: 0, k }
    }

    /// A conditional jump.
    #[must_use]
    pub const fn jump(code: u16, k: u32, jt: u8, jf: u8) -> Self {
        Self { code, jt, jf, k }
    }
}
