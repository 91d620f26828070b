//! Texts and patterns that a command name is compared with, as tests of its bytes.
//!
//! A name has 15 bytes at most, and all bytes behind its end are 0 (`bpf_get_current_comm`). So a
//! byte that is not 0 says that all before it are not; what a `*` stands for need not be looked at
//! wherever something follows that is there.

use filterc_abi::Endian;
use filterc_abi::facts::COMM_SIZE;

use crate::event::glob::{Wild, wilds};
use crate::expr::{CmpOp, Predicate, Test};
use crate::facts::comm_byte;

/// Bytes of a name, at most.
const LONGEST: usize = COMM_SIZE - 1;

/// Ways in which a pattern can lie in a name: beyond, it is refused.
const MAX_WAYS: usize = 2_000;

/// What a comparison comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// This predicate.
    Tests(Predicate),
    /// No name does.
    Never,
    /// Every name does.
    Always,
    /// It is too large.
    TooLarge,
}

/// That the name is a text.
pub(crate) fn is(text: &[u8], endian: Endian) -> Outcome {
    if text.len() > LONGEST || text.contains(&0) {
        return Outcome::Never;
    }
    let mut way = Way::new(endian);
    for at in 0..COMM_SIZE {
        way.byte(at, text.get(at).copied().unwrap_or(0));
    }
    way.finish().map_or(Outcome::Never, Outcome::Tests)
}

/// That the name matches a pattern.
pub(crate) fn matches(pattern: &[u8], endian: Endian) -> Outcome {
    let wilds = wilds(pattern);
    let parts: Vec<&[Wild]> = wilds.split(|wild| *wild == Wild::Star).collect();
    let [first, rest @ ..] = parts.as_slice() else { return Outcome::Never };
    let mut ways = Ways { found: Vec::new(), full: false };
    let mut start = Way::new(endian);
    if start.put(first, 0) {
        match rest {
            // No `*`: it ends where the pattern does.
            [] if first.len() <= LONGEST => {
                start.byte(first.len(), 0);
                ways.add(start);
            }
            [] => {}
            _ => ways.go_on(&start, first.len(), rest),
        }
    }
    if ways.full {
        return Outcome::TooLarge;
    }
    let tests: Option<Vec<Predicate>> = ways.found.into_iter().map(Way::finish).collect();
    match tests {
        // A way that asks for nothing is every name.
        None => Outcome::Always,
        Some(mut tests) if tests.len() <= 1 => tests.pop().map_or(Outcome::Never, Outcome::Tests),
        Some(tests) => Outcome::Tests(Predicate::Or(tests)),
    }
}

/// Tests and connectives of a predicate.
pub(crate) fn size(predicate: &Predicate) -> usize {
    match predicate {
        Predicate::True | Predicate::False | Predicate::Test(_) => 1,
        Predicate::Not(inner) => 1 + size(inner),
        Predicate::And(parts) | Predicate::Or(parts) => 1 + parts.iter().map(size).sum::<usize>(),
    }
}

/// All ways in which a pattern can lie in a name.
struct Ways {
    found: Vec<Way>,
    full: bool,
}

impl Ways {
    fn add(&mut self, way: Way) {
        if self.found.len() == MAX_WAYS {
            self.full = true;
        } else if !self.found.contains(&way) {
            self.found.push(way);
        }
    }

    /// Puts the parts that each come behind a `*`, the first of them at a place or later.
    fn go_on(&mut self, so_far: &Way, from: usize, parts: &[&[Wild]]) {
        let Some((part, rest)) = parts.split_first() else { return };
        if rest.is_empty() {
            return self.end(so_far, from, part);
        }
        // Two `*` in a row are one.
        if part.is_empty() {
            return self.go_on(so_far, from, rest);
        }
        for at in from..=LONGEST.saturating_sub(part.len()) {
            let mut way = so_far.clone();
            if !self.full && at + part.len() <= LONGEST && way.put(part, at) {
                self.go_on(&way, at + part.len(), rest);
            }
        }
    }

    /// Puts the last part, which ends where the name does.
    fn end(&mut self, so_far: &Way, from: usize, part: &[Wild]) {
        if part.is_empty() {
            return self.add(so_far.clone());
        }
        for at in from..COMM_SIZE {
            let end = at + part.len();
            let mut way = so_far.clone();
            if end <= LONGEST && way.put(part, at) {
                way.byte(end, 0);
                self.add(way);
            }
        }
    }
}

/// One way: bytes that are known, and tests of others.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Way {
    endian: Endian,
    /// By place.
    bytes: [Option<u8>; COMM_SIZE],
    others: Vec<Predicate>,
}

impl Way {
    const fn new(endian: Endian) -> Self {
        Self { endian, bytes: [None; COMM_SIZE], others: Vec::new() }
    }

    /// The byte at a place is that one.
    fn byte(&mut self, at: usize, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(at) {
            *slot = Some(byte);
        }
    }

    /// Bytes from a place on are what stands in the pattern; `false` if none can be.
    fn put(&mut self, part: &[Wild], from: usize) -> bool {
        if from + part.len() > LONGEST {
            return false;
        }
        for (at, wild) in (from..).zip(part) {
            match wild {
                Wild::Star => {}
                Wild::Bytes(ranges) => match ranges.as_slice() {
                    [] => return false,
                    [(first, last)] if first == last => self.byte(at, *first),
                    ranges => self.others.extend(self.within(at, ranges)),
                },
            }
        }
        true
    }

    /// That the byte at a place is within ranges.
    fn within(&self, at: usize, ranges: &[(u8, u8)]) -> Option<Predicate> {
        let (field, shift) = comm_byte(at, self.endian)?;
        let value = |byte: u8| i128::from(byte) << shift;
        let mask = Some(value(u8::MAX));
        // Any byte but the end.
        let test = match ranges {
            [(1, u8::MAX)] => Test::compare(field, mask, CmpOp::Ne, 0),
            _ => {
                let items: Vec<_> =
                    ranges.iter().map(|(first, last)| (value(*first), value(*last))).collect();
                Test::within(field, mask, &items).map_err(|(error, _)| error)
            }
        };
        test.ok().map(Predicate::Test)
    }

    /// All of it; `None` if nothing is asked.
    fn finish(self) -> Option<Predicate> {
        let mut tests = Vec::with_capacity(self.others.len() + 2);
        for half in [0..8, 8..COMM_SIZE] {
            let (mut mask, mut bits, mut of) = (0_i128, 0_i128, None);
            for at in half {
                let (known, place) =
                    (self.bytes.get(at).copied().flatten(), comm_byte(at, self.endian));
                if let (Some(byte), Some((field, shift))) = (known, place) {
                    mask |= 0xff << shift;
                    bits |= i128::from(byte) << shift;
                    of = Some(field);
                }
            }
            let mask = (mask != i128::from(u64::MAX)).then_some(mask);
            let test = of.and_then(|field| Test::compare(field, mask, CmpOp::Eq, bits).ok());
            tests.extend(test.map(Predicate::Test));
        }
        tests.extend(self.others);
        match tests.len() {
            0 => None,
            1 => tests.pop(),
            _ => Some(Predicate::And(tests)),
        }
    }
}

#[cfg(test)]
#[path = "comm_tests.rs"]
mod tests;
