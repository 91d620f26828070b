//! Words of a kafel policy and of all that it includes, constants replaced by their values.

use std::collections::BTreeMap;

use filterc_grammar::source::{FileId, Span};

use crate::fault::Fault;
use crate::includes::Includes;
use crate::scan::{Scan, c_number};

/// Files that include each other, at most: as in kafel.
const MOST_INCLUDED: usize = 16;

/// Words of all files together, at most.
const MOST_WORDS: usize = 1 << 20;

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// What sort of word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Name(String),
    /// A number, or a constant by its name.
    Number(u64),
    Sign(&'static str),
}

/// The signs, longer ones first.
const SIGNS: &[&str] = &[
    "==", "!=", "<=", ">=", "||", "&&", "<", ">", "|", "&", "[", "]", "(", ")", "{", "}", ",", "!",
];

type Fallible<T> = Result<T, (Span, Fault)>;

struct Lexer<'i> {
    includes: &'i mut dyn Includes,
    constants: BTreeMap<String, (u64, Span)>,
    tokens: Vec<Token>,
}

/// The words of a text, with those of the texts that it includes in their places.
pub(super) fn tokens(
    file: FileId,
    text: &str,
    includes: &mut dyn Includes,
) -> Fallible<Vec<Token>> {
    let mut lexer = Lexer { includes, constants: BTreeMap::new(), tokens: Vec::new() };
    lexer.file(file, text, 0)?;
    Ok(lexer.tokens)
}

impl Lexer<'_> {
    fn file(&mut self, file: FileId, text: &str, depth: usize) -> Fallible<()> {
        let mut scan = Scan::new(file, text);
        loop {
            skip(&mut scan)?;
            let start = scan.at();
            let Some(next) = scan.peek() else { return Ok(()) };
            if self.tokens.len() >= MOST_WORDS {
                return Err((scan.since(start), Fault::TooDeep(MOST_WORDS)));
            }
            match next {
                '#' => self.directive(&mut scan, depth)?,
                c if c.is_ascii_alphabetic() => {
                    let word = scan.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
                    let kind = match self.constants.get(word) {
                        Some((value, _)) => Kind::Number(*value),
                        None => Kind::Name(word.to_owned()),
                    };
                    self.tokens.push(Token { kind, span: scan.since(start) });
                }
                c if c.is_ascii_digit() || c == '-' => {
                    let value = number(&mut scan)?;
                    let span = scan.since(start);
                    self.tokens.push(Token { kind: Kind::Number(value), span });
                }
                c => match SIGNS.iter().find(|sign| scan.eat(sign)) {
                    Some(sign) => {
                        let span = scan.since(start);
                        self.tokens.push(Token { kind: Kind::Sign(sign), span });
                    }
                    None => {
                        scan.bump();
                        let fault =
                            Fault::Unexpected { expected: "a statement", found: format!("`{c}`") };
                        return Err((scan.since(start), fault));
                    }
                },
            }
        }
    }

    fn directive(&mut self, scan: &mut Scan<'_>, depth: usize) -> Fallible<()> {
        let start = scan.at();
        scan.bump();
        scan.take_while(|c| c == ' ' || c == '\t');
        match scan.take_while(|c| c.is_ascii_alphabetic()) {
            "define" => self.define(scan),
            "include" => self.include(scan, depth),
            other => {
                let found = format!("`#{other}`");
                let fault = Fault::Unexpected { expected: "`#define` or `#include`", found };
                Err((scan.since(start), fault))
            }
        }
    }

    fn define(&mut self, scan: &mut Scan<'_>) -> Fallible<()> {
        skip(scan)?;
        let start = scan.at();
        let name = scan.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        let span = scan.since(start);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let found = format!("`{name}`");
            return Err((span, Fault::Unexpected { expected: "the name of a constant", found }));
        }
        skip(scan)?;
        let value = number(scan)?;
        match self.constants.get(name) {
            Some((other, first)) if *other != value => {
                let what = format!("`{name}` has another value already");
                Err((span, Fault::SaidTwice(what, *first)))
            }
            Some(_) => Ok(()),
            None => {
                self.constants.insert(name.to_owned(), (value, span));
                Ok(())
            }
        }
    }

    /// `#include "a" "b"`, up to the end of the line or a `;`.
    fn include(&mut self, scan: &mut Scan<'_>, depth: usize) -> Fallible<()> {
        loop {
            scan.take_while(|c| c == ' ' || c == '\t' || c == '\r');
            let start = scan.at();
            match scan.bump() {
                None | Some('\n' | ';') => return Ok(()),
                Some('"') => {
                    let path = scan.take_while(|c| c != '"' && c != '\n');
                    let ends = scan.eat("\"");
                    let span = scan.since(start);
                    if !ends || path.is_empty() {
                        let found = format!("`\"{path}`");
                        let expected = "the name of a file in quotes";
                        return Err((span, Fault::Unexpected { expected, found }));
                    }
                    if depth >= MOST_INCLUDED {
                        return Err((span, Fault::TooDeep(MOST_INCLUDED)));
                    }
                    let found = self.includes.include(path, span);
                    let (file, text) =
                        found.map_err(|why| (span, Fault::NotFound(path.to_owned(), why)))?;
                    self.file(file, &text, depth + 1)?;
                }
                Some(c) => {
                    let expected = "the name of a file in quotes";
                    let fault = Fault::Unexpected { expected, found: format!("`{c}`") };
                    return Err((scan.since(start), fault));
                }
            }
        }
    }
}

/// Goes past spaces and comments.
fn skip(scan: &mut Scan<'_>) -> Fallible<()> {
    loop {
        scan.take_while(char::is_whitespace);
        let start = scan.at();
        if scan.eat("//") {
            scan.take_while(|c| c != '\n');
        } else if scan.eat("/*") {
            match scan.rest().find("*/") {
                Some(len) => {
                    let end = scan.at() + len;
                    while scan.at() < end {
                        scan.bump();
                    }
                    scan.eat("*/");
                }
                None => {
                    let found = "a comment without one".to_owned();
                    return Err((scan.since(start), Fault::Unexpected { expected: "`*/`", found }));
                }
            }
        } else {
            return Ok(());
        }
    }
}

/// A number of 64 bits; a negative one is its two's complement.
fn number(scan: &mut Scan<'_>) -> Fallible<u64> {
    const WHY: &str = "a number is decimal, octal after 0, hexadecimal after 0x or binary after 0b, \
                       of 64 bits";
    let start = scan.at();
    let rest = scan.rest();
    let minus = usize::from(scan.eat("-"));
    let digits = scan.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
    let text = rest.get(..minus + digits.len()).unwrap_or_default();
    let value = match digits.strip_prefix("0b").filter(|_| minus == 0) {
        Some(bits) if bits.starts_with(['0', '1']) => i128::from_str_radix(bits, 2).ok(),
        Some(_) => None,
        None => c_number(text),
    };
    let fits = |value: &i128| *value <= i128::from(u64::MAX) && *value >= -(1 << 63);
    let value = value.filter(fits).and_then(|it| u64::try_from(it & i128::from(u64::MAX)).ok());
    value.ok_or_else(|| (scan.since(start), Fault::BadNumber(text.to_owned(), WHY)))
}
