//! What a policy for a monitor decides about a call of which only the registers are known: one
//! action whatever the answers to its questions are, or not yet.
//!
//! This is what the kernel's part of a monitor is held against. It is the reference semantics, run
//! with answers that may be missing: where one is, both are tried.

use std::collections::BTreeMap;

use filterc_abi::{Action, SeccompData};

use crate::algebra::{Algebra, Logic};
use crate::eval::{self, Case};
use crate::policy::Policy;
use crate::types::{Field, Place, Type};

/// Ways through the answers that are tried.
const MAX_WAYS: usize = 1 << 16;

/// What registers say of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settled {
    /// It is this, whatever the answers are.
    Always(Action),
    /// Some answers lead to one action, and others to another.
    Depends,
    /// There are too many ways to try them all.
    Unknown,
}

/// What the registers of a call settle; `beside` are parameters and facts.
#[must_use]
pub fn settled(policy: &Policy, beside: &[u64], call: &SeccompData) -> Settled {
    let case = eval::case(policy, call.arch, call.nr.cast_unsigned());
    let mut waiting = vec![BTreeMap::new()];
    let mut only = None;
    for _ in 0..MAX_WAYS {
        let Some(given) = waiting.pop() else {
            return only.map_or(Settled::Unknown, Settled::Always);
        };
        let mut partial = Partial { call, beside, given: &given, missing: None };
        match decision(&case, &mut partial) {
            Some(action) if only.is_none_or(|only| only == action) => only = Some(action),
            Some(_) => return Settled::Depends,
            None => {
                // What is not known is so because an answer is missing.
                let Some(question) = partial.missing else { return Settled::Unknown };
                waiting.extend([false, true].map(|answer| {
                    let mut given = given.clone();
                    given.insert(question, answer);
                    given
                }));
            }
        }
    }
    Settled::Unknown
}

/// The first arm that holds decides; one of which that is not known makes all behind it unknown.
fn decision(case: &Case<'_>, partial: &mut Partial<'_>) -> Option<Action> {
    for arm in &case.arms {
        if eval::truth(partial, &arm.predicate)? {
            return Some(arm.action);
        }
    }
    Some(case.otherwise.action)
}

/// The algebra of one call and some answers: what is not known is `None`.
struct Partial<'c> {
    call: &'c SeccompData,
    beside: &'c [u64],
    given: &'c BTreeMap<u16, bool>,
    /// The first question that was missing.
    missing: Option<u16>,
}

impl Logic for Partial<'_> {
    type Bool = Option<bool>;

    fn truth(&mut self, value: bool) -> Option<bool> {
        Some(value)
    }

    fn known(&self, value: &Option<bool>) -> Option<bool> {
        *value
    }

    fn not(&mut self, value: Option<bool>) -> Option<bool> {
        value.map(|value| !value)
    }

    fn and(&mut self, left: Option<bool>, right: Option<bool>) -> Option<bool> {
        match (left, right) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), right) => right,
            (None, _) => None,
        }
    }

    fn or(&mut self, left: Option<bool>, right: Option<bool>) -> Option<bool> {
        match (left, right) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), right) => right,
            (None, _) => None,
        }
    }
}

impl Algebra for Partial<'_> {
    /// `None` is an answer that is missing.
    type Word = Option<u64>;

    fn read(&mut self, place: Place, mask: u64) -> Option<u64> {
        if let Place::Answer(question) = place {
            let given = self.given.get(&question).copied();
            if given.is_none() {
                self.missing.get_or_insert(question);
            }
            return given.map(|answer| u64::from(answer) & mask);
        }
        Some(Field::raw(place, self.call, self.beside) & mask)
    }

    fn bits(&mut self, bits: u64) -> Option<u64> {
        Some(bits)
    }

    fn equal(&mut self, left: &Option<u64>, right: &Option<u64>) -> Option<bool> {
        left.zip(*right).map(|(left, right)| left == right)
    }

    fn less(&mut self, ty: Type, left: &Option<u64>, right: &Option<u64>) -> Option<bool> {
        left.zip(*right).map(|(left, right)| ty.value(left) < ty.value(right))
    }
}
