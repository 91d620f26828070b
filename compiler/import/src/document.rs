//! A policy that is being written: statements as trees, with the comments and blank lines
//! that a tree has no place for.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use filterc_grammar::ast::{File, Statement, StatementKind};
use filterc_grammar::print;
use filterc_grammar::source::Span;

/// Columns of a comment line.
const WIDTH: usize = 96;

/// A part of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// An empty line.
    Blank,
    /// A paragraph behind `#`, on as many lines as it needs.
    Comment(String),
    /// A statement.
    Statement(StatementKind),
}

/// The parts of a policy, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The parts.
    pub parts: Vec<Part>,
}

impl Document {
    /// Appends an empty line.
    pub fn blank(&mut self) {
        self.parts.push(Part::Blank);
    }

    /// Appends a paragraph of comment.
    pub fn comment(&mut self, text: impl Into<String>) {
        self.parts.push(Part::Comment(text.into()));
    }

    /// Appends a statement.
    pub fn statement(&mut self, kind: StatementKind) {
        self.parts.push(Part::Statement(kind));
    }

    /// The statements alone; their spans are empty, since no text has been written yet.
    #[must_use]
    pub fn file(&self) -> File {
        let statements = self.parts.iter().filter_map(|part| match part {
            Part::Statement(kind) => Some(statement(kind)),
            Part::Blank | Part::Comment(_) => None,
        });
        File { statements: statements.collect() }
    }

    /// The policy's text, as the formatter would leave it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Blank => text.push('\n'),
                Part::Comment(paragraph) => comment(&mut text, paragraph),
                Part::Statement(kind) => {
                    text.push_str(&print::file(&File { statements: vec![statement(kind)] }));
                }
            }
        }
        // What the printer wrote parses. Were it not so, the text as it is would show why.
        print::format(&text).unwrap_or(text)
    }
}

fn statement(kind: &StatementKind) -> Statement {
    Statement { span: Span::default(), kind: kind.clone() }
}

/// Writes a paragraph in lines of at most [`WIDTH`] columns where its words allow it.
fn comment(text: &mut String, paragraph: &str) {
    let mut column = 0;
    for word in plain(paragraph).split_whitespace() {
        let columns = word.chars().count();
        if column > 0 && column + 1 + columns > WIDTH {
            text.push('\n');
            column = 0;
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{} {word}", if column == 0 { "#" } else { "" });
        column += columns + if column == 0 { 2 } else { 1 };
    }
    text.push('\n');
}

/// What may stand in a comment: letters, digits, spaces and what is printed in ASCII. Foreign
/// texts may hold characters that `.flt` refuses everywhere, since they hide others.
fn plain(text: &str) -> String {
    let shown = |c: char| c.is_ascii_graphic() || c.is_alphanumeric();
    text.chars()
        .map(|c| {
            if shown(c) {
                c
            } else if c.is_whitespace() {
                ' '
            } else {
                '?'
            }
        })
        .collect()
}

/// A name of a group that is not taken, by the policy or by the tables.
pub(crate) fn fresh_group(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2_u32..).map(|number| format!("{wanted}{number}"));
    let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
    let is_free = |name: &String| {
        filterc_abi::group(name).is_none() && !matches!(name.as_str(), "known" | "since")
    };
    let found = names.find(|name| is_free(name) && !taken.contains(name)).unwrap_or_default();
    taken.insert(found.clone());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_wrapped_and_hide_nothing() {
        let mut document = Document::default();
        document.comment(format!("{} \u{202e}end\nallow any", "word ".repeat(30)));
        document.statement(StatementKind::Unknown(None));
        let text = document.to_text();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().rev().skip(1).all(|line| line.starts_with("# ")), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.contains("?end allow any") && text.ends_with("\nunknown default\n"), "{text}");
    }
}
