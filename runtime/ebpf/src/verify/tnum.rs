//! Tristate numbers: which bits of a number are known.
//!
//! The domain of the kernel's verifier, after Vishwanathan et al., "Sound, Precise, and Fast
//! Abstract Interpretation with Tristate Numbers" (CGO 2022).

/// A set of numbers: where `mask` has a 0 the bit is that of `value`, where it has a 1 the bit
/// can be either, and `value` has a 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tnum {
    pub(super) value: u64,
    pub(super) mask: u64,
}

impl Tnum {
    pub(super) const UNKNOWN: Self = Self { value: 0, mask: u64::MAX };

    pub(super) const fn constant(value: u64) -> Self {
        Self { value, mask: 0 }
    }

    /// The smallest set that has all numbers from `min` to `max`.
    pub(super) const fn range(min: u64, max: u64) -> Self {
        let differing = 64 - (min ^ max).leading_zeros();
        if differing == 64 {
            return Self::UNKNOWN;
        }
        let mask = (1 << differing) - 1;
        Self { value: min & !mask, mask }
    }

    pub(super) const fn is_constant(self) -> bool {
        self.mask == 0
    }

    pub(super) const fn min(self) -> u64 {
        self.value
    }

    pub(super) const fn max(self) -> u64 {
        self.value | self.mask
    }

    pub(super) const fn add(self, other: Self) -> Self {
        let masks = self.mask.wrapping_add(other.mask);
        let values = self.value.wrapping_add(other.value);
        let carries = masks.wrapping_add(values) ^ values;
        let mask = carries | self.mask | other.mask;
        Self { value: values & !mask, mask }
    }

    pub(super) const fn sub(self, other: Self) -> Self {
        let values = self.value.wrapping_sub(other.value);
        let most = values.wrapping_add(self.mask);
        let least = values.wrapping_sub(other.mask);
        let mask = (most ^ least) | self.mask | other.mask;
        Self { value: values & !mask, mask }
    }

    pub(super) const fn and(self, other: Self) -> Self {
        let (alpha, beta) = (self.max(), other.max());
        let value = self.value & other.value;
        Self { value, mask: alpha & beta & !value }
    }

    pub(super) const fn or(self, other: Self) -> Self {
        let value = self.value | other.value;
        Self { value, mask: (self.mask | other.mask) & !value }
    }

    pub(super) const fn xor(self, other: Self) -> Self {
        let mask = self.mask | other.mask;
        Self { value: (self.value ^ other.value) & !mask, mask }
    }

    pub(super) const fn lsh(self, shift: u32) -> Self {
        Self { value: self.value << shift, mask: self.mask << shift }
    }

    pub(super) const fn rsh(self, shift: u32) -> Self {
        Self { value: self.value >> shift, mask: self.mask >> shift }
    }

    pub(super) const fn arsh(self, shift: u32) -> Self {
        let value = (self.value.cast_signed() >> shift).cast_unsigned();
        let mask = (self.mask.cast_signed() >> shift).cast_unsigned();
        // A sign that can be either is 0 in the value, so nothing comes in there.
        Self { value, mask }
    }

    /// What both sets have, if they have something in common; else one of them is a lie, and so
    /// is the result.
    pub(super) const fn intersect(self, other: Self) -> Self {
        let mask = self.mask & other.mask;
        Self { value: (self.value | other.value) & !mask, mask }
    }

    /// The lower half, the upper one 0.
    pub(super) const fn low(self) -> Self {
        Self { value: self.value & LOW, mask: self.mask & LOW }
    }

    /// The upper half, the lower one 0.
    pub(super) const fn high(self) -> Self {
        Self { value: self.value & !LOW, mask: self.mask & !LOW }
    }

    /// Whether every number of `other` is one of these.
    pub(super) const fn contains(self, other: Self) -> bool {
        other.mask & !self.mask == 0 && (other.value ^ self.value) & !self.mask == 0
    }

    /// Whether all are multiples of a power of two.
    pub(super) const fn is_aligned(self, to: u64) -> bool {
        self.max() & (to - 1) == 0
    }
}

const LOW: u64 = 0xffff_ffff;
