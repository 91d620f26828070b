//! Numbers of calls: up to 2⁵¹², exact.

use std::cmp::Ordering;
use std::fmt;

/// A natural number, 32 bits a limb, the lowest first, no zeros at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Count {
    limbs: Vec<u32>,
}

impl Count {
    /// 2ᵉ.
    #[must_use]
    pub fn power_of_two(exponent: u32) -> Self {
        let limb = usize::try_from(exponent / 32).unwrap_or(0);
        let mut limbs = vec![0; limb];
        limbs.push(1 << (exponent % 32));
        Self { limbs }
    }

    /// Whether it is 0.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let length = self.limbs.len().max(other.limbs.len());
        let limb = |limbs: &[u32], i: usize| u64::from(limbs.get(i).copied().unwrap_or(0));
        let mut carry = 0;
        let mut limbs = Vec::with_capacity(length + 1);
        for i in 0..length {
            let sum = limb(&self.limbs, i) + limb(&other.limbs, i) + carry;
            limbs.push(low(sum));
            carry = sum >> 32;
        }
        limbs.push(low(carry));
        Self::trimmed(limbs)
    }

    /// The product with a number.
    #[must_use]
    pub fn times(&self, factor: u64) -> Self {
        let mut result = Self::default();
        for (i, half) in [low(factor), low(factor >> 32)].into_iter().enumerate() {
            let mut limbs = vec![0; i];
            let mut carry = 0_u64;
            for limb in &self.limbs {
                let product = u64::from(*limb) * u64::from(half) + carry;
                limbs.push(low(product));
                carry = product >> 32;
            }
            limbs.push(low(carry));
            result = result.plus(&Self::trimmed(limbs));
        }
        result
    }

    /// Half of an even number; of an odd one, rounded down.
    #[must_use]
    pub fn halved(&self) -> Self {
        let mut carry = 0;
        let mut limbs = self.limbs.clone();
        for limb in limbs.iter_mut().rev() {
            let next = *limb << 31;
            *limb = *limb >> 1 | carry;
            carry = next;
        }
        Self::trimmed(limbs)
    }

    /// The product with 2ᵉ.
    #[must_use]
    pub fn shifted(&self, exponent: u32) -> Self {
        let whole = usize::try_from(exponent / 32).unwrap_or(0);
        let mut shifted = self.times(1 << (exponent % 32));
        if !shifted.is_zero() {
            shifted.limbs.splice(0..0, std::iter::repeat_n(0, whole));
        }
        shifted
    }

    fn trimmed(mut limbs: Vec<u32>) -> Self {
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        Self { limbs }
    }
}

fn low(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or_default()
}

impl Ord for Count {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_length = self.limbs.len().cmp(&other.limbs.len());
        by_length.then_with(|| self.limbs.iter().rev().cmp(other.limbs.iter().rev()))
    }
}

impl PartialOrd for Count {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Count {
    /// Decimal; what is longer than 20 digits as `1.234e56`, cut, not rounded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut limbs = self.limbs.clone();
        let mut digits = Vec::new();
        while !limbs.is_empty() {
            let mut rest = 0_u64;
            for limb in limbs.iter_mut().rev() {
                let value = rest << 32 | u64::from(*limb);
                *limb = low(value / 10);
                rest = value % 10;
            }
            digits.push(char::from_digit(low(rest), 10).unwrap_or('0'));
            limbs = Self::trimmed(limbs).limbs;
        }
        let text: String = digits.iter().rev().collect();
        match text.split_at_checked(1) {
            None => f.write_str("0"),
            Some(_) if text.len() <= 20 => f.write_str(&text),
            Some((first, rest)) => {
                write!(f, "{first}.{}e{}", rest.get(..4).unwrap_or(rest), text.len() - 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_that_of_numbers() {
        let one = Count::power_of_two(0);
        assert_eq!(Count::default().to_string(), "0");
        assert_eq!(one.to_string(), "1");
        assert_eq!(one.times(12_345_678_901_234).to_string(), "12345678901234");
        assert_eq!(Count::power_of_two(63).plus(&one).to_string(), "9223372036854775809");
        assert_eq!(Count::power_of_two(64), Count::power_of_two(31).shifted(33));
        assert_eq!(Count::power_of_two(448).times(8).to_string(), "5.8147e135");
        assert_eq!(Count::power_of_two(448).halved(), Count::power_of_two(447));
        assert_eq!(one.times(7).halved().to_string(), "3");
        assert!(Count::default().shifted(100).is_zero() && one.times(0).is_zero());
    }
}
