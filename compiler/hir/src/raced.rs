//! Calls about which a policy asks for memory, and that would then go on: other threads can change
//! the memory before the kernel looks at it.
//!
//! A monitor that performs the call itself looks and acts on its own copy; one that only refuses
//! after it has looked lets nothing through. Whatever else reads memory and may let the call go on
//! can be raced, and is an error unless the policy says `racy`.

use filterc_abi::Action;
use filterc_grammar::ast::{Statement, StatementKind};
use filterc_grammar::source::Span;

use crate::error::{Kind, Unasked};
use crate::eval;
use crate::expr::{Predicate, Relation, Test};
use crate::findings::{Calls, Findings, Subject};
use crate::policy::AbiPolicy;
use crate::questions::{Question, performed};
use crate::resolve::{self, Entry};
use crate::scope::Scope;
use crate::types::Place;

/// The calls that `racy` statements name.
pub(crate) fn named<'a>(
    statements: &'a [Statement],
    scope: &Scope<'a>,
    calls: &mut resolve::Calls<'a>,
    findings: &mut Findings,
) -> Vec<Entry<'a>> {
    let mut named = Vec::new();
    for Statement { span, kind } in statements {
        let StatementKind::Racy(list) = kind else { continue };
        let mut entries = Vec::with_capacity(list.len());
        calls.entries(scope, list, &mut entries, findings);
        for entry in entries {
            match entry {
                Entry::Name(_) | Entry::Any => named.push(entry),
                Entry::Number(_) | Entry::Range(..) => {
                    findings.add(*span, Kind::Unasked(Unasked::RacyNumber));
                }
            }
        }
    }
    named
}

/// Tells of each such call, at the first rule that asks for memory.
pub(crate) fn refuse(
    (part, abi_index): (&AbiPolicy, usize),
    questions: &[Question],
    spans: &[Span],
    findings: &mut Findings,
) {
    // Most policies ask for nothing.
    if !questions.iter().any(|question| question.asked.is_in_memory()) {
        return;
    }
    let abi = part.abi();
    for call in abi.syscalls() {
        if performed(call.name) || part.is_racy(call.nr) {
            continue;
        }
        let case = eval::case_of(part, call.nr);
        let mut arms = case.arms.iter();
        let Some(first) = arms.find(|arm| asks_memory(&arm.predicate, questions)) else { continue };
        let goes_on = |action: Action| matches!(action, Action::Allow | Action::Log);
        let mut rest = std::iter::once(first).chain(arms);
        let mut ends = false;
        let lets_through = rest.any(|arm| {
            let reached = !ends;
            ends |= arm.predicate == Predicate::True;
            reached && goes_on(arm.action)
        });
        if !lets_through && (ends || !goes_on(case.otherwise.action)) {
            continue;
        }
        let at = usize::try_from(first.rule.0).ok().and_then(|rule| spans.get(rule));
        let subject = Subject { abi, abi_index, calls: Calls::One(call), used_by: None };
        if let Some(span) = at {
            findings.about(*span, Kind::Unasked(Unasked::Raced), subject);
        }
    }
}

/// Whether some question of a predicate is one about memory.
fn asks_memory(predicate: &Predicate, questions: &[Question]) -> bool {
    match predicate {
        Predicate::True | Predicate::False => false,
        Predicate::Not(inner) => asks_memory(inner, questions),
        Predicate::And(parts) | Predicate::Or(parts) => {
            parts.iter().any(|part| asks_memory(part, questions))
        }
        Predicate::Test(test) => places(test).into_iter().flatten().any(|place| match place {
            Place::Answer(question) => {
                let question = questions.get(usize::from(question));
                question.is_some_and(|question| question.asked.is_in_memory())
            }
            Place::Nr
            | Place::Arch
            | Place::InstructionPointer
            | Place::Arg(_)
            | Place::Pair { .. }
            | Place::Fact(_)
            | Place::Param(_) => false,
        }),
    }
}

fn places(test: &Test) -> [Option<Place>; 2] {
    let other = match test.relation() {
        Relation::Field(_, other) => Some(other.place()),
        Relation::Compare(..) | Relation::In(_) => None,
    };
    [Some(test.field().place()), other]
}
