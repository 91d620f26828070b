//! What can be wrong with assembly text, as data.

use std::fmt;

use crate::error::Kind;

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
    /// Not a number, or one that does not fit where it stands.
    BadNumber {
        /// The text.
        text: String,
        /// Least value there.
        min: i64,
        /// Largest value there.
        max: i128,
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
    /// A jump over more slots than its field can say.
    JumpTooFar {
        /// The label, or the distance as written.
        name: String,
        /// Slots to skip.
        distance: i64,
    },
    /// `w` where the instruction computes with 64 bits, or the reverse.
    WrongWidth {
        /// The register as written.
        found: String,
        /// The register that would be right.
        expected: String,
    },
    /// The text is understood, and no instruction does that.
    NoSuchInsn(Kind),
    /// More slots than a program may have.
    TooLong,
}

impl AsmError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.kind {
            AsmKind::Unexpected { .. } => "F0550",
            AsmKind::BadNumber { .. } => "F0551",
            AsmKind::UndefinedLabel { .. } => "F0552",
            AsmKind::DuplicateLabel { .. } => "F0553",
            AsmKind::JumpTooFar { .. } => "F0554",
            AsmKind::WrongWidth { .. } => "F0555",
            AsmKind::NoSuchInsn(_) => "F0556",
            AsmKind::TooLong => "F0557",
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
            Self::BadNumber { text, min, max } => {
                write!(f, "`{text}` is not a number from {min} to {max} in decimal, 0x… or 0b…")
            }
            Self::UndefinedLabel { name } => write!(f, "no line has the label `{name}`"),
            Self::DuplicateLabel { name, first } => {
                write!(f, "the label `{name}` is already on line {first}")
            }
            Self::JumpTooFar { name, distance } => write!(
                f,
                "`{name}` is {distance} slots away, and this instruction can skip -32768 to \
                 32767: use `gotol`, by itself or as the way of a conditional jump"
            ),
            Self::WrongWidth { found, expected } => {
                write!(f, "`{found}` and registers of the other width: write `{expected}`")
            }
            Self::NoSuchInsn(kind) => write!(f, "there is no such instruction: {kind}"),
            Self::TooLong => write!(f, "more than {} slots", crate::insn::MAX_INSNS),
        }
    }
}

impl std::error::Error for AsmError {}
