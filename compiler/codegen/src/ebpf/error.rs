//! Errors of this stage.

use std::error::Error;
use std::fmt;

use super::object::MAX_SLOTS;

/// The codes of this stage, sorted.
pub const CODES: &[&str] = &["F0260", "F0410"];

/// What is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// F0260: parameters without values, which there is no place for.
    Parameters,
    /// F0410: the finished function is longer than what its jumps reach over.
    TooLong,
}

impl Kind {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Parameters => "F0260",
            Self::TooLong => "F0410",
        }
    }
}

/// Why there is no function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EmitError {
    /// What is in the way.
    pub kind: Kind,
    /// Slots of the finished function, if there is one.
    pub slots: usize,
}

impl EmitError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, slots } = self;
        match kind {
            Kind::Parameters => f.write_str("an eBPF program has no parameters"),
            Kind::TooLong => {
                write!(f, "the function has {slots} instructions; jumps reach over {MAX_SLOTS}")
            }
        }
    }
}

impl Error for EmitError {}
