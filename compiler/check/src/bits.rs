//! Arithmetic on words whose bits are decision diagrams, the lowest bit first.

use crate::mtbdd::{FALSE, Mtbdd, Node, OverBudget, TRUE};

/// A word: bit 0 first. Both operands of an operation have the same width.
pub(crate) type Bits = Vec<Node>;

type Result<T> = std::result::Result<T, OverBudget>;

/// The constant, of that width.
pub(crate) fn constant(value: u64, width: u8) -> Bits {
    (0..width).map(|bit| if value >> bit & 1 == 1 { TRUE } else { FALSE }).collect()
}

/// Whether two words are equal.
pub(crate) fn equal(mtbdd: &mut Mtbdd, left: &[Node], right: &[Node]) -> Result<Node> {
    // From the lowest bit up, since the highest stands first in the order.
    let mut all = TRUE;
    for (&a, &b) in left.iter().zip(right) {
        let differ = mtbdd.xor(a, b)?;
        all = mtbdd.choose(differ, FALSE, all)?;
    }
    Ok(all)
}

/// Whether `left < right`, unsigned.
pub(crate) fn less(mtbdd: &mut Mtbdd, left: &[Node], right: &[Node]) -> Result<Node> {
    let mut less = FALSE;
    for (&a, &b) in left.iter().zip(right) {
        let if_set = mtbdd.choose(b, less, FALSE)?;
        let if_clear = mtbdd.choose(b, TRUE, less)?;
        less = mtbdd.choose(a, if_set, if_clear)?;
    }
    Ok(less)
}

/// Whether some bit is set in both.
pub(crate) fn common(mtbdd: &mut Mtbdd, left: &[Node], right: &[Node]) -> Result<Node> {
    let mut some = FALSE;
    for (&a, &b) in left.iter().zip(right) {
        let both = mtbdd.and(a, b)?;
        some = mtbdd.or(both, some)?;
    }
    Ok(some)
}

/// Both words, bit by bit.
pub(crate) fn each(
    mtbdd: &mut Mtbdd,
    left: &[Node],
    right: &[Node],
    op: impl Fn(&mut Mtbdd, Node, Node) -> Result<Node>,
) -> Result<Bits> {
    left.iter().zip(right).map(|(&a, &b)| op(mtbdd, a, b)).collect()
}

/// `left + right + carry`.
fn sum(mtbdd: &mut Mtbdd, left: &[Node], right: &[Node], carry: Node) -> Result<Bits> {
    let mut carry = carry;
    let mut result = Bits::with_capacity(left.len());
    for (&a, &b) in left.iter().zip(right) {
        let half = mtbdd.xor(a, b)?;
        result.push(mtbdd.xor(half, carry)?);
        carry = mtbdd.choose(half, carry, a)?;
    }
    Ok(result)
}

/// `left + right`.
pub(crate) fn add(mtbdd: &mut Mtbdd, left: &[Node], right: &[Node]) -> Result<Bits> {
    sum(mtbdd, left, right, FALSE)
}

/// `left − right`.
pub(crate) fn sub(mtbdd: &mut Mtbdd, left: &[Node], right: &[Node]) -> Result<Bits> {
    let inverted = right.iter().map(|&bit| mtbdd.not(bit)).collect::<Result<Bits>>()?;
    sum(mtbdd, left, &inverted, TRUE)
}

/// `−word`.
pub(crate) fn neg(mtbdd: &mut Mtbdd, word: &[Node]) -> Result<Bits> {
    sub(mtbdd, &vec![FALSE; word.len()], word)
}

/// `left · right`.
pub(crate) fn mul(mtbdd: &mut Mtbdd, left: &[Node], right: &[Node]) -> Result<Bits> {
    let mut product = vec![FALSE; left.len()];
    for (shift, &factor) in right.iter().enumerate() {
        if factor == FALSE {
            continue;
        }
        let shifted = shifted_left(left, shift);
        let part = shifted.iter().map(|&b| mtbdd.and(factor, b)).collect::<Result<Bits>>()?;
        product = add(mtbdd, &product, &part)?;
    }
    Ok(product)
}

/// `left / right`, rounded down; whatever where `right` is 0.
pub(crate) fn div(mtbdd: &mut Mtbdd, left: &[Node], right: &[Node]) -> Result<Bits> {
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
        let too_small = less(mtbdd, &remainder, &divisor)?;
        let smaller = sub(mtbdd, &remainder, &divisor)?;
        remainder = choose(mtbdd, too_small, &remainder, &smaller)?;
        quotient.push(mtbdd.not(too_small)?);
    }
    quotient.reverse();
    Ok(quotient)
}

/// `left` where the condition holds, else `right`.
fn choose(mtbdd: &mut Mtbdd, condition: Node, left: &[Node], right: &[Node]) -> Result<Bits> {
    each(mtbdd, left, right, |mtbdd, a, b| mtbdd.choose(condition, a, b))
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
    mtbdd: &mut Mtbdd,
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
        result = choose(mtbdd, bit, &moved, &result)?;
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: u8 = 4;

    /// Two words of four free bits each, interleaved.
    fn words(mtbdd: &mut Mtbdd) -> (Bits, Bits) {
        let mut word = |start: u16| -> Bits {
            (0..u16::from(WIDTH)).map(|i| mtbdd.bit(2 * (3 - i) + start).unwrap()).collect()
        };
        (word(0), word(1))
    }

    /// A word of constants for the free bits, by substitution.
    fn at(mtbdd: &mut Mtbdd, bits: &[Node], a: u64, b: u64) -> u64 {
        let mut result = 0;
        let (left, right) = words(mtbdd);
        let (ca, cb) = (constant(a, WIDTH), constant(b, WIDTH));
        let mut here = TRUE;
        for (free, fixed) in left.iter().zip(&ca).chain(right.iter().zip(&cb)) {
            let differ = mtbdd.xor(*free, *fixed).unwrap();
            here = mtbdd.choose(differ, FALSE, here).unwrap();
        }
        for (i, &bit) in bits.iter().enumerate() {
            let set = mtbdd.and(here, bit).unwrap();
            result |= u64::from(set != FALSE) << i;
        }
        result
    }

    #[test]
    fn operations_are_those_of_numbers() {
        let mut m = Mtbdd::new(1 << 20);
        let (a, b) = words(&mut m);
        let mask = 15;
        let by = {
            // A shift looks at five bits.
            let mut by = b.clone();
            by.push(FALSE);
            by
        };
        let results = [
            add(&mut m, &a, &b).unwrap(),
            sub(&mut m, &a, &b).unwrap(),
            mul(&mut m, &a, &b).unwrap(),
            div(&mut m, &a, &b).unwrap(),
            neg(&mut m, &a).unwrap(),
            shift(&mut m, &a, &by, Shift::Left).unwrap(),
            shift(&mut m, &a, &by, Shift::Right).unwrap(),
            vec![equal(&mut m, &a, &b).unwrap()],
            vec![less(&mut m, &a, &b).unwrap()],
            vec![common(&mut m, &a, &b).unwrap()],
        ];
        for x in 0..16_u64 {
            for y in 0..16_u64 {
                let expected = [
                    (x + y) & mask,
                    x.wrapping_sub(y) & mask,
                    (x * y) & mask,
                    x.checked_div(y).unwrap_or(mask),
                    x.wrapping_neg() & mask,
                    (x << y) & mask,
                    x >> y,
                    u64::from(x == y),
                    u64::from(x < y),
                    u64::from(x & y != 0),
                ];
                for (index, (bits, expected)) in results.iter().zip(expected).enumerate() {
                    assert_eq!(at(&mut m, bits, x, y), expected, "operation {index}: {x}, {y}");
                }
            }
        }
    }
}
