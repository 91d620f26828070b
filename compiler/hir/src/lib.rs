//! What a policy means: names resolved against the kernel's tables, predicates typed
//! with the width and sign that the kernel uses, and the reference semantics.
//!
//! A [`policy::Policy`] is made from syntax trees by `check`, or by hand through
//! constructors that keep its invariants.

pub mod abi_name;
mod arms;
mod builtin;
pub mod check;
mod consteval;
pub mod error;
pub mod eval;
mod example;
pub mod expr;
mod field;
mod findings;
mod header;
pub mod limits;
mod lints;
mod message;
mod numbers;
mod options;
mod order;
mod outcomes;
pub mod policy;
mod predicate;
mod reason;
mod resolve;
mod scope;
mod test;
pub mod types;

pub use check::{Checked, Options};
