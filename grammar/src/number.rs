//! Integers as written: decimal, `0x`, `0b`, leading-zero octal, `_` between digits.

/// Why the text is no integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `0x` alone.
    NoDigits,
    /// `08`, `12ab`: that character is no digit of the base.
    Digit(char, u32),
    /// `1__0`, `1_`, `0x_1`.
    Underscore,
    /// More than 64 bits.
    TooLarge,
}

/// Reads text that begins with a digit and has only digits, letters and `_`.
pub(crate) fn integer(text: &str) -> Result<u64, Fault> {
    if let Some(value) = plain(text.as_bytes()) {
        return Ok(value);
    }
    let prefixed = |prefix: [&str; 2]| prefix.iter().find_map(|p| text.strip_prefix(p));
    if let Some(digits) = prefixed(["0x", "0X"]) {
        return in_base(digits, 16);
    }
    if let Some(digits) = prefixed(["0b", "0B"]) {
        return in_base(digits, 2);
    }
    // As in C and in the kernel, a leading zero means octal; `0` itself is zero either way.
    in_base(text, if text.starts_with('0') { 8 } else { 10 })
}

/// Digits that cannot be too many and nothing else, decimal or behind `0x`: most integers. `None`
/// means nothing.
fn plain(text: &[u8]) -> Option<u64> {
    let (digits, base, most) = match text {
        [b'0', b'x', digits @ ..] => (digits, 16, 16),
        [b'0', _, ..] => return None,
        _ => (text, 10, 19),
    };
    if digits.is_empty() || digits.len() > most {
        return None;
    }
    let mut value = 0_u64;
    for digit in digits {
        let digit = char::from(*digit).to_digit(base)?;
        value = value.wrapping_mul(base.into()).wrapping_add(digit.into());
    }
    Some(value)
}

fn in_base(digits: &str, base: u32) -> Result<u64, Fault> {
    if digits.is_empty() {
        return Err(Fault::NoDigits);
    }
    let mut value = Some(0_u64);
    // An underscore stands between two digits.
    let (mut behind_digit, mut misplaced) = (false, false);
    let mut wrong = None;
    for c in digits.chars() {
        if c == '_' {
            misplaced |= !behind_digit;
            behind_digit = false;
            continue;
        }
        behind_digit = true;
        match c.to_digit(base) {
            // Go on after an overflow: a wrong digit further on is the better message.
            Some(digit) => {
                value = value
                    .and_then(|v| v.checked_mul(u64::from(base)))
                    .and_then(|v| v.checked_add(u64::from(digit)));
            }
            None => wrong = wrong.or(Some(Fault::Digit(c, base))),
        }
    }
    if misplaced || !behind_digit {
        return Err(Fault::Underscore);
    }
    wrong.map_or(value.ok_or(Fault::TooLarge), Err)
}

#[cfg(test)]
mod tests {
    use super::{Fault, in_base, integer, plain};

    #[test]
    fn plain_integers_are_integers() {
        let texts = ["0", "9", "10", "0x0", "0xfFf", "9999999999999999999", "1234567890123456789"];
        for text in texts.into_iter().chain(["0xffffffffffffffff", "0x8000000000000000"]) {
            let (digits, base) = match text.strip_prefix("0x") {
                Some(digits) => (digits, 16),
                None => (text, 10),
            };
            assert_eq!(plain(text.as_bytes()), in_base(digits, base).ok(), "{text}");
        }
        for text in
            ["", "0x", "00", "010", "0b1", "0X1", "1_0", "1a", "0xg", "18446744073709551615"]
        {
            assert_eq!(plain(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_base_to_its_last_value() {
        for text in [
            "18446744073709551615",
            "0xffff_ffff_ffff_ffff",
            "0XFFFFFFFFFFFFFFFF",
            "01777777777777777777777",
            &format!("0b{}", "1".repeat(64)),
            "0x0000ffffffffffffffff",
        ] {
            assert_eq!(integer(text), Ok(u64::MAX), "{text}");
        }
        for text in ["18446744073709551616", "0x10000000000000000", "02000000000000000000000"] {
            assert_eq!(integer(text), Err(Fault::TooLarge), "{text}");
        }
        assert_eq!(integer("0"), Ok(0));
        assert_eq!(integer("000"), Ok(0));
        assert_eq!(integer("010"), Ok(8));
        assert_eq!(integer("0_10"), Ok(8));
        assert_eq!(integer("1_000"), Ok(1000));
    }

    #[test]
    fn what_is_refused() {
        assert_eq!(integer("08"), Err(Fault::Digit('8', 8)));
        assert_eq!(integer("0o7"), Err(Fault::Digit('o', 8)));
        assert_eq!(integer("1u"), Err(Fault::Digit('u', 10)));
        assert_eq!(integer("0b2"), Err(Fault::Digit('2', 2)));
        assert_eq!(integer("0x"), Err(Fault::NoDigits));
        for text in ["1_", "1__0", "0x_1", "0b1_"] {
            assert_eq!(integer(text), Err(Fault::Underscore), "{text}");
        }
        assert_eq!(integer("99999999999999999999999z"), Err(Fault::Digit('z', 10)));
    }
}
