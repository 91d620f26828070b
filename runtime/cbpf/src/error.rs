//! What can be wrong with bytes and with programs, as data.
//!
//! The errors of assembly text are in [`crate::asm::error`]; their codes are in [`CODES`] too.

use std::fmt;

use crate::insn::MAX_INSNS;

/// Every code that this crate can produce, sorted.
pub const CODES: &[&str] = &[
    "F0501", "F0502", "F0503", "F0504", "F0505", "F0506", "F0507", "F0508", "F0509", "F0510",
    "F0511", "F0512", "F0513", "F0514", "F0520", "F0521", "F0522", "F0523", "F0524", "F0525",
    "F0526", "F0527", "F0528", "F0529",
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
    /// More instructions than a filter may have.
    TooLong {
        /// Length of the program, in instructions.
        length: usize,
    },
}

impl DecodeError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "F0501",
            Self::TooLong { .. } => "F0502",
            Self::Truncated { .. } => "F0514",
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the program is empty: there are no bytes"),
            Self::Truncated { length } => write!(
                f,
                "{length} bytes are no whole number of instructions: {} bytes are left at \
                 offset {}, and an instruction has 8",
                length % 8,
                length - length % 8
            ),
            Self::TooLong { length } => write_too_long(f, *length),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Which of the kernel's rules a program breaks. Variants are in the order of the checks:
/// length, `bpf_check_classic`, `check_load_and_stores`, `seccomp_check_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// There is no instruction at all.
    Empty,
    /// More than 4096 instructions.
    TooLong {
        /// Length of the program.
        length: usize,
    },
    /// `code` is not an instruction of classic BPF.
    UnknownInsn {
        /// The instruction's code.
        code: u16,
    },
    /// Division (or remainder) by the constant 0.
    DivisionByZero,
    /// Shift by a constant of 32 or more.
    ShiftTooLarge {
        /// The distance.
        k: u32,
    },
    /// `M[k]` with `k` above 15.
    ScratchOutOfRange {
        /// The index.
        k: u32,
    },
    /// A jump that leaves the program.
    JumpOutOfRange {
        /// Where it would go.
        target: u64,
        /// Length of the program.
        length: usize,
    },
    /// A load from the ancillary area, at an offset that the kernel does not know.
    AncillaryOffset {
        /// The offset.
        k: u32,
    },
    /// The last instruction is not a return: control could run off the end.
    NoFinalReturn,
    /// `M[k]` is read where, by the kernel's reckoning, not every way stores it first.
    UninitialisedScratch {
        /// The index.
        k: u32,
    },
    /// A load from beyond the 64 bytes of `struct seccomp_data`.
    LoadOutOfBounds {
        /// The offset.
        k: u32,
    },
    /// A load from an offset that is no multiple of four.
    LoadUnaligned {
        /// The offset.
        k: u32,
    },
    /// Classic BPF, but not for seccomp: loads of bytes and half words, loads relative to
    /// X, `4*([k]&0xf)`, and remainders.
    NotForSeccomp {
        /// The instruction's code.
        code: u16,
    },
}

impl Kind {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "F0501",
            Self::TooLong { .. } => "F0502",
            Self::UnknownInsn { .. } => "F0503",
            Self::DivisionByZero => "F0504",
            Self::ShiftTooLarge { .. } => "F0505",
            Self::ScratchOutOfRange { .. } => "F0506",
            Self::JumpOutOfRange { .. } => "F0507",
            Self::NoFinalReturn => "F0508",
            Self::UninitialisedScratch { .. } => "F0509",
            Self::AncillaryOffset { .. } => "F0510",
            Self::LoadOutOfBounds { .. } => "F0511",
            Self::LoadUnaligned { .. } => "F0512",
            Self::NotForSeccomp { .. } => "F0513",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the program is empty"),
            Self::TooLong { length } => write_too_long(f, *length),
            Self::UnknownInsn { code } => {
                write!(f, "code {code:#06x} is not an instruction of classic BPF")
            }
            Self::DivisionByZero => f.write_str("division by the constant 0"),
            Self::ShiftTooLarge { k } => {
                write!(f, "shift by {k}: a 32-bit register can be shifted by at most 31")
            }
            Self::ScratchOutOfRange { k } => {
                write!(f, "M[{k}] does not exist: scratch memory is M[0] to M[15]")
            }
            Self::JumpOutOfRange { target, length } => write!(
                f,
                "jump to instruction {target}, but the last one of the program is {}",
                length.saturating_sub(1)
            ),
            Self::AncillaryOffset { k } => {
                write!(f, "load from the unknown ancillary offset {k:#x}")
            }
            Self::NoFinalReturn => f.write_str("the last instruction is not a return"),
            Self::UninitialisedScratch { k } => {
                write!(f, "M[{k}] is read, but not stored on every way there")
            }
            Self::LoadOutOfBounds { k } => {
                write!(f, "load from offset {k}: struct seccomp_data has 64 bytes")
            }
            Self::LoadUnaligned { k } => {
                write!(f, "load from offset {k}, which is no multiple of 4")
            }
            Self::NotForSeccomp { code } => {
                write!(f, "the kernel allows code {code:#06x} in socket filters, not in seccomp")
            }
        }
    }
}

/// The first of the kernel's rules that a program breaks, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VerifyError {
    /// Index of the instruction at fault; 0 where the whole program is.
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
        match self.kind {
            Kind::Empty | Kind::TooLong { .. } => self.kind.fmt(f),
            Kind::UnknownInsn { .. }
            | Kind::DivisionByZero
            | Kind::ShiftTooLarge { .. }
            | Kind::ScratchOutOfRange { .. }
            | Kind::JumpOutOfRange { .. }
            | Kind::AncillaryOffset { .. }
            | Kind::NoFinalReturn
            | Kind::UninitialisedScratch { .. }
            | Kind::LoadOutOfBounds { .. }
            | Kind::LoadUnaligned { .. }
            | Kind::NotForSeccomp { .. } => write!(f, "instruction {}: {}", self.pc, self.kind),
        }
    }
}

impl std::error::Error for VerifyError {}

fn write_too_long(f: &mut fmt::Formatter<'_>, length: usize) -> fmt::Result {
    write!(f, "the program has {length} instructions, and the kernel takes at most {MAX_INSNS}")
}
