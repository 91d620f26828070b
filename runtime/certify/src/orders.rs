//! Sets of the three ways in which two numbers can stand to each other.

/// A set of less, equal and greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orders(u8);

impl Orders {
    /// Not possible.
    pub const NONE: Self = Self(0);
    /// Less.
    pub const LT: Self = Self(1);
    /// Equal.
    pub const EQ: Self = Self(2);
    /// Less or equal.
    pub const LE: Self = Self(3);
    /// Greater.
    pub const GT: Self = Self(4);
    /// Less or greater.
    pub const NE: Self = Self(5);
    /// Greater or equal.
    pub const GE: Self = Self(6);
    /// Any.
    pub const ALL: Self = Self(7);

    /// Those that are so.
    #[must_use]
    pub fn when(less: bool, equal: bool, greater: bool) -> Self {
        Self(u8::from(less) | u8::from(equal) << 1 | u8::from(greater) << 2)
    }

    /// From its byte: less is 1, equal 2, greater 4.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        if byte < 8 { Some(Self(byte)) } else { None }
    }

    /// As a byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in one of them.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is not in it.
    #[must_use]
    pub const fn not(self) -> Self {
        Self(!self.0 & 7)
    }

    /// Of the second number to the first.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self(self.0 & 2 | self.0 << 2 & 4 | self.0 >> 2)
    }

    /// Of numbers in two parts, this being that of the upper parts: the lower ones decide where
    /// the upper ones are equal.
    #[must_use]
    pub const fn then(self, lower: Self) -> Self {
        if self.0 & 2 == 0 { self } else { Self(self.0 & 5 | lower.0) }
    }

    /// Whether the order is one of these, if that is the same for all that are possible.
    #[must_use]
    pub const fn among(self, asked: Self) -> Option<bool> {
        match (self.0 & asked.0, self.0 & !asked.0) {
            (0, _) => Some(false),
            (_, 0) => Some(true),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn all() -> impl Iterator<Item = Orders> {
        (0..8).map(|byte| Orders::from_byte(byte).unwrap())
    }

    #[test]
    fn sets_are_as_their_members() {
        let of = |a: u8, b: u8| Orders::when(a < b, a == b, a > b);
        for (a, b) in (0..16).flat_map(|a| (0..16).map(move |b| (a, b))) {
            let is = of(a, b);
            assert_eq!(is.reversed(), of(b, a));
            // As two numbers of two bits each.
            assert_eq!(of(a >> 2, b >> 2).then(of(a & 3, b & 3)), is);
            for set in all() {
                let member = set.and(is) == is;
                assert_eq!(is.among(set), Some(member));
                assert_eq!(set.not().and(is) == is, !member);
                assert_eq!(set.reversed().and(of(b, a)) == of(b, a), member);
            }
        }
        for (set, asked) in all().flat_map(|a| all().map(move |b| (a, b))) {
            for is in [Orders::LT, Orders::EQ, Orders::GT] {
                if set.and(is) == is {
                    let said = set.among(asked);
                    assert!(said.is_none_or(|said| said == (asked.and(is) == is)));
                }
            }
            for (upper, lower) in [(set, asked)] {
                for (u, l) in [Orders::LT, Orders::EQ, Orders::GT]
                    .into_iter()
                    .flat_map(|u| [Orders::LT, Orders::EQ, Orders::GT].map(|l| (u, l)))
                {
                    if upper.and(u) == u && lower.and(l) == l {
                        assert_eq!(upper.then(lower).and(u.then(l)), u.then(l));
                    }
                }
            }
        }
    }
}
