//! Sets of numbers of a fixed width, as conditions of one argument describe them. All
//! comparisons of the format are unsigned.

/// A set of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// Ranges `first`…`last`, sorted, neither overlapping nor adjacent.
    Ranges(Vec<(u64, u64)>),
    /// Every number whose bits under the mask are `value`; the mask has some, not all bits.
    Masked {
        /// The bits that count.
        mask: u64,
        /// What they are.
        value: u64,
    },
}

/// The largest number of a width, 1…64.
pub(crate) const fn largest(width: u8) -> u64 {
    u64::MAX >> (64 - width)
}

impl Values {
    /// No number.
    pub(crate) const fn none() -> Self {
        Self::Ranges(Vec::new())
    }

    /// Every number.
    pub(crate) fn all(width: u8) -> Self {
        Self::Ranges(vec![(0, largest(width))])
    }

    /// One number.
    pub(crate) fn one(value: u64) -> Self {
        Self::Ranges(vec![(value, value)])
    }

    /// The numbers below a limit.
    pub(crate) fn below(limit: u64) -> Self {
        limit.checked_sub(1).map_or(Self::none(), |last| Self::Ranges(vec![(0, last)]))
    }

    /// The numbers with these bits under the mask.
    pub(crate) fn masked(mask: u64, value: u64, width: u8) -> Self {
        let mask = mask & largest(width);
        match mask {
            0 => Self::all(width),
            _ if mask == largest(width) => Self::one(value & mask),
            _ => Self::Masked { mask, value: value & mask },
        }
    }

    /// The other numbers, of ranges.
    pub(crate) fn others(ranges: &[(u64, u64)], width: u8) -> Vec<(u64, u64)> {
        let mut others = Vec::with_capacity(ranges.len() + 1);
        let mut next = Some(0);
        for &(first, last) in ranges {
            if let (Some(start), Some(end)) = (next, first.checked_sub(1))
                && start <= end
            {
                others.push((start, end));
            }
            next = last.checked_add(1);
        }
        others.extend(next.filter(|&start| start <= largest(width)).map(|s| (s, largest(width))));
        others
    }

    /// The set with every number in it that was not.
    pub(crate) fn complement(self, width: u8) -> Option<Self> {
        match self {
            Self::Ranges(ranges) => Some(Self::Ranges(Self::others(&ranges, width))),
            Self::Masked { .. } => None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Ranges(ranges) if ranges.is_empty())
    }

    pub(crate) fn is_all(&self, width: u8) -> bool {
        matches!(self, Self::Ranges(ranges) if ranges.as_slice() == [(0, largest(width))])
    }

    /// Both sets together, where that is a set of this form.
    pub(crate) fn union(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Ranges(left), Self::Ranges(right)) => {
                let mut all: Vec<_> = left.iter().chain(right).copied().collect();
                all.sort_unstable();
                let mut ranges: Vec<(u64, u64)> = Vec::with_capacity(all.len());
                for (first, last) in all {
                    match ranges.last_mut() {
                        Some((_, end)) if end.checked_add(1).is_none_or(|next| first <= next) => {
                            *end = last.max(*end);
                        }
                        Some(_) | None => ranges.push((first, last)),
                    }
                }
                Some(Self::Ranges(ranges))
            }
            _ => (self == other).then(|| self.clone()),
        }
    }

    /// Whether no number is in both sets.
    pub(crate) fn is_disjoint(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ranges(left), Self::Ranges(right)) => !left.iter().any(|(first, last)| {
                right.iter().any(|(start, end)| first <= end && start <= last)
            }),
            (Self::Masked { mask, value }, Self::Masked { mask: other, value: wanted }) => {
                (value ^ wanted) & mask & other != 0
            }
            (Self::Masked { mask, value }, Self::Ranges(ranges))
            | (Self::Ranges(ranges), Self::Masked { mask, value }) => {
                !ranges.iter().any(|&(first, last)| {
                    next_masked(first, *mask, *value).is_some_and(|found| found <= last)
                })
            }
        }
    }
}

/// The smallest number of 64 bits from `first` on whose bits under `mask` are `value`.
fn next_masked(first: u64, mask: u64, value: u64) -> Option<u64> {
    if first & mask == value {
        return Some(first);
    }
    // It is larger: equal above some bit, one there where `first` has zero, and as small as
    // may be below. The lowest such bit gives the smallest number.
    (0..64).map(|bit| 1_u64 << bit).find_map(|bit| {
        let above = !(bit | (bit - 1));
        let rises = first & bit == 0 && (mask & bit == 0 || value & bit != 0);
        let agrees = (first ^ value) & mask & above == 0;
        (rises && agrees).then_some((first & above) | bit | (value & (bit - 1)))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const WIDTH: u8 = 4;

    fn has(values: &Values, number: u64) -> bool {
        match values {
            Values::Ranges(ranges) => ranges.iter().any(|(a, b)| (*a..=*b).contains(&number)),
            Values::Masked { mask, value } => number & mask == *value,
        }
    }

    fn sets() -> Vec<Values> {
        let mut sets = vec![Values::none(), Values::all(WIDTH)];
        for a in 0..16 {
            sets.push(Values::below(a));
            sets.push(Values::one(a).complement(WIDTH).unwrap());
            sets.extend((0..16).map(|b| Values::masked(a, b, WIDTH)));
            sets.extend((a..16).map(|b| Values::Ranges(vec![(a, b)])));
        }
        sets
    }

    #[test]
    fn sets_are_what_their_numbers_are() {
        let sets = sets();
        for left in &sets {
            let none = (0..16).all(|n| !has(left, n));
            let all = (0..16).all(|n| has(left, n));
            assert_eq!((left.is_empty(), left.is_all(WIDTH)), (none, all), "{left:?}");
            if let Some(others) = left.clone().complement(WIDTH) {
                assert!((0..16).all(|n| has(left, n) != has(&others, n)), "{left:?} {others:?}");
            }
            for right in &sets {
                let meet = (0..16).any(|n| has(left, n) && has(right, n));
                assert_eq!(left.is_disjoint(right), !meet, "{left:?} {right:?}");
                if let Some(both) = left.union(right) {
                    let same = |n| has(&both, n) == (has(left, n) || has(right, n));
                    assert!((0..16).all(same), "{left:?} {right:?} {both:?}");
                }
            }
        }
    }

    #[test]
    fn the_largest_number_ends_a_range() {
        let top = Values::Ranges(vec![(5, u64::MAX)]);
        assert_eq!(top.union(&Values::below(5)), Some(Values::all(64)));
        assert_eq!(Values::others(&[(5, u64::MAX)], 64), [(0, 4)]);
        assert_eq!(next_masked(u64::MAX, 1, 0), None);
    }
}
