//! Sets of numbers that stand for all their members: an interval, and the bits that are the
//! same in all of them; and what arithmetic and comparison come to on such sets.
//!
//! Every operation is *sound*: its result contains the result for every choice of members of
//! its operands. An answer holds for all choices. The functions are the same at every width,
//! and the tests try all sets and members of four bits, under every operation.

use crate::number::{Alu, alu};
use crate::orders::Orders;

/// Numbers of up to 64 bits between `min` and `max` that have the bits of `ones` and lack
/// those of `zeros`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    min: u64,
    max: u64,
    ones: u64,
    zeros: u64,
}

/// All numbers of that many bits: the largest of them.
const fn all(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// The first number from that one on that has the bits of `ones` and lacks those of `zeros`.
fn first_from(number: u64, ones: u64, zeros: u64) -> Option<u64> {
    let wrong = number & zeros | !number & ones;
    let Some(highest) = wrong.checked_ilog2() else { return Some(number) };
    // The bit that becomes 1: this one, or, if it has to become 0, the next above that may.
    let bit = match ones >> highest & 1 {
        1 => highest,
        _ => match !number & !zeros & (u64::MAX << highest) {
            0 => return None,
            open => open.trailing_zeros(),
        },
    };
    let below = (1 << bit) - 1;
    Some(number & !below | 1 << bit | ones & below)
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
        Self { min: 0, max: all(bits), ones: 0, zeros: !all(bits) }
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

    /// Bits that are 0 in all members.
    #[must_use]
    pub const fn zeros(self) -> u64 {
        self.zeros
    }

    /// Bits that are not the same in all members.
    #[must_use]
    pub const fn unknown(self) -> u64 {
        !(self.ones | self.zeros)
    }

    /// A bit, if it is the same in all members.
    #[must_use]
    pub const fn bit(self, bit: u32) -> Option<bool> {
        if (self.ones | self.zeros) >> (bit & 63) & 1 == 0 {
            return None;
        }
        Some(self.ones >> (bit & 63) & 1 == 1)
    }

    /// The same set, each half told what the other knows: `min` and `max` are members. `None` if
    /// there is none.
    #[must_use]
    pub fn settled(self) -> Option<Self> {
        let Self { ones, zeros, .. } = self;
        if ones & zeros != 0 {
            return None;
        }
        let min = first_from(self.min, ones, zeros)?;
        // The last up to a number is the first from it, if all bits are turned over.
        let max = !first_from(!self.max, zeros, ones)?;
        if min > max {
            return None;
        }
        // Above the highest bit in which the ends differ, all members are as they are.
        let same = !((min ^ max).checked_ilog2().map_or(0, |bit| u64::MAX >> (63 - bit)));
        Some(Self { min, max, ones: ones | (min & same), zeros: zeros | (!min & same) })
    }

    /// The numbers that are members of both.
    #[must_use]
    pub fn meet(self, other: Self) -> Option<Self> {
        let (min, max) = (self.min.max(other.min), self.max.min(other.max));
        let (ones, zeros) = (self.ones | other.ones, self.zeros | other.zeros);
        Self { min, max, ones, zeros }.settled()
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

    /// A word of two, of which the lower has so many bits, 1…63.
    #[must_use]
    pub const fn joined(high: Self, low: Self, bits: u32) -> Self {
        let lower = all(bits);
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
        let (min, max) = if self.unknown() & !mask == 0 && cut(self.min) && cut(self.max) {
            (self.min & mask, self.max & mask)
        } else {
            (0, self.max.min(mask))
        };
        Self { min, max, ones, zeros }.tidied()
    }

    /// Settled; a sound result has the members that there are, and there is one.
    fn tidied(self) -> Self {
        self.settled().unwrap_or(self)
    }

    /// What an operation on numbers of that many bits gives for them.
    #[must_use]
    pub fn alu(op: Alu, bits: u32, a: Self, b: Self) -> Self {
        let any = Self::any(bits);
        if let (Some(a), Some(b)) = (a.value(), b.value()) {
            return Self::of(alu(op, bits, a, b));
        }
        let result = match op {
            Alu::And if b.value().is_some() => return a.masked(b.min),
            Alu::And => {
                let (ones, zeros) = (a.ones & b.ones, a.zeros | b.zeros);
                Self { min: 0, max: a.max.min(b.max), ones, zeros }
            }
            Alu::Or => {
                let (ones, zeros) = (a.ones | b.ones, a.zeros & b.zeros);
                Self { min: a.min.max(b.min), max: any.max, ones, zeros }
            }
            Alu::Xor => {
                let known = !(a.unknown() | b.unknown());
                let value = a.ones ^ b.ones;
                Self { ones: value & known, zeros: !value & known, ..any }
            }
            // As long as no sum wraps, or all do.
            Alu::Add => {
                let (min, low) = a.min.overflowing_add(b.min);
                let (max, high) = a.max.overflowing_add(b.max);
                if low != high || (min > any.max) != (max > any.max) {
                    return any;
                }
                Self { min: min & any.max, max: max & any.max, ..any }
            }
            Alu::Sub => {
                let (min, low) = a.min.overflowing_sub(b.max);
                let (max, high) = a.max.overflowing_sub(b.min);
                if low != high {
                    return any;
                }
                Self { min: min & any.max, max: max & any.max, ..any }
            }
            Alu::Lsh | Alu::Rsh | Alu::Arsh => return a.shifted(op, bits, b),
            Alu::Mul | Alu::Div | Alu::SDiv | Alu::Mod | Alu::SMod => return any,
        };
        result.tidied()
    }

    fn shifted(self, op: Alu, bits: u32, by: Self) -> Self {
        let any = Self::any(bits);
        let Some(by) = by.value() else { return any };
        let shift = |value: u64| alu(op, bits, value, by);
        let (min, max, ones) = (shift(self.min), shift(self.max), shift(self.ones));
        // What may be 1 is shifted like a number; what comes in is 0, or what the sign may be.
        let zeros = !shift(!self.zeros & any.max);
        // Right shifts keep the order, of signed numbers where the sign is known.
        let kept = op == Alu::Rsh || op == Alu::Arsh && self.bit(bits - 1).is_some();
        let (min, max) = if kept { (min, max) } else { (0, any.max) };
        Self { min, max, ones, zeros }.tidied()
    }

    /// The lower bits as a signed number, in more bits.
    #[must_use]
    pub fn extended(self, from: u32, bits: u32) -> Self {
        let by = Self::of(u64::from(bits - from));
        Self::alu(Alu::Arsh, bits, Self::alu(Alu::Lsh, bits, self, by), by)
    }

    /// The lower bytes, so many bits, in reverse; the others become 0.
    #[must_use]
    pub fn swapped(self, bits: u32) -> Self {
        let swap = |value: u64| value.swap_bytes() >> (64 - bits);
        let (ones, zeros) = (swap(self.ones), swap(self.zeros) | !all(bits));
        Self { ones, zeros, ..Self::any(bits) }.tidied()
    }

    /// How members of the two can stand to each other, as unsigned numbers.
    #[must_use]
    pub fn order(self, other: Self) -> Orders {
        let conflict = self.ones & other.zeros != 0 || self.zeros & other.ones != 0;
        let less = self.min < other.max;
        let greater = self.max > other.min;
        let equal = !conflict && self.min <= other.max && other.min <= self.max;
        Orders::when(less, equal, greater)
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
#[path = "word_tests.rs"]
mod tests;
