//! Every operation against numbers, exhaustively at four bits, in both representations.

use super::*;
use crate::circuit::Circuit;
use crate::layout::{Order, Ties};
use crate::meter::Meter;
use crate::mtbdd::{Mtbdd, Ordered};

const WIDTH: u8 = 4;

/// Two words of four free bits each.
fn words(gates: &mut impl Gates) -> (Bits, Bits) {
    let mut word =
        |index| -> Bits { (0..WIDTH).map(|bit| gates.input(index, bit).unwrap()).collect() };
    (word(4), word(5))
}

/// All operations on `a` and `b`: the results' bits, one after the other.
fn operations(m: &mut impl Gates, a: &[Node], b: &[Node]) -> Vec<Bits> {
    // A shift looks at five bits.
    let mut by = b.to_vec();
    by.push(FALSE);
    vec![
        add(m, a, b).unwrap(),
        sub(m, a, b).unwrap(),
        mul(m, a, b).unwrap(),
        div(m, a, b).unwrap(),
        neg(m, a).unwrap(),
        shift(m, a, &by, Shift::Left).unwrap(),
        shift(m, a, &by, Shift::Right).unwrap(),
        vec![equal(m, a, b).unwrap()],
        vec![less(m, a, b).unwrap()],
        vec![common(m, a, b).unwrap()],
    ]
}

fn expected(x: u64, y: u64) -> [u64; 10] {
    let mask = 15;
    [
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
    ]
}

#[test]
fn on_diagrams() {
    let mut mtbdd = Mtbdd::new(1 << 20, Meter::free());
    let mut ties = Ties::none();
    ties.tie(crate::layout::WordSet::one(4).union(crate::layout::WordSet::one(5)));
    let order = Order::new(&ties, filterc_abi::Endian::Little);
    let mut m = Ordered { mtbdd: &mut mtbdd, order };
    let (a, b) = words(&mut m);
    let results = operations(&mut m, &a, &b);
    for x in 0..16_u64 {
        for y in 0..16_u64 {
            // The one state in which the free bits are these.
            let mut here = TRUE;
            for (free, fixed) in
                a.iter().zip(constant(x, WIDTH)).chain(b.iter().zip(constant(y, WIDTH)))
            {
                let differ = m.xor(*free, fixed).unwrap();
                here = m.choose(differ, FALSE, here).unwrap();
            }
            for (bits, expected) in results.iter().zip(expected(x, y)) {
                let mut value = 0;
                for (i, &bit) in bits.iter().enumerate() {
                    value |= u64::from(m.and(here, bit).unwrap() != FALSE) << i;
                }
                assert_eq!(value, expected, "{x}, {y}");
            }
        }
    }
}

#[test]
fn on_circuits() {
    let mut circuit = Circuit::new(1 << 20, Meter::free());
    let (a, b) = words(&mut circuit);
    let results = operations(&mut circuit, &a, &b);
    for x in 0..16_u64 {
        for y in 0..16_u64 {
            let input = |word, bit| (if word == 4 { x } else { y }) >> bit & 1 == 1;
            let states = circuit.evaluate(&input);
            for (bits, expected) in results.iter().zip(expected(x, y)) {
                let value = bits
                    .iter()
                    .enumerate()
                    .fold(0, |value, (i, bit)| value | u64::from(states.of(*bit)) << i);
                assert_eq!(value, expected, "{x}, {y}");
            }
        }
    }
}
