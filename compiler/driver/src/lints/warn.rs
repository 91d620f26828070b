//! The facts about rules as warnings.

use std::collections::BTreeSet;

use filterc_check::rules::{Answer, Facts, Parts, RuleFacts, Superfluous, Written};
use filterc_grammar::ast::{self, Statement, StatementKind};
use filterc_grammar::diagnostic::{Code, Diagnostic};
use filterc_grammar::source::{FileId, Span};
use filterc_hir::expr::Predicate;
use filterc_hir::policy::{Policy, RuleId, Selector};

use super::judge::budget;
use super::written::written;

const SHADOWED: Code = Code("F0301");
const NEVER_HOLDS: Code = Code("F0320");
const ALWAYS_HOLDS: Code = Code("F0321");
const CHANGES_NOTHING: Code = Code("F0322");
const SUPERFLUOUS_PART: Code = Code("F0324");

/// An earlier stage's: a test of `nr` or `arch` that the rule's calls settle.
const SETTLED_TEST: &str = "F0309";

/// Rules that one warning points at; the others are counted.
const MAX_SHOWN: usize = 4;

/// The warnings about the rules of the policy's own file. `told` are those of earlier stages.
pub(crate) fn warnings(
    policy: &Policy,
    statements: &[Statement],
    facts: &Facts,
    told: &[Diagnostic],
) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    let budget = budget();
    let mut parts = Parts::new(policy, &budget);
    let mut settled: Vec<Span> = told
        .iter()
        .filter(|diagnostic| diagnostic.code.0 == SETTLED_TEST)
        .flat_map(|diagnostic| diagnostic.primary.iter().chain(&diagnostic.secondary))
        .map(|label| label.span)
        .collect();
    settled.sort_unstable();
    let mut facts = (0..).map(RuleId).zip(&facts.rules);
    for Statement { span, kind } in statements {
        let StatementKind::Rule(rule) = kind else { continue };
        let Some((id, facts)) = facts.next() else { break };
        if span.file == FileId(0) {
            let about = About { policy, id, span: *span, rule, facts, settled: &settled };
            about.warn(&mut parts, &mut warnings);
        }
    }
    warnings
}

/// A rule that is judged.
struct About<'a> {
    policy: &'a Policy,
    id: RuleId,
    span: Span,
    rule: &'a ast::Rule,
    facts: &'a RuleFacts,
    /// Tests of which an earlier stage has told that they are settled, sorted.
    settled: &'a [Span],
}

impl About<'_> {
    /// The worst that is to be said of the rule: what follows from it is not said too.
    fn warn(&self, parts: &mut Parts<'_>, warnings: &mut Vec<Diagnostic>) {
        let predicate = self.rule.predicate.as_ref().filter(|predicate| !predicate.is_true());
        let is_told = self.is_settled_within(self.span);
        let facts = self.facts;
        if let Some(predicate) = predicate.filter(|_| facts.holds == Answer::No) {
            warnings.extend((!is_told).then(|| self.never_holds(predicate, parts)));
        } else if facts.decides == Answer::No && !facts.decided_by.is_empty() {
            warnings.push(self.shadowed());
        } else if facts.matters == Answer::No && !self.settles_a_multiplexer() {
            warnings.push(self.changes_nothing());
        } else if let Some(predicate) = predicate.filter(|_| facts.fails == Answer::No) {
            warnings.extend((!is_told).then(|| self.always_holds(predicate)));
        } else if let Some(predicate) = predicate {
            self.parts(predicate, parts, warnings);
        }
    }

    fn shadowed(&self) -> Diagnostic {
        let message = "this rule never decides anything";
        let label = "earlier rules decide all its calls";
        let warning = Diagnostic::warning(SHADOWED, self.span, message, label);
        let warning = self.point(warning, &self.facts.decided_by, "this one decides first");
        warning.with_help("remove it, or move it up")
    }

    fn never_holds(&self, predicate: &ast::Predicate, parts: &mut Parts<'_>) -> Diagnostic {
        let message = "this rule's predicate never holds";
        let conflict = parts.conflict(self.id, &written(predicate));
        let help = "correct it, or remove the rule: it decides nothing";
        let [first @ .., last] = conflict.as_slice() else {
            let label = "there is no call for which it does";
            return Diagnostic::warning(NEVER_HOLDS, predicate.span, message, label)
                .with_help(help);
        };
        let label = if first.is_empty() {
            "this holds for no call"
        } else {
            "this excludes the other condition"
        };
        let label = if first.len() > 1 { "this excludes the other conditions" } else { label };
        let warning = Diagnostic::warning(NEVER_HOLDS, *last, message, label);
        let point = |warning: Diagnostic, span: &Span| warning.with_secondary(*span, "");
        first.iter().fold(warning, point).with_help(help)
    }

    fn always_holds(&self, predicate: &ast::Predicate) -> Diagnostic {
        let message = "this rule's predicate always holds";
        let label = "there is no call of the rule for which it does not";
        Diagnostic::warning(ALWAYS_HOLDS, predicate.span, message, label)
            .with_help("leave it out, or correct it")
    }

    fn changes_nothing(&self) -> Diagnostic {
        let message = "this rule changes nothing";
        let followed_by = &self.facts.followed_by;
        let label = if followed_by.is_empty() {
            "without it, the default decides its calls in the same way"
        } else {
            "without it, its calls are decided in the same way"
        };
        let warning = Diagnostic::warning(CHANGES_NOTHING, self.span, message, label);
        self.point(warning, followed_by, "this one would decide")
            .with_help("remove it, or turn it into a comment if it is there for the reader")
    }

    /// Points at rules, the first few of them.
    fn point(&self, warning: Diagnostic, rules: &BTreeSet<RuleId>, label: &str) -> Diagnostic {
        let more = rules.len().saturating_sub(MAX_SHOWN);
        let mut warning = warning;
        for (position, rule) in rules.iter().take(MAX_SHOWN).enumerate() {
            let Some(origin) = self.policy.rules().get(rule.0 as usize) else { continue };
            let label = match (more, position + 1 == MAX_SHOWN) {
                (1, true) => format!("{label}, and so does one more"),
                (2.., true) => format!("{label}, and so do {more} more"),
                (0, _) | (_, false) => label.to_owned(),
            };
            warning = warning.with_secondary(origin.span, label);
        }
        warning
    }

    fn parts(
        &self,
        predicate: &ast::Predicate,
        parts: &mut Parts<'_>,
        warnings: &mut Vec<Diagnostic>,
    ) {
        let written = written(predicate);
        // What is not certain of the rule is not certain of its parts.
        if !has_parts(&written) || [self.facts.fails, self.facts.holds].contains(&Answer::Open) {
            return;
        }
        let mut superfluous = parts.superfluous(self.id, &written);
        superfluous.retain(|part| !self.is_settled_within(part.part));
        superfluous.sort_unstable_by_key(|part| part.part);
        warnings.extend(superfluous.iter().map(superfluous_part));
    }

    /// Whether an earlier stage has told that a test within a span is settled.
    fn is_settled_within(&self, span: Span) -> bool {
        let first = self.settled.partition_point(|settled| *settled < Span { end: 0, ..span });
        self.settled.get(first).is_some_and(|settled| is_within(*settled, span))
    }

    /// Whether the rule says what becomes of a multiplexer. Where other rules have a
    /// predicate on what travels through it, the checker asks for such a rule, so it is not
    /// to be called superfluous.
    fn settles_a_multiplexer(&self) -> bool {
        self.policy.abis().iter().any(|part| {
            let is_multiplexer = |nr: u32| {
                let call = part.abi().syscall_by_nr(nr);
                let mut sub_calls = part.abi().sub_calls().iter();
                call.is_some_and(|call| sub_calls.any(|sub| sub.multiplexer == call.name))
            };
            let first = part.arms().partition_point(|arm| arm.rule < self.id);
            let mut arms = part.arms().iter().skip(first).take_while(|arm| arm.rule == self.id);
            arms.any(|arm| match arm.selector {
                Selector::Nr(nr) => arm.predicate == Predicate::True && is_multiplexer(nr),
                Selector::Range(first, last) => {
                    let within = |nr: u32| first <= nr && nr <= last && is_multiplexer(nr);
                    let mut calls = part.abi().syscalls().iter();
                    arm.predicate == Predicate::True && calls.any(|call| within(call.nr))
                }
                Selector::Known => false,
            })
        })
    }
}

fn superfluous_part(part: &Superfluous<Span>) -> Diagnostic {
    let message = if part.is_alternative {
        "this alternative changes nothing"
    } else {
        "this condition changes nothing"
    };
    let label = match (part.is_alternative, part.is_constant) {
        (true, true) => "it never holds here",
        (true, false) => "the other alternatives cover it",
        (false, true) => "it always holds here",
        (false, false) => "it holds wherever the other conditions do",
    };
    let warning = Diagnostic::warning(SUPERFLUOUS_PART, part.part, message, label);
    let because = if part.is_alternative { "this one covers it" } else { "this one implies it" };
    let point = |warning: Diagnostic, span| warning.with_secondary(span, because);
    part.because_of.into_iter().fold(warning, point).with_help("leave it out, or correct it")
}

/// Whether one span lies within another.
pub(crate) fn is_within(inner: Span, outer: Span) -> bool {
    inner.file == outer.file && outer.start <= inner.start && inner.end <= outer.end
}

fn has_parts(written: &Written<Span>) -> bool {
    match written {
        Written::Any(_) | Written::All(_) => true,
        Written::Not(inner) => has_parts(inner),
        Written::Whole => false,
    }
}
