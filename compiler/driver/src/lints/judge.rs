//! The judge, and what it may spend.

use filterc_check::Budget;
use filterc_check::rules::{self, Facts};
use filterc_hir::policy::Policy;

/// What the judge may spend on warnings: they are not worth what a proof is.
pub(crate) fn budget() -> Budget {
    Budget { nodes: 1 << 20, steps: 10 << 20, ..Budget::default() }
}

/// What is true of the rules of a policy, within what warnings are worth.
#[must_use]
pub fn facts(policy: &Policy) -> Facts {
    rules::facts(policy, &budget())
}
