//! From syntax trees to a policy, or to everything that is wrong with them.
//!
//! The order: definitions, header, constants, groups, then each rule for each of its
//! calls on each ABI. Every stage goes on after an error, so that one run tells them all.
//! What a policy means in the end is [`crate::eval`]'s to say.

use filterc_abi::Action;
use filterc_grammar::ast::{Statement, StatementKind};
use filterc_grammar::diagnostic::Diagnostic;

use crate::arms::{self, Builder, Rule};
use crate::consteval::Constants;
use crate::error::Kind;
use crate::event;
use crate::event::check::Context;
use crate::event::kernel::Machine;
use crate::fallback;
use crate::families;
use crate::fate::Fates;
use crate::findings::{Calls as About, Findings, Subject};
use crate::header::{self, Header};
use crate::labels;
use crate::lints;
use crate::needs;
use crate::newer;
use crate::numbers;
use crate::params::Params;
use crate::policy::{AbiPolicy, Policy, RuleOrigin};
use crate::predicate::Reader;
use crate::raced;
use crate::resolve::{Calls, Entry};
use crate::scope::Scope;
use crate::sight::Sight;
use crate::steps;

pub use crate::example::call_example;
pub use crate::options::Options;

/// The outcome of [`check`].
#[derive(Clone, Debug)]
pub struct Checked {
    /// The policy; there is one if, and only if, nothing in the trees is an error.
    pub policy: Option<Policy>,
    /// What was found, in the order of the text, each once.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks the statements of a policy, its includes already put in their places.
#[must_use]
pub fn check(statements: &[Statement], options: &Options<'_>) -> Checked {
    let mut findings = Findings::new(options.sight);
    refuse_other_targets(statements, options.sight, &mut findings);
    let scope = Scope::collect(statements, &mut findings);
    let header = Header::read(statements, options, &mut findings);
    let policy = if header.abis.is_empty() {
        None
    } else {
        policy(statements, &scope, &header, options, &mut findings)
    };
    let policy = policy.filter(|_| !findings.failed());
    Checked { policy, diagnostics: findings.into_diagnostics(header.abis.len()) }
}

fn policy<'a>(
    statements: &'a [Statement],
    scope: &Scope<'a>,
    header: &Header<'a>,
    options: &Options<'a>,
    findings: &mut Findings,
) -> Option<Policy> {
    let abis = header.abis.as_slice();
    let constants = Constants::evaluate(scope, abis, options.defines, findings);
    let params = Params::read(scope, &constants, findings);
    if let Some(&abi) = abis.first() {
        let context = Context { abi, defines: options.defines, machine: &Machine::ANY };
        event::check::read_all(statements, scope, &constants, &context, findings);
    }
    let mut calls = Calls::of_groups(scope, abis, header.kernel, findings);
    let (entries, ends) = entries(statements, scope, &mut calls, findings);
    let mut rules = rules(statements, &entries, &ends);
    let racy = raced::named(statements, scope, &mut calls, findings);
    let written = match options.sight.has_answers() {
        true => steps::resolve(statements, scope, &mut calls, findings),
        false => Vec::new(),
    };
    let labels = labels::read(scope, findings);
    let reader = Reader::new(scope, &constants, &params, findings, (header.kernel, options.sight));
    let mut builder = Builder::new(reader, &calls);
    let arms: Vec<_> =
        abis.iter().enumerate().map(|(i, abi)| builder.arms(abi, i, &mut rules)).collect();
    let mut sequences = Vec::with_capacity(written.len());
    let mut rules_of_steps = Vec::new();
    for written in &written {
        let (sequence, rules) = written.read(&mut builder, abis);
        sequences.push(sequence);
        rules_of_steps.extend(rules);
    }
    let (outcomes, questions) = builder.into_outcomes();
    let questions = questions.into_list();
    arms::without_calls(&rules, findings);
    arms::without_calls(&rules_of_steps, findings);
    let mut parts = Vec::with_capacity(abis.len());
    let mut foreign = Vec::with_capacity(abis.len());
    for (abi_index, (&abi, arms)) in abis.iter().zip(arms).enumerate() {
        let subject = Subject { abi, abi_index, calls: About::None, used_by: None };
        let mut read = |action| header::action(action, scope, &constants, subject, findings);
        let default = header.default.map_or(Some(Action::KillProcess), &mut read);
        let unknown = match header.unknown {
            Some(Some(action)) => read(action),
            Some(None) => default,
            None => abi.constant("ENOSYS").and_then(|e| u16::try_from(e).ok()).map(Action::Errno),
        };
        if let Some(action) = header.foreign.and_then(read) {
            foreign.push((abi.name, action));
        }
        let Some((default, unknown)) = default.zip(unknown) else { continue };
        let part = AbiPolicy::new(abi, header.kernel, default, unknown, arms);
        parts.push(part.with_racy(calls.of_list(&racy, abi_index)));
    }
    let foreign = header::foreign(header, &foreign, findings);
    let spans: Vec<_> = rules.iter().map(|rule| rule.span).collect();
    for part in parts.iter().enumerate().map(|(at, part)| (part, at)) {
        raced::refuse(part, &questions, &spans, findings);
    }
    lints::hidden_constants(scope, &constants, abis, findings);
    lints::hidden_groups(scope, &calls, findings);
    // Behind an error more may seem superfluous than is.
    if !findings.failed() {
        numbers::warn(&rules, &parts, scope, &constants, findings);
        outcomes.tell(findings);
        lints::unused(scope, &constants, findings);
        let default = header.default.map(|action| action.span);
        newer::warn(statements, &parts, header.kernel_span, findings);
        let fates: Vec<_> = parts.iter().map(Fates::new).collect();
        families::warn(&fates, &spans, default, findings);
        needs::warn(&fates, default, findings);
        fallback::warn(&rules, &fates, default, findings);
    }
    let complete = parts.len() == abis.len();
    let origins = spans.into_iter().map(|span| RuleOrigin { span }).collect();
    let params = params.in_policy(scope, &parts);
    complete.then(|| {
        let policy = Policy::new(parts, foreign, origins);
        policy
            .with_params(params)
            .with_labels(labels)
            .with_questions(questions)
            .with_sequences(sequences)
    })
}

/// The calls of all rules, those of one after those of the other, and where each rule's end.
fn entries<'a>(
    statements: &'a [Statement],
    scope: &Scope<'a>,
    calls: &mut Calls<'a>,
    findings: &mut Findings,
) -> (Vec<Entry<'a>>, Vec<usize>) {
    // Nearly all statements are rules, and most have one call.
    let mut entries = Vec::with_capacity(statements.len());
    let mut ends = Vec::with_capacity(statements.len());
    calls.make_room(statements.len());
    for statement in statements {
        if let StatementKind::Rule(rule) = &statement.kind {
            calls.entries(scope, &rule.calls, &mut entries, findings);
            ends.push(entries.len());
        }
    }
    (entries, ends)
}

fn rules<'r, 'a>(
    statements: &'a [Statement],
    entries: &'r [Entry<'a>],
    ends: &[usize],
) -> Vec<Rule<'r, 'a>> {
    let read = statements.iter().filter_map(|Statement { span, kind }| {
        if let StatementKind::Rule(rule) = kind { Some((*span, rule)) } else { None }
    });
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let ranges = starts.zip(ends).map(|(start, end)| entries.get(start..*end).unwrap_or_default());
    let mut rules = Vec::with_capacity(ends.len());
    rules.extend(read.zip(ranges).map(|((span, rule), calls)| Rule::new(span, rule, calls)));
    rules
}

/// Refuses the statements that the target has no use for.
fn refuse_other_targets(statements: &[Statement], sight: Sight, findings: &mut Findings) {
    for Statement { span, kind } in statements {
        let (keyword, reason) = match kind {
            StatementKind::Label(..) if sight.has_labels() => continue,
            StatementKind::Label(..) => (
                "label",
                "a filter is not told which object a call names; a monitor or the BPF LSM is",
            ),
            StatementKind::Event { .. } => {
                ("event", "this belongs to event filters and eBPF tracepoint programs")
            }
            StatementKind::Sequence(..) if sight.has_answers() => continue,
            StatementKind::Sequence(..) => {
                ("sequence", "a filter has no memory of earlier calls; a monitor has")
            }
            StatementKind::Require(_) => (
                "require",
                "a filter cannot ask about the kernel; a loader can, in a later version",
            ),
            StatementKind::Include(_) => ("include", "it must be put in its place before"),
            StatementKind::Error => {
                // The parser has told what is wrong here.
                findings.fail();
                continue;
            }
            StatementKind::Arch(_)
            | StatementKind::Kernel(_)
            | StatementKind::Default(_)
            | StatementKind::Unknown(_)
            | StatementKind::Foreign(_)
            | StatementKind::Const(..)
            | StatementKind::Group(..)
            | StatementKind::Let(..)
            | StatementKind::Param(..)
            // Only a monitor looks at memory: for other targets this says nothing.
            | StatementKind::Racy(_)
            // What it claims of the policy is no part of it: `filterc test` asks.
            | StatementKind::Test(..)
            | StatementKind::Rule(_) => continue,
        };
        findings.add(*span, Kind::NotForTarget { keyword, reason });
    }
}
