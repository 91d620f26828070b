//! Sets of four-bit numbers: all of them, and all members, under every operation.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const BITS: u32 = 4;

const OPS: [Alu; 13] = [
    Alu::Add,
    Alu::Sub,
    Alu::Mul,
    Alu::Div,
    Alu::SDiv,
    Alu::Mod,
    Alu::SMod,
    Alu::Or,
    Alu::And,
    Alu::Xor,
    Alu::Lsh,
    Alu::Rsh,
    Alu::Arsh,
];

fn has(word: Word, value: u64) -> bool {
    word.min <= value
        && value <= word.max
        && value & word.ones == word.ones
        && value & word.zeros == 0
}

fn members(word: Word) -> Vec<u64> {
    (0..=word.max.min(255)).filter(|value| has(word, *value)).collect()
}

/// Every set of four-bit numbers that a word can stand for, settled, and its members.
fn words() -> Vec<(Word, Vec<u64>)> {
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
                            let ends = (before.first(), before.last());
                            assert_eq!(ends, (Some(&word.min), Some(&word.max)), "{word:?}");
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
    words.into_iter().map(|word| (word, members(word))).collect()
}

#[test]
fn operations_on_one_word_are_sound() {
    for (word, all) in words() {
        for at in 0..=1 << BITS {
            let (below, above) = word.split_at(at);
            let parts: Vec<u64> = [below, above].into_iter().flatten().flat_map(members).collect();
            assert_eq!(parts, all, "{word:?} at {at}");
            let masked = word.masked(at);
            assert!(all.iter().all(|v| has(masked, v & at)), "{word:?} & {at}");
        }
        for bit in 0..BITS {
            let (without, with) = word.split_on(bit);
            let count = |part: Option<Word>| part.map_or(0, |part| members(part).len());
            assert_eq!(count(without) + count(with), all.len());
            let said = word.bit(bit);
            assert!(said.is_none_or(|said| all.iter().all(|v| (v >> bit & 1 == 1) == said)));
        }
        for from in 1..=BITS {
            let extend = |v: u64| (v << (64 - from)).cast_signed() >> (64 - from);
            let extended = word.extended(from, 8);
            assert!(all.iter().all(|v| has(extended, extend(*v).cast_unsigned() & 0xff)));
        }
        // Two halves of a byte, so that 16 bits have something to swap.
        let wide = Word::alu(Alu::Lsh, 16, word, Word::of(6));
        let swapped = wide.swapped(16);
        assert!(all.iter().all(|v| has(swapped, (v << 6).swap_bytes() >> 48)), "{word:?}");
    }
}

#[test]
fn answers_on_two_words_are_those_of_all_members() {
    let words = words();
    for (a, left) in &words {
        for (b, right) in &words {
            let (order, meets, meet) = (a.order(*b), a.meets(*b), a.meet(*b));
            for (x, y) in left.iter().flat_map(|x| right.iter().map(move |y| (*x, *y))) {
                let is = Orders::when(x < y, x == y, x > y);
                assert_eq!(order.and(is), is, "{a:?} {b:?}: {x} {y}");
                assert!(meets.is_none_or(|said| said == (x & y != 0)), "{a:?} {b:?}: {x} {y}");
                assert!(x != y || has(meet.unwrap(), x), "{a:?} {b:?}: {x}");
            }
        }
    }
}

#[test]
fn arithmetic_holds_the_results_of_all_members() {
    let words = words();
    for (a, left) in &words {
        for (b, right) in &words {
            let results = OPS.map(|op| Word::alu(op, BITS, *a, *b));
            for (x, y) in left.iter().flat_map(|x| right.iter().map(move |y| (*x, *y))) {
                for (op, result) in OPS.into_iter().zip(results) {
                    let value = alu(op, BITS, x, y);
                    assert!(has(result, value), "{op:?} {a:?} {b:?}: {x} {y}");
                }
            }
        }
    }
}

#[test]
fn joined_words_hold_all_pairs() {
    let words = words();
    for (high, upper) in &words {
        for (low, lower) in &words {
            let joined = Word::joined(*high, *low, BITS);
            let mut pairs = upper.iter().flat_map(|h| lower.iter().map(move |l| h << BITS | l));
            assert!(pairs.all(|value| has(joined, value)), "{high:?} {low:?}");
        }
    }
    assert_eq!(Word::of(u64::MAX).masked(0xff).value(), Some(0xff));
    assert_eq!(Word::joined(Word::of(5), Word::of(7), 32), Word::of(5 << 32 | 7));
}

/// What four-bit numbers come to, in another way: the definition, on integers.
#[test]
fn arithmetic_on_numbers_is_as_defined() {
    let signed = |v: u64| i64::try_from(v).unwrap() - if v >= 8 { 16 } else { 0 };
    for a in 0..16_u64 {
        for b in 0..16_u64 {
            let (sa, sb, by) = (signed(a), signed(b), b % 4);
            let expected = [
                a + b,
                a + 16 - b,
                a * b,
                a.checked_div(b).unwrap_or(0),
                if sb == 0 { 0 } else { (sa / sb).cast_unsigned() },
                a.checked_rem(b).unwrap_or(a),
                if sb == 0 { a } else { (sa % sb).cast_unsigned() },
                a | b,
                a & b,
                a ^ b,
                a << by,
                a >> by,
                (sa >> by).cast_unsigned(),
            ];
            for (op, expected) in OPS.into_iter().zip(expected) {
                assert_eq!(alu(op, BITS, a, b), expected & 15, "{op:?} {a} {b}");
            }
        }
    }
}
