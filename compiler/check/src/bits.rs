//! Arithmetic on words whose bits are truth functions, the lowest bit first.

use filterc_ebpf::machine::{Alu, Test};

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
fn common(gates: &mut impl Gates, left: &[Node], right: &[Node]) -> Result<Node> {
    let mut some = FALSE;
    for (&a, &b) in left.iter().zip(right) {
        let both = gates.and(a, b)?;
        some = gates.or(both, some)?;
    }
    Ok(some)
}

/// Both words, bit by bit.
fn each<G: Gates>(
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
fn add(gates: &mut impl Gates, left: &[Node], right: &[Node]) -> Result<Bits> {
    sum(gates, left, right, FALSE)
}

/// `left − right`.
fn sub(gates: &mut impl Gates, left: &[Node], right: &[Node]) -> Result<Bits> {
    let inverted = right.iter().map(|&bit| gates.not(bit)).collect::<Result<Bits>>()?;
    sum(gates, left, &inverted, TRUE)
}

/// `−word`.
fn neg(gates: &mut impl Gates, word: &[Node]) -> Result<Bits> {
    sub(gates, &vec![FALSE; word.len()], word)
}

/// `left · right`.
fn mul(gates: &mut impl Gates, left: &[Node], right: &[Node]) -> Result<Bits> {
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

/// `left / right`, rounded down, and what remains; by 0 they are 0 and `left`.
fn divide(gates: &mut impl Gates, left: &[Node], right: &[Node]) -> Result<(Bits, Bits)> {
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
    remainder.pop();
    // Nothing is smaller than 0: all digits are 1, and nothing was taken away.
    let zero = vec![FALSE; right.len()];
    let by_zero = equal(gates, right, &zero)?;
    Ok((choose(gates, by_zero, &zero, &quotient)?, remainder))
}

/// The sign of a word, which has one.
fn sign(word: &[Node]) -> Node {
    word.last().copied().unwrap_or(FALSE)
}

/// `−word` where the condition holds, else `word`.
fn negated_if(gates: &mut impl Gates, condition: Node, word: &[Node]) -> Result<Bits> {
    let negated = neg(gates, word)?;
    choose(gates, condition, &negated, word)
}

/// The same of signed numbers, rounded to 0; what remains has the sign of `left`.
fn divide_signed(gates: &mut impl Gates, left: &[Node], right: &[Node]) -> Result<(Bits, Bits)> {
    let (left_sign, right_sign) = (sign(left), sign(right));
    let left = negated_if(gates, left_sign, left)?;
    let right = negated_if(gates, right_sign, right)?;
    let (quotient, remainder) = divide(gates, &left, &right)?;
    let differ = gates.xor(left_sign, right_sign)?;
    let quotient = negated_if(gates, differ, &quotient)?;
    Ok((quotient, negated_if(gates, left_sign, &remainder)?))
}

/// An operation of the machine, on as many bits as the operands have.
pub(crate) fn alu<G: Gates>(gates: &mut G, alu: Alu, a: &[Node], b: &[Node]) -> Result<Bits> {
    match alu {
        Alu::Add => add(gates, a, b),
        Alu::Sub => sub(gates, a, b),
        Alu::Mul => mul(gates, a, b),
        Alu::Div => divide(gates, a, b).map(|(quotient, _)| quotient),
        Alu::Mod => divide(gates, a, b).map(|(_, remainder)| remainder),
        Alu::SDiv => divide_signed(gates, a, b).map(|(quotient, _)| quotient),
        Alu::SMod => divide_signed(gates, a, b).map(|(_, remainder)| remainder),
        Alu::Or => each(gates, a, b, G::or),
        Alu::And => each(gates, a, b, G::and),
        Alu::Xor => each(gates, a, b, G::xor),
        Alu::Lsh => shift(gates, a, b, Shift::Left),
        Alu::Rsh => shift(gates, a, b, Shift::Right),
        Alu::Arsh => shift(gates, a, b, Shift::Signed),
    }
}

/// Whether a test holds for two words.
pub(crate) fn holds(
    gates: &mut impl Gates,
    test: Test,
    left: &[Node],
    right: &[Node],
) -> Result<Node> {
    let turned =
        |gates: &mut _| Ok((with_sign_turned(gates, left)?, with_sign_turned(gates, right)?));
    let (truth, expected) = match test {
        Test::Eq => (equal(gates, left, right)?, true),
        Test::Ne => (equal(gates, left, right)?, false),
        Test::Gt => (less(gates, right, left)?, true),
        Test::Le => (less(gates, right, left)?, false),
        Test::Lt => (less(gates, left, right)?, true),
        Test::Ge => (less(gates, left, right)?, false),
        Test::Set => (common(gates, left, right)?, true),
        Test::SGt | Test::SLe => {
            let (left, right) = turned(gates)?;
            (less(gates, &right, &left)?, test == Test::SGt)
        }
        Test::SLt | Test::SGe => {
            let (left, right) = turned(gates)?;
            (less(gates, &left, &right)?, test == Test::SLt)
        }
    };
    if expected { Ok(truth) } else { gates.not(truth) }
}

/// Two's complement, in the order of values, is unsigned with the sign turned over.
fn with_sign_turned(gates: &mut impl Gates, word: &[Node]) -> Result<Bits> {
    let mut word = word.to_vec();
    if let Some(bit) = word.last_mut() {
        *bit = gates.not(*bit)?;
    }
    Ok(word)
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

fn shifted_right(word: &[Node], by: usize, from_above: Node) -> Bits {
    let filled = word.iter().copied().skip(by).chain(std::iter::repeat(from_above));
    filled.take(word.len()).collect()
}

/// Which way to shift.
#[derive(Clone, Copy, Debug)]
enum Shift {
    /// Towards the high bits.
    Left,
    /// Towards the low bits.
    Right,
    /// The same, and the sign comes in.
    Signed,
}

/// The word shifted by the low bits of `by`: five of a word of 32.
fn shift(gates: &mut impl Gates, word: &[Node], by: &[Node], direction: Shift) -> Result<Bits> {
    let mut result = word.to_vec();
    let stages = word.len().checked_ilog2().unwrap_or(0);
    for (stage, &bit) in (0..stages).zip(by) {
        let moved = match direction {
            Shift::Left => shifted_left(&result, 1 << stage),
            Shift::Right => shifted_right(&result, 1 << stage, FALSE),
            Shift::Signed => shifted_right(&result, 1 << stage, sign(word)),
        };
        result = choose(gates, bit, &moved, &result)?;
    }
    Ok(result)
}

#[cfg(test)]
#[path = "bits_tests.rs"]
mod tests;
