//! Sets of numbers that stand for all their members: an interval, and the bits that are the
//! same in all of them.
//!
//! Every operation is *sound*: its result contains the result for every choice of members of
//! its operands. A question is answered only if all choices give that answer. The functions
//! are the same at every width, and the tests try all sets and members of four bits.

/// Numbers of up to 64 bits between `min` and `max` that have the bits of `ones` and lack
/// those of `zeros`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    min: u64,
    max: u64,
    ones: u64,
    zeros: u64,
}

impl Word {
    /// One number.
    #[must_use]
    pub const fn of(value: u64) -> Self {
        Self { min: value, max: value, ones: value, zeros: !value }
    }

    /// All numbers of that many bits, 1…64.
    #[must_use]
    pub const fn any(bits: u32) -> Self {
        let max = u64::MAX >> (64 - bits);
        Self { min: 0, max, ones: 0, zeros: !max }
    }

    /// The number, if there is but one.
    #[must_use]
    pub const fn value(self) -> Option<u64> {
        if self.min == self.max { Some(self.min) } else { None }
    }

    /// The smallest number.
    #[must_use]
    pub const fn min(self) -> u64 {
        self.min
    }

    /// The largest number.
    #[must_use]
    pub const fn max(self) -> u64 {
        self.max
    }

    /// Bits that are not the same in all members.
    #[must_use]
    pub const fn unknown(self) -> u64 {
        !(self.ones | self.zeros)
    }

    /// The same set, each half told what the other knows; `None` if it has no member.
    #[must_use]
    pub fn settled(self) -> Option<Self> {
        // Members have all of `ones`, and nothing of `zeros`.
        let min = self.min.max(self.ones);
        let max = self.max.min(!self.zeros);
        if min > max || self.ones & self.zeros != 0 {
            return None;
        }
        // Above the highest bit in which the ends differ, all members are as they are.
        let same = !((min ^ max).checked_ilog2().map_or(0, |bit| u64::MAX >> (63 - bit)));
        let (ones, zeros) = (self.ones | (min & same), self.zeros | (!min & same));
        (ones & zeros == 0).then_some(Self { min, max, ones, zeros })
    }

    /// The members below `at`, and the others.
    #[must_use]
    pub fn split_at(self, at: u64) -> (Option<Self>, Option<Self>) {
        let below = at.checked_sub(1).map(|last| Self { max: self.max.min(last), ..self });
        let above = Self { min: self.min.max(at), ..self };
        (below.and_then(Self::settled), above.settled())
    }

    /// The members without a bit (0…63), and those with it.
    #[must_use]
    pub fn split_on(self, bit: u32) -> (Option<Self>, Option<Self>) {
        let bit = 1 << (bit & 63);
        let without = Self { zeros: self.zeros | bit, ..self };
        let with = Self { ones: self.ones | bit, ..self };
        (without.settled(), with.settled())
    }

    /// A word of 64 bits of two of 32.
    #[must_use]
    pub const fn join(high: Self, low: Self) -> Self {
        Self::joined(high, low, 32)
    }

    /// A word of two, of which the lower has so many bits, 1…63.
    const fn joined(high: Self, low: Self, bits: u32) -> Self {
        let lower = !(u64::MAX << bits);
        Self {
            min: high.min << bits | low.min,
            max: high.max << bits | low.max,
            ones: high.ones << bits | low.ones & lower,
            zeros: high.zeros << bits | low.zeros & lower,
        }
    }

    /// `word & mask`, with a mask that is one number.
    #[must_use]
    pub fn masked(self, mask: u64) -> Self {
        let (ones, zeros) = (self.ones & mask, self.zeros | !mask);
        // Where what is cut off is the same in all members and in both ends, order is kept.
        let cut = |end: u64| (end ^ self.ones) & !mask == 0;
        let bounds = if self.unknown() & !mask == 0 && cut(self.min) && cut(self.max) {
            (self.min & mask, self.max & mask)
        } else {
            (0, self.max.min(mask))
        };
        let word = Self { min: bounds.0, max: bounds.1, ones, zeros };
        // A sound result has the members that there are; there is one.
        word.settled().unwrap_or(word)
    }

    /// `word ^ bit`. The interval is kept where all members, and both ends, have the bit, or all
    /// lack it: there it is an addition or a subtraction.
    #[must_use]
    pub const fn flipped(self, bit: u64) -> Self {
        let same = (self.min ^ self.max) & bit == 0 && (self.min ^ self.ones) & bit == 0;
        if (self.ones | self.zeros) & bit == bit && same {
            Self {
                min: self.min ^ bit,
                max: self.max ^ bit,
                ones: self.ones ^ bit,
                zeros: self.zeros ^ bit,
            }
        } else {
            // The other bits stay.
            Self { min: 0, max: u64::MAX, ones: self.ones & !bit, zeros: self.zeros & !bit }
        }
    }

    /// Whether two numbers are equal.
    #[must_use]
    pub fn equal(self, other: Self) -> Option<bool> {
        if let (Some(a), Some(b)) = (self.value(), other.value()) {
            return Some(a == b);
        }
        let apart = self.max < other.min || other.max < self.min;
        let conflict = self.ones & other.zeros != 0 || self.zeros & other.ones != 0;
        (apart || conflict).then_some(false)
    }

    /// Whether the number is less than the other.
    #[must_use]
    pub const fn less(self, other: Self) -> Option<bool> {
        if self.max < other.min {
            Some(true)
        } else if self.min >= other.max {
            Some(false)
        } else {
            None
        }
    }

    /// Whether the two have a common bit.
    #[must_use]
    pub const fn meets(self, other: Self) -> Option<bool> {
        if self.ones & other.ones != 0 {
            Some(true)
        } else if !self.zeros & !other.zeros == 0 {
            Some(false)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BITS: u32 = 4;

    fn members(word: Word) -> Vec<u64> {
        (0..=word.max.min(255))
            .filter(|v| word.min <= *v && v & word.ones == word.ones && v & word.zeros == 0)
            .collect()
    }

    /// Every set of four-bit numbers that a word can stand for, settled.
    fn words() -> Vec<Word> {
        let mut words = Vec::new();
        for min in 0..1 << BITS {
            for max in min..1 << BITS {
                for ones in 0..1 << BITS {
                    for zeros in 0..1 << BITS {
                        let zeros = zeros | !0xf;
                        let word = Word { min, max, ones, zeros };
                        let before = members(word);
                        match word.settled() {
                            Some(word) => {
                                assert_eq!(members(word), before);
                                words.push(word);
                            }
                            None => assert!(before.is_empty(), "{word:?}"),
                        }
                    }
                }
            }
        }
        words.sort_by_key(|w| (w.min, w.max, w.ones, w.zeros));
        words.dedup();
        words
    }

    fn holds(answer: Option<bool>, a: &[u64], b: &[u64], is: impl Fn(u64, u64) -> bool) -> bool {
        answer.is_none_or(|answer| a.iter().all(|a| b.iter().all(|b| is(*a, *b) == answer)))
    }

    #[test]
    fn operations_on_one_word_are_sound() {
        for word in words() {
            let all = members(word);
            for at in 0..=1 << BITS {
                let (below, above) = word.split_at(at);
                let parts: Vec<u64> =
                    [below, above].into_iter().flatten().flat_map(members).collect();
                assert_eq!(parts, all, "{word:?} at {at}");
                let masked = word.masked(at);
                let expected: Vec<u64> = all.iter().map(|v| v & at).collect();
                assert!(expected.iter().all(|v| members(masked).contains(v)), "{word:?} & {at}");
            }
            for bit in 0..BITS {
                let (without, with) = word.split_on(bit);
                let count = |part: Option<Word>| part.map_or(0, |part| members(part).len());
                assert_eq!(count(without) + count(with), all.len());
                let flipped = word.flipped(1 << bit);
                assert!(all.iter().all(|v| members(flipped).contains(&(v ^ 1 << bit))));
            }
        }
    }

    #[test]
    fn answers_on_two_words_are_those_of_all_members() {
        let words = words();
        let sets: Vec<Vec<u64>> = words.iter().map(|word| members(*word)).collect();
        for (a, left) in words.iter().zip(&sets) {
            for (b, right) in words.iter().zip(&sets) {
                if left.is_empty() || right.is_empty() {
                    continue;
                }
                assert!(holds(a.equal(*b), left, right, |a, b| a == b), "{a:?} {b:?}");
                assert!(holds(a.less(*b), left, right, |a, b| a < b), "{a:?} {b:?}");
                assert!(holds(a.meets(*b), left, right, |a, b| a & b != 0), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn joined_words_hold_all_pairs() {
        let words = words();
        let sets: Vec<Vec<u64>> = words.iter().map(|word| members(*word)).collect();
        for (high, upper) in words.iter().zip(&sets) {
            for (low, lower) in words.iter().zip(&sets) {
                let joined = Word::joined(*high, *low, BITS);
                let pairs = upper.iter().flat_map(|h| lower.iter().map(move |l| h << BITS | l));
                for value in pairs {
                    assert!(joined.min <= value && value <= joined.max, "{high:?} {low:?}");
                    assert_eq!(value & joined.ones, joined.ones, "{high:?} {low:?}");
                    assert_eq!(value & joined.zeros, 0, "{high:?} {low:?}");
                }
            }
        }
        assert_eq!(Word::of(u64::MAX).masked(0xff).value(), Some(0xff));
        assert_eq!(Word::join(Word::of(5), Word::of(7)), Word::of(5 << 32 | 7));
    }
}
