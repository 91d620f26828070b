//! What the rules of a policy come to, exact for all calls: a rule that never decides, a
//! predicate that never or always holds, a rule or a part of one that changes nothing.
//!
//! [`facts()`] says what is true of each rule, with a call that shows it; [`Parts`] judges
//! what a rule's predicate is made of. Nothing is guessed: what the budget does not do for is
//! open.

mod cases;
mod facts;
mod group;
mod parts;
mod reach;
mod residual;
mod run;
mod search;
mod trim;
mod views;
mod written;

pub use facts::{Allowed, Answer, Facts, RuleFacts, Witness};
pub use parts::Parts;
pub use run::facts;
pub use written::{Superfluous, Written};
