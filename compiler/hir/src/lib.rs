//! What a policy means: names resolved against the kernel's tables, predicates typed
//! with the width and sign that the kernel uses, and the reference semantics.
//!
//! A [`policy::Policy`] is made from syntax trees by `check`, or by hand through
//! constructors that keep its invariants.

pub mod eval;
pub mod expr;
pub mod policy;
pub mod types;
