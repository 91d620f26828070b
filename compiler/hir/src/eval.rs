//! The reference semantics: what a policy decides about one call.
//!
//! This is the specification. Everything else in the project (the decision DAG before
//! and after each pass, the emitted program, the proof) is held against it, so it is
//! written to be read, not to be fast.
//!
//! The order of questions is that of `design/language.md` section 1: is the ABI listed;
//! does the policy's kernel have the number, or does a rule name it; then the rules, of
//! which the first that names the call and whose predicate holds decides; then the default.
//! Predicates are one text over an [`Algebra`]: numbers here, formulas in a proof.

use filterc_abi::{Action, SeccompData};

use crate::algebra::{Algebra, Concrete};
use crate::expr::{CmpOp, Predicate, Relation, Test};
use crate::policy::{AbiPolicy, Arm, Policy, RuleId, Selector};
use crate::types::Type;

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

/// The action for a call. A parameter that has no value ([`Policy::bound`]) counts as 0.
#[must_use]
pub fn eval(policy: &Policy, call: &SeccompData) -> Action {
    decide_with(policy, &[], call).action
}

/// The action for a call, parameters having these values.
#[must_use]
pub fn eval_with(policy: &Policy, params: &[u64], call: &SeccompData) -> Action {
    decide_with(policy, params, call).action
}

/// The action for a call, and what decided it; see [`eval`].
#[must_use]
pub fn decide(policy: &Policy, call: &SeccompData) -> Decision {
    decide_with(policy, &[], call)
}

/// The action for a call, parameters having these values, and what decided it.
#[must_use]
pub fn decide_with(policy: &Policy, params: &[u64], call: &SeccompData) -> Decision {
    let case = case(policy, call.arch, call.nr.cast_unsigned());
    match case.arms.into_iter().find(|arm| holds_with(&arm.predicate, params, call)) {
        Some(arm) => Decision { action: arm.action, reason: Reason::Rule(arm.rule) },
        None => case.otherwise,
    }
}

/// What a policy has to say about one number of one ABI.
#[derive(Clone, Debug)]
pub struct Case<'p> {
    /// The arms that are about it: the first whose predicate holds decides.
    pub arms: Vec<&'p Arm>,
    /// What decides if none does.
    pub otherwise: Decision,
}

/// The part of a policy that is about calls with this token and number.
#[must_use]
pub fn case(policy: &Policy, arch: u32, nr: u32) -> Case<'_> {
    let of_abi = |part: &&AbiPolicy| part.abi().audit_arch == arch && part.abi().admits(nr);
    let nothing =
        |action, reason| Case { arms: Vec::new(), otherwise: Decision { action, reason } };
    let Some(part) = policy.abis().iter().find(of_abi) else {
        return nothing(policy.foreign_action(), Reason::Foreign);
    };
    case_of(part, nr)
}

/// The part of a policy for one ABI that is about a number of it.
#[must_use]
pub fn case_of(part: &AbiPolicy, nr: u32) -> Case<'_> {
    let nothing =
        |action, reason| Case { arms: Vec::new(), otherwise: Decision { action, reason } };
    if !part.has(nr) && !part.names(nr) {
        return nothing(part.unknown_action(), Reason::Unknown);
    }
    let arms = part.arms().iter().filter(|arm| covers(part, arm, nr)).collect();
    Case { arms, ..nothing(part.default_action(), Reason::Default) }
}

/// Whether an arm is about a number.
fn covers(part: &AbiPolicy, arm: &Arm, nr: u32) -> bool {
    match arm.selector {
        Selector::Nr(number) => number == nr,
        Selector::Range(first, last) => first <= nr && nr <= last,
        Selector::Known => part.has(nr),
    }
}

/// Whether a predicate holds for a call.
#[must_use]
pub fn holds(predicate: &Predicate, call: &SeccompData) -> bool {
    holds_with(predicate, &[], call)
}

/// Whether a predicate holds for a call, parameters having these values.
#[must_use]
pub fn holds_with(predicate: &Predicate, params: &[u64], call: &SeccompData) -> bool {
    truth(&mut Concrete { call, params }, predicate)
}

/// Whether a test holds for a call.
pub(crate) fn test_holds(test: &Test, params: &[u64], call: &SeccompData) -> bool {
    test_truth(&mut Concrete { call, params }, test)
}

/// Whether a predicate holds, in any algebra.
pub fn truth<A: Algebra>(algebra: &mut A, predicate: &Predicate) -> A::Bool {
    match predicate {
        Predicate::True => algebra.truth(true),
        Predicate::False => algebra.truth(false),
        Predicate::Not(inner) => {
            let inner = truth(algebra, inner);
            algebra.not(inner)
        }
        Predicate::And(parts) => algebra.all(parts, truth),
        Predicate::Or(parts) => algebra.some(parts, truth),
        Predicate::Test(test) => test_truth(algebra, test),
    }
}

/// Whether a test holds, in any algebra.
fn test_truth<A: Algebra>(algebra: &mut A, test: &Test) -> A::Bool {
    let ty = test.field().ty();
    let left = algebra.read(test.field().place(), test.mask());
    match test.relation() {
        Relation::Compare(op, bits) => {
            let right = algebra.bits(*bits);
            compare(algebra, *op, ty, &left, &right)
        }
        Relation::In(ranges) => algebra.some(ranges, |algebra, range| {
            let (first, last) = (algebra.bits(range.first()), algebra.bits(range.last()));
            let from = compare(algebra, CmpOp::Ge, ty, &left, &first);
            let to = compare(algebra, CmpOp::Le, ty, &left, &last);
            algebra.and(from, to)
        }),
        // Equality is of bits: the two fields have one width, but perhaps not one sign.
        Relation::Field(op, other) => {
            let right = algebra.read(other.place(), other.ty().mask());
            compare(algebra, *op, ty, &left, &right)
        }
    }
}

/// Whether two words compare so; ordering is that of the type.
fn compare<A: Algebra>(
    algebra: &mut A,
    op: CmpOp,
    ty: Type,
    left: &A::Word,
    right: &A::Word,
) -> A::Bool {
    match op {
        CmpOp::Eq => algebra.equal(left, right),
        CmpOp::Ne => {
            let equal = algebra.equal(left, right);
            algebra.not(equal)
        }
        CmpOp::Lt => algebra.less(ty, left, right),
        CmpOp::Gt => algebra.less(ty, right, left),
        CmpOp::Le => {
            let greater = algebra.less(ty, right, left);
            algebra.not(greater)
        }
        CmpOp::Ge => {
            let less = algebra.less(ty, left, right);
            algebra.not(less)
        }
    }
}

#[cfg(test)]
#[path = "eval_tests.rs"]
mod tests;
