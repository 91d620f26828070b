//! What files parse and format to. A file dropped into `corpus/parse` or `corpus/fmt`
//! is a test; `INSTA_UPDATE=always` writes what it gives.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod tree;

use std::fmt::Write as _;

use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::FileId;
use filterc_grammar::{parser, print};

/// The errors, with the text that they point at.
fn errors(text: &str, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let label = diagnostic.primary.as_ref().unwrap();
        let (start, end) = (label.span.start as usize, label.span.end as usize);
        let line = text[..start].matches('\n').count() + 1;
        let culprit = &text[start..end];
        let Diagnostic { code, message, .. } = diagnostic;
        writeln!(out, "{line}: {code} {message} [{culprit}: {}]", label.message).unwrap();
        for help in &diagnostic.help {
            writeln!(out, "    help: {help}").unwrap();
        }
    }
    out
}

#[test]
fn parse() {
    insta::glob!("../../corpus", "parse/*.flt", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let parsed = parser::parse(FileId::default(), &text);
        let tree = tree::dump(&text, &parsed.file);
        let errors = errors(&text, &parsed.diagnostics);
        insta::assert_snapshot!(format!("{errors}\n{tree}"));
    });
}

#[test]
fn format() {
    insta::glob!("../../corpus", "fmt/*.flt", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let formatted = match print::format(&text) {
            Ok(formatted) => formatted,
            Err(diagnostics) => panic!("{}", errors(&text, &diagnostics)),
        };
        assert_eq!(print::format(&formatted).unwrap(), formatted, "formatting twice");
        insta::assert_snapshot!(formatted);
    });
}
