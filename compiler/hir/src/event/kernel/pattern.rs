//! Which way of matching the kernel picks for the text behind `~`.

use crate::event::filter::{Matcher, MatcherKind};

/// The way, and whether the test is of the opposite.
pub(in crate::event) fn classify(text: &[u8]) -> (Matcher, bool) {
    let (text, negated) = match text {
        [b'!', rest @ ..] => (rest, true),
        _ => (text, false),
    };
    let (kind, pattern) = unsigned(text);
    (Matcher { kind, pattern: pattern.to_vec() }, negated)
}

fn unsigned(text: &[u8]) -> (MatcherKind, &[u8]) {
    // A digit would be an index elsewhere in the tracer; here it makes wildcards plain bytes.
    if text.first().is_some_and(u8::is_ascii_digit) {
        return (MatcherKind::Exact, text);
    }
    if text.iter().any(|byte| matches!(byte, b'[' | b'?' | b'\\')) {
        return (MatcherKind::Glob, text);
    }
    let (leading, inner) = match text {
        [b'*', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (trailing, inner) = match inner {
        [rest @ .., b'*'] => (true, rest),
        _ => (false, inner),
    };
    if inner.contains(&b'*') {
        return (MatcherKind::Glob, text);
    }
    let kind = match (leading, trailing) {
        (false, false) => MatcherKind::Exact,
        (false, true) => MatcherKind::Prefix,
        (true, false) => MatcherKind::Suffix,
        (true, true) => MatcherKind::Substring,
    };
    (kind, inner)
}
