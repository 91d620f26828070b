//! Every operation against numbers, exhaustively at four bits, in both representations.

use filterc_ebpf::machine::Width;

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
    let results = Alu::ALL.map(|operation| alu(m, operation, a, b).unwrap());
    let tests = Test::ALL.map(|test| vec![holds(m, test, a, b).unwrap()]);
    results.into_iter().chain(tests).chain([neg(m, a).unwrap()]).collect()
}

fn expected(x: u64, y: u64) -> Vec<u64> {
    let mask = 15;
    // Numbers of 64 bits compute as those of four do that are their lowest, or their highest.
    let wide = |value: u64| value << 60;
    let signed = |value: u64| wide(value).cast_signed() >> 60;
    let result = |alu: Alu| {
        let is_signed = matches!(alu, Alu::SDiv | Alu::SMod | Alu::Arsh);
        let is_shift = matches!(alu, Alu::Lsh | Alu::Rsh | Alu::Arsh);
        let number = |value: u64| if is_signed { signed(value).cast_unsigned() } else { value };
        alu.apply(Width::W64, number(x), if is_shift { y % 4 } else { number(y) }) & mask
    };
    let tests = Test::ALL.map(|test| u64::from(test.holds(Width::W64, wide(x), wide(y))));
    Alu::ALL.map(result).into_iter().chain(tests).chain([x.wrapping_neg() & mask]).collect()
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
