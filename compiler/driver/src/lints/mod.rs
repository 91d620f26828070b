//! Lints about rules that are exact for all inputs: a rule that never decides, a predicate
//! that never or always holds, a rule or a part of one that changes nothing, and calls that
//! the kernel could answer from its cache but for how the policy is written.
//!
//! [`facts()`] says what is true of each rule, with a call that shows it; the warnings are
//! made of that. Nothing is guessed: a policy that is too large to say gets no warning.
//!
//! Only rules of the policy's own file are judged. One of an included file may well be
//! shadowed by those before the `include`, or say what the default says: that is what
//! libraries are for. Only the cache is a matter of all rules together.

mod bdd;
mod cached;
mod facts;
mod input;
mod parts;
mod residual;
mod search;
mod solved;
mod symbols;
mod table;
mod views;
mod warn;

pub(crate) use cached::uncached;
pub use facts::{Allowed, Answer, Facts, RuleFacts, facts};
pub use parts::{Parts, Superfluous};
pub(crate) use warn::warnings;

/// The codes of this stage, sorted.
pub const CODES: &[&str] = &["F0301", "F0320", "F0321", "F0322", "F0323", "F0324"];
