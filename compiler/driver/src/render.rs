//! Diagnostics as text for people (with or without colours) and as JSON for tools.

use codespan_reporting::diagnostic as report;
use codespan_reporting::files::SimpleFiles;
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

/// All diagnostics as text, each with its code, spans, include chain and help.
#[must_use]
pub fn text(sources: &SourceMap, list: &[Diagnostic], style: Style) -> String {
    let mut files = SimpleFiles::new();
    for (_, file) in sources.iter() {
        files.add(file.name.as_str(), file.text.as_str());
    }
    let config = term::Config::default();
    let mut out = Vec::new();
    for diagnostic in list {
        let diagnostic = to_report(sources, diagnostic);
        // Spans come from these very files, and a vector takes every byte: what could
        // fail is a span of another map, and then the message still goes out.
        let result = match style {
            Style::Plain => term::emit_to_io_write(&mut out, &config, &files, &diagnostic),
            Style::Coloured => {
                let mut writer = termcolor::Ansi::new(&mut out);
                term::emit_to_write_style(&mut writer, &config, &files, &diagnostic)
            }
        };
        if result.is_err() {
            out.extend_from_slice(diagnostic.message.as_bytes());
            out.push(b'\n');
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn to_report(sources: &SourceMap, diagnostic: &Diagnostic) -> report::Diagnostic<usize> {
    let severity = match diagnostic.severity {
        Severity::Warning => report::Severity::Warning,
        Severity::Error => report::Severity::Error,
    };
    let label = |style, label: &Label| {
        let range = label.span.start as usize..label.span.end as usize;
        report::Label::new(style, label.span.file.0 as usize, range)
            .with_message(label.message.as_str())
    };
    let primary = diagnostic.primary.iter().map(|l| label(report::LabelStyle::Primary, l));
    let secondary = diagnostic.secondary.iter().map(|l| label(report::LabelStyle::Secondary, l));
    let mut notes: Vec<String> = include_chain(sources, diagnostic);
    notes.extend(diagnostic.help.iter().map(|help| format!("help: {help}")));
    report::Diagnostic::new(severity)
        .with_code(diagnostic.code.0)
        .with_message(diagnostic.message.as_str())
        .with_labels(primary.chain(secondary).collect())
        .with_notes(notes)
}

/// `included from base.flt:3:1`, innermost first.
fn include_chain(sources: &SourceMap, diagnostic: &Diagnostic) -> Vec<String> {
    let mut chain = Vec::new();
    let mut at = diagnostic.primary.as_ref().map(|label| label.span.file);
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
            rendered: text(sources, std::slice::from_ref(diagnostic), Style::Plain),
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
