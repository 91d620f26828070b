//! Where to split a box in which a question has no one answer.
//!
//! A split that does not help costs leaves, and never makes a certificate wrong.

use filterc_certify::calls::{Calls, Halves, Question, Test};
use filterc_certify::orders::Orders;
use filterc_certify::tree;
use filterc_certify::value::{Half, Part, Value};

/// A way to split a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// This word, at this number.
    At(u8, u32),
    /// This word, by this bit.
    On(u8, u8),
    /// By how these bits of a word stand to those of another.
    By(Part, Orders, Part),
}

impl Split {
    /// Both halves of a box.
    #[must_use]
    pub fn halves(&self, calls: &Calls) -> Option<Halves> {
        match *self {
            Self::At(word, at) => calls.split_at(word, at),
            Self::On(word, bit) => calls.split_on(word, bit),
            Self::By(left, orders, right) => calls.split_by(left, orders, right),
        }
    }

    /// The node of a tree, but for its halves.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        match *self {
            Self::At(word, at) => {
                bytes.extend([tree::SPLIT_AT, word]);
                bytes.extend(at.to_le_bytes());
            }
            Self::On(word, bit) => bytes.extend([tree::SPLIT_ON, word, bit]),
            Self::By(left, orders, right) => {
                bytes.extend([tree::SPLIT_BY, left.word]);
                bytes.extend(left.mask.to_le_bytes());
                bytes.extend([orders.byte(), right.word]);
                bytes.extend(right.mask.to_le_bytes());
            }
        }
    }
}

/// Where the answer to a question changes: first at signs, then in the upper halves, then in the
/// lower ones.
#[must_use]
pub fn split(calls: &Calls, question: &Question) -> Option<Split> {
    let Question { left, right, test } = *question;
    let found = match test {
        Test::Common => common(calls, left, right),
        Test::Order(asked, sign) => order(calls, left, right, asked, sign),
    };
    found.or_else(|| deeper(calls, left, right))
}

/// By the highest bit that both may have, or by whether two words are the same under a mask.
fn common(calls: &Calls, left: Value, right: Value) -> Option<Split> {
    for (half, mask) in [(left.high, right.high), (left.low, right.low)] {
        let number = mask.word.value().and_then(|mask| u32::try_from(mask).ok());
        let masked = number.map(|mask| half.masked(mask));
        if let Some(differ) = masked.filter(|half| half.differ.is_some())
            && calls.order_of_halves(differ, Half::ZERO).among(Orders::NE).is_none()
        {
            return halves(calls, differ, Half::ZERO, Orders::EQ);
        }
    }
    let open = |half: Half, other: Half| (half.word.unknown()) & !other.word.zeros();
    let pairs = [(left.high, right.high), (left.low, right.low)];
    let both = pairs.into_iter().flat_map(|(a, b)| [(a, b), (b, a)]);
    both.into_iter().find_map(|(half, other)| on(calls, half, open(half, other)))
}

/// By the highest of these bits of a half, which stands in a word of the input.
fn on(calls: &Calls, half: Half, bits: u64) -> Option<Split> {
    let Part { word, mask } = half.part?;
    let bits = bits & u64::from(mask) & calls.word(word)?.unknown();
    Some(Split::On(word, u8::try_from(bits.checked_ilog2()?).ok()?))
}

fn order(
    calls: &Calls,
    left: Value,
    right: Value,
    asked: Orders,
    sign: Option<u32>,
) -> Option<Split> {
    let equality = asked == Orders::EQ || asked == Orders::NE;
    if let Some(sign) = sign.filter(|_| !equality) {
        let half = |value: Value| if sign < 32 { value.low } else { value.high };
        let by = |value| on(calls, half(value), 1 << (sign % 32));
        if let Some(split) = by(left).or_else(|| by(right)) {
            return Some(split);
        }
    }
    let high = calls.order_of_halves(left.high, right.high);
    if high != Orders::EQ {
        // Where the upper halves are equal, the lower ones decide.
        let asked =
            if equality || high.and(Orders::LT) == Orders::NONE { Orders::EQ } else { Orders::LT };
        if let Some(split) = halves(calls, left.high, right.high, asked) {
            return Some(split);
        }
    }
    halves(calls, left.low, right.low, asked)
}

/// Where two halves stand to each other as asked or not.
fn halves(calls: &Calls, left: Half, right: Half, asked: Orders) -> Option<Split> {
    if let (Some((a, b)), Some(0)) = (left.differ, right.word.value()) {
        return with_word(calls, a, b, Orders::EQ);
    }
    match (left.word.value(), right.word.value()) {
        (_, Some(number)) => with_number(calls, left, number, asked),
        (Some(number), _) => with_number(calls, right, number, asked.reversed()),
        (None, None) => with_word(calls, left.part?, right.part?, asked),
    }
}

fn with_number(calls: &Calls, half: Half, number: u64, asked: Orders) -> Option<Split> {
    let part = half.part?;
    let word = calls.word(part.word)?;
    if word.unknown() & !u64::from(part.mask) != 0 || word.masked(part.mask.into()) != word {
        return on(calls, half, half.word.unknown());
    }
    let after = number.checked_add(1)?;
    let at = match asked {
        Orders::LT | Orders::GE => number,
        Orders::LE | Orders::GT => after,
        _ if word.min() < number => number,
        _ => after,
    };
    Some(Split::At(part.word, u32::try_from(at).ok()?))
}

fn with_word(calls: &Calls, a: Part, b: Part, asked: Orders) -> Option<Split> {
    // Bits that only one of them has: they are likely 0, and asked about apart.
    for (part, other) in [(a, b), (b, a)] {
        let surplus = calls.word(part.word)?.unknown() & u64::from(part.mask & !other.mask);
        if surplus != 0 {
            let below = u64::from(other.mask) + 1;
            return if part.mask == u32::MAX && below.is_power_of_two() && below <= surplus {
                Some(Split::At(part.word, u32::try_from(below).ok()?))
            } else {
                Some(Split::On(part.word, u8::try_from(surplus.ilog2()).ok()?))
            };
        }
    }
    // For one pair of words there is one fact, whichever way it is asked for.
    Some(if a.word <= b.word { Split::By(a, asked, b) } else { Split::By(b, asked.reversed(), a) })
}

/// What was calculated with: by the highest bit that is not known of a word that it came from.
fn deeper(calls: &Calls, left: Value, right: Value) -> Option<Split> {
    let of = [left.low, left.high, right.low, right.high].iter().fold(0, |of, half| of | half.of);
    highest(calls, of)
}

/// A split that may show that there is no call in a box: its facts are about these words.
pub(super) fn closer(calls: &Calls) -> Option<Split> {
    highest(calls, calls.of_facts())
}

fn highest(calls: &Calls, of: u64) -> Option<Split> {
    let words = (0..64_u8).filter(|word| of >> word & 1 == 1);
    let open = words.filter_map(|word| {
        let bit = calls.word(word)?.unknown().checked_ilog2()?;
        Some((bit, word))
    });
    // The first of those whose bits go furthest up.
    let (bit, word) = open.max_by_key(|(bit, word)| (*bit, u8::MAX - word))?;
    Some(Split::On(word, u8::try_from(bit).ok()?))
}
