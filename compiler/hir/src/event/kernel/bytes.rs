//! The kernel's classes of bytes: Latin-1, whatever the text's encoding.

/// White space: tab to carriage return, space, no-break space.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, 0x09..=0x0d | b' ' | 0xa0)
}

/// Letters and digits. Of the upper half the letters are C0 to FF but × and ÷.
pub(super) const fn is_alnum(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, 0xc0..=0xd6 | 0xd8..=0xf6 | 0xf8..=0xff)
}

/// The byte at a place; 0 at and behind the end, as in the kernel's buffer.
pub(super) fn at(text: &[u8], index: usize) -> u8 {
    text.get(index).copied().unwrap_or(0)
}

/// The first place, from `index` on, whose byte is none of `class`.
pub(super) fn skip(text: &[u8], index: usize, class: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(index..).unwrap_or_default();
    index + rest.iter().take_while(|byte| class(**byte)).count()
}
