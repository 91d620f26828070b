//! The rule sets of the seccomp filters that were proposed in 2011: the tracer's event filters,
//! one a call, on lines of their own.
//!
//! ```text
//! sys_read: fd == 0
//! sys_write: fd == 1 || fd == 2
//! sys_exit: 1
//! ```
//!
//! A call passes if the set has its name (with `sys_` or without, or its number) and the filter
//! holds; any other ends the process. `1` holds always. `#` begins a comment, and a `\` at the
//! end of a line joins it to the next.
//!
//! Several lines about one call: the kernel of the proposal joined their texts, as
//! `(old) && new`, which without parentheses around the new one let more pass than either. Here
//! they are joined as trees: all of them must hold, as was meant, or with [`Join::Any`] one of
//! them.

use std::collections::BTreeMap;

use filterc_abi::{Abi, Syscall};
use filterc_grammar::ast::{
    Action, ActionKind, Call, Name, Predicate, PredicateKind, Rule, StatementKind,
};
use filterc_grammar::diagnostic::{Code, Diagnostic};
use filterc_grammar::parser::parse_predicate;
use filterc_grammar::source::{FileId, Span};

use crate::{Document, Imported, Note};

/// The codes of this format, sorted.
pub const CODES: &[&str] = &["F0730", "F0731", "F0732", "F0733"];

/// What several lines about one call mean together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// All must hold, as in the proposal.
    #[default]
    All,
    /// One must hold.
    Any,
}

/// What is made of a rule set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A policy: `allow read if fd == 0`, and all else ends the process.
    #[default]
    Policy,
    /// Event filters: `event syscalls:sys_enter_read if fd == 0`.
    Events,
}

/// What an import is told beside the text.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The ABI whose calls they are.
    pub abi: &'static Abi,
    /// What several lines about one call mean.
    pub join: Join,
    /// What is made.
    pub form: Form,
}

/// What is wrong with a line.
enum Kind {
    /// F0730
    NoColon,
    /// F0731
    UnknownCall(String),
    /// F0732
    Empty,
    /// F0733
    NoArgument(String, &'static Syscall),
}

impl Kind {
    fn diagnostic(&self, span: Span) -> Diagnostic {
        let (code, message, label) = match self {
            Self::NoColon => ("F0730", "no rule".to_owned(), "a rule is `NAME: FILTER`".to_owned()),
            Self::UnknownCall(name) => {
                ("F0731", format!("unknown system call `{name}`"), String::new())
            }
            Self::Empty => {
                let label = "`1` lets all calls pass; without a line, none does".to_owned();
                ("F0732", "a rule without a filter".to_owned(), label)
            }
            Self::NoArgument(name, call) => {
                let args: Vec<&str> = call.args.iter().map(|arg| arg.name).collect();
                let label = match args.as_slice() {
                    [] => "it has none".to_owned(),
                    args => format!("it has {}", args.join(", ")),
                };
                ("F0733", format!("`{}` has no argument `{name}`", call.name), label)
            }
        };
        Diagnostic::error(Code(code), span, message, label)
    }
}

/// Reads a rule set.
///
/// # Errors
/// Everything that is wrong with it.
pub fn import(file: FileId, text: &str, options: &Options) -> Result<Imported, Vec<Diagnostic>> {
    let mut wrong = Vec::new();
    let mut rules: BTreeMap<u32, (&'static Syscall, Vec<Predicate>)> = BTreeMap::new();
    for line in lines(text) {
        match rule(file, text, &line, options.abi) {
            Ok(Some((call, predicate))) => {
                rules.entry(call.nr).or_insert((call, Vec::new())).1.push(predicate);
            }
            Ok(None) => {}
            Err(found) => wrong.extend(found),
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let mut notes = Vec::new();
    let mut document = Document::default();
    document.comment("Imported from a rule set of the seccomp filters of 2011.");
    document.blank();
    if options.form == Form::Policy {
        document.statement(StatementKind::Arch(vec![name(options.abi.name)]));
        let kill = Action { kind: ActionKind::KillProcess, span: Span::default() };
        document.statement(StatementKind::Default(kill));
        document.statement(StatementKind::Unknown(None));
        document.blank();
    }
    for (call, predicates) in rules.into_values() {
        if predicates.len() > 1 {
            let how = match options.join {
                Join::All => "all of them must hold",
                Join::Any => "one of them must hold",
            };
            let text = format!("{} rules are joined: {how}", predicates.len());
            notes.push(Note { path: call.name.to_owned(), text });
        }
        let predicate = joined(predicates, options.join);
        document.statement(statement(call, predicate, options.form));
    }
    Ok(Imported { document, notes })
}

/// Where a rule stands: lines that a `\` joins are one.
fn lines(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        at += line.len();
        let is_comment = text.get(start..at).is_some_and(|rule| rule.trim_start().starts_with('#'));
        if !line.trim_end().ends_with('\\') || is_comment {
            found.push(start..at);
            start = at;
        }
    }
    if start < at {
        found.push(start..at);
    }
    found
}

type Read = Option<(&'static Syscall, Predicate)>;

/// One rule; nothing for a comment or an empty line.
fn rule(
    file: FileId,
    text: &str,
    line: &std::ops::Range<usize>,
    abi: &'static Abi,
) -> Result<Read, Vec<Diagnostic>> {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let span = |from: usize, to: usize| Span { file, start: offset(from), end: offset(to) };
    let whole = text.get(line.clone()).unwrap_or_default();
    let content = whole.trim();
    if content.is_empty() || content.starts_with('#') {
        return Ok(None);
    }
    let start = line.start + (whole.len() - whole.trim_start().len());
    let end = start + content.len();
    let fault = |kind: Kind, span| Err(vec![kind.diagnostic(span)]);
    let Some((name, _)) = content.split_once(':') else {
        return fault(Kind::NoColon, span(start, end));
    };
    let name_span = span(start, start + name.trim_end().len());
    let name = name.trim();
    let Some(call) = call_named(abi, name) else {
        return fault(Kind::UnknownCall(name.to_owned()), name_span);
    };
    // Everything but the filter is blank, so that places in it are places in the file.
    let filter = start + content.find(':').unwrap_or_default() + 1;
    let mut blanked = " ".repeat(filter);
    let joined = |byte: char| if byte == '\\' { ' ' } else { byte };
    let body = text.get(filter..end).unwrap_or_default();
    blanked.extend(body.split('\n').flat_map(|line| line.chars().map(joined).chain([' '])));
    let body = blanked.trim();
    if body.is_empty() {
        return fault(Kind::Empty, span(start, end));
    }
    if body == "1" {
        let always = Predicate { kind: PredicateKind::True, span: span(filter, end) };
        return Ok(Some((call, always)));
    }
    let (predicate, wrong) = parse_predicate(file, &blanked);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let mut unknown = Vec::new();
    for (field, span) in fields(&predicate) {
        if call.arg(&field).is_none() {
            unknown.push(Kind::NoArgument(field, call).diagnostic(span));
        }
    }
    if unknown.is_empty() { Ok(Some((call, predicate))) } else { Err(unknown) }
}

/// By name, as `sys_read` or `read`, or by number.
fn call_named(abi: &'static Abi, name: &str) -> Option<&'static Syscall> {
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return abi.syscall_by_nr(name.parse().ok()?);
    }
    // The kernel's function first: `sys_newstat` is `stat`, whatever else has the name.
    let by_function = abi.syscalls().iter().find(|call| call.entry == name);
    by_function.or_else(|| abi.syscall(name.strip_prefix("sys_").unwrap_or(name)))
}

/// The fields of a predicate.
fn fields(predicate: &Predicate) -> Vec<(String, Span)> {
    match &predicate.kind {
        PredicateKind::Or(parts) | PredicateKind::And(parts) => {
            parts.iter().flat_map(fields).collect()
        }
        PredicateKind::Not(inner) | PredicateKind::Paren(inner) => fields(inner),
        PredicateKind::Test(test) => vec![(test.field.name.text.clone(), test.field.name.span)],
        // A lone name is a `let`, of which there are none here.
        PredicateKind::Let(name) => vec![(name.text.clone(), name.span)],
        PredicateKind::True | PredicateKind::False | PredicateKind::Error => Vec::new(),
    }
}

/// Several predicates of one call as one: trees, in parentheses where they have to be.
fn joined(predicates: Vec<Predicate>, join: Join) -> Predicate {
    let decided = |predicate: &Predicate| match join {
        Join::All => false,
        Join::Any => predicate.is_true(),
    };
    let at = |kind| Predicate { kind, span: Span::default() };
    if predicates.iter().any(decided) {
        return at(PredicateKind::True);
    }
    let mut parts: Vec<_> = predicates.into_iter().filter(|part| !part.is_true()).collect();
    if parts.len() < 2 {
        return parts.pop().unwrap_or_else(|| at(PredicateKind::True));
    }
    let parts = parts.into_iter().map(enclosed).collect();
    at(match join {
        Join::All => PredicateKind::And(parts),
        Join::Any => PredicateKind::Or(parts),
    })
}

/// A list of its own in parentheses.
fn enclosed(predicate: Predicate) -> Predicate {
    match predicate.kind {
        PredicateKind::Or(_) | PredicateKind::And(_) => {
            let span = predicate.span;
            Predicate { kind: PredicateKind::Paren(Box::new(predicate)), span }
        }
        PredicateKind::Not(_)
        | PredicateKind::Paren(_)
        | PredicateKind::True
        | PredicateKind::False
        | PredicateKind::Let(_)
        | PredicateKind::Test(_)
        | PredicateKind::Error => predicate,
    }
}

fn statement(call: &'static Syscall, predicate: Predicate, form: Form) -> StatementKind {
    let predicate = Some(predicate).filter(|predicate| !predicate.is_true());
    match form {
        Form::Policy => StatementKind::Rule(Rule {
            action: Action { kind: ActionKind::Allow, span: Span::default() },
            calls: vec![Call::Name(name(call.name))],
            predicate,
        }),
        Form::Events => {
            let suffix = call.entry.strip_prefix("sys_").unwrap_or(call.name);
            let (subsystem, name) = (name("syscalls"), name(&format!("sys_enter_{suffix}")));
            StatementKind::Event { subsystem, name, predicate }
        }
    }
}

fn name(text: &str) -> Name {
    Name { text: text.to_owned(), span: Span::default() }
}
