//! The kernel's wildcards: `*`, `?`, `[a-z]`, `[!a-z]`, `\x`, over bytes.

/// Whether the whole text matches the pattern. Neither has a NUL.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Behind the last `*`: the rest of the pattern, and where it was tried last.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some((b'*', rest)) = pattern.split_first() {
            retry = Some((rest, text));
            pattern = rest;
            continue;
        }
        match (one(pattern), text.split_first()) {
            (Some(one), Some((byte, rest))) if one.item.admits(*byte) => {
                (pattern, text) = (one.rest, rest);
            }
            (None, None) => return true,
            // Not here: what the `*` stands for is one byte longer.
            _ => match retry {
                Some((after, [_, shorter @ ..])) => {
                    (pattern, text) = (after, shorter);
                    retry = Some((after, shorter));
                }
                Some((_, [])) | None => return false,
            },
        }
    }
}

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wild {
    /// Any bytes, or none.
    Star,
    /// One byte other than NUL, of these ranges, sorted.
    Bytes(Vec<(u8, u8)>),
}

/// A pattern taken apart.
pub(crate) fn wilds(mut pattern: &[u8]) -> Vec<Wild> {
    let mut wilds = Vec::new();
    loop {
        if let Some((b'*', rest)) = pattern.split_first() {
            wilds.push(Wild::Star);
            pattern = rest;
        } else if let Some(one) = one(pattern) {
            wilds.push(Wild::Bytes(ranges(&one.item)));
            pattern = one.rest;
        } else {
            return wilds;
        }
    }
}

/// The bytes that an item stands for.
fn ranges(item: &Item<'_>) -> Vec<(u8, u8)> {
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    for byte in (1..=u8::MAX).filter(|byte| item.admits(*byte)) {
        match ranges.last_mut() {
            Some((_, last)) if u16::from(*last) + 1 == u16::from(byte) => *last = byte,
            Some(_) | None => ranges.push((byte, byte)),
        }
    }
    ranges
}

/// What stands for one byte, and the pattern behind it.
struct One<'p> {
    item: Item<'p>,
    rest: &'p [u8],
}

enum Item<'p> {
    Any,
    Byte(u8),
    /// The body goes up to the closing bracket, and has it.
    Class {
        inverted: bool,
        body: &'p [u8],
    },
}

/// `None` at the end of the pattern, which a `\` that nothing follows is, too.
fn one(pattern: &[u8]) -> Option<One<'_>> {
    let (first, rest) = pattern.split_first()?;
    match first {
        b'?' => Some(One { item: Item::Any, rest }),
        b'\\' => {
            let (byte, rest) = rest.split_first()?;
            Some(One { item: Item::Byte(*byte), rest })
        }
        b'[' => Some(class(rest).unwrap_or(One { item: Item::Byte(b'['), rest })),
        byte => Some(One { item: Item::Byte(*byte), rest }),
    }
}

/// A class behind its `[`; `None` if nothing closes it.
fn class(text: &[u8]) -> Option<One<'_>> {
    let inverted = text.first() == Some(&b'!');
    let text = if inverted { text.get(1..)? } else { text };
    let mut at = 0;
    loop {
        at = span(text, at)?.2;
        if *text.get(at)? == b']' {
            let item = Item::Class { inverted, body: text.get(..=at)? };
            return Some(One { item, rest: text.get(at + 1..)? });
        }
    }
}

/// First and last byte of the span of a class at a place, and where the next begins. The first
/// span may begin with `]`.
fn span(text: &[u8], at: usize) -> Option<(u8, u8, usize)> {
    let first = *text.get(at)?;
    match (text.get(at + 1), text.get(at + 2)) {
        (Some(b'-'), Some(last)) if *last != b']' => Some((first, *last, at + 3)),
        // `[a-` is closed by nothing.
        (Some(b'-'), None) => None,
        _ => Some((first, first, at + 1)),
    }
}

impl Item<'_> {
    fn admits(&self, byte: u8) -> bool {
        match self {
            Self::Any => true,
            Self::Byte(only) => *only == byte,
            Self::Class { inverted, body } => {
                let mut at = 0;
                let mut found = false;
                while at + 1 < body.len()
                    && let Some((first, last, next)) = span(body, at)
                {
                    found |= (first..=last).contains(&byte);
                    at = next;
                }
                found != *inverted
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn as_the_kernel_matches() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*b*c", "axxbxxbyc", true),
            ("a*b*c", "axxbxxby", false),
            ("?", "", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("[]-a]", "^", true),
            ("[a-]", "-", true),
            ("[z-a]", "m", false),
            ("[abc", "[abc", true),
            ("[a-", "[a-", true),
            ("[!", "[!", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("a\\", "a", true),
            ("[^a]", "^", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
