//! The eBPF instruction: `struct bpf_insn` of `linux/bpf.h`, as RFC 9669 names its fields.

/// One slot of a program, as the kernel stores it. A wide instruction has two slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Insn {
    /// Operation: class, size or operation, mode or source.
    pub opcode: u8,
    /// Number of the destination register, four bits.
    pub dst: u8,
    /// Number of the source register, or what kind of constant or call it is; four bits.
    pub src: u8,
    /// Offset from an address, distance of a jump, or a variant of the operation.
    pub offset: i16,
    /// Constant.
    pub imm: i32,
}

/// A program that nobody has verified, slot by slot.
pub type Program = Vec<Insn>;

/// Most slots that a program may have: what the kernel allows the privileged
/// (`BPF_COMPLEXITY_LIMIT_INSNS`).
pub const MAX_INSNS: usize = 1_000_000;

/// Parts of `opcode` (RFC 9669, section 3), or-ed together.
pub mod code {
    /// Class: loads that are not from an address in a register.
    pub const LD: u8 = 0x00;
    /// Class: load into a register.
    pub const LDX: u8 = 0x01;
    /// Class: store a constant.
    pub const ST: u8 = 0x02;
    /// Class: store a register.
    pub const STX: u8 = 0x03;
    /// Class: arithmetic on 32 bits.
    pub const ALU: u8 = 0x04;
    /// Class: jumps that compare 64 bits.
    pub const JMP: u8 = 0x05;
    /// Class: jumps that compare 32 bits.
    pub const JMP32: u8 = 0x06;
    /// Class: arithmetic on 64 bits.
    pub const ALU64: u8 = 0x07;
    /// Mask of the class.
    pub const CLASS: u8 = 0x07;

    /// Size: four bytes.
    pub const W: u8 = 0x00;
    /// Size: two bytes.
    pub const H: u8 = 0x08;
    /// Size: one byte.
    pub const B: u8 = 0x10;
    /// Size: eight bytes.
    pub const DW: u8 = 0x18;
    /// Mask of the size.
    pub const SIZE: u8 = 0x18;

    /// Mode: 64-bit constant, in two slots.
    pub const IMM: u8 = 0x00;
    /// Mode: packet byte at a constant (legacy).
    pub const ABS: u8 = 0x20;
    /// Mode: packet byte at a register and a constant (legacy).
    pub const IND: u8 = 0x40;
    /// Mode: memory.
    pub const MEM: u8 = 0x60;
    /// Mode: memory, and the sign is extended.
    pub const MEMSX: u8 = 0x80;
    /// Mode: atomic operation.
    pub const ATOMIC: u8 = 0xc0;
    /// Mask of the mode.
    pub const MODE: u8 = 0xe0;

    /// Source: the constant.
    pub const K: u8 = 0x00;
    /// Source: the register.
    pub const X: u8 = 0x08;
    /// Mask of the operation of an arithmetic instruction or jump.
    pub const OPERATION: u8 = 0xf0;

    /// ALU: add.
    pub const ADD: u8 = 0x00;
    /// ALU: subtract.
    pub const SUB: u8 = 0x10;
    /// ALU: multiply.
    pub const MUL: u8 = 0x20;
    /// ALU: divide; signed if the offset is 1.
    pub const DIV: u8 = 0x30;
    /// ALU: bitwise or.
    pub const OR: u8 = 0x40;
    /// ALU: bitwise and.
    pub const AND: u8 = 0x50;
    /// ALU: shift left.
    pub const LSH: u8 = 0x60;
    /// ALU: shift right.
    pub const RSH: u8 = 0x70;
    /// ALU: negate.
    pub const NEG: u8 = 0x80;
    /// ALU: remainder; signed if the offset is 1.
    pub const MOD: u8 = 0x90;
    /// ALU: exclusive or.
    pub const XOR: u8 = 0xa0;
    /// ALU: copy; the sign is extended from as many bits as the offset says.
    pub const MOV: u8 = 0xb0;
    /// ALU: shift right, the sign comes in.
    pub const ARSH: u8 = 0xc0;
    /// ALU: byte order.
    pub const END: u8 = 0xd0;

    /// Jump: always.
    pub const JA: u8 = 0x00;
    /// Jump: if equal.
    pub const JEQ: u8 = 0x10;
    /// Jump: if greater, unsigned.
    pub const JGT: u8 = 0x20;
    /// Jump: if greater or equal, unsigned.
    pub const JGE: u8 = 0x30;
    /// Jump: if a common bit is set.
    pub const JSET: u8 = 0x40;
    /// Jump: if not equal.
    pub const JNE: u8 = 0x50;
    /// Jump: if greater, signed.
    pub const JSGT: u8 = 0x60;
    /// Jump: if greater or equal, signed.
    pub const JSGE: u8 = 0x70;
    /// Call.
    pub const CALL: u8 = 0x80;
    /// Return.
    pub const EXIT: u8 = 0x90;
    /// Jump: if less, unsigned.
    pub const JLT: u8 = 0xa0;
    /// Jump: if less or equal, unsigned.
    pub const JLE: u8 = 0xb0;
    /// Jump: if less, signed.
    pub const JSLT: u8 = 0xc0;
    /// Jump: if less or equal, signed.
    pub const JSLE: u8 = 0xd0;
    /// `may_goto` (not in the RFC: refused by name).
    pub const JCOND: u8 = 0xe0;

    /// Atomic, in the constant: the register gets the old value.
    pub const FETCH: i32 = 0x01;
    /// Atomic, in the constant: exchange.
    pub const XCHG: i32 = 0xe1;
    /// Atomic, in the constant: exchange if R0 holds what is there.
    pub const CMPXCHG: i32 = 0xf1;

    /// The opcode of the wide instruction.
    pub const WIDE: u8 = LD | DW | IMM;
}

impl Insn {
    /// The instruction whose fields are all 0 but the opcode.
    #[must_use]
    pub const fn new(opcode: u8) -> Self {
        Self { opcode, dst: 0, src: 0, offset: 0, imm: 0 }
    }
}
