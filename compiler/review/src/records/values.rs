//! Arguments as `strace` writes them.

use filterc_abi::Abi;

/// Where the bracket that opens at `open` is closed; texts and comments are passed over.
pub(super) fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in pieces(text.get(open..)?) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(open + at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The parts between commas at the top.
pub(super) fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut from) = (0_usize, 0);
    for (at, c) in pieces(text) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text.get(from..at).unwrap_or_default().trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    let last = text.get(from..).unwrap_or_default().trim();
    if !last.is_empty() || !parts.is_empty() {
        parts.push(last);
    }
    parts
}

/// The characters outside of texts and comments, with their places.
fn pieces(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quoted = false;
    let mut escaped = false;
    let mut comment = false;
    let mut before = ' ';
    text.char_indices().filter(move |(_, c)| {
        let was = before;
        before = *c;
        if comment {
            comment = !(was == '*' && *c == '/');
            return false;
        }
        if quoted {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            quoted = !ends;
            return false;
        }
        quoted = *c == '"';
        comment = was == '/' && *c == '*';
        !quoted && !comment
    })
}

/// `flags=CLONE_VM`: the name, and what stands behind it.
pub(super) fn named(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((name, value)) if is_name(name) && !value.starts_with(['=', '>']) => {
            (Some(name), value.trim())
        }
        Some(_) | None => (None, text),
    }
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// The number that an argument is; `None` where that is not shown, or not known.
pub(super) fn value(abi: &'static Abi, text: &str) -> Option<i128> {
    let text = bare(text);
    if text == "NULL" {
        return Some(0);
    }
    let mut sum = 0_i128;
    for part in text.split('|') {
        let part = part.trim();
        let value = integer(part).or_else(|| abi.constant(part).filter(|_| is_name(part)))?;
        sum |= value;
    }
    Some(sum)
}

/// Without comments, and without what `strace -y` says of a descriptor: `3</etc/passwd>`.
fn bare(text: &str) -> &str {
    let text = text.split("/*").next().unwrap_or_default().trim();
    match text.find('<') {
        Some(at) if !text.get(at..).unwrap_or_default().starts_with("<<") => {
            text.get(..at).unwrap_or_default()
        }
        Some(_) | None => text,
    }
}

/// An integer as C writes it.
pub(super) fn integer(text: &str) -> Option<i128> {
    let (digits, negative) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let is_octal = digits.len() > 1 && digits.starts_with('0');
    let value = match digits.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16),
        None if is_octal => i128::from_str_radix(digits, 8),
        None => digits.parse(),
    };
    let value = value.ok().filter(|_| !digits.starts_with(['+', '-']))?;
    Some(if negative { -value } else { value })
}

/// A number as 64 bits in two's complement.
pub(super) fn bits(value: i128) -> Option<u64> {
    u64::try_from(value).ok().or_else(|| i64::try_from(value).ok().map(i64::cast_unsigned))
}
