//! Conditions on arguments, as foreign policies have them, in the words of the language: which
//! field of a call on an ABI, which of its values, and how a person would write that.

pub(crate) mod conditions;
pub(crate) mod names;
pub(crate) mod predicate;
pub(crate) mod values;
