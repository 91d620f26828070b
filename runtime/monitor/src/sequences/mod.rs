//! Sequences of a policy: what happened before decides.

mod automaton;

pub use automaton::{Automaton, MAX_TASKS, Moment, Within};
