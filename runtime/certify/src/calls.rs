//! Boxes: sets of calls, and what questions come to in them.
//!
//! A box has a set of numbers for each word of the input: the sixteen of `struct seccomp_data`,
//! then, low halves first, those of the parameters. And it has facts: how bits of one word stand
//! to bits of another in every call of the box.

use crate::orders::Orders;
use crate::value::{Half, Part, Value};
use crate::word::Word;

/// Words of a call.
pub const WORDS: usize = 16;

/// Most parameters: a set of words fits 64 bits.
pub const MAX_PARAMS: usize = 24;

/// Most facts of a box: what a question costs stays bounded.
pub const MAX_FACTS: usize = 64;

/// A set of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    words: Vec<Word>,
    facts: Vec<Fact>,
}

/// How a part of the input stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fact {
    left: Part,
    right: Part,
    orders: Orders,
}

/// Both halves of a box; `None` is one without calls.
pub type Halves = (Option<Calls>, Option<Calls>);

/// Something asked of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The one.
    pub left: Value,
    /// The other.
    pub right: Value,
    /// What.
    pub test: Test,
}

/// What is asked of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Whether the left one stands to the right one in one of these ways; as signed numbers, if
    /// there is a bit that is the sign.
    Order(Orders, Option<u32>),
    /// Whether they have a common bit.
    Common,
}

/// Why a run did not come to an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A question has no single answer for the box.
    Undecided(Box<Question>),
    /// Something happens that is not known here.
    Unknown(&'static str),
}

impl Calls {
    /// All calls, and all values of so many parameters.
    #[must_use]
    pub fn all(params: usize) -> Self {
        Self { words: vec![Word::any(32); WORDS + 2 * params], facts: Vec::new() }
    }

    /// One call, with these parameters.
    #[must_use]
    pub fn point(data: [u32; WORDS], params: &[u64]) -> Self {
        let halves = params.iter().flat_map(|param| [param & 0xffff_ffff, param >> 32]);
        let words = data.into_iter().map(u64::from).chain(halves).map(Word::of);
        Self { words: words.collect(), facts: Vec::new() }
    }

    /// A word of the input.
    #[must_use]
    pub fn word(&self, index: u8) -> Option<Word> {
        self.words.get(usize::from(index)).copied()
    }

    /// A word of the input, as half of a value.
    #[must_use]
    pub fn half(&self, index: u8) -> Option<Half> {
        let part = Some(Part { word: index, mask: u32::MAX });
        Some(Half { word: self.word(index)?, part, differ: None, of: 1 << (index & 63) })
    }

    fn with(&self, index: u8, word: Option<Word>) -> Option<Self> {
        let word = word?;
        let mut half = self.clone();
        *half.words.get_mut(usize::from(index))? = word;
        half.is_possible().then_some(half)
    }

    /// The calls whose word is below a number, and the others. `None`: there is no such word.
    #[must_use]
    pub fn split_at(&self, word: u8, at: u32) -> Option<Halves> {
        let (below, above) = self.word(word)?.split_at(at.into());
        Some((self.with(word, below), self.with(word, above)))
    }

    /// The calls in whose word a bit is 0, and the others.
    #[must_use]
    pub fn split_on(&self, word: u8, bit: u8) -> Option<Halves> {
        let (clear, set) = self.word(word).filter(|_| bit < 32)?.split_on(bit.into());
        Some((self.with(word, clear), self.with(word, set)))
    }

    /// The calls in which a part of the input stands to another in one of these ways, and the
    /// others.
    #[must_use]
    pub fn split_by(&self, left: Part, orders: Orders, right: Part) -> Option<Halves> {
        if self.facts.len() >= MAX_FACTS {
            return None;
        }
        self.word(left.word).and(self.word(right.word))?;
        let with = |orders| {
            let mut half = self.clone();
            half.facts.push(Fact { left, right, orders });
            half.is_possible().then_some(half)
        };
        Some((with(orders), with(orders.not())))
    }

    /// Words that facts are about, a bit each: for whoever makes a certificate.
    #[must_use]
    pub fn of_facts(&self) -> u64 {
        let parts = self.facts.iter().flat_map(|fact| [fact.left, fact.right]);
        parts.fold(0, |of, part| of | 1 << (part.word & 63))
    }

    /// Whether no fact contradicts another or the words.
    fn is_possible(&self) -> bool {
        self.facts.iter().all(|fact| self.parts(fact.left, fact.right) != Orders::NONE)
    }

    /// How a part can stand to another: what the words say, and what the facts say about parts
    /// that are the same numbers in this box, for other bits are 0 in it.
    fn parts(&self, left: Part, right: Part) -> Orders {
        let word = |part: Part| self.word(part.word).unwrap_or(Word::any(32));
        let value = |part: Part| word(part).masked(part.mask.into());
        let same = |a: Part, b: Part| {
            let open = (!word(a).zeros()) & u64::from(a.mask ^ b.mask);
            a.word == b.word && open == 0
        };
        let mut orders = value(left).order(value(right));
        if same(left, right) {
            orders = orders.and(Orders::EQ);
        }
        for fact in &self.facts {
            if same(fact.left, left) && same(fact.right, right) {
                orders = orders.and(fact.orders);
            } else if same(fact.left, right) && same(fact.right, left) {
                orders = orders.and(fact.orders.reversed());
            }
        }
        orders
    }

    /// How two halves can stand to each other.
    #[must_use]
    pub fn order_of_halves(&self, left: Half, right: Half) -> Orders {
        let orders = left.word.order(right.word);
        match (left.part, right.part, left.differ, right.word.value()) {
            (Some(left), Some(right), ..) => orders.and(self.parts(left, right)),
            // They are equal where no bit differs.
            (_, _, Some((a, b)), Some(0)) => {
                let found = self.parts(a, b);
                let may = |orders| found.and(orders) != Orders::NONE;
                orders.and(Orders::when(false, may(Orders::EQ), may(Orders::NE)))
            }
            _ => orders,
        }
    }

    /// Whether two halves have a common bit.
    fn common(&self, left: Half, right: Half) -> Option<bool> {
        let mask = right.word.value().and_then(|mask| u32::try_from(mask).ok());
        left.word.meets(right.word).or_else(|| {
            // They have if some bit of the mask differs.
            let differ = left.masked(mask?);
            differ.differ?;
            self.order_of_halves(differ, Half::ZERO).among(Orders::NE)
        })
    }

    fn order(&self, left: Value, right: Value, sign: Option<u32>) -> Orders {
        let high = self.order_of_halves(left.high, right.high);
        let unsigned = high.then(self.order_of_halves(left.low, right.low));
        let Some(sign) = sign else { return unsigned };
        let negative = |value: Value| value.word().bit(sign);
        match (negative(left), negative(right)) {
            (Some(a), Some(b)) if a == b => unsigned,
            (Some(a), Some(_)) => {
                if a {
                    Orders::LT
                } else {
                    Orders::GT
                }
            }
            // Equal they are as numbers without a sign.
            _ => Orders::NE.or(unsigned.and(Orders::EQ)),
        }
    }

    /// The answer to a question, if all calls have the same.
    ///
    /// # Errors
    /// They do not, as far as can be seen.
    pub fn ask(&self, left: Value, right: Value, test: Test) -> Result<bool, Stop> {
        let answer = match test {
            Test::Order(asked, sign) => self.order(left, right, sign).among(asked),
            Test::Common => {
                match (self.common(left.high, right.high), self.common(left.low, right.low)) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                }
            }
        };
        answer.ok_or_else(|| Stop::Undecided(Box::new(Question { left, right, test })))
    }

    /// The lower half of a value, which has to be one number: what a program returns.
    ///
    /// # Errors
    /// It is not, as far as can be seen.
    pub fn number(&self, value: Value) -> Result<u32, Stop> {
        let low = Value::short(value.low);
        let least = value.low.word.min();
        self.ask(low, Value::of(least), Test::Order(Orders::EQ, None))?;
        let number = value.low.word.value().and_then(|number| u32::try_from(number).ok());
        number.ok_or(Stop::Unknown("the program returns a value that is not one number"))
    }
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;
