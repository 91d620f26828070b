//! What a policy means: names resolved against the kernel's tables, predicates typed
//! with the width and sign that the kernel uses, and the reference semantics.
//!
//! A [`policy::Policy`] is made from syntax trees by `check`, or by hand through
//! constructors that keep its invariants.

pub mod abi_name;
mod absent;
pub mod advice;
pub mod algebra;
mod arm;
mod arms;
mod asked;
mod asked_labels;
mod asked_numbers;
mod asking;
mod builtin;
pub mod check;
mod comm;
mod consteval;
pub mod error;
pub mod eval;
pub mod event;
mod event_fault;
mod example;
pub mod expr;
mod facts;
mod fallback;
mod families;
mod fate;
mod field;
mod findings;
mod header;
mod labels;
pub mod limits;
mod lints;
mod masks;
mod memory;
mod message;
mod nearest;
mod needs;
mod newer;
mod numbers;
mod on_abi;
mod options;
mod order;
mod outcomes;
mod params;
mod paths;
pub mod policy;
mod predicate;
pub mod query;
pub mod questions;
mod raced;
mod raw;
mod reason;
mod resolve;
mod scope;
pub mod sequences;
mod sets;
pub mod settled;
pub mod sight;
mod spelling;
mod steps;
mod test;
pub mod types;
mod unasked;
mod wording;

pub use check::{Checked, Options};
pub use sight::Sight;
