//! A policy in its resolved form: decoded from text, and run on a box of calls.
//!
//! The form is made to be read by people too. A statement a line: a keyword and numbers, all of
//! them hexadecimal, and what follows a `#` is for people alone.
//!
//! ```text
//! policy 2
//! params 1                        # log_fd
//! foreign 80000000
//! abi c000003e 40000000 0 50001 50026   # x86_64
//! known 0 14e 1a8 1d7
//! named 3e7 3e7
//! eq 20 4 5 ffffffff 1
//! not
//! ltu 40 6 7 ffffffffffffffff 40 8 9
//! and 2
//! arm 101 7fff0000
//! and 0
//! and 0
//! range 1f4 3ffffffe 50001
//! and 0
//! any 7ffc0000
//! ```
//!
//! | statement | meaning |
//! |---|---|
//! | `policy 2` | the form's version; `params` how many there are; both come first |
//! | `foreign` | the value for calls of no ABI |
//! | `abi` | a token, the bit of `nr` that tells ABIs of one token apart (or 0), whether it is set in numbers of this one, and the values where no rule decides, and for numbers that are not known; what follows is about this ABI |
//! | `known`, `named` | pairs, first and last, sorted and apart: the numbers that the policy's kernel has, and those that a rule names |
//! | `arm`, `range`, `any` | with the predicate before it: a number, or all from a first to a last, or all known ones, and a value |
//!
//! Predicates stand behind their parts, so `and` and `or` take as many as they say, and `and 0`
//! is true. A test is `eq`, `ne`, or one of `lt`, `le`, `gt`, `ge` with `u` or `s` for numbers
//! with or without a sign: the width of a field, the word with its lower half, the word with the
//! upper one, a mask, and a number, or another field, as width and words.
//!
//! The meaning is that of `design/language.md` section 1: is the ABI listed; is the number
//! known or named; then the first arm that covers it and whose predicate holds.

use crate::calls::{Calls, MAX_PARAMS, Stop, Test, WORDS};
use crate::orders::Orders;
use crate::value::{Half, Value};

/// A policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    params: usize,
    foreign: u32,
    abis: Vec<Abi>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Abi {
    token: u32,
    /// A bit, and whether it is set.
    mark: (u32, bool),
    default: u32,
    unknown: u32,
    known: Vec<(u32, u32)>,
    named: Vec<(u32, u32)>,
    arms: Vec<Arm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Arm {
    numbers: Numbers,
    value: u32,
    predicate: Vec<Step>,
}

/// Which numbers an arm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    Known,
    /// From the first to the last.
    Range(u32, u32),
}

/// A step of a predicate, on a stack of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Not,
    /// Whether all (true) or some (false) of so many hold.
    Joined(bool, usize),
    Compare(Field, Orders, bool, Right),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    width: u32,
    low: u8,
    high: u8,
    mask: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    Number(u64),
    Field(Field),
}

/// Word 0 of a call is `nr`, word 1 is `arch`.
const NR: u8 = 0;
const ARCH: u8 = 1;

type Answer = Result<bool, Stop>;

impl Policy {
    /// What the policy says to every call of a box, as a filter's return value.
    ///
    /// # Errors
    /// Not one thing, by one way.
    pub fn run(&self, calls: &Calls) -> Result<u32, Stop> {
        for abi in &self.abis {
            if is(calls, ARCH, Orders::EQ, abi.token)? && abi.admits(calls)? {
                return abi.run(calls);
            }
        }
        Ok(self.foreign)
    }

    /// How many parameters there are.
    #[must_use]
    pub const fn params(&self) -> usize {
        self.params
    }
}

impl Abi {
    fn admits(&self, calls: &Calls) -> Answer {
        let (bit, set) = self.mark;
        if bit == 0 {
            return Ok(true);
        }
        let marked = calls.ask(value(calls, NR), Value::of(bit.into()), Test::Common)?;
        // A number of all ones is never marked.
        Ok((marked && !is(calls, NR, Orders::EQ, u32::MAX)?) == set)
    }

    fn run(&self, calls: &Calls) -> Result<u32, Stop> {
        let known = within(calls, NR, &self.known)?;
        if !known && !within(calls, NR, &self.named)? {
            return Ok(self.unknown);
        }
        let nr = half(calls, NR).word;
        for arm in &self.arms {
            // Said again, for speed: most arms are about another number.
            let covers = match arm.numbers {
                Numbers::Known => known,
                Numbers::Range(first, last) => {
                    if u64::from(last) < nr.min() || nr.max() < u64::from(first) {
                        continue;
                    }
                    within(calls, NR, &[(first, last)])?
                }
            };
            if covers && holds(&arm.predicate, calls)? {
                return Ok(arm.value);
            }
        }
        Ok(self.default)
    }
}

fn half(calls: &Calls, index: u8) -> Half {
    calls.half(index).unwrap_or(Half::any(0))
}

fn value(calls: &Calls, index: u8) -> Value {
    Value::short(half(calls, index))
}

/// How a word stands to a number.
fn is(calls: &Calls, index: u8, orders: Orders, number: u32) -> Answer {
    calls.ask(value(calls, index), Value::of(number.into()), Test::Order(orders, None))
}

/// Whether a word is in one of the ranges, which are sorted and apart.
fn within(calls: &Calls, index: u8, ranges: &[(u32, u32)]) -> Answer {
    let min = half(calls, index).word.min();
    let next = ranges.partition_point(|(_, last)| u64::from(*last) < min);
    // All ranges before it are below all members; those behind it are for what is above it.
    for &(first, last) in ranges.get(next..).unwrap_or_default() {
        if is(calls, index, Orders::LT, first)? {
            return Ok(false);
        }
        if is(calls, index, Orders::LE, last)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a predicate holds.
fn holds(steps: &[Step], calls: &Calls) -> Answer {
    let mut answers: Vec<Answer> = Vec::new();
    for step in steps {
        let answer = match *step {
            Step::Compare(left, orders, signed, right) => {
                let sign = signed.then(|| left.width - 1);
                let right = match right {
                    Right::Number(number) => Value::of(number),
                    Right::Field(field) => field.read(calls),
                };
                calls.ask(left.read(calls), right, Test::Order(orders, sign))
            }
            // Reading has seen to it that there are so many.
            Step::Not => answers.pop().unwrap_or(Ok(false)).map(|value| !value),
            Step::Joined(all, count) => {
                let parts = answers.split_off(answers.len().saturating_sub(count));
                joined(all, &parts)
            }
        };
        answers.push(answer);
    }
    answers.pop().unwrap_or(Ok(false))
}

/// All or some parts: one that decides is enough, whatever the others are.
fn joined(all: bool, parts: &[Answer]) -> Answer {
    if parts.contains(&Ok(!all)) {
        return Ok(!all);
    }
    parts.iter().find(|part| part.is_err()).cloned().unwrap_or(Ok(all))
}

impl Field {
    fn read(&self, calls: &Calls) -> Value {
        let low = u32::try_from(self.mask & 0xffff_ffff).unwrap_or(0);
        let high = u32::try_from(self.mask >> 32).unwrap_or(0);
        Value {
            low: half(calls, self.low).masked(low),
            high: if high == 0 { Half::ZERO } else { half(calls, self.high).masked(high) },
        }
    }
}

type Read<T> = Result<T, &'static str>;

impl Policy {
    /// Reads the text form.
    ///
    /// # Errors
    /// Where it is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut policy = Self::default();
        let mut steps = Steps::default();
        for (number, line) in (0_u32..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            let keyword = words.next().unwrap_or_default();
            let numbers: Result<Vec<u64>, _> =
                words.map(|word| u64::from_str_radix(word, 16)).collect();
            let result = match (number, keyword, numbers.as_deref()) {
                (_, _, Err(_)) => Err("not a hexadecimal number"),
                (0, "policy", Ok([2])) => Ok(()),
                (0, ..) => Err("not a policy of this form"),
                (_, keyword, Ok(numbers)) => policy.statement(keyword, numbers, &mut steps),
            };
            result.map_err(|what| format!("line {}: {what}", u64::from(number) + 1))?;
        }
        match steps.steps.len() {
            0 => Ok(policy),
            _ => Err("a predicate is left over at the end".to_owned()),
        }
    }

    fn statement(&mut self, keyword: &str, numbers: &[u64], steps: &mut Steps) -> Read<()> {
        let first = self.abis.is_empty();
        let abi = self.abis.last_mut().ok_or("no ABI before it");
        match (keyword, numbers) {
            ("params", &[params]) if first => {
                let params = usize::try_from(params).ok().filter(|params| *params <= MAX_PARAMS);
                self.params = params.ok_or("too many")?;
            }
            ("foreign", &[value]) => self.foreign = short(value)?,
            ("abi", &[token, bit, set @ (0 | 1), default, unknown]) => {
                let bit = short(bit).ok().filter(|bit| bit.count_ones() < 2);
                let mark = (bit.ok_or("not one bit")?, set == 1);
                let (token, default, unknown) = (short(token)?, short(default)?, short(unknown)?);
                let (known, named, arms) = (Vec::new(), Vec::new(), Vec::new());
                self.abis.push(Abi { token, mark, default, unknown, known, named, arms });
            }
            ("known", pairs) => abi?.known = ranges(pairs)?,
            ("named", pairs) => abi?.named = ranges(pairs)?,
            ("arm", &[nr, value]) => {
                let (nr, value) = (short(nr)?, short(value)?);
                let numbers = Numbers::Range(nr, nr);
                abi?.arms.push(Arm { numbers, value, predicate: steps.take()? });
            }
            ("range", &[first, last, value]) => {
                let value = short(value)?;
                let &[(first, last)] = &*ranges(&[first, last])? else { return Err("no range") };
                let numbers = Numbers::Range(first, last);
                abi?.arms.push(Arm { numbers, value, predicate: steps.take()? });
            }
            ("any", &[value]) => {
                let value = short(value)?;
                abi?.arms.push(Arm { numbers: Numbers::Known, value, predicate: steps.take()? });
            }
            ("not", []) => steps.push(1, Step::Not)?,
            ("and" | "or", &[count]) => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                steps.push(count, Step::Joined(keyword == "and", count))?;
            }
            _ => steps.push(0, test(keyword, numbers, WORDS + 2 * self.params)?)?,
        }
        Ok(())
    }
}

/// The steps of a predicate, as far as it was read.
#[derive(Default)]
struct Steps {
    steps: Vec<Step>,
    /// How many answers they leave.
    answers: usize,
}

impl Steps {
    fn push(&mut self, takes: usize, step: Step) -> Read<()> {
        self.answers = self.answers.checked_sub(takes).ok_or("not so many predicates")? + 1;
        self.steps.push(step);
        Ok(())
    }

    fn take(&mut self) -> Read<Vec<Step>> {
        let steps = std::mem::take(self);
        if steps.answers == 1 { Ok(steps.steps) } else { Err("not one predicate before it") }
    }
}

fn short(number: u64) -> Read<u32> {
    u32::try_from(number).map_err(|_| "more than 32 bits")
}

fn ranges(numbers: &[u64]) -> Read<Vec<(u32, u32)>> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    let (pairs, rest) = numbers.as_chunks();
    for &[first, last] in pairs {
        let (first, last) = (short(first)?, short(last)?);
        if first > last || ranges.last().is_some_and(|(_, before)| *before >= first) {
            return Err("not sorted, or not apart");
        }
        ranges.push((first, last));
    }
    if rest.is_empty() { Ok(ranges) } else { Err("not pairs") }
}

fn test(keyword: &str, numbers: &[u64], words: usize) -> Read<Step> {
    let (orders, signed) = match keyword {
        "eq" => (Orders::EQ, false),
        "ne" => (Orders::NE, false),
        "ltu" => (Orders::LT, false),
        "leu" => (Orders::LE, false),
        "gtu" => (Orders::GT, false),
        "geu" => (Orders::GE, false),
        "lts" => (Orders::LT, true),
        "les" => (Orders::LE, true),
        "gts" => (Orders::GT, true),
        "ges" => (Orders::GE, true),
        _ => return Err("no statement"),
    };
    let (&[width, low, high, mask], right) =
        numbers.split_first_chunk().ok_or("a test needs more numbers")?;
    let left = field(width, low, high, words)?;
    if mask & !left.mask != 0 {
        return Err("the mask is wider than the field");
    }
    let right = match *right {
        [number] => Right::Number(number),
        [width, low, high] => Right::Field(field(width, low, high, words)?),
        _ => return Err("neither a number nor a field"),
    };
    Ok(Step::Compare(Field { mask, ..left }, orders, signed, right))
}

/// A field of the call, all bits of it.
fn field(width: u64, low: u64, high: u64, words: usize) -> Read<Field> {
    let index = |word: u64| {
        let word = u8::try_from(word).ok().filter(|word| usize::from(*word) < words);
        word.ok_or("no word of the call")
    };
    let width = u32::try_from(width).ok().filter(|width| (1..=64).contains(width));
    let width = width.ok_or("no width")?;
    Ok(Field { width, low: index(low)?, high: index(high)?, mask: u64::MAX >> (64 - width) })
}
