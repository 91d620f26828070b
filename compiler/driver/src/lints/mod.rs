//! Lints about rules that are exact for all inputs: a rule that never decides, a predicate
//! that never or always holds, a rule or a part of one that changes nothing, and calls that
//! the kernel could answer from its cache but for how the policy is written.
//!
//! The judge is [`filterc_check::rules`]; the warnings are made of what it says, and of a
//! policy that is too large for it there is none.
//!
//! Only rules of the policy's own file are judged. One of an included file may well be
//! shadowed by those before the `include`, or say what the default says: that is what
//! libraries are for. Only the cache is a matter of all rules together.

mod cached;
mod warn;
mod written;

use filterc_check::Budget;
use filterc_check::rules::{self, Facts};
use filterc_hir::policy::Policy;

pub(crate) use cached::uncached;
pub(crate) use warn::warnings;

/// The codes of this stage, sorted.
pub const CODES: &[&str] = &["F0301", "F0320", "F0321", "F0322", "F0323", "F0324"];

/// What the judge may spend on warnings: they are not worth what a proof is.
fn budget() -> Budget {
    Budget { nodes: 1 << 20, steps: 10 << 20, ..Budget::default() }
}

/// What is true of the rules of a policy, within what warnings are worth.
#[must_use]
pub fn facts(policy: &Policy) -> Facts {
    rules::facts(policy, &budget())
}
