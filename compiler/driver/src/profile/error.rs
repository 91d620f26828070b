//! What can be wrong with a profile; `compiler/driver/codes` explains each.

use std::collections::BTreeMap;

use filterc_grammar::diagnostic::{Code, Diagnostic, Severity};
use filterc_grammar::source::{FileId, Span};

/// The codes of profiles, sorted.
pub const CODES: &[&str] = &["F0720", "F0721", "F0722", "F0723", "F0724"];

/// Lines that are complained about: they mostly have the same fault.
const MAX_MALFORMED: usize = 5;

/// What was found wrong with a profile.
pub(super) struct Findings {
    file: FileId,
    errors: Vec<Diagnostic>,
    /// Malformed lines, also those that are not shown.
    malformed: usize,
    /// By name, where it stands first, and what it should be.
    unknown: BTreeMap<String, (Span, &'static str)>,
}

/// A part of one line.
#[derive(Clone, Copy)]
pub(super) struct Line<'t> {
    /// Where it begins.
    pub(super) start: usize,
    /// The text.
    pub(super) text: &'t str,
}

/// A text line by line.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.split_inclusive('\n').scan(0, |next, line| {
        let start = *next;
        *next += line.len();
        Some(Line { start, text: line.trim_end() })
    })
}

impl Findings {
    pub(super) const fn new(file: FileId) -> Self {
        Self { file, errors: Vec::new(), malformed: 0, unknown: BTreeMap::new() }
    }

    fn span(&self, start: usize, len: usize) -> Span {
        // A file that is longer than spans reach is refused before it is read.
        let at = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
        Span { file: self.file, start: at(start), end: at(start + len) }
    }

    /// F0720.
    pub(super) fn unrecognised(&mut self) {
        let message = "no profile in any format that is known";
        let label = "no line here begins one";
        let diagnostic = Diagnostic::error(Code("F0720"), self.span(0, 0), message, label);
        self.errors.push(diagnostic.with_help(
            "a profile is what `strace -c` or `perf trace -s` print, or JSON Lines with `nr` or \
             `call` and `args`",
        ));
    }

    /// F0721.
    pub(super) fn malformed(&mut self, line: Line<'_>, reason: impl Into<String>) {
        self.malformed += 1;
        if self.malformed <= MAX_MALFORMED {
            let span = self.span(line.start, line.text.len());
            let message = "malformed line in a profile";
            self.errors.push(Diagnostic::error(Code("F0721"), span, message, reason));
        }
    }

    /// F0722.
    pub(super) fn unknown(&mut self, line: Line<'_>, what: &'static str, name: &str) {
        let from = line.text.find(name).unwrap_or_default();
        let span = self.span(line.start + from, name.len());
        self.unknown.entry(name.to_owned()).or_insert((span, what));
    }

    /// F0723.
    pub(super) fn empty(&mut self) {
        let message = "a profile without a call";
        let label = "nothing that is counted follows";
        self.errors.push(Diagnostic::error(Code("F0723"), self.span(0, 0), message, label));
    }

    /// Whether there is no error.
    pub(super) fn is_good(&self) -> bool {
        self.errors.is_empty()
    }

    /// All diagnostics, in the order of the text.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        if let Some(last) = self.errors.last_mut()
            && self.malformed > MAX_MALFORMED
        {
            let more = self.malformed - MAX_MALFORMED;
            last.help.push(format!("{more} more lines are malformed"));
        }
        let mut unknown: Vec<_> = self.unknown.into_iter().collect();
        unknown.sort_by_key(|(_, (span, _))| span.start);
        let warning = |(name, (span, what)): (String, (Span, &str))| {
            let message = format!("`{name}` is no {what} that is known");
            Diagnostic::warning(Code("F0722"), span, message, "it is left out")
        };
        self.errors.extend(unknown.into_iter().map(warning));
        self.errors
    }
}

/// F0724: nothing in the profile was called on an ABI of the policy.
pub(crate) fn of_other_abis() -> Diagnostic {
    Diagnostic {
        code: Code("F0724"),
        severity: Severity::Warning,
        message: "no call of the profile is of an ABI of the policy".to_owned(),
        primary: None,
        secondary: Vec::new(),
        help: vec!["the shipped ranking of calls is used instead".to_owned()],
    }
}
