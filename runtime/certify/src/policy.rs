//! A policy in its resolved form: decoded from text, and run on a box of calls.
//!
//! The form is made to be read by people too. One statement a line, words apart by spaces,
//! numbers in hexadecimal:
//!
//! ```text
//! policy 1 little
//! foreign 80000000
//! abi c000003e x86_64 mark 40000000 clear default 50001 unknown 50026
//! known 0-14e 1a8-1d7
//! named 3e7
//! arm 101 7fff0000 and 2 test low 2 32 unsigned 3 eq 0 not test …
//! arm any 7ffc0000 true
//! ```
//!
//! `abi` gives the token, a name, the bit of `nr` that tells ABIs of one token apart and
//! whether it is set or clear in numbers of this one (or `mark -`), and what decides where no
//! rule does; `known` the numbers that the policy's kernel has, `named` those that a rule
//! names. Each `arm` is about a number or about all known ones: the value that is returned,
//! and a predicate in prefix form. A test names the words of its field (low word, high word or
//! `-`), its width and sign, its mask, and a relation.
//!
//! The meaning is that of `design/language.md` section 1: is the ABI listed; is the number
//! known or named; then the first arm that covers it and whose predicate holds.

use crate::program::{Split, Undecided};
use crate::tree::Calls;
use crate::word::Word;

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The byte order of the machines that it is for.
    pub big_endian: bool,
    foreign: u32,
    abis: Vec<Abi>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Abi {
    token: u32,
    mark: Option<(u32, bool)>,
    default: u32,
    unknown: u32,
    known: Vec<(u32, u32)>,
    named: Vec<(u32, u32)>,
    arms: Vec<Arm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Arm {
    /// `None` is every known number.
    nr: Option<u32>,
    value: u32,
    predicate: Predicate,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Predicate {
    Constant(bool),
    Not(Box<Self>),
    /// Whether all (true) or some (false) hold.
    Joined(bool, Vec<Self>),
    Test(Field, u64, Relation),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    low: usize,
    high: Option<usize>,
    width: u32,
    signed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Relation {
    Compare(Op, u64),
    In(Vec<(u64, u64)>),
    Field(Op, Field),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// Word 0 of a call is `nr`, word 1 is `arch`.
const NR: usize = 0;
const ARCH: usize = 1;

/// Levels of predicates: a bound on recursion.
const MAX_NESTING: usize = 512;

type Answer = Result<bool, Undecided>;

impl Policy {
    /// What the policy says to every call of a box, as a filter's return value.
    ///
    /// # Errors
    /// Not one thing, by one way.
    pub fn run(&self, calls: &Calls) -> Result<u32, Undecided> {
        for abi in &self.abis {
            if is(calls, ARCH, abi.token)? && abi.admits(calls)? {
                return abi.run(calls);
            }
        }
        Ok(self.foreign)
    }
}

impl Abi {
    fn admits(&self, calls: &Calls) -> Answer {
        let Some((bit, set)) = self.mark else { return Ok(true) };
        // A number of all ones is never marked.
        let marked = has_bit(calls, NR, bit)? && !is(calls, NR, u32::MAX)?;
        Ok(marked == set)
    }

    fn run(&self, calls: &Calls) -> Result<u32, Undecided> {
        let known = within(calls, NR, &self.known)?;
        if !known && !within(calls, NR, &self.named)? {
            return Ok(self.unknown);
        }
        for arm in &self.arms {
            let covers = match arm.nr {
                None => known,
                Some(nr) => is(calls, NR, nr)?,
            };
            if covers && arm.predicate.holds(calls)? {
                return Ok(arm.value);
            }
        }
        Ok(self.default)
    }
}

fn word(calls: &Calls, index: usize) -> Word {
    calls.get(index).copied().unwrap_or(Word::any(32))
}

fn undecided(split: Split) -> Undecided {
    Undecided { split: Some(split) }
}

/// Whether a word is a number.
fn is(calls: &Calls, index: usize, number: u32) -> Answer {
    let word = word(calls, index);
    word.equal(Word::of(number.into())).ok_or_else(|| {
        let at = if word.min() < u64::from(number) { number } else { number.saturating_add(1) };
        undecided(Split::At(index, at))
    })
}

fn has_bit(calls: &Calls, index: usize, bit: u32) -> Answer {
    word(calls, index).meets(Word::of(bit.into())).ok_or_else(|| {
        let bit = u8::try_from(bit.trailing_zeros()).unwrap_or(31);
        undecided(Split::On(index, bit.min(31)))
    })
}

/// Whether a word is in one of the ranges, which are sorted and apart.
fn within(calls: &Calls, index: usize, ranges: &[(u32, u32)]) -> Answer {
    let word = word(calls, index);
    let next = ranges.partition_point(|(_, last)| u64::from(*last) < word.min());
    let Some(&(first, last)) = ranges.get(next) else { return Ok(false) };
    let (first, last) = (u64::from(first), u64::from(last));
    if word.max() < first {
        return Ok(false);
    }
    if first <= word.min() && word.max() <= last {
        return Ok(true);
    }
    let at = if word.min() < first { first } else { last + 1 };
    Err(undecided(Split::At(index, u32::try_from(at).unwrap_or(u32::MAX))))
}

impl Predicate {
    fn holds(&self, calls: &Calls) -> Answer {
        match self {
            Self::Constant(value) => Ok(*value),
            Self::Not(inner) => inner.holds(calls).map(|value| !value),
            Self::Joined(all, parts) => joined(*all, parts, calls),
            Self::Test(field, mask, relation) => {
                let left = field.read(calls).masked(*mask);
                let seen = Seen { field: *field, mask: *mask, left };
                match relation {
                    Relation::Compare(op, right) => seen.compare(*op, Word::of(*right)),
                    Relation::In(ranges) => seen.within(ranges),
                    Relation::Field(op, other) => seen.compare(*op, other.read(calls)),
                }
            }
        }
    }
}

/// All or some parts: one that decides is enough, whatever the others are.
fn joined(all: bool, parts: &[Predicate], calls: &Calls) -> Answer {
    let mut open = None;
    for part in parts {
        match part.holds(calls) {
            Ok(value) if value != all => return Ok(!all),
            Ok(_) => {}
            Err(undecided) => open = open.or(Some(undecided)),
        }
    }
    open.map_or(Ok(all), Err)
}

impl Field {
    fn read(&self, calls: &Calls) -> Word {
        let low = word(calls, self.low);
        match self.high {
            Some(high) if self.width > 32 => Word::join(word(calls, high), low),
            Some(_) | None => low,
        }
        .masked(self.all())
    }

    const fn all(&self) -> u64 {
        u64::MAX >> (64 - self.width)
    }

    /// Makes an unsigned order of the field's order.
    fn ordered(&self, word: Word) -> Word {
        if self.signed { word.flipped(1 << (self.width - 1)) } else { word }
    }
}

/// A field's value in a box, and how it was had.
struct Seen {
    field: Field,
    mask: u64,
    left: Word,
}

impl Seen {
    fn compare(&self, op: Op, right: Word) -> Answer {
        let (a, b) = (self.field.ordered(self.left), self.field.ordered(right));
        let answer = match op {
            Op::Eq => self.left.equal(right),
            Op::Ne => self.left.equal(right).map(|equal| !equal),
            Op::Lt => a.less(b),
            Op::Ge => a.less(b).map(|less| !less),
            Op::Gt => b.less(a),
            Op::Le => b.less(a).map(|less| !less),
        };
        answer.ok_or_else(|| Undecided { split: right.value().and_then(|k| self.split(op, k)) })
    }

    fn within(&self, ranges: &[(u64, u64)]) -> Answer {
        let mut open = None;
        for &(first, last) in ranges {
            let from = self.compare(Op::Ge, Word::of(first));
            let to = self.compare(Op::Le, Word::of(last));
            match (from, to) {
                (Ok(true), Ok(true)) => return Ok(true),
                (Ok(false), _) | (_, Ok(false)) => {}
                (Err(undecided), _) | (_, Err(undecided)) => open = open.or(Some(undecided)),
            }
        }
        open.map_or(Ok(false), Err)
    }

    /// Where a comparison with a constant changes its answer: first the sign, then the high
    /// word, then the low one.
    fn split(&self, op: Op, k: u64) -> Option<Split> {
        let sign = 1 << (self.field.width - 1);
        let ordered = !matches!(op, Op::Eq | Op::Ne);
        if self.field.signed && ordered && self.left.unknown() & sign != 0 {
            return self.bit(sign);
        }
        let whole = self.mask == self.field.all();
        let halves = self.field.width == 32 || self.field.width == 64;
        if !whole || !halves {
            return self.bit(self.left.unknown());
        }
        // As the two words that they are.
        let (min, max) = (self.left.min(), self.left.max());
        let (word, shift) = match self.field.high {
            Some(high) if self.field.width == 64 && min >> 32 != max >> 32 => (high, 32),
            _ => (self.field.low, 0),
        };
        let part = |value: u64| value >> shift & 0xffff_ffff;
        let (k, min) = (part(k), part(min));
        // The high words may be equal: then the low ones decide.
        let at = if min < k { k } else { k.checked_add(1)? };
        u32::try_from(at).ok().map(|at| Split::At(word, at))
    }

    /// By the highest of these bits of the field.
    fn bit(&self, bits: u64) -> Option<Split> {
        let bit = (bits & self.left.unknown()).checked_ilog2()?;
        let word = if bit < 32 { Some(self.field.low) } else { self.field.high };
        Some(Split::On(word?, u8::try_from(bit % 32).ok()?))
    }
}

/// Reading the text.
mod read {
    use super::{Abi, Arm, Field, MAX_NESTING, Op, Policy, Predicate, Relation};

    type Read<T> = Result<T, String>;

    struct Words<'a> {
        line: usize,
        rest: std::str::SplitAsciiWhitespace<'a>,
    }

    impl<'a> Words<'a> {
        fn wrong<T>(&self, what: &str) -> Read<T> {
            Err(format!("line {}: {what}", self.line))
        }

        fn next(&mut self) -> Read<&'a str> {
            match self.rest.next() {
                Some(word) => Ok(word),
                None => self.wrong("it ends too early"),
            }
        }

        fn expect(&mut self, word: &str) -> Read<()> {
            if self.next()? == word { Ok(()) } else { self.wrong(&format!("not `{word}`")) }
        }

        fn long(&mut self) -> Read<u64> {
            let word = self.next()?;
            u64::from_str_radix(word, 16).or_else(|_| self.wrong("not a hexadecimal number"))
        }

        fn number(&mut self) -> Read<u32> {
            let long = self.long()?;
            u32::try_from(long).or_else(|_| self.wrong("more than 32 bits"))
        }

        fn ranges(&mut self) -> Read<Vec<(u32, u32)>> {
            let mut ranges: Vec<(u32, u32)> = Vec::new();
            for word in self.rest.by_ref() {
                let (first, last) = word.split_once('-').unwrap_or((word, word));
                let number = |text| u32::from_str_radix(text, 16).ok();
                let pair = number(first).zip(number(last)).filter(|(first, last)| first <= last);
                let apart = |next: u32| ranges.last().is_none_or(|(_, last)| *last < next);
                match pair {
                    Some(pair) if apart(pair.0) => ranges.push(pair),
                    _ => return Err(format!("line {}: not sorted ranges", self.line)),
                }
            }
            Ok(ranges)
        }

        fn end(mut self) -> Read<()> {
            if self.rest.next().is_none() { Ok(()) } else { self.wrong("more than expected") }
        }
    }

    impl Policy {
        /// Reads the text form.
        ///
        /// # Errors
        /// Where it is wrong.
        pub fn read(text: &str) -> Result<Self, String> {
            let mut policy = Self { big_endian: false, foreign: 0, abis: Vec::new() };
            let mut seen = 0;
            for (line, text) in (1..).zip(text.lines()) {
                let mut words = Words { line, rest: text.split_ascii_whitespace() };
                let keyword = words.next()?;
                match (seen, keyword) {
                    (0, "policy") => {
                        words.expect("1")?;
                        policy.big_endian = match words.next()? {
                            "little" => false,
                            "big" => true,
                            _ => return words.wrong("no byte order"),
                        };
                    }
                    (1, "foreign") => policy.foreign = words.number()?,
                    (2.., "abi") => policy.abis.push(abi(&mut words)?),
                    (3.., _) => statement(keyword, &mut words, policy.abis.last_mut())?,
                    _ => return words.wrong("not expected here"),
                }
                words.end()?;
                seen += 1;
            }
            if seen < 2 { Err("it is not whole".to_owned()) } else { Ok(policy) }
        }
    }

    fn abi(words: &mut Words<'_>) -> Read<Abi> {
        let token = words.number()?;
        let _name = words.next()?;
        words.expect("mark")?;
        let mark = match words.next()? {
            "-" => None,
            bit => {
                let bit = u32::from_str_radix(bit, 16).ok().filter(|bit| bit.is_power_of_two());
                let set = match words.next()? {
                    "set" => true,
                    "clear" => false,
                    _ => return words.wrong("neither `set` nor `clear`"),
                };
                match bit {
                    Some(bit) => Some((bit, set)),
                    None => return words.wrong("not one bit"),
                }
            }
        };
        words.expect("default")?;
        let default = words.number()?;
        words.expect("unknown")?;
        let unknown = words.number()?;
        let (known, named, arms) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Abi { token, mark, default, unknown, known, named, arms })
    }

    fn statement(keyword: &str, words: &mut Words<'_>, abi: Option<&mut Abi>) -> Read<()> {
        let Some(abi) = abi else { return words.wrong("no ABI before it") };
        match keyword {
            "known" => abi.known = words.ranges()?,
            "named" => abi.named = words.ranges()?,
            "arm" => {
                let nr = match words.next()? {
                    "any" => None,
                    text => match u32::from_str_radix(text, 16) {
                        Ok(nr) => Some(nr),
                        Err(_) => return words.wrong("no number"),
                    },
                };
                let value = words.number()?;
                let predicate = predicate(words, 0)?;
                abi.arms.push(Arm { nr, value, predicate });
            }
            _ => return words.wrong("unknown statement"),
        }
        Ok(())
    }

    fn predicate(words: &mut Words<'_>, depth: usize) -> Read<Predicate> {
        if depth > MAX_NESTING {
            return words.wrong("nested too deeply");
        }
        Ok(match words.next()? {
            "true" => Predicate::Constant(true),
            "false" => Predicate::Constant(false),
            "not" => Predicate::Not(Box::new(predicate(words, depth + 1)?)),
            keyword @ ("and" | "or") => {
                let parts = (0..words.number()?).map(|_| predicate(words, depth + 1));
                Predicate::Joined(keyword == "and", parts.collect::<Read<_>>()?)
            }
            "test" => {
                let field = field(words)?;
                let mask = words.long()?;
                if mask & !field.all() != 0 {
                    return words.wrong("the mask is wider than the field");
                }
                Predicate::Test(field, mask, relation(words)?)
            }
            _ => return words.wrong("no predicate"),
        })
    }

    fn field(words: &mut Words<'_>) -> Read<Field> {
        let index = |words: &mut Words<'_>, text: &str| match text.parse() {
            Ok(index) if index < crate::tree::WORDS => Ok(index),
            _ => words.wrong("no word of the call"),
        };
        let low = words.next()?;
        let low = index(words, low)?;
        let high = match words.next()? {
            "-" => None,
            text => Some(index(words, text)?),
        };
        let widest = if high.is_some() { 64 } else { 32 };
        let width = match words.next()?.parse() {
            Ok(width) if (1..=widest).contains(&width) => width,
            _ => return words.wrong("no width"),
        };
        let signed = match words.next()? {
            "signed" => true,
            "unsigned" => false,
            _ => return words.wrong("neither `signed` nor `unsigned`"),
        };
        Ok(Field { low, high, width, signed })
    }

    fn relation(words: &mut Words<'_>) -> Read<Relation> {
        let op = match words.next()? {
            "in" => {
                let ranges = (0..words.number()?).map(|_| Ok((words.long()?, words.long()?)));
                return Ok(Relation::In(ranges.collect::<Read<_>>()?));
            }
            "eq" => Op::Eq,
            "ne" => Op::Ne,
            "lt" => Op::Lt,
            "le" => Op::Le,
            "gt" => Op::Gt,
            "ge" => Op::Ge,
            _ => return words.wrong("no relation"),
        };
        match words.next()? {
            "field" => Ok(Relation::Field(op, field(words)?)),
            text => match u64::from_str_radix(text, 16) {
                Ok(bits) => Ok(Relation::Compare(op, bits)),
                Err(_) => words.wrong("not a hexadecimal number"),
            },
        }
    }
}
