//! Collects what is wrong: each finding once, however many calls and ABIs it concerns,
//! and in the order of the text.

use filterc_abi::{Abi, Syscall};
use filterc_grammar::diagnostic::{Code, Diagnostic, Label, Severity};
use filterc_grammar::source::Span;
use hashbrown::HashMap;

use crate::error::{Kind, Limit};
use crate::limits::MAX_FINDINGS;
use crate::message;
use crate::sight::{self, Sight};
use crate::wording;

/// The call and ABI for which a place in the text was being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    /// The ABI.
    pub(crate) abi: &'static Abi,
    /// Its position in the policy's list.
    pub(crate) abi_index: usize,
    /// Which calls.
    pub(crate) calls: Calls,
    /// The outermost `let` or `const` in use whose definition is being read.
    pub(crate) used_by: Option<Span>,
}

/// A finding that was just recorded: its position, if it is new.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recorded(Option<usize>);

/// The calls that a predicate is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Calls {
    /// A call of the tables.
    One(&'static Syscall),
    /// `syscall(N)` with a number that the tables do not have.
    Number(u32),
    /// `syscall(FIRST..LAST)`.
    Range(u32, u32),
    /// A call by its name alone: one that has a multiplexer.
    Named(&'static str),
    /// `any`.
    Any,
    /// None: a header statement, or a rule's action.
    None,
}

impl Subject {
    fn is_same(&self, other: &Self) -> bool {
        self.abi_index == other.abi_index
            && match (self.calls, other.calls) {
                (Calls::One(a), Calls::One(b)) => a.nr == b.nr,
                (Calls::Number(a), Calls::Number(b)) => a == b,
                (Calls::Range(a, b), Calls::Range(c, d)) => (a, b) == (c, d),
                (Calls::Named(a), Calls::Named(b)) => a == b,
                (a, b) => std::mem::discriminant(&a) == std::mem::discriminant(&b),
            }
    }

    fn call(&self) -> Option<String> {
        match self.calls {
            Calls::One(call) => Some(call.name.to_owned()),
            Calls::Number(nr) => Some(format!("syscall({nr})")),
            Calls::Range(first, last) => Some(format!("syscall({first:#x}..{last:#x})")),
            Calls::Named(name) => Some(name.to_owned()),
            Calls::Any => Some("any".to_owned()),
            Calls::None => None,
        }
    }
}

struct Finding {
    kind: Kind,
    span: Option<Span>,
    secondary: Vec<(Span, &'static str)>,
    /// For whom; a bounded number, each once.
    subjects: Vec<Subject>,
    /// Names that the culprit may be a slip of.
    similar: Vec<String>,
    /// What else to say, found with the place at hand.
    hints: Vec<String>,
}

/// The findings of one run.
#[derive(Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    by_place: HashMap<Option<Span>, Vec<usize>>,
    failed: bool,
    /// What the programs see that the policy is for: what is said of it depends on that.
    sight: Sight,
    full: bool,
    suggestions: usize,
}

/// Where a finding about many calls stops to count them: enough for every message.
const MAX_SUBJECTS: usize = 64;

/// How many unknown names are compared with all known ones.
const MAX_SUGGESTIONS: usize = 50;

/// With how many: the kernel's constants and some more.
const MAX_KNOWN: usize = 20_000;

impl Findings {
    /// No findings yet, about a policy for programs that see so much.
    pub(crate) fn new(sight: Sight) -> Self {
        Self { sight, ..Self::default() }
    }

    /// Records a finding.
    pub(crate) fn add(&mut self, span: impl Into<Option<Span>>, kind: Kind) -> Recorded {
        self.record(span.into(), kind, None, &[])
    }

    /// Records a finding, and the places that it comes from.
    pub(crate) fn because(&mut self, span: Span, kind: Kind, secondary: &[(Span, &'static str)]) {
        self.record(Some(span), kind, None, secondary);
    }

    /// Records a finding about a call on an ABI; the same one about another call joins it.
    pub(crate) fn about(&mut self, span: Span, kind: Kind, subject: Subject) -> Recorded {
        let used_by = subject.used_by.map(|span| (span, "used here"));
        self.record(Some(span), kind, Some(subject), used_by.as_slice())
    }

    /// Offers those of the known names that are near a mistyped one.
    pub(crate) fn suggest<T: AsRef<str>>(
        &mut self,
        recorded: Recorded,
        name: &str,
        known: impl IntoIterator<Item = T>,
    ) {
        let Some(finding) = recorded.0.and_then(|i| self.list.get_mut(i)) else { return };
        // A text that is full of mistakes gets no more guesses: each looks at all names.
        if self.suggestions < MAX_SUGGESTIONS {
            self.suggestions += 1;
            finding.similar = similar(name, known);
        }
    }

    /// Adds helps that take time to find, if the finding is new.
    pub(crate) fn hint<T: IntoIterator<Item = String>>(
        &mut self,
        recorded: Recorded,
        hints: impl FnOnce() -> T,
    ) {
        if let Some(finding) = recorded.0.and_then(|i| self.list.get_mut(i)) {
            finding.hints.extend(hints());
        }
    }

    /// Notes that the text has an error that an earlier stage has told already.
    pub(crate) fn fail(&mut self) {
        self.failed = true;
    }

    /// Whether there is an error.
    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    fn record(
        &mut self,
        span: Option<Span>,
        kind: Kind,
        subject: Option<Subject>,
        secondary: &[(Span, &'static str)],
    ) -> Recorded {
        self.failed |= kind.severity() == Severity::Error;
        let same_place = self.by_place.entry(span).or_default();
        let list = &mut self.list;
        let known =
            same_place.iter().copied().find(|&i| list.get(i).is_some_and(|f| f.kind == kind));
        if let Some(finding) = known.and_then(|i| list.get_mut(i)) {
            join(&mut finding.subjects, subject);
            return Recorded(None);
        }
        if list.len() >= MAX_FINDINGS {
            self.full = true;
            return Recorded(None);
        }
        same_place.push(list.len());
        list.push(Finding {
            kind,
            span,
            secondary: secondary.to_vec(),
            subjects: subject.into_iter().collect(),
            similar: Vec::new(),
            hints: Vec::new(),
        });
        Recorded(Some(list.len() - 1))
    }

    /// All findings as diagnostics, in the order of the text. `listed` is the number of
    /// ABIs that the policy lists: if there is one, no message names it.
    pub(crate) fn into_diagnostics(mut self, listed: usize) -> Vec<Diagnostic> {
        if self.full {
            self.list.push(Finding {
                kind: Kind::TooLarge(Limit::Findings),
                span: None,
                secondary: Vec::new(),
                subjects: Vec::new(),
                similar: Vec::new(),
                hints: Vec::new(),
            });
        }
        // Findings without a place come first.
        self.list.sort_by_key(|f| f.span.map(|span| (span.file, span.start, span.end)));
        let sight = self.sight;
        self.list.iter().map(|finding| finding.diagnostic(listed, sight)).collect()
    }
}

fn join(subjects: &mut Vec<Subject>, new: Option<Subject>) {
    let Some(new) = new else { return };
    if subjects.len() < MAX_SUBJECTS && !subjects.iter().any(|old| old.is_same(&new)) {
        subjects.push(new);
    }
}

impl Finding {
    fn diagnostic(&self, listed: usize, sight: Sight) -> Diagnostic {
        let (title, text, advice) = match sight::words(sight, &self.kind) {
            Some([title, text, help]) => (title, text, vec![help]),
            None => (
                message::message(&self.kind),
                message::label(&self.kind, &self.about(listed)),
                message::help(&self.kind),
            ),
        };
        let mut help: Vec<String> =
            message::did_you_mean(&self.kind, &self.similar).into_iter().collect();
        help.extend(self.hints.iter().cloned());
        help.extend(advice);
        if matches!(self.kind, Kind::NoSuchField { .. }) {
            help.extend(self.fields());
        }
        Diagnostic {
            code: Code(self.kind.code()),
            severity: self.kind.severity(),
            message: title,
            primary: self.span.map(|span| Label { span, message: text }),
            secondary: self
                .secondary
                .iter()
                .map(|(span, text)| Label { span: *span, message: (*text).to_owned() })
                .collect(),
            help,
        }
    }

    /// ` (in `read` on `i386`)`, or empty if there is nothing to say.
    fn about(&self, listed: usize) -> String {
        let mut calls: Vec<String> = Vec::new();
        let mut abis: Vec<&str> = Vec::new();
        for subject in &self.subjects {
            let call = subject.call();
            calls.extend(call.filter(|call| !calls.contains(call)));
            if !abis.contains(&subject.abi.name) {
                abis.push(subject.abi.name);
            }
        }
        let mut about = Vec::new();
        if !calls.is_empty() {
            about.push(format!("in {}", wording::list(&calls)));
        }
        if listed > 1 && !abis.is_empty() {
            about.push(format!("on {}", wording::list(&abis)));
        }
        if about.is_empty() { String::new() } else { format!(" ({})", about.join(" ")) }
    }

    /// What fields the first few calls do have.
    fn fields(&self) -> Vec<String> {
        const SHOWN: usize = 3;
        let mut lines: Vec<String> = Vec::new();
        for subject in &self.subjects {
            let Calls::One(call) = subject.calls else { continue };
            let names: Vec<&str> = call.args.iter().map(|arg| arg.name).collect();
            let line = if names.is_empty() {
                format!("`{}` has no arguments", call.name)
            } else {
                format!("`{}` has {}", call.name, wording::list(&names))
            };
            if lines.len() < SHOWN && !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }
}

/// Known names within a few slips of the given one, best first, at most three.
pub(crate) fn similar<T: AsRef<str>>(
    name: &str,
    known: impl IntoIterator<Item = T>,
) -> Vec<String> {
    // Long garbage is not worth the quadratic comparison.
    if name.len() > 64 {
        return Vec::new();
    }
    let most = 1 + name.len() / 4;
    let lower = name.to_ascii_lowercase();
    let mut near: Vec<(usize, String)> = Vec::new();
    for other in known.into_iter().take(MAX_KNOWN) {
        let other = other.as_ref();
        if other.len().abs_diff(name.len()) > most {
            continue;
        }
        let distance = strsim::osa_distance(&lower, &other.to_ascii_lowercase());
        if distance <= most && !near.iter().any(|(_, known)| known == other) {
            near.push((distance, other.to_owned()));
        }
    }
    near.sort();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}
