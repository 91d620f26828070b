//! Parts found by cases against those found by diagrams.

use filterc_abi::{Action, KernelVersion, abi};
use filterc_hir::policy::{AbiPolicy, Arm, RuleOrigin, Selector};
use filterc_hir::types::{Field, Place};

use super::*;
use crate::random::{Rng, field, predicate};

/// A predicate as it would be written, parts numbered.
fn written(predicate: &Predicate, next: &mut usize) -> Written<usize> {
    let mut all = |parts: &[Predicate]| {
        let number = |part: &Predicate| {
            *next += 1;
            (*next, written(part, next))
        };
        parts.iter().map(number).collect()
    };
    match predicate {
        Predicate::And(parts) => Written::All(all(parts)),
        Predicate::Or(parts) => Written::Any(all(parts)),
        Predicate::Not(inner) => Written::Not(Box::new(written(inner, next))),
        Predicate::True | Predicate::False | Predicate::Test(_) => Written::Whole,
    }
}

/// Fields of few bits, in these registers.
fn fields([a, b]: [u8; 2]) -> [Field; 4] {
    [
        field(Place::Arg(a), 2, false),
        field(Place::Arg(b), 2, false),
        field(Place::Arg(b), 3, true),
        field(Place::InstructionPointer, 1, false),
    ]
}

#[test]
fn cases_find_what_diagrams_find() {
    let budget = Budget::default();
    let mut rng = Rng(1);
    let (mut by_cases, mut superfluous, mut because_of) = (0, 0, 0);
    for _ in 0..3_000 {
        let seed = rng.next(1 << 30);
        // The same words in other registers, for another call.
        let views = [[0, 1], [1, 0], [2, 3]]
            .map(|registers| predicate(&mut Rng(seed), &fields(registers), 3));
        let written = written(&views[0], &mut 0);
        let arm = |(nr, predicate): (u32, &Predicate)| {
            let selector = Selector::Nr(nr);
            Arm { rule: RuleId(0), selector, predicate: predicate.clone(), action: Action::Allow }
        };
        let count = usize::try_from(1 + rng.next(3)).unwrap();
        let arms = (0..).zip(views.iter().take(count)).map(arm).collect();
        let (refuse, kernel) = (Action::KillProcess, KernelVersion::TABLE);
        let part = AbiPolicy::new(abi("x86_64").unwrap(), kernel, refuse, refuse, arms);
        let origin = RuleOrigin { span: filterc_grammar::source::Span::default() };
        let policy = Policy::new(vec![part], refuse, vec![origin]);
        let views = super::views(&policy, RuleId(0)).unwrap();
        let mut parts = Parts::new(&policy, &budget);
        let diagrams = parts.by_functions(&views, &written);
        superfluous += diagrams.len();
        because_of += diagrams.iter().filter(|part| part.because_of.is_some()).count();
        if let Ok(cases) = parts.by_cases(&views, &written) {
            assert_eq!(cases, diagrams, "{policy:?}");
            by_cases += 1;
        }
    }
    assert!(
        by_cases > 1_000 && superfluous > 1_000 && because_of > 200,
        "{by_cases} {superfluous} {because_of}"
    );
}
