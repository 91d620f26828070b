//! What the lints say about rules is so: a call that is to show something shows it, and of
//! what there is to be none, there is none among the boundary calls.

use std::collections::BTreeSet;

use arbitrary::{Result, Unstructured};
use filterc::lints::facts;
use filterc::{Source, compile};
use filterc_abi::{Action, SeccompData};
use filterc_cbpf::const_allow;
use filterc_check::rules::{Answer, Facts};
use filterc_hir::eval::{Reason, decide, eval, holds};
use filterc_hir::expr::Predicate;
use filterc_hir::policy::{AbiPolicy, Policy, RuleId, Selector};
use filterc_testkit::{boundary, corpus};

use crate::generate::policy;

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let text = policy::policy(u)?;
    let source = Source::text(text.as_str(), text.as_str());
    let Ok(compiled) = compile(&source, &corpus::options()) else { return Ok(()) };
    let policy = compiled.policy();
    let facts = facts(policy);
    let calls = boundary::calls(policy, 16);
    let decided: BTreeSet<RuleId> =
        calls.iter().filter_map(|call| decided_by(policy, call)).collect();
    for (rule, of) in (0..).map(RuleId).zip(&facts.rules) {
        let shows = |answer: Answer, is: &dyn Fn(&SeccompData) -> bool| match answer {
            Answer::Yes(witness) => {
                let call = facts.call(witness);
                assert!(is(&call), "{rule:?} {call:x?}\n{text}");
            }
            Answer::No => {}
            Answer::Open => panic!("{rule:?} is open\n{text}"),
        };
        let alone = without(policy, &[rule].into());
        shows(of.holds, &|call| matches(policy, rule, call));
        shows(of.fails, &|call| !matches(policy, rule, call));
        shows(of.decides, &|call| decided_by(policy, call) == Some(rule));
        if of.matters == Answer::No {
            let changed = calls.iter().find(|call| eval(policy, call) != eval(&alone, call));
            // Alone, a rule may matter only because of one that is gone before it.
            assert!(changed.is_none() || !is_last_gone(&facts, rule), "{rule:?}\n{text}");
        }
        assert!(of.decides != Answer::No || !decided.contains(&rule), "{rule:?}\n{text}");
        let held = || calls.iter().any(|call| matches(policy, rule, call));
        assert!(of.holds != Answer::No || !held(), "{rule:?}\n{text}");
    }
    removal_changes_nothing(policy, &facts, &calls, &text);
    for allowed in &facts.allowed {
        let arch = allowed.abi.audit_arch;
        for call in calls.iter().filter(|call| call.arch == arch) {
            let is_one = allowed.numbers.contains(&call.nr.cast_unsigned());
            assert!(!is_one || eval(policy, call) == Action::Allow, "{call:x?}\n{text}");
        }
    }
    for program in compiled.programs() {
        for part in policy.abis().iter().filter(|part| part.abi().endian == program.endian()) {
            for nr in boundary::numbers(part).into_iter().filter(|nr| is_always_allowed(part, *nr))
            {
                let arch = part.abi().audit_arch;
                let is_cached = const_allow(program.verified(), nr.cast_signed(), arch);
                assert!(is_cached, "{nr} on {}\n{text}", part.abi().name);
            }
        }
    }
    Ok(())
}

fn decided_by(policy: &Policy, call: &SeccompData) -> Option<RuleId> {
    match decide(policy, call).reason {
        Reason::Rule(rule) => Some(rule),
        Reason::Default | Reason::Unknown | Reason::Foreign => None,
    }
}

/// Whether a rule names a call, and its predicate holds.
fn matches(policy: &Policy, rule: RuleId, call: &SeccompData) -> bool {
    let nr = call.nr.cast_unsigned();
    let is_of = |part: &&AbiPolicy| part.abi().audit_arch == call.arch && part.abi().admits(nr);
    policy.abis().iter().filter(is_of).any(|part| {
        part.arms().iter().filter(|arm| arm.rule == rule).any(|arm| {
            let covers = match arm.selector {
                Selector::Nr(number) => number == nr,
                Selector::Range(first, last) => first <= nr && nr <= last,
                Selector::Known => part.has(nr),
            };
            covers && holds(&arm.predicate, call)
        })
    })
}

/// Whether no later rule is gone when this one is judged.
fn is_last_gone(facts: &Facts, rule: RuleId) -> bool {
    let mut later = facts.rules.iter().skip(rule.0 as usize + 1);
    later.all(|of| of.matters != Answer::No)
}

fn removal_changes_nothing(policy: &Policy, facts: &Facts, calls: &[SeccompData], text: &str) {
    let rules = (0..).map(RuleId).zip(&facts.rules);
    let gone = rules.filter(|(_, of)| of.matters == Answer::No).map(|(rule, _)| rule).collect();
    let rest = without(policy, &gone);
    for call in calls {
        assert_eq!(eval(&rest, call), eval(policy, call), "without {gone:?}: {call:x?}\n{text}");
    }
}

/// The policy without some of its rules.
fn without(policy: &Policy, gone: &BTreeSet<RuleId>) -> Policy {
    let parts = policy.abis().iter().map(|part| {
        let arms = part.arms().iter().filter(|arm| !gone.contains(&arm.rule)).cloned().collect();
        let (default, unknown) = (part.default_action(), part.unknown_action());
        AbiPolicy::new(part.abi(), part.kernel(), default, unknown, arms)
    });
    Policy::new(parts.collect(), policy.foreign_action(), policy.rules().to_vec())
}

/// Whether the first rule that names a call allows it without a predicate.
fn is_always_allowed(part: &AbiPolicy, nr: u32) -> bool {
    let mut arms = part.arms().iter().filter(|arm| match arm.selector {
        Selector::Nr(number) => number == nr,
        Selector::Range(first, last) => first <= nr && nr <= last,
        Selector::Known => part.has(nr),
    });
    part.abi().admits(nr)
        && arms
            .next()
            .is_some_and(|arm| arm.action == Action::Allow && arm.predicate == Predicate::True)
}
