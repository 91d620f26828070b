//! Policies in which each rule returns a value of its own, so that what decides a call can be asked
//! of the same engine as what becomes of it.

use filterc_abi::{Abi, Action};
use filterc_hir::eval::Reason;
use filterc_hir::policy::{AbiPolicy, Arm, Policy, RuleId, Selector};

/// Values that stand for what is no rule.
const OTHERS: u32 = 3;

/// Most values: 16 bits of data in each of two actions.
const MOST: u32 = 2 << 16;

/// The policy in which each rule, the default and the other cases return a value of their own;
/// `None` if there are more rules than values, which no filter can have.
#[must_use]
pub fn labelled(policy: &Policy) -> Option<Policy> {
    let rules = u32::try_from(policy.rules().len()).ok()?;
    if rules > MOST - OTHERS {
        return None;
    }
    let parts = policy.abis().iter().map(|part| {
        let arm = |arm: &Arm| Arm { action: label(Reason::Rule(arm.rule)), ..arm.clone() };
        let arms = part.arms().iter().map(arm).collect();
        let (default, unknown) = (label(Reason::Default), label(Reason::Unknown));
        AbiPolicy::new(part.abi(), part.kernel(), default, unknown, arms)
    });
    let rules = policy.rules().to_vec();
    Some(Policy::new(parts.collect(), label(Reason::Foreign), rules))
}

/// The part of a policy that decides about one number: the same decision, found in less time.
#[must_use]
pub fn only(policy: &Policy, arch: u32, nr: u32) -> Policy {
    let of_call = |part: &&AbiPolicy| part.abi().audit_arch == arch && part.abi().admits(nr);
    let parts = policy.abis().iter().filter(of_call).map(|part| {
        let about = |arm: &&Arm| match arm.selector {
            Selector::Nr(number) => number == nr,
            Selector::Range(first, last) => (first..=last).contains(&nr),
            Selector::Known => part.has(nr),
        };
        let arms = part.arms().iter().filter(about).cloned().collect();
        let (default, unknown) = (part.default_action(), part.unknown_action());
        AbiPolicy::new(part.abi(), part.kernel(), default, unknown, arms)
    });
    Policy::new(parts.collect(), policy.foreign_action(), policy.rules().to_vec())
}

fn label(reason: Reason) -> Action {
    let number = match reason {
        Reason::Default => 0,
        Reason::Unknown => 1,
        Reason::Foreign => 2,
        Reason::Rule(rule) => rule.0.saturating_add(OTHERS),
    };
    let data = u16::try_from(number & 0xffff).unwrap_or_default();
    if number > 0xffff { Action::Trap(data) } else { Action::Trace(data) }
}

/// What a labelled policy's value stands for.
#[must_use]
pub fn reason(value: u32) -> Option<Reason> {
    let number = match Action::from_ret(value) {
        Action::Trace(data) => u32::from(data),
        Action::Trap(data) => 0x1_0000 + u32::from(data),
        Action::Allow
        | Action::Log
        | Action::Notify
        | Action::Errno(_)
        | Action::KillThread
        | Action::KillProcess => return None,
    };
    Some(match number {
        0 => Reason::Default,
        1 => Reason::Unknown,
        2 => Reason::Foreign,
        rule => Reason::Rule(RuleId(rule - OTHERS)),
    })
}

/// What a policy does for a reason, on an ABI; `None` is one that it does not list.
#[must_use]
pub fn action(policy: &Policy, abi: Option<&Abi>, reason: Reason) -> Action {
    let Some(part) = abi.and_then(|abi| policy.abi(abi)) else { return policy.foreign_action() };
    match reason {
        Reason::Foreign => policy.foreign_action(),
        Reason::Unknown => part.unknown_action(),
        Reason::Default => part.default_action(),
        Reason::Rule(rule) => {
            let arm = part.arms().iter().find(|arm| arm.rule == rule);
            arm.map_or_else(|| part.default_action(), |arm| arm.action)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_they_were_made() {
        let rules = [0, 1, 0xfffc, 0xfffd, 0xffff, 0x1_0000, MOST - OTHERS - 1];
        let rules = rules.into_iter().map(|rule| Reason::Rule(RuleId(rule)));
        for it in rules.chain([Reason::Default, Reason::Unknown, Reason::Foreign]) {
            assert_eq!(reason(label(it).to_ret()), Some(it));
        }
        assert_eq!(reason(Action::Allow.to_ret()), None);
    }
}
