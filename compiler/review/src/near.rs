//! Rules that nearly decided a call: what each asks for that the call does not have.

use filterc_abi::{self as abi, Abi, Action, Arg, SeccompData};
use filterc_grammar::ast::{Field, Predicate, PredicateKind};
use filterc_grammar::source::Span;
use filterc_grammar::visit::{Visitor, walk_predicate};
use filterc_hir::eval::{self, Decision, Reason};
use filterc_hir::expr::{self, Test};
use filterc_hir::policy::RuleId;
use filterc_hir::types::Place;

use crate::seen::Seen;
use crate::words;
use crate::written::Written;

/// A rule about a call that does not decide it.
#[derive(Clone, Debug)]
pub struct Near {
    /// The rule.
    pub rule: RuleId,
    /// What it would do.
    pub action: Action,
    /// Where it stands.
    pub span: Span,
    /// What it asks for in vain. Nothing: it would decide, but an earlier rule does.
    pub failed: Vec<Failed>,
}

/// A condition that a call does not meet.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Where it stands.
    pub span: Span,
    /// Its text, of the rule or of the `let` that it is in.
    pub text: String,
    /// The `let`s on the way to it, outermost first.
    pub lets: Vec<String>,
    /// The fields that it looks at, each with its value in the call, in words.
    pub seen: Vec<(String, String)>,
    /// The condition as it was parsed.
    pub predicate: Predicate,
}

/// All rules about a call's number that do not decide it: those first that would let it through,
/// then those that lack least.
#[must_use]
pub fn near(written: &Written, call: &SeccompData, decision: &Decision) -> Vec<Near> {
    let nr = call.nr.cast_unsigned();
    let Some(abi) = abi::abi_of_call(call.arch, nr) else { return Vec::new() };
    let case = eval::case(&written.policy, call.arch, nr);
    let mut list: Vec<Near> = Vec::new();
    for arm in case.arms {
        if decision.reason == Reason::Rule(arm.rule) || list.iter().any(|it| it.rule == arm.rule) {
            continue;
        }
        let Some((statement, rule)) = written.rule(arm.rule) else { continue };
        let holds = eval::holds(&arm.predicate, call);
        let failed = match &rule.predicate {
            Some(predicate) if !holds => {
                let mut found = Search { written, abi, call, lets: Vec::new(), found: Vec::new() };
                found.look(predicate);
                found.found
            }
            Some(_) | None => Vec::new(),
        };
        // A rule for another ABI is no near miss.
        if !holds && failed.iter().any(is_about_abi) {
            continue;
        }
        let (rule, action, span) = (arm.rule, arm.action, statement.span);
        list.push(Near { rule, action, span, failed });
    }
    list.sort_by_key(|near| (!passes(near.action), near.failed.len(), near.rule));
    list
}

/// Whether an action lets a call through.
#[must_use]
pub const fn passes(action: Action) -> bool {
    matches!(action, Action::Allow | Action::Log)
}

fn is_about_abi(failed: &Failed) -> bool {
    failed.seen.iter().any(|(field, _)| field == "arch")
}

struct Search<'s> {
    written: &'s Written,
    abi: &'static Abi,
    call: &'s SeccompData,
    lets: Vec<String>,
    found: Vec<Failed>,
}

impl Search<'_> {
    /// Finds the conditions because of which a predicate does not hold.
    fn look(&mut self, predicate: &Predicate) {
        match &predicate.kind {
            PredicateKind::Paren(inner) => self.look(inner),
            PredicateKind::And(parts) => {
                for part in parts {
                    match self.written.holds(self.abi, self.call, part) {
                        Some(true) => {}
                        Some(false) => self.look(part),
                        // What stands behind a guard need not have a meaning.
                        None => break,
                    }
                }
            }
            PredicateKind::Let(name) => match self.written.definition(&name.text) {
                Some(definition) => {
                    self.lets.push(name.text.clone());
                    self.look(definition);
                    self.lets.pop();
                }
                None => self.note(predicate),
            },
            PredicateKind::Or(_)
            | PredicateKind::Not(_)
            | PredicateKind::Test(_)
            | PredicateKind::True
            | PredicateKind::False
            | PredicateKind::Error => self.note(predicate),
        }
    }

    fn note(&mut self, predicate: &Predicate) {
        self.found.push(Failed {
            span: predicate.span,
            text: one_line(self.written.sources.text(predicate.span)),
            lets: self.lets.clone(),
            seen: seen(self.written, self.abi, self.call, predicate),
            predicate: predicate.clone(),
        });
    }
}

/// The fields of a predicate and their values in a call.
fn seen(
    written: &Written,
    abi: &'static Abi,
    call: &SeccompData,
    predicate: &Predicate,
) -> Vec<(String, String)> {
    let typed = written.typed(abi, call.nr.cast_unsigned(), predicate);
    let mut tests = Vec::new();
    if let Some(typed) = &typed {
        all_tests(typed, &mut tests);
    }
    let mut list: Vec<(String, String)> = Vec::new();
    let mut add = |name: String, value: String| {
        if list.iter().all(|(other, _)| *other != name) {
            list.push((name, value));
        }
    };
    for test in tests {
        let fields = [Some(test.field()), other(test)];
        for field in fields.into_iter().flatten().filter(|field| !field.is_param()) {
            let bits = field.read(call, &[]);
            add(field.name().to_owned(), field_value(abi, call, field.name(), field.place(), bits));
        }
    }
    // A test of the ABI or the number is settled where it is typed.
    for name in fields_of(written, predicate) {
        match name.as_str() {
            "arch" => add(name, abi.audit_arch_name.to_owned()),
            "nr" => add(name, call.nr.to_string()),
            _ => {}
        }
    }
    list
}

/// The field on a test's right side.
fn other(test: &Test) -> Option<&filterc_hir::types::Field> {
    match test.relation() {
        expr::Relation::Field(_, other) => Some(other),
        expr::Relation::Compare(..) | expr::Relation::In(_) => None,
    }
}

/// All tests of a predicate.
pub(crate) fn all_tests<'p>(predicate: &'p expr::Predicate, tests: &mut Vec<&'p Test>) {
    match predicate {
        expr::Predicate::True | expr::Predicate::False => {}
        expr::Predicate::Not(inner) => all_tests(inner, tests),
        expr::Predicate::And(parts) | expr::Predicate::Or(parts) => {
            parts.iter().for_each(|part| all_tests(part, tests));
        }
        expr::Predicate::Test(test) => tests.push(test),
    }
}

/// The value of a field in words.
pub(crate) fn field_value(
    abi: &'static Abi,
    call: &SeccompData,
    name: &str,
    place: Place,
    bits: u64,
) -> String {
    match argument(abi, call, name) {
        Some(arg) => words::value(words::spelling(abi, &Seen::whole(call), arg), arg, bits),
        None => match place {
            Place::Nr => call.nr.to_string(),
            Place::Arch
            | Place::InstructionPointer
            | Place::Arg(_)
            | Place::Pair { .. }
            | Place::Fact(_)
            | Place::Answer(_)
            | Place::Param(_) => format!("{bits:#x}"),
        },
    }
}

/// The argument that a field is.
pub(crate) fn argument(abi: &'static Abi, call: &SeccompData, name: &str) -> Option<&'static Arg> {
    abi.syscall_by_nr(call.nr.cast_unsigned())?.arg(name)
}

/// Names of the fields of a predicate, those behind `let`s too.
fn fields_of(written: &Written, predicate: &Predicate) -> Vec<String> {
    struct Names<'w>(&'w Written, Vec<String>);
    impl Visitor for Names<'_> {
        fn visit_predicate(&mut self, predicate: &Predicate) {
            if let PredicateKind::Let(name) = &predicate.kind
                && let Some(definition) = self.0.definition(&name.text)
            {
                self.visit_predicate(definition);
            }
            walk_predicate(self, predicate);
        }

        fn visit_field(&mut self, field: &Field) {
            self.1.push(field.name.text.clone());
        }
    }
    let mut names = Names(written, Vec::new());
    names.visit_predicate(predicate);
    names.1
}

/// A text with its white space run together.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
