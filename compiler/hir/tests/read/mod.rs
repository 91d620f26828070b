//! Reads policy text for the tests of this crate.

use filterc_abi::x86_64;
use filterc_grammar::ast::Statement;
use filterc_grammar::diagnostic::{Diagnostic, Severity};
use filterc_grammar::parser;
use filterc_grammar::source::FileId;
use filterc_hir::policy::Policy;
use filterc_hir::{Checked, Options, Sight, check};

/// The statements of a text without syntax errors.
pub(crate) fn statements(text: &str) -> Vec<Statement> {
    let parsed = parser::parse(FileId(0), text);
    assert!(parsed.diagnostics.is_empty(), "{text}\n{:#?}", parsed.diagnostics);
    parsed.file.statements
}

/// Options for x86_64.
pub(crate) fn options() -> Options<'static> {
    Options { default_abi: Some(x86_64()), ..Options::default() }
}

/// The same for a text that says in its first line which programs it is for: `# for tracepoints`,
/// `# for objects`, or `# for monitors`.
pub(crate) fn options_of(text: &str) -> Options<'static> {
    let sight = match text.lines().next() {
        Some("# for tracepoints") => Sight::Task,
        Some("# for objects") => Sight::Object,
        Some("# for monitors") => Sight::Monitor,
        Some(_) | None => Sight::Registers,
    };
    Options { sight, ..options() }
}

/// The outcome for a text.
pub(crate) fn checked(text: &str) -> Checked {
    check::check(&statements(text), &options_of(text))
}

/// The policy of a text that has no errors.
#[allow(dead_code, reason = "not every test file wants the policy")]
pub(crate) fn policy(text: &str) -> Policy {
    let checked = checked(text);
    checked.policy.unwrap_or_else(|| panic!("{text}\n{:#?}", checked.diagnostics))
}

/// What a diagnostic says, as one line of text for each of its parts.
#[allow(dead_code, reason = "not every test file looks at the words")]
pub(crate) fn lines(text: &str, diagnostic: &Diagnostic) -> Vec<String> {
    let under = |span: filterc_grammar::source::Span| {
        text.get(span.start as usize..span.end as usize).unwrap().to_owned()
    };
    let mut lines = vec![format!("{}: {}", diagnostic.code, diagnostic.message)];
    for label in diagnostic.primary.iter().chain(&diagnostic.secondary) {
        lines.push(format!("{} <- {}", under(label.span), label.message));
    }
    lines.extend(diagnostic.help.iter().cloned());
    lines
}

/// The codes of a text's diagnostics, in order.
#[allow(dead_code, reason = "not every test file looks at codes")]
pub(crate) fn codes(text: &str) -> Vec<&'static str> {
    let checked = checked(text);
    let codes: Vec<_> = checked.diagnostics.iter().map(|d| d.code.0).collect();
    let errors = checked.diagnostics.iter().any(|d| d.severity == Severity::Error);
    assert_eq!(checked.policy.is_none(), errors, "{text}\n{:#?}", checked.diagnostics);
    codes
}
