//! The reference semantics: what a policy decides about one call.
//!
//! This is the specification. Everything else in the project (the decision DAG before
//! and after each pass, the emitted program, the proof) is held against it, so it is
//! written to be read, not to be fast.
//!
//! The order of questions is that of `design/language.md` section 1: is the ABI listed;
//! does the policy's kernel have the number, or does a rule name it; then the rules, of
//! which the first that names the call and whose predicate holds decides; then the default.

use filterc_abi::{Action, SeccompData};

use crate::expr::{Predicate, Relation, Test};
use crate::policy::{AbiPolicy, Arm, Policy, RuleId, Selector};

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// This rule matched first.
    Rule(RuleId),
    /// No rule matched.
    Default,
    /// The policy's kernel does not have the number, and no rule names it.
    Unknown,
    /// The call's ABI is not one that the policy lists.
    Foreign,
}

/// An action, and what decided it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decision {
    /// The action.
    pub action: Action,
    /// What decided it.
    pub reason: Reason,
}

/// The action for a call.
#[must_use]
pub fn eval(policy: &Policy, call: &SeccompData) -> Action {
    decide(policy, call).action
}

/// The action for a call, and what decided it.
#[must_use]
pub fn decide(policy: &Policy, call: &SeccompData) -> Decision {
    let nr = call.nr.cast_unsigned();
    let Some(part) = policy.abis().iter().find(|part| is_of_abi(part, call)) else {
        return Decision { action: policy.foreign_action(), reason: Reason::Foreign };
    };
    if !part.has(nr) && !part.named().contains(&nr) {
        return Decision { action: part.unknown_action(), reason: Reason::Unknown };
    }
    match part.arms().iter().find(|arm| covers(part, arm, nr) && holds(&arm.predicate, call)) {
        Some(arm) => Decision { action: arm.action, reason: Reason::Rule(arm.rule) },
        None => Decision { action: part.default_action(), reason: Reason::Default },
    }
}

/// Whether a call was made by this ABI: its token, without the mark of a foreign one.
fn is_of_abi(part: &AbiPolicy, call: &SeccompData) -> bool {
    let nr = call.nr.cast_unsigned();
    call.arch == part.abi().audit_arch && part.abi().admits(nr)
}

/// Whether an arm is about a number.
fn covers(part: &AbiPolicy, arm: &Arm, nr: u32) -> bool {
    match arm.selector {
        Selector::Nr(number) => number == nr,
        Selector::Known => part.has(nr),
    }
}

/// Whether a predicate holds for a call.
#[must_use]
pub fn holds(predicate: &Predicate, call: &SeccompData) -> bool {
    match predicate {
        Predicate::True => true,
        Predicate::False => false,
        Predicate::Not(inner) => !holds(inner, call),
        Predicate::And(parts) => parts.iter().all(|part| holds(part, call)),
        Predicate::Or(parts) => parts.iter().any(|part| holds(part, call)),
        Predicate::Test(test) => test_holds(test, call),
    }
}

/// Whether a test holds for a call: all arithmetic is on mathematical integers.
pub(crate) fn test_holds(test: &Test, call: &SeccompData) -> bool {
    let ty = test.field().ty();
    let left = ty.value(test.field().read(call) & test.mask());
    match test.relation() {
        Relation::Compare(op, bits) => op.holds(&left, &ty.value(*bits)),
        Relation::In(ranges) => {
            ranges.iter().any(|r| ty.value(r.first()) <= left && left <= ty.value(r.last()))
        }
        // Equality is of bits: the two fields have one width, but perhaps not one sign.
        Relation::Field(op, other) if !op.is_ordered() => {
            op.holds(&test.field().read(call), &other.read(call))
        }
        Relation::Field(op, other) => op.holds(&left, &other.ty().value(other.read(call))),
    }
}

#[cfg(test)]
#[path = "eval_tests.rs"]
mod tests;
