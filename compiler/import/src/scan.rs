//! Walking along a text: what the readers of formats with a grammar of their own share.

use filterc_grammar::source::{FileId, Span};

/// A position in a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan<'t> {
    file: FileId,
    text: &'t str,
    at: usize,
}

impl<'t> Scan<'t> {
    pub(crate) const fn new(file: FileId, text: &'t str) -> Self {
        Self { file, text, at: 0 }
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Goes past `prefix`, if it is next.
    pub(crate) fn eat(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.at += prefix.len();
        }
        found
    }

    /// Goes past all characters of a kind, and returns them.
    pub(crate) fn take_while(&mut self, is_it: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let len = rest.find(|c| !is_it(c)).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// From a position to here.
    pub(crate) fn since(&self, start: usize) -> Span {
        span(self.file, start, self.at)
    }
}

/// A span of bytes; texts are at most [`filterc_grammar::source::MAX_SOURCE_LEN`] long.
pub(crate) fn span(file: FileId, start: usize, end: usize) -> Span {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { file, start: offset(start), end: offset(end) }
}

/// A word and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<'t> {
    pub(crate) text: &'t str,
    pub(crate) span: Span,
}

/// The words of a piece of a text that begins at `start`.
pub(crate) fn words<'t>(file: FileId, piece: &'t str, start: usize) -> Vec<Word<'t>> {
    let mut words = Vec::new();
    let mut scan = Scan::new(file, piece);
    loop {
        scan.take_while(char::is_whitespace);
        let from = scan.at();
        let text = scan.take_while(|c| !c.is_whitespace());
        if text.is_empty() {
            return words;
        }
        words.push(Word { text, span: span(file, start + from, start + scan.at()) });
    }
}

/// The lines of a text without their ends, each with its first byte.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line.trim_end_matches(['\n', '\r']))
    })
}

/// A number as C writes it: decimal, hexadecimal after `0x`, octal after `0`, with a `-`.
pub(crate) fn c_number(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (digits, radix) = match hexadecimal {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -value } else { value })
}
