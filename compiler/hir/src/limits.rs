//! How large a policy may get when its groups and `let`s are written out.
//!
//! All of it is far beyond what a filter of 4096 instructions can hold; the limits are
//! there so that a few lines that double each other end with a message.

/// Pairs of a rule and a call, over all ABIs.
pub const MAX_ARMS: usize = 250_000;

/// Connectives, tests, and parts of constant expressions, over all arms.
pub const MAX_NODES: usize = 1_000_000;

/// Calls of all groups and rules, with groups written out.
pub const MAX_CALLS: usize = 1_000_000;

/// Levels of a predicate, with `let`s written out: no walk may overflow the stack.
pub const MAX_NESTING: usize = 256;

/// Parameters of a policy: each is two words of input to a proof.
pub const MAX_PARAMS: usize = 24;

/// Questions of a policy that only a monitor can answer: each is a bit of input to a proof.
pub const MAX_QUESTIONS: usize = 1024;

/// Findings of one run.
pub const MAX_FINDINGS: usize = 10_000;
