//! Diagnostics as text for people (with or without colours) and as JSON for tools.

use std::ops::Range;

use codespan_reporting::diagnostic as report;
use codespan_reporting::files::{self as report_files, SimpleFiles};
use codespan_reporting::term::{self, termcolor};
use filterc_grammar::diagnostic::{Diagnostic, Label, Severity};
use filterc_grammar::source::{SourceMap, Span};
use serde::Serialize;

/// Whether text carries colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Plain text.
    Plain,
    /// ANSI escape sequences.
    Coloured,
}

/// Longest source line that is shown whole, in bytes; of a longer one, what is around the
/// culprit is shown. Without a limit, many findings on one long line would show it as often.
const MAX_LINE: usize = 400;

/// Most findings that are rendered; the rest is counted.
const MAX_RENDERED: usize = 1000;

type Files<'a> = SimpleFiles<&'a str, &'a str>;

fn files(sources: &SourceMap) -> Files<'_> {
    let mut files = SimpleFiles::new();
    for (_, file) in sources.iter() {
        files.add(file.name.as_str(), file.text.as_str());
    }
    files
}

/// All diagnostics as text, each with its code, spans, include chain and help.
#[must_use]
pub fn text(sources: &SourceMap, list: &[Diagnostic], style: Style) -> String {
    let files = files(sources);
    let mut out = String::new();
    for diagnostic in list.iter().take(MAX_RENDERED) {
        out.push_str(&one(sources, &files, diagnostic, style));
    }
    if let Some(more) = list.len().checked_sub(MAX_RENDERED).filter(|more| *more > 0) {
        out.push_str(&format!("… and {more} more\n"));
    }
    out
}

/// One diagnostic as text.
fn one(sources: &SourceMap, files: &Files<'_>, diagnostic: &Diagnostic, style: Style) -> String {
    let labels = diagnostic.primary.iter().chain(&diagnostic.secondary);
    let lines = labels.filter_map(|label| Window::around(sources, label));
    let long = lines.into_iter().any(|window| window.is_cut);
    let primary = diagnostic.primary.as_ref().filter(|_| long);
    match primary.and_then(|label| Window::around(sources, label).map(|window| (label, window))) {
        Some((label, mut window)) => {
            (window.line, _) = sources.line_column(label.span);
            let report = window.report(sources, diagnostic, label);
            emit(&window, &report, &diagnostic.message, style)
        }
        None => emit(files, &to_report(sources, diagnostic), &diagnostic.message, style),
    }
}

/// A remark about a text, with its spans and include chain, but without a code: what is no fault.
#[must_use]
pub fn note(
    sources: &SourceMap,
    message: &str,
    primary: Option<&Label>,
    secondary: &[Label],
    style: Style,
) -> String {
    let files = files(sources);
    let label = |style, label: &Label| {
        let range = label.span.start as usize..label.span.end as usize;
        report::Label::new(style, label.span.file.0 as usize, range)
            .with_message(label.message.as_str())
    };
    let first = primary.iter().map(|it| label(report::LabelStyle::Primary, it));
    let others = secondary.iter().map(|it| label(report::LabelStyle::Secondary, it));
    let chain = primary.map(|label| chain_of(sources, label.span)).unwrap_or_default();
    let report = report::Diagnostic::note()
        .with_message(message)
        .with_labels(first.chain(others).collect())
        .with_notes(chain);
    emit(&files, &report, message, style)
}

fn emit<'files, F: report_files::Files<'files>>(
    files: &'files F,
    diagnostic: &report::Diagnostic<F::FileId>,
    message: &str,
    style: Style,
) -> String {
    let config = term::Config::default();
    let mut out = Vec::new();
    // Spans come from these very files, and a vector takes every byte: what could fail is
    // a span of another map, and then the message still goes out.
    let result = match style {
        Style::Plain => term::emit_to_io_write(&mut out, &config, files, diagnostic),
        Style::Coloured => {
            let mut writer = termcolor::Ansi::new(&mut out);
            term::emit_to_write_style(&mut writer, &config, files, diagnostic)
        }
    };
    if result.is_err() {
        out.extend_from_slice(message.as_bytes());
        out.push(b'\n');
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The part of a line around a label, as a file of its own that keeps the line's number.
struct Window<'a> {
    name: &'a str,
    text: &'a str,
    /// Offset of `text` in the file.
    start: usize,
    /// From 1; counted only for what is shown, as that takes the whole file.
    line: usize,
    /// Characters of the line before `text`.
    column: usize,
    /// Whether the line is longer than what is shown.
    is_cut: bool,
}

impl<'a> Window<'a> {
    /// What is shown of a label's first line.
    fn around(sources: &'a SourceMap, label: &Label) -> Option<Self> {
        let file = sources.get(label.span.file)?;
        let at = label.span.start as usize;
        let (before, after) = (file.text.get(..at)?, file.text.get(at..)?);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = after.find('\n').map_or(file.text.len(), |newline| at + newline);
        let is_cut = line_end - line_start > MAX_LINE;
        let start = boundary(&file.text, line_start.max(at.saturating_sub(MAX_LINE / 2)));
        let end = boundary(&file.text, line_end.min(at + MAX_LINE / 2));
        Some(Self {
            name: &file.name,
            text: file.text.get(start..end)?,
            start,
            line: 1,
            column: file.text.get(line_start..start)?.chars().count(),
            is_cut,
        })
    }

    /// The diagnostic with its primary label in the window, and other places as notes.
    fn report(
        &self,
        sources: &SourceMap,
        diagnostic: &Diagnostic,
        label: &Label,
    ) -> report::Diagnostic<()> {
        let start = (label.span.start as usize).saturating_sub(self.start).min(self.text.len());
        let end = (label.span.end as usize).saturating_sub(self.start).min(self.text.len());
        let places = diagnostic.secondary.iter().map(|label| {
            let message = if label.message.is_empty() { "see here" } else { &label.message };
            format!("{}: {message}", position(sources, label.span))
        });
        report::Diagnostic::new(severity(diagnostic))
            .with_code(diagnostic.code.0)
            .with_message(diagnostic.message.as_str())
            .with_labels(vec![
                report::Label::primary((), start..end.max(start))
                    .with_message(label.message.as_str()),
            ])
            .with_notes(places.chain(notes(sources, diagnostic)).collect())
    }
}

impl<'a> report_files::Files<'a> for Window<'_> {
    type FileId = ();
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, (): ()) -> Result<&'a str, report_files::Error> {
        Ok(self.name)
    }

    fn source(&'a self, (): ()) -> Result<&'a str, report_files::Error> {
        Ok(self.text)
    }

    fn line_index(&'a self, (): (), _: usize) -> Result<usize, report_files::Error> {
        Ok(0)
    }

    fn line_number(&'a self, (): (), _: usize) -> Result<usize, report_files::Error> {
        Ok(self.line)
    }

    fn column_number(&'a self, (): (), _: usize, at: usize) -> Result<usize, report_files::Error> {
        Ok(self.column + self.text.get(..at).unwrap_or(self.text).chars().count() + 1)
    }

    fn line_range(&'a self, (): (), _: usize) -> Result<Range<usize>, report_files::Error> {
        Ok(0..self.text.len())
    }
}

/// The first boundary between characters at or behind an offset.
fn boundary(text: &str, offset: usize) -> usize {
    (offset..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

fn severity(diagnostic: &Diagnostic) -> report::Severity {
    match diagnostic.severity {
        Severity::Warning => report::Severity::Warning,
        Severity::Error => report::Severity::Error,
    }
}

/// The include chain and the help.
fn notes(sources: &SourceMap, diagnostic: &Diagnostic) -> Vec<String> {
    let mut notes = include_chain(sources, diagnostic);
    notes.extend(diagnostic.help.iter().map(|help| format!("help: {help}")));
    notes
}

fn to_report(sources: &SourceMap, diagnostic: &Diagnostic) -> report::Diagnostic<usize> {
    let label = |style, label: &Label| {
        let range = label.span.start as usize..label.span.end as usize;
        report::Label::new(style, label.span.file.0 as usize, range)
            .with_message(label.message.as_str())
    };
    let primary = diagnostic.primary.iter().map(|l| label(report::LabelStyle::Primary, l));
    let secondary = diagnostic.secondary.iter().map(|l| label(report::LabelStyle::Secondary, l));
    report::Diagnostic::new(severity(diagnostic))
        .with_code(diagnostic.code.0)
        .with_message(diagnostic.message.as_str())
        .with_labels(primary.chain(secondary).collect())
        .with_notes(notes(sources, diagnostic))
}

/// `included from base.flt:3:1`, innermost first.
fn include_chain(sources: &SourceMap, diagnostic: &Diagnostic) -> Vec<String> {
    diagnostic.primary.as_ref().map(|label| chain_of(sources, label.span)).unwrap_or_default()
}

fn chain_of(sources: &SourceMap, span: Span) -> Vec<String> {
    let mut chain = Vec::new();
    let mut at = Some(span.file);
    while let Some(span) = at.and_then(|file| sources.get(file)).and_then(|f| f.included_from) {
        chain.push(format!("included from {}", position(sources, span)));
        at = Some(span.file);
    }
    chain
}

/// `name:line:column` of a span's start.
#[must_use]
pub fn position(sources: &SourceMap, span: Span) -> String {
    let name = sources.get(span.file).map_or("?", |file| file.name.as_str());
    let (line, column) = sources.line_column(span);
    format!("{name}:{line}:{column}")
}

/// One diagnostic in the JSON form, a line each.
#[derive(Serialize)]
struct JsonDiagnostic<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    spans: Vec<JsonSpan<'a>>,
    help: &'a [String],
    rendered: String,
}

/// A span in the JSON form: lines and columns from 1, columns in characters, bytes from 0.
#[derive(Serialize)]
struct JsonSpan<'a> {
    file: &'a str,
    primary: bool,
    start_byte: u32,
    end_byte: u32,
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
    label: &'a str,
    included_from: Option<String>,
}

/// All diagnostics as JSON, one object a line.
#[must_use]
pub fn json(sources: &SourceMap, list: &[Diagnostic]) -> String {
    let files = files(sources);
    let mut out = String::new();
    for diagnostic in list {
        let span = |primary, label| json_span(sources, primary, label);
        let object = JsonDiagnostic {
            code: diagnostic.code.0,
            severity: match diagnostic.severity {
                Severity::Warning => "warning",
                Severity::Error => "error",
            },
            message: &diagnostic.message,
            spans: (diagnostic.primary.iter().map(|l| span(true, l)))
                .chain(diagnostic.secondary.iter().map(|l| span(false, l)))
                .collect(),
            help: &diagnostic.help,
            rendered: one(sources, &files, diagnostic, Style::Plain),
        };
        // Strings and numbers only: this cannot fail, and an empty line would be seen.
        out.push_str(&serde_json::to_string(&object).unwrap_or_default());
        out.push('\n');
    }
    out
}

fn json_span<'a>(sources: &'a SourceMap, primary: bool, label: &'a Label) -> JsonSpan<'a> {
    let file = sources.get(label.span.file);
    let (start_line, start_column) = sources.line_column(label.span);
    let end = Span { start: label.span.end, ..label.span };
    let (end_line, end_column) = sources.line_column(end);
    JsonSpan {
        file: file.map_or("?", |file| file.name.as_str()),
        primary,
        start_byte: label.span.start,
        end_byte: label.span.end,
        start_line,
        start_column,
        end_line,
        end_column,
        label: &label.message,
        included_from: file.and_then(|file| file.included_from).map(|span| position(sources, span)),
    }
}

#[cfg(test)]
mod tests {
    use filterc_grammar::diagnostic::Code;
    use filterc_grammar::source::SourceFile;

    use super::*;

    #[test]
    fn a_long_line_is_cut_around_the_culprit() {
        let mut sources = SourceMap::default();
        let text = format!("# first\n{}WRONG{}\n", "é".repeat(50_000), "x".repeat(50_000));
        let start = u32::try_from(text.find("WRONG").unwrap()).unwrap();
        let name = "long.flt".to_owned();
        let file = sources.add(SourceFile { name, text, included_from: None });
        let span = Span { file, start, end: start + 5 };
        let first = Span { file, start: 0, end: 7 };
        let diagnostic = Diagnostic::error(Code("F0000"), span, "it is wrong", "here")
            .with_secondary(first, "because of this");
        let shown = text_of(&sources, &diagnostic);
        assert!(shown.len() < 2000, "{} bytes", shown.len());
        assert!(shown.contains("long.flt:2:50001") && shown.contains("^^^^^ here"), "{shown}");
        assert!(shown.contains("long.flt:1:1: because of this"), "{shown}");
    }

    #[test]
    fn a_short_line_beside_a_long_one_keeps_its_number() {
        let mut sources = SourceMap::default();
        let text = format!("{}\n# short\n", "x".repeat(1000));
        let name = "both.flt".to_owned();
        let file = sources.add(SourceFile { name, text, included_from: None });
        let short = Span { file, start: 1001, end: 1008 };
        let diagnostic = Diagnostic::error(Code("F0000"), short, "wrong", "here")
            .with_secondary(Span { file, start: 0, end: 9 }, "");
        let shown = text_of(&sources, &diagnostic);
        assert!(shown.contains("both.flt:2:1") && shown.contains("both.flt:1:1: see"), "{shown}");
    }

    fn text_of(sources: &SourceMap, diagnostic: &Diagnostic) -> String {
        text(sources, std::slice::from_ref(diagnostic), Style::Plain)
    }

    #[test]
    fn many_findings_are_counted() {
        let mut sources = SourceMap::default();
        let name = "many.flt".to_owned();
        let text = "allow read\n".to_owned();
        let file = sources.add(SourceFile { name, text, included_from: None });
        let span = Span { file, start: 6, end: 10 };
        let list = vec![Diagnostic::error(Code("F0000"), span, "wrong", ""); 1500];
        assert!(super::text(&sources, &list, Style::Plain).ends_with("… and 500 more\n"));
    }
}
