//! Errors of this stage.

use std::error::Error;
use std::fmt;

use filterc_hir::policy::RuleId;

/// The codes of this stage.
pub const CODES: &[&str] = &["F0402"];

/// What was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// F0402: the rules of the policy, multiplied out over the numbers that they are about,
    /// make more nodes than the DAG may have, or more work than is reasonable. No program
    /// of 4096 instructions could come of it.
    TooManyNodes,
}

impl Kind {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooManyNodes => "F0402",
        }
    }
}

/// The policy is too large for a decision DAG.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LimitError {
    /// What was exceeded.
    pub kind: Kind,
    /// The limit, in nodes.
    pub limit: usize,
    /// The rule that was being built when it was exceeded: probably one that is repeated
    /// for many calls.
    pub rule: Option<RuleId>,
}

impl LimitError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::TooManyNodes => {
                write!(f, "the policy needs more than {} decisions", self.limit)
            }
        }
    }
}

impl Error for LimitError {}
