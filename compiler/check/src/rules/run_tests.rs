//! Diagrams alone, against them with searches, and within budgets that do not do.

use filterc_abi::{Action, KernelVersion, abi};
use filterc_hir::eval::{Reason, decide, holds};
use filterc_hir::policy::{AbiPolicy, Arm, RuleOrigin, Selector};
use filterc_hir::types::Place;

use super::*;
use crate::random::{Rng, field, predicate};

/// Rules about three calls, one of which the kernel does not have.
fn policy(rng: &mut Rng) -> Policy {
    let signed = rng.next(2) == 0;
    let fields = [
        field(Place::Arg(0), 2, signed),
        field(Place::Arg(1), 2, signed),
        field(Place::Pair { lo: 1, hi: 2 }, 34, !signed),
        field(Place::Nr, 32, true),
    ];
    let actions = [Action::Allow, Action::Log, Action::Errno(1)];
    let rules = 1 + rng.next(6);
    let mut arms = Vec::new();
    for rule in (0..).map(RuleId).take(usize::try_from(rules).unwrap()) {
        let action = rng.pick(&actions);
        let selectors = [&[Selector::Nr(0), Selector::Nr(1)][..], &[Selector::Nr(1)]];
        let selectors = [selectors[0], selectors[1], &[Selector::Nr(9999)], &[Selector::Known]];
        let ranges = [&[Selector::Range(0, 1)][..], &[Selector::Range(1, 9999)]];
        let selectors = [&selectors[..], &ranges].concat();
        for selector in rng.pick(&selectors) {
            let predicate = match rng.next(8) {
                0 => Predicate::True,
                1 => Predicate::False,
                // One on a range does not ask for the number.
                _ if matches!(selector, Selector::Range(..)) => predicate(rng, &fields[..4], 2),
                _ => predicate(rng, &fields, 2),
            };
            arms.push(Arm { rule, selector: *selector, predicate, action });
        }
    }
    let (default, unknown) = (rng.pick(&actions), rng.pick(&actions));
    let kernel = KernelVersion::TABLE;
    let part = AbiPolicy::new(abi("x86_64").unwrap(), kernel, default, unknown, arms);
    let origin = RuleOrigin { span: filterc_grammar::source::Span::default() };
    let origins = (0..rules).map(|_| origin).collect();
    Policy::new(vec![part], Action::KillProcess, origins)
}

/// Whether there is such a call; `None` if that is open.
fn is_there(answer: Answer) -> Option<bool> {
    match answer {
        Answer::Yes(_) => Some(true),
        Answer::No => Some(false),
        Answer::Open => None,
    }
}

/// The answers; the last depends on which of the later ones are known.
fn answers(of: &RuleFacts) -> [Answer; 4] {
    [of.holds, of.fails, of.decides, of.matters]
}

#[test]
fn searches_change_no_answer() {
    let mut rng = Rng(1);
    for _ in 0..400 {
        let policy = policy(&mut rng);
        let (all, diagrams) = (
            facts(&policy, &Budget::default()),
            look(&policy, &Budget::default(), Searches::none()),
        );
        for (rule, (with, alone)) in (0..).map(RuleId).zip(all.rules.iter().zip(&diagrams.rules)) {
            assert_eq!(answers(with).map(is_there), answers(alone).map(is_there), "{policy:?}");
            assert_eq!(with.decided_by, alone.decided_by, "{policy:?}");
            assert_eq!(with.followed_by, alone.followed_by, "{policy:?}");
            for (facts, answer) in [(&all, with.decides), (&diagrams, alone.decides)] {
                let Answer::Yes(witness) = answer else { continue };
                let call = facts.call(witness);
                assert_eq!(decide(&policy, &call).reason, Reason::Rule(rule), "{policy:?}");
            }
            let arms = policy.abis()[0].arms().iter().filter(|arm| arm.rule == rule);
            for (facts, answer) in [(&all, with.holds), (&diagrams, alone.holds)] {
                let Answer::Yes(witness) = answer else { continue };
                let call = facts.call(witness);
                assert!(arms.clone().any(|arm| holds(&arm.predicate, &call)), "{policy:?}");
            }
        }
        let allowed = |facts: Facts| {
            facts.allowed.into_iter().map(|a| (a.numbers, a.asks)).collect::<Vec<_>>()
        };
        assert_eq!(allowed(all), allowed(diagrams), "{policy:?}");
    }
}

#[test]
fn small_budgets_leave_open_and_are_never_wrong() {
    let mut rng = Rng(2);
    let mut open = 0;
    for _ in 0..60 {
        let policy = policy(&mut rng);
        let right = facts(&policy, &Budget::default());
        for steps in [0, 100, 1_000, 5_000, 20_000] {
            let budget = Budget { steps, ..Budget::default() };
            let few = Budget { nodes: usize::try_from(steps / 20).unwrap(), ..Budget::default() };
            for facts in [budget, few].map(|budget| look(&policy, &budget, Searches::none())) {
                for (right, of) in right.rules.iter().zip(&facts.rules) {
                    let pairs = answers(right).into_iter().zip(answers(of)).take(3);
                    for (right, of) in pairs {
                        open += usize::from(of == Answer::Open);
                        assert!([None, is_there(right)].contains(&is_there(of)), "{policy:?}");
                    }
                }
            }
        }
    }
    assert!(open > 200, "{open}");
}
