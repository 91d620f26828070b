//! What boxes and values say, against all calls of them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

use super::*;
use crate::number::{Alu, alu};
use crate::value::Width;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.word() % bound as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Words of the input that are looked at: the halves of a value; a third one; one of a parameter.
const LOOKED_AT: [u8; 4] = [4, 5, 7, 16];

/// What these words can be in a call: few numbers, so that all are tried.
const NUMBERS: [u32; 4] = [0, 3, 0x8000_0001, 0xffff_fffe];

/// The inputs of a test: all combinations of numbers.
fn inputs() -> Vec<[u32; 4]> {
    let all = (0..256).map(|i: usize| [0, 2, 4, 6].map(|shift| NUMBERS[i >> shift & 3]));
    all.collect()
}

fn at(input: [u32; 4], word: u8) -> u32 {
    let place = LOOKED_AT.iter().position(|looked_at| *looked_at == word);
    place.map_or(0, |place| input[place])
}

fn mask(random: &mut Random) -> u32 {
    match random.below(3) {
        0 => u32::MAX,
        1 => random.pick(&[0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff, 0xffff_0000, 0xf]),
        _ => random.word() as u32,
    }
}

fn part(random: &mut Random) -> Part {
    Part { word: random.pick(&LOOKED_AT), mask: mask(random) }
}

/// A box, and the inputs that are in it, after some splits.
fn cut(random: &mut Random) -> (Calls, Vec<[u32; 4]>) {
    let (mut calls, mut members) = (Calls::all(1), inputs());
    for _ in 0..random.below(9) {
        let word = random.pick(&LOOKED_AT);
        let (halves, first): (_, Box<dyn Fn([u32; 4]) -> bool>) = match random.below(4) {
            0 => {
                let number = random.pick(&NUMBERS).wrapping_add(random.below(2) as u32);
                (calls.split_at(word, number), Box::new(move |input| at(input, word) < number))
            }
            1 => {
                let bit = random.below(32) as u8;
                let clear = move |input| at(input, word) >> bit & 1 == 0;
                (calls.split_on(word, bit), Box::new(clear))
            }
            _ => {
                let (left, right) = (part(random), part(random));
                let orders = Orders::from_byte(random.below(8) as u8).unwrap();
                let holds = move |input| {
                    let value = |part: Part| at(input, part.word) & part.mask;
                    let (a, b) = (value(left), value(right));
                    Orders::when(a < b, a == b, a > b).among(orders) == Some(true)
                };
                (calls.split_by(left, orders, right), Box::new(holds))
            }
        };
        let (one, other) = halves.unwrap();
        let (ins, outs): (Vec<_>, Vec<_>) = members.into_iter().partition(|input| first(*input));
        // No half is empty that has a call.
        assert!(one.is_some() || ins.is_empty());
        assert!(other.is_some() || outs.is_empty());
        (calls, members) = match (one, other) {
            (Some(one), _) if random.below(2) == 0 && !ins.is_empty() => (one, ins),
            (_, Some(other)) if !outs.is_empty() => (other, outs),
            (Some(one), _) => (one, ins),
            _ => unreachable!("there is a call in one of them"),
        };
    }
    (calls, members)
}

/// A value that was calculated from words, and what it is for an input.
type Made = (Value, Box<dyn Fn([u32; 4]) -> u64>);

fn value(random: &mut Random, calls: &Calls, depth: usize) -> Made {
    if depth == 0 || random.below(5) == 0 {
        if random.below(4) == 0 {
            let number = random.pick(&[0, 1, 0x1_0000_0003, 0xffff_ffff, u64::MAX, 1 << 63]);
            return (Value::of(number), Box::new(move |_| number));
        }
        let (low, high) = (random.pick(&LOOKED_AT), random.pick(&LOOKED_AT));
        let half = |word| calls.half(word).unwrap();
        if random.below(2) == 0 {
            return (Value::short(half(low)), Box::new(move |input| at(input, low).into()));
        }
        let whole = Value { low: half(low), high: half(high) };
        let number = move |input| u64::from(at(input, low)) | u64::from(at(input, high)) << 32;
        return (whole, Box::new(number));
    }
    let (inner, number) = value(random, calls, depth - 1);
    match random.below(8) {
        0 => {
            let from = random.pick(&[8_u32, 16, 32]);
            let extend = move |value: u64| {
                ((value << (64 - from)).cast_signed() >> (64 - from)).cast_unsigned()
            };
            (inner.extended(from), Box::new(move |input| extend(number(input))))
        }
        1 => {
            let bits = random.pick(&[16_u32, 32, 64]);
            let swap = move |value: u64| value.swap_bytes() >> (64 - bits);
            (inner.swapped(bits), Box::new(move |input| swap(number(input))))
        }
        2 => {
            let bits = random.pick(&[16_u32, 32, 64]);
            let cut = move |value: u64| value & u64::MAX >> (64 - bits);
            (inner.truncated(bits), Box::new(move |input| cut(number(input))))
        }
        _ => {
            let op = Alu::of(random.below(13) as u8 * 16, false).unwrap_or(Alu::And);
            let op = if random.below(4) == 0 { Alu::Xor } else { op };
            let width = random.pick(&[Width::W32, Width::W64]);
            let (other, operand): Made = match random.below(3) {
                0 => value(random, calls, depth - 1),
                1 => {
                    let mask = u64::from(mask(random)) | u64::from(mask(random)) << 32;
                    (Value::of(mask), Box::new(move |_| mask))
                }
                _ => {
                    let by = random.pick(&[0, 1, 8, 31, 32, 33, 63]);
                    (Value::of(by), Box::new(move |_| by))
                }
            };
            let seen = move |value: u64| value & u64::MAX >> (64 - width.bits());
            let result =
                move |input| alu(op, width.bits(), seen(number(input)), seen(operand(input)));
            (Value::alu(op, width, inner, other), Box::new(result))
        }
    }
}

/// Whether a half is what is said of it.
fn assert_half(half: Half, input: [u32; 4], value: u64) {
    let word = half.word;
    assert!(word.min() <= value && value <= word.max(), "{half:x?}: {value:#x}");
    assert_eq!(value & !word.unknown(), word.min() & !word.unknown(), "{half:x?}: {value:#x}");
    if let Some(part) = half.part {
        assert_eq!(u64::from(at(input, part.word) & part.mask), value, "{half:x?}");
    }
    if let Some((a, b)) = half.differ {
        let part = |part: Part| at(input, part.word) & part.mask;
        assert_eq!(u64::from(part(a) ^ part(b)), value, "{half:x?}");
    }
}

#[test]
fn what_boxes_say_holds_for_their_calls() {
    let mut random = Random(7);
    let (mut values, mut answers) = (0_u64, 0_u64);
    for _ in 0..4000 {
        let (calls, members) = cut(&mut random);
        for _ in 0..8 {
            let (left, of_left) = value(&mut random, &calls, 3);
            let (right, of_right) = value(&mut random, &calls, 3);
            let asked = Orders::from_byte(random.below(8) as u8).unwrap();
            let sign = random.pick(&[None, Some(63), Some(31), Some(15)]);
            let order = calls.ask(left, right, Test::Order(asked, sign)).ok();
            let common = calls.ask(left, right, Test::Common).ok();
            values += 2;
            answers += u64::from(order.is_some()) + u64::from(common.is_some());
            for input in &members {
                let (a, b) = (of_left(*input), of_right(*input));
                for (value, number) in [(left, a), (right, b)] {
                    assert_half(value.low, *input, number & 0xffff_ffff);
                    assert_half(value.high, *input, number >> 32);
                }
                let is = match sign {
                    // As numbers whose sign is that bit, and weighs more than those above it.
                    Some(sign) if a >> sign & 1 != b >> sign & 1 => {
                        Orders::when(a >> sign & 1 == 1, false, b >> sign & 1 == 1)
                    }
                    _ => Orders::when(a < b, a == b, a > b),
                };
                let expected = is.among(asked);
                assert!(order.is_none() || order == expected, "{left:x?} {right:x?} {asked:?}");
                assert!(common.is_none_or(|common| common == (a & b != 0)));
            }
        }
    }
    assert!(values > 50_000 && answers > 10_000, "{answers} answers");
}

#[test]
fn facts_are_about_words_that_there_are() {
    let calls = Calls::all(0);
    let part = |word| Part { word, mask: u32::MAX };
    assert!(calls.split_by(part(0), Orders::EQ, part(15)).is_some());
    assert!(calls.split_by(part(0), Orders::EQ, part(16)).is_none());
    assert!(calls.split_at(16, 1).is_none() && calls.split_on(0, 32).is_none());
    let mut many = calls;
    for _ in 0..MAX_FACTS {
        many = many.split_by(part(0), Orders::LE, part(1)).unwrap().0.unwrap();
    }
    assert!(many.split_by(part(0), Orders::LE, part(1)).is_none());
}
