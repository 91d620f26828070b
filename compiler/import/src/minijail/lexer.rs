//! Words of a policy of minijail, in logical lines.

use filterc_grammar::source::{FileId, Span};

use crate::fault::Fault;
use crate::scan::Scan;

/// A word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: TokenKind,
    pub(super) text: &'t str,
    pub(super) span: Span,
}

/// What sort of word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// `@include` and its like.
    Directive,
    /// What begins with `/` or `./`.
    Path,
    Number,
    /// Names of calls and constants, actions, `argN`, `in`, `return`.
    Word,
    /// Everything else.
    Sign,
}

/// The signs, longer ones first.
const SIGNS: &[&str] = &[
    "||", "&&", "==", "!=", "<=", ">=", ":", ";", ",", "~", "(", ")", "{", "}", "[", "]", "|", "&",
    "<", ">", "=",
];

/// One line, which a `\` at its end joins to the next.
pub(super) type Tokens<'t> = Result<Vec<Token<'t>>, (Span, Fault)>;

/// The lines that are not empty.
pub(super) fn lines(file: FileId, text: &str) -> Vec<Tokens<'_>> {
    let mut lines = Vec::new();
    let mut scan = Scan::new(file, text);
    let mut line: Vec<Token<'_>> = Vec::new();
    let mut fault = None;
    loop {
        scan.take_while(|c| c.is_whitespace() && c != '\n');
        match scan.peek() {
            None | Some('\n') => {
                match fault.take() {
                    Some(fault) => lines.push(Err(fault)),
                    None if line.is_empty() => {}
                    None => lines.push(Ok(std::mem::take(&mut line))),
                }
                line.clear();
                if scan.bump().is_none() {
                    return lines;
                }
            }
            Some('#') => {
                scan.take_while(|c| c != '\n');
            }
            Some('\\') => continuation(&mut scan, &mut fault),
            Some(_) => match token(&mut scan) {
                Ok(token) => line.push(token),
                Err(found) => {
                    fault.get_or_insert(found);
                }
            },
        }
    }
}

fn continuation(scan: &mut Scan<'_>, fault: &mut Option<(Span, Fault)>) {
    let start = scan.at();
    scan.bump();
    if !(scan.eat("\n") || scan.eat("\r\n") || scan.rest().is_empty()) {
        let expected = "the end of the line";
        let found = "behind a `\\`".to_owned();
        fault.get_or_insert((scan.since(start), Fault::Unexpected { expected, found }));
    }
}

fn token<'t>(scan: &mut Scan<'t>) -> Result<Token<'t>, (Span, Fault)> {
    let start = scan.at();
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '@');
    let rest = scan.rest();
    let (kind, text) = match scan.peek() {
        Some('@') => (TokenKind::Directive, scan.take_while(is_word)),
        Some('/') => (TokenKind::Path, scan.take_while(|c| !c.is_whitespace())),
        Some('.') => (TokenKind::Path, scan.take_while(|c| !c.is_whitespace())),
        Some(c) if c.is_ascii_digit() => {
            (TokenKind::Number, scan.take_while(|c| c.is_ascii_alphanumeric()))
        }
        Some('-') => {
            scan.bump();
            let digits = scan.take_while(|c| c.is_ascii_alphanumeric());
            (TokenKind::Number, rest.get(..=digits.len()).unwrap_or_default())
        }
        Some(c) if c.is_ascii_alphabetic() || c == '_' => {
            (TokenKind::Word, scan.take_while(is_word))
        }
        Some(_) | None => match SIGNS.iter().find(|sign| scan.eat(sign)) {
            Some(sign) => (TokenKind::Sign, *sign),
            None => {
                let found = scan.bump().map_or_else(String::new, |c| format!("`{c}`"));
                let fault = Fault::Unexpected { expected: "a rule", found };
                return Err((scan.since(start), fault));
            }
        },
    };
    Ok(Token { kind, text, span: scan.since(start) })
}
