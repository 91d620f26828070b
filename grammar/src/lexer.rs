//! Text to tokens.
//!
//! Guarantees: the tokens come in order and do not overlap; every fault is reported
//! once and leaves either an [`Token::Error`] in its place or, where the character
//! can only be a slip, nothing; comments are kept apart. Never fails, and looks at
//! each byte a bounded number of times.

use logos::Logos as _;

use crate::error::{Error, Kind, is_invisible, span};
use crate::number;
use crate::source::FileId;
use crate::token::{Spanned, Token};

/// Whose rules hold inside quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A policy: a string ends on its line and has no control characters.
    Policy,
    /// The kernel's: a string has all bytes but its quote and NUL.
    Filter,
}

/// A comment, `#` included, white space at its end not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Comment {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// What a text consists of.
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Spanned>,
    pub(crate) comments: Vec<Comment>,
    pub(crate) errors: Vec<Error>,
}

/// Lexes a text of at most [`crate::source::MAX_SOURCE_LEN`] bytes.
pub(crate) fn lex(file: FileId, text: &str, mode: Mode) -> Lexed {
    let mut lexer = Lexer { file, text, mode, out: Lexed::default() };
    // A token of a policy is about five bytes long, white space included.
    lexer.out.tokens.reserve(text.len() / 5);
    lexer.run();
    lexer.out
}

struct Lexer<'s> {
    file: FileId,
    text: &'s str,
    mode: Mode,
    out: Lexed,
}

impl<'s> Lexer<'s> {
    fn run(&mut self) {
        let mut logos = Token::lexer(self.text);
        while let Some(found) = logos.next() {
            let (start, end) = (logos.span().start, logos.span().end);
            let token = found.unwrap_or(Token::Other);
            let rest = logos.remainder();
            if token == Token::Quote {
                logos.bump(self.string(start, rest));
            } else if token == Token::Cpus {
                logos.bump(self.cpus(start, end, rest));
            } else if token == Token::Integer {
                self.integer(start, end);
            } else if token == Token::Comment {
                self.comment(start, end);
            } else if token == Token::Other {
                self.other(start, end);
            } else if token == Token::Dotted && self.previous_end(Token::is_name) != Some(start) {
                self.error(Kind::UnexpectedCharacter('.'), start, start + 1);
                self.push(Token::Error, start, end);
            } else {
                self.push(token, start, end);
                if token.is_comparison() && self.behind_function() {
                    logos.bump(self.symbol(end, rest));
                }
            }
        }
    }

    fn push(&mut self, token: Token, start: usize, end: usize) {
        let (start, end) = (offset(start), offset(end));
        self.out.tokens.push(Spanned { token, start, end });
    }

    fn error(&mut self, kind: Kind, start: usize, end: usize) {
        let span = span(self.file, offset(start), offset(end));
        self.out.errors.push(Error { kind, span });
    }

    /// Where the token before ends, if it is such a one; a dotted name goes on being one.
    fn previous_end(&self, is: impl Fn(Token) -> bool) -> Option<usize> {
        let last = self.out.tokens.last()?;
        (is(last.token) || last.token == Token::Dotted).then_some(last.end as usize)
    }

    /// Reads on behind an opening quote; returns how much it took.
    fn string(&mut self, start: usize, rest: &str) -> usize {
        let quote = self.text.get(start..).and_then(|t| t.chars().next()).unwrap_or('"');
        let len = match self.find_close(rest, quote, &['\n', '\r']) {
            Ok(len) => len,
            Err(len) => {
                self.error(Kind::Unterminated(quote), start, start + 1);
                self.push(Token::Error, start, start + 1 + len);
                return len;
            }
        };
        let body = rest.get(..len).unwrap_or_default();
        let clean = self.check_inside(start + 1, body);
        let one = quote == '\'' && body.chars().nth(1).is_none() && !body.is_empty();
        let token = match (clean, one) {
            (false, _) => Token::Error,
            (true, true) => Token::Character,
            (true, false) => Token::Str,
        };
        self.push(token, start, start + len + 2);
        len + 1
    }

    /// How far the closing character is, or, if there is none, how far what ends the search.
    fn find_close(&self, rest: &str, close: char, policy_ends: &[char]) -> Result<usize, usize> {
        let ends = match self.mode {
            Mode::Policy => policy_ends,
            Mode::Filter => &[],
        };
        let found = rest.char_indices().find(|(_, c)| *c == close || ends.contains(c));
        match found {
            Some((at, c)) if c == close => Ok(at),
            Some((at, _)) => Err(at),
            None => Err(rest.len()),
        }
    }

    /// Whether a string or comment has only characters that may be in one.
    fn check_inside(&mut self, start: usize, body: &str) -> bool {
        // Nearly always plain.
        if body.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t')) {
            return true;
        }
        let bad = body.char_indices().find(|&(_, c)| match self.mode {
            Mode::Policy => (c.is_control() && c != '\t') || is_invisible(c),
            Mode::Filter => c == '\0',
        });
        if let Some((at, c)) = bad {
            let at = start + at;
            self.error(Kind::UnexpectedCharacter(c), at, at + c.len_utf8());
        }
        bad.is_none()
    }

    /// Reads on behind `CPUS{`; returns how much it took.
    fn cpus(&mut self, start: usize, end: usize, rest: &str) -> usize {
        let len = match self.find_close(rest, '}', &['\n', '\r', '#']) {
            Ok(len) => len,
            Err(len) => {
                self.error(Kind::Unterminated('}'), start, end);
                self.push(Token::Error, start, end + len);
                return len;
            }
        };
        let body = rest.get(..len).unwrap_or_default();
        let token = if self.check_inside(end, body) { Token::Cpus } else { Token::Error };
        self.push(token, start, end + len + 1);
        len + 1
    }

    fn integer(&mut self, start: usize, end: usize) {
        let kind = match number::integer(self.text.get(start..end).unwrap_or_default()) {
            Ok(_) => return self.push(Token::Integer, start, end),
            Err(number::Fault::TooLarge) => Kind::IntegerTooLarge,
            Err(number::Fault::NoDigits) => Kind::MalformedInteger("digits are missing".to_owned()),
            Err(number::Fault::Underscore) => {
                Kind::MalformedInteger("`_` belongs between two digits".to_owned())
            }
            Err(number::Fault::Digit(c, base)) => {
                Kind::MalformedInteger(format!("`{c}` is no digit in base {base}"))
            }
        };
        self.error(kind, start, end);
        self.push(Token::Error, start, end);
    }

    fn comment(&mut self, start: usize, end: usize) {
        let body = self.text.get(start..end).unwrap_or_default().trim_end();
        self.check_inside(start, body);
        let (start, end) = (offset(start), offset(start + body.len()));
        self.out.comments.push(Comment { start, end });
    }

    /// A character that begins no token. Neighbours of the same sort are one error.
    fn other(&mut self, start: usize, end: usize) {
        let c = self.text.get(start..end).and_then(|t| t.chars().next()).unwrap_or_default();
        if let Some(last) = self.out.errors.last_mut()
            && matches!(last.kind, Kind::UnexpectedCharacter(_))
            && last.span.end as usize == start
        {
            last.span.end = offset(end);
        } else {
            self.error(Kind::UnexpectedCharacter(c), start, end);
        }
        // What cannot be seen, and terminators, were not meant as a part of anything.
        let slip = c.is_control() || c.is_whitespace() || is_invisible(c) || c == ';';
        match self.out.tokens.last_mut() {
            _ if slip => (),
            Some(last) if last.token == Token::Error && last.end as usize == start => {
                last.end = offset(end);
            }
            Some(_) | None => self.push(Token::Error, start, end),
        }
    }

    /// Whether the last two tokens are `.function` and a comparison.
    fn behind_function(&self) -> bool {
        let mut last = self.out.tokens.iter().rev().skip(1);
        last.next().is_some_and(|t| {
            t.token == Token::Dotted
                && self.text.get(t.start as usize..t.end as usize) == Some(".function")
        })
    }

    /// The raw symbol behind `.function ==`, read as the kernel does: digits and letters
    /// if it begins with a digit, else everything up to white space. Returns how much it took.
    fn symbol(&mut self, at: usize, rest: &str) -> usize {
        let white = |c: char| matches!(c, ' ' | '\t'..='\r' | '\u{a0}');
        let symbol = rest.trim_start_matches(white);
        let skipped = rest.len() - symbol.len();
        let len = if symbol.starts_with(|c: char| c.is_ascii_digit()) {
            symbol.find(|c: char| !c.is_alphanumeric())
        } else {
            symbol.find(white)
        };
        let len = len.unwrap_or(symbol.len());
        let body = symbol.get(..len).unwrap_or_default();
        let start = at + skipped;
        if len > 0 {
            let token = if self.check_inside(start, body) { Token::Symbol } else { Token::Error };
            self.push(token, start, start + len);
        }
        skipped + len
    }
}

/// Texts are at most [`crate::source::MAX_SOURCE_LEN`] long.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Mode, lex};
    use crate::source::FileId;
    use crate::token::Token;

    fn tokens(text: &str, mode: Mode) -> Vec<Token> {
        lex(FileId(0), text, mode).tokens.iter().map(|t| t.token).collect()
    }

    fn codes(text: &str, mode: Mode) -> Vec<&'static str> {
        lex(FileId(0), text, mode).errors.iter().map(|e| e.kind.code().0).collect()
    }

    #[test]
    fn operators_take_the_longest_match() {
        use Token::{And, AndAnd, Bang, Eq, Integer, Minus, Name, Ne, OrOr, Range, Version};
        let t = |text| tokens(text, Mode::Policy);
        assert_eq!(t("a&1&&a&-1"), [Name, And, Integer, AndAnd, Name, And, Minus, Integer]);
        assert_eq!(t("a==1||!a!=2"), [Name, Eq, Integer, OrOr, Bang, Name, Ne, Integer]);
        assert_eq!(t("1..3 6.6"), [Integer, Range, Integer, Version]);
        assert_eq!(t("a\u{a0}\u{b}\u{c}\r\n\tb"), [Name, Name]);
    }

    #[test]
    fn quotes() {
        assert_eq!(
            tokens("'a' 'ab' '' \"a\" 'é'", Mode::Policy),
            [Token::Character, Token::Str, Token::Str, Token::Str, Token::Character]
        );
        assert_eq!(codes("\"abc\nallow", Mode::Policy), ["F0102"]);
        assert_eq!(codes("\"abc\nallow\"", Mode::Filter), [""; 0]);
        assert_eq!(codes("\"a\u{1}\"", Mode::Policy), ["F0101"]);
        assert_eq!(codes("\"a\u{1}\"", Mode::Filter), [""; 0]);
        assert_eq!(codes("\"a\0\"", Mode::Filter), ["F0101"]);
    }

    #[test]
    fn symbols_run_to_white_space() {
        use Token::{Dotted, Eq, Name, ParenClose, Symbol};
        let t = |text| tokens(text, Mode::Filter);
        assert_eq!(t("a.function==do)&&"), [Name, Dotted, Eq, Symbol]);
        assert_eq!(t("a.function == do )"), [Name, Dotted, Eq, Symbol, ParenClose]);
        assert_eq!(t("a.function == 0x12)"), [Name, Dotted, Eq, Symbol, ParenClose]);
        assert_eq!(t("a.function =="), [Name, Dotted, Eq]);
    }

    #[test]
    fn faults_are_reported_once() {
        assert_eq!(codes("allow read; allow write;", Mode::Policy), ["F0101", "F0101"]);
        assert_eq!(tokens("a;b", Mode::Policy), [Token::Name, Token::Name]);
        assert_eq!(codes("日本語", Mode::Policy), ["F0101"]);
        assert_eq!(codes("\u{feff}a\0b", Mode::Policy), ["F0101", "F0101"]);
        assert_eq!(codes("# a\u{202e}b", Mode::Policy), ["F0101"]);
        assert_eq!(codes("a .b", Mode::Policy), ["F0101"]);
        assert_eq!(codes("CPUS{1", Mode::Filter), ["F0102"]);
        assert_eq!(codes("08 1u 99999999999999999999", Mode::Policy), ["F0103", "F0103", "F0104"]);
    }
}
