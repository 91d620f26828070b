//! Errors of this stage.

use std::error::Error;
use std::fmt;

use filterc_grammar::source::Span;

/// The codes of this stage, sorted.
pub const CODES: &[&str] = &["F0266", "F0267", "F0268", "F0269", "F0420"];

/// What is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// F0266: a field that no program at the event can read.
    OutOfSight {
        /// Its name.
        field: String,
    },
    /// F0267: `common_type`, and nobody has said which number the event has.
    UnknownId,
    /// F0268: parts of patterns that can be anywhere in a text, and more of them than the
    /// kernel's verifier would follow.
    SearchTooLong,
    /// F0269: more different texts than the buffer has room for.
    TooManyTexts,
    /// F0420: the program is longer than its jumps reach.
    TooLong,
}

impl Kind {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutOfSight { .. } => "F0266",
            Self::UnknownId => "F0267",
            Self::SearchTooLong => "F0268",
            Self::TooManyTexts => "F0269",
            Self::TooLong => "F0420",
        }
    }
}

/// Why there is no program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmitError {
    /// What is in the way.
    pub kind: Kind,
    /// The test that asks for it; none where it is the whole filter.
    pub span: Option<Span>,
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
        match &self.kind {
            Kind::OutOfSight { field } => {
                write!(f, "`{field}` is out of sight for a program at a tracepoint")
            }
            Kind::UnknownId => {
                f.write_str("the number of the event, which `common_type` is, is not known")
            }
            Kind::SearchTooLong => f.write_str(
                "the kernel's verifier would not follow the search for so long parts of a text",
            ),
            Kind::TooManyTexts => {
                f.write_str("a program can look at 24 different texts, and there are more")
            }
            Kind::TooLong => {
                f.write_str("the program is longer than its jumps reach (32767 slots)")
            }
        }
    }
}

impl Error for EmitError {}
