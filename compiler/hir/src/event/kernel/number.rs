//! Numbers as the kernel reads them: the sign of the field decides what is one.

/// The bits of a number in decimal, hexadecimal (`0x`) or octal (leading 0). Of an unsigned field
/// it has no sign; of a signed one it is within 64 bits, sign included.
pub(super) fn read(token: &[u8], signed: bool) -> Option<u64> {
    let negative = token.first() == Some(&b'-');
    if negative && !signed {
        return None;
    }
    let magnitude = unsigned(token.get(usize::from(negative)..)?)?;
    let number = i128::from(magnitude);
    let number = if negative { -number } else { number };
    if signed { i64::try_from(number).ok().map(i64::cast_unsigned) } else { Some(magnitude) }
}

/// The number without a sign.
pub(super) fn unsigned(token: &[u8]) -> Option<u64> {
    let (radix, digits) = match token {
        [b'0', b'x' | b'X', digits @ ..] if !digits.is_empty() => (16, digits),
        [b'0', ..] => (8, token),
        _ => (10, token),
    };
    let text = std::str::from_utf8(digits).ok()?;
    // A sign is no digit.
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    u64::from_str_radix(text, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn as_the_kernel_reads() {
        for (text, unsigned, signed) in [
            ("0", Some(0), Some(0)),
            ("010", Some(8), Some(8)),
            ("0XfF", Some(255), Some(255)),
            ("-0", None, Some(0)),
            ("-1", None, Some(u64::MAX)),
            ("0xffffffffffffffff", Some(u64::MAX), None),
            ("-0x8000000000000000", None, Some(1 << 63)),
            ("9223372036854775808", Some(1 << 63), None),
            ("18446744073709551616", None, None),
            ("08", None, None),
            ("0x", None, None),
            ("-", None, None),
            ("--1", None, None),
            ("1u", None, None),
            ("-+1", None, None),
        ] {
            assert_eq!(read(text.as_bytes(), false), unsigned, "{text}");
            assert_eq!(read(text.as_bytes(), true), signed, "{text}");
        }
    }
}
