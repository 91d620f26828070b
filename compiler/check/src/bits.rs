//! Arithmetic on words whose bits are truth functions, the lowest bit first.

pub(crate) use crate::gates::constant;
use crate::gates::{FALSE, Gates, Node, Result, TRUE};

/// A word: bit 0 first. Both operands of an operation have the same width.
pub(crate) type Bits = Vec<Node>;

/// Whether two words are equal.
pub(crate) fn equal(gates: &mut impl Gates, left: &[Node], right: &[Node]) -> Result<Node> {
    // From the lowest bit up, since the highest stands first in the order.
    let mut all = TRUE;
    for (&a, &b) in left.iter().zip(right) {
        let differ = gates.xor(a, b)?;
        all = gates.choose(differ, FALSE, all)?;
    }
    Ok(all)
}

/// Whether `left < right`, unsigned.
pub(crate) fn less(gates: &mut impl Gates, left: &[Node], right: &[Node]) -> Result<Node> {
    let mut less = FALSE;
    for (&a, &b) in left.iter().zip(right) {
        let if_set = gates.choose(b, less, FALSE)?;
        let if_clear = gates.choose(b, TRUE, less)?;
        less = gates.choose(a, if_set, if_clear)?;
    }
    Ok(less)
}

/// Whether some bit is set in both.
pub(crate) fn common(gates: &mut impl Gates, left: &[Node], right: &[Node]) -> Result<Node> {
    let mut some = FALSE;
    for (&a, &b) in left.iter().zip(right) {
        let both = gates.and(a, b)?;
        some = gates.or(both, some)?;
    }
    Ok(some)
}

/// Both words, bit by bit.
pub(crate) fn each<G: Gates>(
    gates: &mut G,
    left: &[Node],
    right: &[Node],
    op: impl Fn(&mut G, Node, Node) -> Result<Node>,
) -> Result<Bits> {
    left.iter().zip(right).map(|(&a, &b)| op(gates, a, b)).collect()
}

/// `left + right + carry`.
fn sum(gates: &mut impl Gates, left: &[Node], right: &[Node], carry: Node) -> Result<Bits> {
    let mut carry = carry;
    let mut result = Bits::with_capacity(left.len());
    for (&a, &b) in left.iter().zip(right) {
        let half = gates.xor(a, b)?;
        result.push(gates.xor(half, carry)?);
        carry = gates.choose(half, carry, a)?;
    }
    Ok(result)
}

/// `left + right`.
pub(crate) fn add(gates: &mut impl Gates, left: &[Node], right: &[Node]) -> Result<Bits> {
    sum(gates, left, right, FALSE)
}

/// `left − right`.
pub(crate) fn sub(gates: &mut impl Gates, left: &[Node], right: &[Node]) -> Result<Bits> {
    let inverted = right.iter().map(|&bit| gates.not(bit)).collect::<Result<Bits>>()?;
    sum(gates, left, &inverted, TRUE)
}

/// `−word`.
pub(crate) fn neg(gates: &mut impl Gates, word: &[Node]) -> Result<Bits> {
    sub(gates, &vec![FALSE; word.len()], word)
}

/// `left · right`.
pub(crate) fn mul(gates: &mut impl Gates, left: &[Node], right: &[Node]) -> Result<Bits> {
    let mut product = vec![FALSE; left.len()];
    for (shift, &factor) in right.iter().enumerate() {
        if factor == FALSE {
            continue;
        }
        let shifted = shifted_left(left, shift);
        let part = shifted.iter().map(|&b| gates.and(factor, b)).collect::<Result<Bits>>()?;
        product = add(gates, &product, &part)?;
    }
    Ok(product)
}

/// `left / right`, rounded down; whatever where `right` is 0.
pub(crate) fn div(gates: &mut impl Gates, left: &[Node], right: &[Node]) -> Result<Bits> {
    // Long division; the remainder has one bit more, which a shift can fill.
    let mut divisor = right.to_vec();
    divisor.push(FALSE);
    let mut remainder = vec![FALSE; divisor.len()];
    let mut quotient = Bits::with_capacity(left.len());
    for &digit in left.iter().rev() {
        remainder = shifted_left(&remainder, 1);
        if let Some(lowest) = remainder.first_mut() {
            *lowest = digit;
        }
        let too_small = less(gates, &remainder, &divisor)?;
        let smaller = sub(gates, &remainder, &divisor)?;
        remainder = choose(gates, too_small, &remainder, &smaller)?;
        quotient.push(gates.not(too_small)?);
    }
    quotient.reverse();
    Ok(quotient)
}

/// `left` where the condition holds, else `right`.
pub(crate) fn choose(
    gates: &mut impl Gates,
    condition: Node,
    left: &[Node],
    right: &[Node],
) -> Result<Bits> {
    each(gates, left, right, |gates, a, b| gates.choose(condition, a, b))
}

fn shifted_left(word: &[Node], by: usize) -> Bits {
    std::iter::repeat_n(FALSE, by).chain(word.iter().copied()).take(word.len()).collect()
}

fn shifted_right(word: &[Node], by: usize) -> Bits {
    let filled = word.iter().copied().skip(by).chain(std::iter::repeat(FALSE));
    filled.take(word.len()).collect()
}

/// Which way to shift.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shift {
    /// Towards the high bits.
    Left,
    /// Towards the low bits.
    Right,
}

/// The word shifted by the low five bits of `by`.
pub(crate) fn shift(
    gates: &mut impl Gates,
    word: &[Node],
    by: &[Node],
    direction: Shift,
) -> Result<Bits> {
    let mut result = word.to_vec();
    for (stage, &bit) in by.iter().take(5).enumerate() {
        let moved = match direction {
            Shift::Left => shifted_left(&result, 1 << stage),
            Shift::Right => shifted_right(&result, 1 << stage),
        };
        result = choose(gates, bit, &moved, &result)?;
    }
    Ok(result)
}

#[cfg(test)]
#[path = "bits_tests.rs"]
mod tests;
