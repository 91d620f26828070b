//! What can be wrong with assembly text, as data.

use std::fmt;

/// Most instructions that a text may stand for: `struct sock_fprog` counts in 16 bits.
pub const MAX_ASSEMBLED: usize = 65_535;

/// A position in the text, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    pub(super) const fn error(self, kind: AsmKind) -> AsmError {
        AsmError { line: self.line, column: self.column, kind }
    }
}

/// The first fault of an assembly text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsmError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The fault.
    pub kind: AsmKind,
}

/// Why text is not a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AsmKind {
    /// Something else belongs there.
    Unexpected {
        /// What stands there.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
    /// No instruction has that name.
    UnknownMnemonic {
        /// The name.
        name: String,
    },
    /// The instruction exists, but not with that operand.
    WrongOperand {
        /// The instruction.
        mnemonic: String,
        /// The operands that it can have.
        expected: Vec<&'static str>,
    },
    /// Not a number, or one that does not fit where it stands.
    BadNumber {
        /// The text.
        text: String,
        /// Largest value there.
        max: u32,
    },
    /// A jump to a label that no line has.
    UndefinedLabel {
        /// The label.
        name: String,
    },
    /// A label that two lines have.
    DuplicateLabel {
        /// The label.
        name: String,
        /// The line that had it first.
        first: usize,
    },
    /// A jump to a label before or at the jump: classic BPF only goes forward.
    BackwardJump {
        /// The label.
        name: String,
    },
    /// A conditional jump over more than 255 instructions.
    JumpTooFar {
        /// The label.
        name: String,
        /// Instructions to skip.
        distance: usize,
    },
    /// Not an action, or not the name of an error number.
    UnknownName {
        /// The name.
        name: String,
        /// What it should name.
        expected: &'static str,
    },
    /// More instructions than `struct sock_fprog` can count.
    TooLong,
}

impl AsmError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.kind {
            AsmKind::Unexpected { .. } => "F0520",
            AsmKind::UnknownMnemonic { .. } => "F0521",
            AsmKind::WrongOperand { .. } => "F0522",
            AsmKind::BadNumber { .. } => "F0523",
            AsmKind::UndefinedLabel { .. } => "F0524",
            AsmKind::DuplicateLabel { .. } => "F0525",
            AsmKind::BackwardJump { .. } => "F0526",
            AsmKind::JumpTooFar { .. } => "F0527",
            AsmKind::UnknownName { .. } => "F0528",
            AsmKind::TooLong => "F0529",
        }
    }
}

impl fmt::Display for AsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.kind)
    }
}

impl fmt::Display for AsmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected { found, expected } => {
                write!(f, "found {found}, expected {expected}")
            }
            Self::UnknownMnemonic { name } => write!(f, "there is no instruction `{name}`"),
            Self::WrongOperand { mnemonic, expected } => {
                write!(f, "`{mnemonic}` is written with {}", expected.join(" or "))
            }
            Self::BadNumber { text, max } => write!(
                f,
                "`{text}` is not a number from 0 to {max} in decimal, 0x… or 0b…{}",
                if *max == u32::MAX { ", nor one down to -2147483648" } else { "" }
            ),
            Self::UndefinedLabel { name } => write!(f, "no line has the label `{name}`"),
            Self::DuplicateLabel { name, first } => {
                write!(f, "the label `{name}` is already on line {first}")
            }
            Self::BackwardJump { name } => {
                write!(f, "`{name}` does not lie ahead: classic BPF jumps forward only")
            }
            Self::JumpTooFar { name, distance } => write!(
                f,
                "`{name}` is {distance} instructions ahead, and a conditional jump can skip at \
                 most 255: go through a `jmp`"
            ),
            Self::UnknownName { name, expected } => write!(f, "`{name}` is not {expected}"),
            Self::TooLong => write!(f, "more than {} instructions", MAX_ASSEMBLED),
        }
    }
}

impl std::error::Error for AsmError {}
