//! A page for browsers, in one file: nothing is loaded, nothing runs, and what others wrote is
//! text there, whatever it looks like.

use std::fmt::Write as _;

use filterc_grammar::ast::{self, File, Statement, StatementKind};
use filterc_grammar::print;
use filterc_grammar::source::Span;
use filterc_review::english;
use filterc_review::markup::escaped;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d0d7de; --soft: #f3f5f7;
  --soft-ink: #57606a;  --good: #1a7f37; --bad: #b42318; --mid: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e2e6ea; --paper: #14181d; --line: #39414b;
  --soft: #1d232a; --soft-ink: #9aa4af; --good: #57c478; --bad: #ff8a7d; --mid: #e0b04c; } }
@media print { :root { --ink: #000; --paper: #fff; --line: #999; --soft: #fff; --soft-ink: #333; --good: #0a5a22;
  --bad: #8f1a10; --mid: #6b4600; } tr, dt { break-inside: avoid; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 72rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; overflow-wrap: anywhere; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem; }
dt { font-weight: 600; } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { text-align: left; vertical-align: top; border-top: 1px solid var(--line); padding: .5rem .6rem;
  overflow-wrap: anywhere; }
th:first-child { width: 10rem; } th:last-child { width: 38%; }
code, pre { font: .85rem/1.5 ui-monospace, monospace; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1rem;
  overflow-x: auto; white-space: pre-wrap; }
.drawing { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
summary { cursor: pointer; margin-bottom: .5rem; }
td code { color: var(--soft-ink); } td:nth-child(2) code { color: inherit; }
.through { color: var(--good); font-weight: 600; } .asks { color: var(--mid); font-weight: 600; }
.refused { color: var(--bad); font-weight: 600; }
";

/// A rule of a policy, as a row.
pub(crate) struct Rule {
    action: String,
    calls: String,
    /// In words, and as the language has it.
    condition: Option<(String, String)>,
}

impl Rule {
    /// A rule of a text that was made.
    pub(crate) fn of(rule: &ast::Rule) -> Option<Self> {
        // The printer writes whole statements.
        let whole = |rule: ast::Rule| {
            let kind = StatementKind::Rule(rule);
            let statements = vec![Statement { span: Span::default(), kind }];
            print::file(&File { statements }).split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let text = whole(ast::Rule { predicate: None, ..rule.clone() });
        let (action, calls) = text.split_once(' ')?;
        let condition = rule
            .predicate
            .as_ref()
            .map(|predicate| (english::condition(predicate), print::predicate(predicate)));
        Some(Self { action: action.to_owned(), calls: calls.to_owned(), condition })
    }

    /// How the kernel treats the calls.
    fn class(&self) -> &'static str {
        match self.action.split('(').next() {
            Some("allow" | "log") => "through",
            Some("notify" | "trace") => "asks",
            Some(_) | None => "refused",
        }
    }
}

/// A page that grows section by section.
pub(crate) struct Page(String);

impl Page {
    pub(crate) fn new(name: &str) -> Self {
        let name = escaped(name);
        Self(format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             style-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>\n"
        ))
    }

    pub(crate) fn facts(&mut self, facts: &[(String, String)]) {
        self.0.push_str("<dl>\n");
        for (name, value) in facts {
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(self.0, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value));
        }
        self.0.push_str("</dl>\n");
    }

    /// What becomes of calls: the rules, of which the first that names a call and whose condition
    /// holds decides, and what becomes of all others.
    pub(crate) fn rules(&mut self, others: &[(String, String)], rules: &[Rule]) {
        self.0.push_str(
            "<h2>What becomes of calls</h2>\n<p>The first row that names a call and whose condition \
             holds decides.</p>\n",
        );
        self.facts(others);
        self.0.push_str(
            "<table>\n<thead><tr><th>Action</th><th>Calls</th><th>If</th></tr></thead>\n<tbody>\n",
        );
        for rule in rules {
            let condition = match &rule.condition {
                Some((words, text)) => {
                    format!("{}<br><code>{}</code>", escaped(words), escaped(text))
                }
                None => "always".to_owned(),
            };
            let _ = writeln!(
                self.0,
                "<tr><td class=\"{}\">{}</td><td><code>{}</code></td><td>{condition}</td></tr>",
                rule.class(),
                escaped(&rule.action),
                escaped(&rule.calls)
            );
        }
        self.0.push_str("</tbody>\n</table>\n");
    }

    /// A section with a drawing: what is too large to be looked at by the way is there when it is
    /// asked for.
    pub(crate) fn drawing(&mut self, title: &str, svg: &str, boxes: usize) {
        const MANY: usize = 60;
        let open = if boxes > MANY { "" } else { " open" };
        let _ = writeln!(
            self.0,
            "<h2>{}</h2>\n<details{open}><summary>{boxes} boxes</summary>\n<div class=\"drawing\">\n\
             {svg}</div>\n</details>",
            escaped(title)
        );
    }

    /// A section of text as it is.
    pub(crate) fn text(&mut self, title: &str, text: &str) {
        let _ = writeln!(self.0, "<h2>{}</h2>\n<pre>{}</pre>", escaped(title), escaped(text));
    }

    /// A section of a sentence.
    pub(crate) fn note(&mut self, title: &str, text: &str) {
        let _ = writeln!(self.0, "<h2>{}</h2>\n<p>{}</p>", escaped(title), escaped(text));
    }

    pub(crate) fn finish(self) -> String {
        self.0 + "</body>\n</html>\n"
    }
}
