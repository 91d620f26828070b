//! Patterns by what a program does with them: what must stand at the start, what must follow
//! somewhere, and what must stand at the end.
//!
//! All five ways of matching are of this form, and so is every wildcard: between two `*` each
//! byte of a pattern stands for one byte of the text. A part in the middle is taken where it comes
//! first, which leaves the most to what follows.

use filterc_hir::event::filter::{COMM_LEN, Matcher, MatcherKind};

/// The bytes that one place of a pattern admits: spans in order, that do not touch; no NUL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item(Vec<(u8, u8)>);

impl Item {
    fn byte(byte: u8) -> Self {
        Self(vec![(byte, byte)])
    }

    fn any() -> Self {
        Self(vec![(1, u8::MAX)])
    }

    /// The only byte that it admits.
    pub(super) fn only(&self) -> Option<u8> {
        match self.0.as_slice() {
            [(first, last)] if first == last => Some(*first),
            _ => None,
        }
    }

    pub(super) fn spans(&self) -> &[(u8, u8)] {
        &self.0
    }

    /// The spans of bytes that it does not admit, NUL among them.
    pub(super) fn others(&self) -> Vec<(u8, u8)> {
        let mut others = Vec::new();
        let mut next = Some(0);
        for (first, last) in &self.0 {
            others.extend(next.zip(first.checked_sub(1)).filter(|(first, last)| first <= last));
            next = last.checked_add(1);
        }
        others.extend(next.map(|first| (first, u8::MAX)));
        others
    }

    fn class(body: &[(u8, u8)], inverted: bool) -> Self {
        let is_in = |byte: &u8| body.iter().any(|(first, last)| (first..=last).contains(&byte));
        let mut spans: Vec<(u8, u8)> = Vec::new();
        for byte in (1..=u8::MAX).filter(|byte| is_in(byte) != inverted) {
            match spans.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(byte) => *last = byte,
                Some(_) | None => spans.push((byte, byte)),
            }
        }
        Self(spans)
    }
}

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    /// Where the first part stands.
    pub(super) at: usize,
    /// What stands there.
    pub(super) start: Vec<Item>,
    /// What follows; the text ends behind the first part if nothing does.
    pub(super) rest: Option<Rest>,
}

/// What follows the first `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rest {
    /// What must follow somewhere, in this order; none is empty.
    pub(super) middle: Vec<Vec<Item>>,
    /// What must stand at the end, behind all that.
    pub(super) end: Vec<Item>,
}

impl Shape {
    /// The form of a pattern for a text in user memory.
    pub(super) fn of(matcher: &Matcher) -> Self {
        let pattern: Vec<Item> = matcher.pattern.iter().copied().map(Item::byte).collect();
        let nothing = Vec::new;
        match matcher.kind {
            MatcherKind::Exact => Self { at: 0, start: pattern, rest: None },
            MatcherKind::Prefix => Self { at: 0, start: pattern, rest: Some(Rest::default()) },
            MatcherKind::Suffix => {
                let rest = Rest { middle: nothing(), end: pattern };
                Self { at: 0, start: Vec::new(), rest: Some(rest) }
            }
            MatcherKind::Substring => {
                let middle = if pattern.is_empty() { Vec::new() } else { vec![pattern] };
                let rest = Rest { middle, end: Vec::new() };
                Self { at: 0, start: Vec::new(), rest: Some(rest) }
            }
            MatcherKind::Glob => Self::parse(&matcher.pattern),
        }
    }

    /// The form of a pattern for a thread's name; `None` if no name is so long.
    pub(super) fn of_comm(matcher: &Matcher) -> Option<Self> {
        let shape = match matcher.kind {
            // The end is that of the buffer, whatever the name's length is.
            MatcherKind::Suffix => Self {
                at: (COMM_LEN - 1).checked_sub(matcher.pattern.len())?,
                start: matcher.pattern.iter().copied().map(Item::byte).collect(),
                rest: Some(Rest::default()),
            },
            MatcherKind::Exact
            | MatcherKind::Prefix
            | MatcherKind::Substring
            | MatcherKind::Glob => Self::of(matcher),
        };
        (shape.least() < COMM_LEN).then_some(shape)
    }

    /// Whether every text matches.
    pub(super) fn is_everything(&self) -> bool {
        let empty = |rest: &Rest| rest.middle.is_empty() && rest.end.is_empty();
        self.start.is_empty() && self.rest.as_ref().is_some_and(empty)
    }

    /// Whether no text matches: some place admits nothing.
    pub(super) fn is_nothing(&self) -> bool {
        let rest = self.rest.iter().flat_map(|rest| rest.middle.iter().chain([&rest.end]));
        rest.chain([&self.start]).flatten().any(|item| item.0.is_empty())
    }

    /// Bytes that a text has at least.
    fn least(&self) -> usize {
        let rest = self.rest.iter().flat_map(|rest| rest.middle.iter().chain([&rest.end]));
        self.at + self.start.len() + rest.map(Vec::len).sum::<usize>()
    }

    /// The longest of the parts.
    pub(super) fn longest(&self) -> usize {
        let rest = self.rest.iter().flat_map(|rest| rest.middle.iter().chain([&rest.end]));
        rest.map(Vec::len).chain([self.at + self.start.len()]).max().unwrap_or(0)
    }

    /// Reads wildcards.
    fn parse(pattern: &[u8]) -> Self {
        let mut parts = vec![Vec::new()];
        let mut rest = pattern;
        while let Some((first, behind)) = rest.split_first() {
            rest = behind;
            let item = match (first, behind) {
                (b'*', _) => {
                    parts.push(Vec::new());
                    continue;
                }
                (b'?', _) => Item::any(),
                (b'\\', []) => break,
                (b'\\', [byte, behind @ ..]) => {
                    rest = behind;
                    Item::byte(*byte)
                }
                (b'[', _) => match class(behind) {
                    Some((item, behind)) => {
                        rest = behind;
                        item
                    }
                    None => Item::byte(b'['),
                },
                (byte, _) => Item::byte(*byte),
            };
            if let Some(part) = parts.last_mut() {
                part.push(item);
            }
        }
        let mut parts = parts.into_iter();
        let start = parts.next().unwrap_or_default();
        let mut middle: Vec<_> = parts.collect();
        let rest = middle.pop().map(|end| {
            middle.retain(|part| !part.is_empty());
            Rest { middle, end }
        });
        Self { at: 0, start, rest }
    }
}

/// A class behind its bracket, and what follows it; `None` if nothing closes it.
fn class(text: &[u8]) -> Option<(Item, &[u8])> {
    let (inverted, mut text) = match text {
        [b'!', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut spans = Vec::new();
    loop {
        text = match text {
            // A bracket that comes first is one of the class.
            [b']', rest @ ..] if !spans.is_empty() => {
                return Some((Item::class(&spans, inverted), rest));
            }
            [_, b'-'] => return None,
            [first, b'-', last, rest @ ..] if *last != b']' => {
                spans.push((*first, *last));
                rest
            }
            [only, rest @ ..] => {
                spans.push((*only, *only));
                rest
            }
            [] => return None,
        };
    }
}
