//! What can be wrong with bytes and with programs, as data.
//!
//! The errors of assembly text are in [`crate::asm::error`]; their codes are in [`CODES`] too.

use std::fmt;

use crate::insn::MAX_INSNS;
use crate::op::Reg;

/// Every code that this crate can produce, sorted.
pub const CODES: &[&str] = &[
    "F0530", "F0531", "F0532", "F0533", "F0534", "F0535", "F0536", "F0537", "F0538", "F0539",
    "F0540", "F0541", "F0542", "F0543", "F0544", "F0545", "F0546", "F0547", "F0548", "F0549",
    "F0550", "F0551", "F0552", "F0553", "F0554", "F0555", "F0556", "F0557", "F0558", "F0559",
    "F0560", "F0561", "F0562", "F0563", "F0564", "F0565", "F0566", "F0567", "F0568", "F0569",
    "F0832",
];

/// Why bytes are not a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DecodeError {
    /// There are no bytes.
    Empty,
    /// The length is no multiple of eight: the file is cut, or it is not a raw program.
    Truncated {
        /// Length of the input, in bytes.
        length: usize,
    },
    /// More slots than a program may have.
    TooLong {
        /// Length of the program, in slots.
        length: usize,
    },
}

impl DecodeError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "F0530",
            Self::Truncated { .. } => "F0531",
            Self::TooLong { .. } => "F0532",
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the program is empty: there are no bytes"),
            Self::Truncated { length } => write!(
                f,
                "{length} bytes are no whole number of slots: {} bytes are left at offset {}, \
                 and a slot has 8",
                length % 8,
                length - length % 8
            ),
            Self::TooLong { length } => write_too_long(f, *length),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Which of the rules a program breaks. Variants are in the order of the checks: length,
/// each instruction by itself, jumps, functions, then what is in registers and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// There is no instruction at all.
    Empty,
    /// More slots than the kernel takes.
    TooLong {
        /// Length of the program.
        length: usize,
    },
    /// The opcode is not an instruction.
    UnknownOpcode {
        /// The opcode.
        opcode: u8,
    },
    /// A field that the instruction does not use is not 0.
    Reserved {
        /// The field.
        field: &'static str,
    },
    /// There are registers 0 to 10.
    BadRegister {
        /// The number.
        number: u8,
    },
    /// The opcode exists, but not with this value of the field that says which variant.
    UnknownVariant {
        /// The field.
        field: &'static str,
        /// Its value.
        value: i32,
    },
    /// The first slot of a wide instruction, and what follows is not its second.
    HalfWide,
    /// An instruction of newer kernels that RFC 9669 does not have.
    Extension {
        /// Its name.
        name: &'static str,
    },
    /// A legacy load from a packet: it can be read and written as text only.
    Packet,
    /// R10 would be changed.
    FramePointerWritten,
    /// Division, or remainder of a division, by the constant 0.
    DivisionByZero,
    /// Shift by a constant of as many bits as there are, or more.
    ShiftTooLarge {
        /// The distance.
        k: i32,
        /// How many bits there are.
        bits: u32,
    },
    /// A jump, or a call of a function, that leaves the program.
    JumpOutOfRange {
        /// Where it would go.
        target: i64,
        /// Length of the program.
        length: usize,
    },
    /// A jump into the middle of a wide instruction.
    JumpIntoWide {
        /// Where it would go.
        target: usize,
    },
    /// The last instruction is not an exit or an unconditional jump: control could run off
    /// the end.
    NoFinalExit,
    /// No way leads to the instruction.
    Unreachable,
    /// A jump, or the end of its text, leads from one function into another.
    LeavesFunction,
    /// A register is read, and on some way there nothing was written to it, or a call has
    /// taken it.
    Unset {
        /// The register.
        reg: Reg,
    },
    /// A register is used as an address, and may be none: it holds a number, or may be null, or
    /// is an address that programs do not use by themselves.
    NotAnAddress {
        /// The register.
        reg: Reg,
    },
    /// An access that can go beyond its object.
    OutOfBounds {
        /// The object.
        what: &'static str,
        /// Least offset that it can have.
        least: i64,
        /// Offset behind its last byte, at most.
        end: i64,
    },
    /// An access at an offset that may be no multiple of its size.
    Misaligned {
        /// The size.
        size: usize,
    },
    /// Bytes of the stack are read, and on some way there no number was written to them.
    UnwrittenStack {
        /// The offset of the first from the frame pointer, at least.
        offset: i64,
    },
    /// A store to what cannot be changed so.
    ReadOnly {
        /// What.
        what: &'static str,
    },
    /// A computation with an address that is none of those allowed.
    AddressArithmetic {
        /// The register with the address.
        reg: Reg,
    },
    /// An address would be stored where it may not be, or returned.
    AddressLeak {
        /// Where.
        what: &'static str,
    },
    /// A helper, function of the kernel, map or variable that the target does not have.
    NotThere {
        /// What kind of thing.
        what: &'static str,
    },
    /// An argument of a helper is not what it takes.
    BadArgument {
        /// Which one, from 1.
        argument: u8,
        /// What it takes.
        expected: &'static str,
    },
    /// The program can end with a reserved record that was not given back.
    RecordKept,
    /// Functions nest too deep, or their stacks together are too large.
    TooDeep {
        /// What is too much.
        what: &'static str,
    },
    /// To know that the program ends, more of its ways would have to be looked at than are.
    TooComplex,
    /// What is returned may be outside of what the target allows.
    BadReturn {
        /// Least value.
        min: i64,
        /// Largest value.
        max: i64,
    },
}

impl Kind {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "F0530",
            Self::TooLong { .. } => "F0532",
            Self::UnknownOpcode { .. } => "F0533",
            Self::Reserved { .. } => "F0534",
            Self::BadRegister { .. } => "F0535",
            Self::UnknownVariant { .. } => "F0536",
            Self::HalfWide => "F0537",
            Self::Extension { .. } => "F0538",
            Self::Packet => "F0539",
            Self::FramePointerWritten => "F0540",
            Self::DivisionByZero => "F0541",
            Self::ShiftTooLarge { .. } => "F0542",
            Self::JumpOutOfRange { .. } => "F0543",
            Self::JumpIntoWide { .. } => "F0544",
            Self::NoFinalExit => "F0545",
            Self::Unreachable => "F0546",
            Self::LeavesFunction => "F0547",
            Self::Unset { .. } => "F0548",
            Self::NotAnAddress { .. } => "F0549",
            Self::OutOfBounds { .. } => "F0558",
            Self::Misaligned { .. } => "F0559",
            Self::UnwrittenStack { .. } => "F0560",
            Self::ReadOnly { .. } => "F0561",
            Self::AddressArithmetic { .. } => "F0562",
            Self::AddressLeak { .. } => "F0563",
            Self::NotThere { .. } => "F0564",
            Self::BadArgument { .. } => "F0565",
            Self::RecordKept => "F0566",
            Self::TooDeep { .. } => "F0567",
            Self::TooComplex => "F0568",
            Self::BadReturn { .. } => "F0569",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the program is empty"),
            Self::TooLong { length } => write_too_long(f, *length),
            Self::UnknownOpcode { opcode } => {
                write!(f, "opcode {opcode:#04x} is not an instruction of eBPF")
            }
            Self::Reserved { field } => {
                write!(f, "this instruction does not use the field `{field}`, which must be 0")
            }
            Self::BadRegister { number } => {
                write!(f, "there is no register r{number}: they are r0 to r10")
            }
            Self::UnknownVariant { field, value } => write!(
                f,
                "this opcode has no instruction with {value} (hex {value:x}) in the field `{field}`"
            ),
            Self::HalfWide => f.write_str(
                "a 64-bit constant takes two slots, and no second one follows (all its fields \
                 but `imm` are 0)",
            ),
            Self::Extension { name } => write!(f, "`{name}` is not in RFC 9669"),
            Self::Packet => f.write_str("loads from a packet (legacy) cannot be run"),
            Self::FramePointerWritten => {
                f.write_str("r10 is the frame pointer, and cannot be changed")
            }
            Self::DivisionByZero => f.write_str("division by the constant 0"),
            Self::ShiftTooLarge { k, bits } => write!(
                f,
                "shift by {k}: a {bits}-bit operation can shift by 0 to {}",
                bits.saturating_sub(1)
            ),
            Self::JumpOutOfRange { target, length } => write!(
                f,
                "jump to slot {target}, but the program's are 0 to {}",
                length.saturating_sub(1)
            ),
            Self::JumpIntoWide { target } => {
                write!(f, "jump to slot {target}, the second one of a wide instruction")
            }
            Self::NoFinalExit => {
                f.write_str("the last instruction is neither `exit` nor an unconditional jump")
            }
            Self::Unreachable => f.write_str("no way leads here"),
            Self::LeavesFunction => f.write_str("this leads into another function"),
            Self::Unset { reg } => write!(
                f,
                "r{} is read, and on some way here it was not written, or a call has taken it",
                reg.number()
            ),
            Self::NotAnAddress { reg } => write!(
                f,
                "r{} may be no address that can be followed: compare what may be null with 0 first",
                reg.number()
            ),
            Self::OutOfBounds { what, least, end } => {
                write!(f, "an access of bytes {least} to {} is not inside {what}", end - 1)
            }
            Self::Misaligned { size } => {
                write!(f, "the offset of this access may be no multiple of its size, {size}")
            }
            Self::UnwrittenStack { offset } => write!(
                f,
                "the stack at r10{offset:+} is read, and on some way here no number was written there"
            ),
            Self::ReadOnly { what } => write!(f, "{what} cannot be changed like this"),
            Self::AddressArithmetic { reg } => write!(
                f,
                "r{} is an address: bounded numbers can be added, and it can be compared with 0",
                reg.number()
            ),
            Self::AddressLeak { what } => write!(f, "an address cannot be {what}"),
            Self::NotThere { what } => write!(f, "the target does not have this {what}"),
            Self::BadArgument { argument, expected } => {
                write!(f, "argument {argument} (r{argument}) of this call must be {expected}")
            }
            Self::RecordKept => {
                f.write_str("a reserved record is neither submitted nor discarded on some way here")
            }
            Self::TooDeep { what } => f.write_str(what),
            Self::TooComplex => f.write_str(
                "the program has too many ways to be looked at all, or a loop that may not end",
            ),
            Self::BadReturn { min, max } => {
                write!(f, "the program must return a number from {min} to {max} here")
            }
        }
    }
}

/// The first of the rules that a program breaks, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VerifyError {
    /// Index of the slot at fault; 0 where the whole program is.
    pub pc: usize,
    /// The rule.
    pub kind: Kind,
}

impl VerifyError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(self.kind, Kind::Empty | Kind::TooLong { .. }) {
            self.kind.fmt(f)
        } else {
            write!(f, "instruction {}: {}", self.pc, self.kind)
        }
    }
}

impl std::error::Error for VerifyError {}

fn write_too_long(f: &mut fmt::Formatter<'_>, length: usize) -> fmt::Result {
    write!(f, "the program has {length} slots, and the kernel takes at most {MAX_INSNS}")
}
