//! What two tests of one word come to in one.
//!
//! * Both of two masked tests: `x & 3 == 0 && x & 4 == 0` is `x & 7 == 0`.
//! * Either of two values that differ in a bit: `x == 2 || x == 6` is `x & !4 == 2`.
//! * A value next to a range belongs to it, and what is at least 3 but not at least 4 is 3.
//!
//! * What is below 4 and has not the bit 2 is below 2.
//!
//! And where a word is compared with several values, what is below and above them is asked for
//! at once; where bits are compared with a value of few bits, these one by one: `jset` asks for
//! them without taking anything out of the accumulator.

use crate::test::{Cmp, Normal, Test, Word};

/// Such tests, in their one spelling; each holds where the two say it, or nowhere there.
pub(super) fn of(first: &Test, second: &Test) -> [Option<Test>; 2] {
    let (
        &Test::Word { word, mask: m, cmp: a, value: v },
        &Test::Word { word: other, mask: n, cmp: b, value: w },
    ) = (first, second)
    else {
        return [None, None];
    };
    if word != other {
        return [None, None];
    }
    let spell = |mask, cmp, value| spell(word, mask, cmp, value);
    match (a, b) {
        (Cmp::Eq, Cmp::Eq) => {
            let both = if v & n == w & m { spell(m | n, Cmp::Eq, v | w) } else { None };
            let bit = v ^ w;
            let either = m == n && bit.is_power_of_two() && m != bit;
            [both, if either { spell(m & !bit, Cmp::Eq, v & !bit) } else { None }]
        }
        (Cmp::Eq, Cmp::Ge) if v == 0 && n == u32::MAX => {
            [below(m, w).and_then(|end| spell(n, Cmp::Ge, end)), None]
        }
        (Cmp::Ge, Cmp::Eq) if w == 0 && m == u32::MAX => {
            [below(n, v).and_then(|end| spell(m, Cmp::Ge, end)), None]
        }
        _ if m != n => [None, None],
        (Cmp::Ge, Cmp::Ge) if v.abs_diff(w) == 1 => [spell(m, Cmp::Eq, v.min(w)), None],
        (Cmp::Ge, Cmp::Ge) => [None, None],
        (Cmp::Eq, Cmp::Ge) => next_to(v, w).map(|value| value.and_then(|v| spell(m, Cmp::Ge, v))),
        (Cmp::Ge, Cmp::Eq) => next_to(w, v).map(|value| value.and_then(|v| spell(m, Cmp::Ge, v))),
    }
}

/// Values of one word that are told apart by order as well.
const MAX_ORDERED: usize = 4;

/// Bits of a masked value that are asked for one by one.
const MAX_BITS: u32 = 3;

/// The tests, and those that tell apart what is between the values that a word is compared
/// with; `None` if there are none.
pub(super) fn finer(asked: &[Test]) -> Option<Vec<Test>> {
    let mut tests = asked.to_vec();
    let value_of = |test: &Test| match *test {
        Test::Word { word, mask: u32::MAX, cmp: Cmp::Eq, value } => Some((word, value)),
        Test::Word { .. } | Test::Words { .. } | Test::Field { .. } | Test::Fields { .. } => None,
    };
    let values: Vec<_> = asked.iter().filter_map(value_of).collect();
    for of_word in values.chunk_by(|a, b| a.0 == b.0) {
        if !(2..=MAX_ORDERED).contains(&of_word.len()) {
            continue;
        }
        for &(word, value) in of_word {
            for value in [Some(value), value.checked_add(1)].into_iter().flatten() {
                tests.extend(spell(word, u32::MAX, Cmp::Ge, value));
            }
        }
    }
    for (index, test) in asked.iter().enumerate() {
        let Test::Word { word, mask, cmp: Cmp::Eq, value } = *test else { continue };
        // Some bit is set, but none of those.
        for other in asked.iter().skip(index + 1) {
            if let Test::Word { word: same, mask: others, cmp: Cmp::Eq, value: 0 } = *other
                && (word, value) == (same, 0)
                && (mask & others == mask || mask & others == others)
            {
                tests.extend(spell(word, mask ^ others, Cmp::Eq, 0));
            }
        }
        if mask != u32::MAX && (1..=MAX_BITS).contains(&value.count_ones()) {
            let bits = (0..u32::BITS).map(|bit| value & (1 << bit)).filter(|bit| *bit != 0);
            let masks = bits.chain([mask & !value]).filter(|mask| *mask != 0);
            tests.extend(masks.filter_map(|mask| spell(word, mask, Cmp::Eq, 0)));
            tests.extend(spell(word, u32::MAX, Cmp::Eq, value));
        }
    }
    tests.sort_unstable();
    tests.dedup();
    (tests.len() > asked.len()).then_some(tests)
}

/// Whether a word has one value.
pub(super) fn single(word: Word, value: u32) -> Option<Test> {
    spell(word, u32::MAX, Cmp::Eq, value)
}

/// Whether a word is not below a value.
pub(super) fn at_least(word: Word, value: u32) -> Option<Test> {
    spell(word, u32::MAX, Cmp::Ge, value)
}

/// A test in its one spelling, or its opposite; `None` for one that has one answer.
fn spell(word: Word, mask: u32, cmp: Cmp, value: u32) -> Option<Test> {
    match (Test::Word { word, mask, cmp, value }).normal() {
        Normal::Same(test) | Normal::Opposite(test) => Some(test),
        Normal::Always(_) => None,
    }
}

/// What is below a power of two and has none of some bits: below what, if it is so simple.
fn below(none_of: u32, end: u32) -> Option<u32> {
    let free = end.checked_sub(1).filter(|_| end.is_power_of_two())? & !none_of;
    free.checked_add(1).filter(|end| end.is_power_of_two())
}

/// Where a range begins with a value next to it, or without its first one.
fn next_to(value: u32, first: u32) -> [Option<u32>; 2] {
    let with = (value.checked_add(1) == Some(first)).then_some(value);
    let without = if value == first { first.checked_add(1) } else { None };
    [with, without]
}
