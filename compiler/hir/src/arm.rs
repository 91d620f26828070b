//! One rule about one call: what policies are made of.

use filterc_abi::Action;

use crate::expr::Predicate;

/// A rule of the source, by its position in the ordered list (0 is the first).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u32);

/// Which calls an arm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The call with this number.
    Nr(u32),
    /// Every number between two, both included, whether a call has it or not. −1 is never among
    /// them, and of a number of another ABI behind the same token nothing is said. The arm's
    /// predicate does not ask for `nr`: the range says which numbers are meant.
    Range(u32, u32),
    /// `any`: every call that the policy's kernel has. A newer number is covered only
    /// by its own name or number.
    Known,
}

/// One (rule, call) pair: the predicate is resolved against that call's fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm {
    /// The rule that it is of.
    pub rule: RuleId,
    /// The calls.
    pub selector: Selector,
    /// When.
    pub predicate: Predicate,
    /// What then.
    pub action: Action,
}
