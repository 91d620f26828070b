//! One line of assembly text to tokens.

use super::error::{AsmError, AsmKind};

/// A position in the text, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    pub(super) const fn error(self, kind: AsmKind) -> AsmError {
        AsmError { line: self.line, column: self.column, kind }
    }
}

/// A piece of a line: a word (name, keyword or number), or one character of punctuation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Word(&'a str),
    Punct(char),
}

const PUNCTUATION: &str = "=+-*/%&|^<>!()[],:#";

/// The tokens of a line, up to its comment, each with its column in characters from 1.
pub(super) fn lex(line: &str, number: usize) -> Result<Vec<(Token<'_>, usize)>, AsmError> {
    let mut tokens = Vec::new();
    let mut rest = line;
    let mut column = 1;
    while let Some(first) = rest.chars().next() {
        let length = if first == ';' {
            break;
        } else if is_word(first) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            tokens.push((Token::Word(rest.get(..length).unwrap_or(rest)), column));
            length
        } else if PUNCTUATION.contains(first) {
            tokens.push((Token::Punct(first), column));
            1
        } else if first.is_whitespace() {
            first.len_utf8()
        } else {
            let found = format!("{first:?}");
            let kind = AsmKind::Unexpected { found, expected: "an instruction or a comment" };
            return Err(Place { line: number, column }.error(kind));
        };
        let (eaten, remaining) = rest.split_at_checked(length).unwrap_or((rest, ""));
        column += eaten.chars().count();
        rest = remaining;
    }
    Ok(tokens)
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.' || c == '$'
}
