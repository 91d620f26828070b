//! An instruction by what it does: one variant per behaviour, every field with a meaning.
//!
//! `form` makes one of each legal instruction, and nothing else; distances stay as the
//! instruction has them, in slots, so that positions are the kernel's.

/// A register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reg {
    /// Return value.
    R0,
    /// First argument; at the start, the context.
    R1,
    /// Second argument.
    R2,
    /// Third argument.
    R3,
    /// Fourth argument.
    R4,
    /// Fifth argument.
    R5,
    /// Kept over calls.
    R6,
    /// Kept over calls.
    R7,
    /// Kept over calls.
    R8,
    /// Kept over calls.
    R9,
    /// The frame pointer: the address behind the frame's stack. Read-only.
    R10,
}

/// Registers that there are.
pub const REGISTERS: usize = 11;

impl Reg {
    /// All registers, by number.
    pub const ALL: [Self; REGISTERS] = [
        Self::R0,
        Self::R1,
        Self::R2,
        Self::R3,
        Self::R4,
        Self::R5,
        Self::R6,
        Self::R7,
        Self::R8,
        Self::R9,
        Self::R10,
    ];

    /// The register of that number.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Its number, as an index.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// How many bits of its operands an instruction computes with. The result of a 32-bit one
/// is extended with zeros.
///
/// The value of a variant is that number, so that it is at hand without a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Width {
    /// The lower half.
    W32 = 32,
    /// All.
    W64 = 64,
}

impl Width {
    /// The number of bits.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u32 {
        self as u32
    }
}

/// How many bytes of memory an instruction reads or writes: the value of the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Size {
    /// One.
    B1 = 1,
    /// Two.
    B2 = 2,
    /// Four.
    B4 = 4,
    /// Eight.
    B8 = 8,
}

impl Size {
    /// All sizes.
    pub const ALL: [Self; 4] = [Self::B1, Self::B2, Self::B4, Self::B8];

    /// The number of bytes.
    #[inline]
    #[must_use]
    pub const fn bytes(self) -> usize {
        self as usize
    }

    /// The number of bits.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u32 {
        self as u32 * 8
    }
}

/// What a load does with the bits above those that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extend {
    /// They are 0.
    Zero,
    /// They are copies of the sign.
    Sign,
}

/// What an arithmetic instruction does with its register and its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alu {
    /// Sum, modulo 2ⁿ.
    Add,
    /// Difference, modulo 2ⁿ.
    Sub,
    /// Product, modulo 2ⁿ.
    Mul,
    /// Quotient, unsigned; by 0 it is 0.
    Div,
    /// Quotient, signed, rounded to 0; by 0 it is 0, and of the least number by −1 it is
    /// that number.
    SDiv,
    /// Remainder, unsigned; by 0 it is the dividend.
    Mod,
    /// Remainder, signed, with the sign of the dividend; by 0 it is the dividend, by −1 it is 0.
    SMod,
    /// Bitwise or.
    Or,
    /// Bitwise and.
    And,
    /// Bitwise exclusive or.
    Xor,
    /// Shift left by the operand's low five or six bits.
    Lsh,
    /// Shift right by the operand's low five or six bits.
    Rsh,
    /// The same, and the sign comes in.
    Arsh,
}

impl Alu {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::SDiv,
        Self::Mod,
        Self::SMod,
        Self::Or,
        Self::And,
        Self::Xor,
        Self::Lsh,
        Self::Rsh,
        Self::Arsh,
    ];
}

/// Which way the bytes of a register's low bits are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// From the machine's to little endian; on a little-endian machine only the upper bits go.
    Little,
    /// From the machine's to big endian.
    Big,
    /// Reversed, on every machine.
    Reversed,
}

/// Where an instruction takes its operand from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The constant, its sign extended.
    K(i32),
    /// The register.
    X(Reg),
}

/// Sets of relations, one bit each. A relation of two numbers is itself four bits, from the
/// lowest: equal, less, less as signed numbers, a common bit.
mod relation {
    pub(super) const EQUAL: u16 = 0xaaaa;
    pub(super) const LESS: u16 = 0xcccc;
    pub(super) const SIGNED_LESS: u16 = 0xf0f0;
    pub(super) const COMMON: u16 = 0xff00;
}

/// What a conditional jump asks of its register and its operand.
///
/// The value of a variant is the set of the relations of the operands for which it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Test {
    /// Equal.
    Eq = relation::EQUAL,
    /// Not equal.
    Ne = !relation::EQUAL,
    /// Greater, unsigned.
    Gt = !(relation::LESS | relation::EQUAL),
    /// Greater or equal, unsigned.
    Ge = !relation::LESS,
    /// Less, unsigned.
    Lt = relation::LESS,
    /// Less or equal, unsigned.
    Le = relation::LESS | relation::EQUAL,
    /// Greater, signed.
    SGt = !(relation::SIGNED_LESS | relation::EQUAL),
    /// Greater or equal, signed.
    SGe = !relation::SIGNED_LESS,
    /// Less, signed.
    SLt = relation::SIGNED_LESS,
    /// Less or equal, signed.
    SLe = relation::SIGNED_LESS | relation::EQUAL,
    /// A common bit is set.
    Set = relation::COMMON,
}

impl Test {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Eq,
        Self::Ne,
        Self::Gt,
        Self::Ge,
        Self::Lt,
        Self::Le,
        Self::SGt,
        Self::SGe,
        Self::SLt,
        Self::SLe,
        Self::Set,
    ];

    /// Whether the test holds for so many bits of two numbers.
    ///
    /// Which test, how wide, and how the numbers compare are all data here and not ways of the
    /// code: an interpreter's processor cannot guess them.
    #[inline]
    #[must_use]
    pub const fn holds(self, width: Width, a: u64, b: u64) -> bool {
        // Numbers of fewer bits compare as their bits do at the upper end of a word.
        let unused = 64 - width.bits();
        let (a, b) = (a << unused, b << unused);
        let relation = (a == b) as u32
            | ((a < b) as u32) << 1
            | ((a.cast_signed() < b.cast_signed()) as u32) << 2
            | ((a & b != 0) as u32) << 3;
        self as u16 as u32 >> relation & 1 == 1
    }

    /// The test that holds where this one does not; that of bits has none.
    #[must_use]
    pub const fn negated(self) -> Option<Self> {
        Some(match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Gt => Self::Le,
            Self::Ge => Self::Lt,
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
            Self::SGt => Self::SLe,
            Self::SGe => Self::SLt,
            Self::SLt => Self::SGe,
            Self::SLe => Self::SGt,
            Self::Set => return None,
        })
    }

    /// The test that asks the same of its operands in the other order.
    #[must_use]
    pub const fn exchanged(self) -> Self {
        match self {
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::SGt => Self::SLt,
            Self::SGe => Self::SLe,
            Self::SLt => Self::SGt,
            Self::SLe => Self::SGe,
            Self::Eq | Self::Ne | Self::Set => self,
        }
    }
}

/// What an atomic instruction does with memory and its register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Atomic {
    /// Memory becomes the sum.
    Add,
    /// Memory becomes the bitwise or.
    Or,
    /// Memory becomes the bitwise and.
    And,
    /// Memory becomes the bitwise exclusive or.
    Xor,
    /// The sum; the register gets what was there.
    FetchAdd,
    /// The bitwise or; the register gets what was there.
    FetchOr,
    /// The bitwise and; the register gets what was there.
    FetchAnd,
    /// The bitwise exclusive or; the register gets what was there.
    FetchXor,
    /// Register and memory change places.
    Exchange,
    /// If memory is R0 it becomes the register; R0 gets what was there.
    CompareExchange,
}

/// An address that is not known before the program is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Symbol {
    /// The map of that descriptor.
    MapFd(i32),
    /// A byte of the only value of the map of that descriptor.
    MapFdValue(i32, u32),
    /// The variable of that BTF id, in the object of that BTF descriptor (0: the kernel).
    Variable(i32, i32),
    /// A function of this program, so many slots behind the next instruction's.
    Function(i32),
    /// The map of that index in the loader's list.
    MapIndex(i32),
    /// A byte of the only value of the map of that index in the loader's list.
    MapIndexValue(i32, u32),
}

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Callee {
    /// The helper of that number.
    Helper(i32),
    /// A function of this program, so many slots behind the next one.
    Function(i32),
    /// The kernel's function of that BTF id, in the module of that index in the loader's
    /// list (0: the kernel itself).
    Kernel(i32, i16),
}

/// One instruction of a well-formed program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// dst = dst op operand.
    Alu(Width, Alu, Reg, Source),
    /// dst = operand.
    Mov(Width, Reg, Source),
    /// dst = the low 8, 16 or 32 bits of the source, the sign extended to the width.
    MovSx(Width, Reg, Reg, Size),
    /// dst = −dst.
    Neg(Width, Reg),
    /// dst = its low 16, 32 or 64 bits with the bytes in that order.
    Swap(Order, Reg, Size),
    /// dst = 64-bit constant (two slots).
    Wide(Reg, u64),
    /// dst = address (two slots).
    Address(Reg, Symbol),
    /// dst = memory.
    Load {
        /// So many bytes …
        size: Size,
        /// … widened so …
        extend: Extend,
        /// … into this register …
        dst: Reg,
        /// … from the address in that one …
        base: Reg,
        /// … and so many bytes on.
        offset: i16,
    },
    /// Memory = operand.
    Store {
        /// So many bytes …
        size: Size,
        /// … at the address in this register …
        base: Reg,
        /// … and so many bytes on …
        offset: i16,
        /// … get the low bits of this.
        value: Source,
    },
    /// Memory changes in one step.
    Atomic {
        /// So many bits …
        width: Width,
        /// … change so …
        atomic: Atomic,
        /// … at the address in this register …
        base: Reg,
        /// … and so many bytes on …
        offset: i16,
        /// … with this one.
        src: Reg,
    },
    /// Go on so many slots behind the next.
    Goto(i16),
    /// The same, further.
    GotoLong(i32),
    /// Go on so many slots behind the next, if the test holds.
    Jump {
        /// So many bits …
        width: Width,
        /// … of this register …
        left: Reg,
        /// … are compared so …
        test: Test,
        /// … with this.
        right: Source,
        /// How far yes leads.
        distance: i16,
    },
    /// Call.
    Call(Callee),
    /// Return R0.
    Exit,
    /// R0 = bytes of the packet, at a constant and perhaps a register (legacy: can be read
    /// and written as text, and not run).
    Packet(Size, Option<Reg>, i32),
    /// The second slot of a wide instruction: nothing may go here.
    Second,
}

impl Op {
    /// How many slots the instruction has.
    #[must_use]
    pub const fn slots(self) -> usize {
        match self {
            Self::Wide(..) | Self::Address(..) => 2,
            Self::Alu(..)
            | Self::Mov(..)
            | Self::MovSx(..)
            | Self::Neg(..)
            | Self::Swap(..)
            | Self::Load { .. }
            | Self::Store { .. }
            | Self::Atomic { .. }
            | Self::Goto(_)
            | Self::GotoLong(_)
            | Self::Jump { .. }
            | Self::Call(_)
            | Self::Exit
            | Self::Packet(..)
            | Self::Second => 1,
        }
    }

    /// How far a jump or the start of a function lies behind the next slot.
    #[must_use]
    pub const fn distance(self) -> Option<i32> {
        match self {
            Self::Goto(distance) | Self::Jump { distance, .. } => Some(distance as i32),
            Self::GotoLong(distance)
            | Self::Call(Callee::Function(distance))
            | Self::Address(_, Symbol::Function(distance)) => Some(distance),
            Self::Alu(..)
            | Self::Mov(..)
            | Self::MovSx(..)
            | Self::Neg(..)
            | Self::Swap(..)
            | Self::Wide(..)
            | Self::Address(..)
            | Self::Load { .. }
            | Self::Store { .. }
            | Self::Atomic { .. }
            | Self::Call(_)
            | Self::Exit
            | Self::Packet(..)
            | Self::Second => None,
        }
    }
}
