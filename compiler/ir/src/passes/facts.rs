//! What the tests on a path have established about the words of a call.
//!
//! For each word: bits known to be 0 or 1, an interval, and tests known to fail or hold
//! that neither says. All of it is an over-approximation: a value that is possible is
//! never excluded, so a test is called decided only if it is. On a path that no call can
//! take, facts may contradict each other, and any answer is right.

use crate::test::{Cmp, Test, Word};

/// Test results remembered for one word; more are forgotten, which is always sound.
const MAX_REMEMBERED: usize = 32;

/// Facts about a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Facts {
    /// Sorted by word.
    words: Vec<(Word, Known)>,
    /// Comparisons of two words, and what they came to.
    pairs: Vec<(Test, bool)>,
}

/// Words that something depends on, a bit each.
pub(super) type Support = u64;

/// The words that a test looks at.
pub(super) fn support(test: &Test) -> Support {
    let bit = |word: Word| 1 << word.index();
    match test {
        Test::Word { word, .. } => bit(*word),
        Test::Words { left, right, .. } => bit(*left) | bit(*right),
        // Field tests are not decided here, and no fact comes of them.
        Test::Field { .. } | Test::Fields { .. } => 0,
    }
}

impl Facts {
    /// What the facts say about a test, if they do.
    pub(super) fn decide(&self, test: &Test) -> Option<bool> {
        match test {
            Test::Word { word, mask, cmp, value } => {
                self.words.iter().find(|(w, _)| w == word)?.1.decide(*mask, *cmp, *value)
            }
            Test::Words { .. } => {
                self.pairs.iter().find(|(known, _)| known == test).map(|(_, holds)| *holds)
            }
            Test::Field { .. } | Test::Fields { .. } => None,
        }
    }

    /// The facts where a test has come to `holds`, as far as anything in `needed` is
    /// concerned.
    pub(super) fn assume(&self, test: &Test, holds: bool, needed: Support) -> Self {
        let mut facts = self.clone();
        match test {
            Test::Word { word, mask, cmp, value } => {
                let place = facts.words.partition_point(|(w, _)| w < word);
                if facts.words.get(place).is_none_or(|(w, _)| w != word) {
                    facts.words.insert(place, (*word, Known::default()));
                }
                if let Some((_, known)) = facts.words.get_mut(place) {
                    known.assume(*mask, *cmp, *value, holds);
                }
            }
            Test::Words { .. } if facts.pairs.len() < MAX_REMEMBERED => {
                let place = facts.pairs.partition_point(|(known, _)| known < test);
                facts.pairs.insert(place, (*test, holds));
            }
            Test::Words { .. } | Test::Field { .. } | Test::Fields { .. } => {}
        }
        facts.restrict(needed)
    }

    /// The facts about some words only.
    pub(super) fn restrict(mut self, needed: Support) -> Self {
        self.words.retain(|(word, known)| {
            needed & (1 << word.index()) != 0 && *known != Known::default()
        });
        self.pairs.retain(|(test, _)| support(test) & !needed == 0);
        self
    }
}

/// What is known about one word.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Known {
    zeros: u32,
    ones: u32,
    min: u32,
    max: u32,
    /// Sorted; results that bits and interval do not express.
    results: Vec<(u32, Cmp, u32, bool)>,
}

impl Default for Known {
    fn default() -> Self {
        Self { zeros: 0, ones: 0, min: 0, max: u32::MAX, results: Vec::new() }
    }
}

impl Known {
    fn decide(&self, mask: u32, cmp: Cmp, value: u32) -> Option<bool> {
        match cmp {
            Cmp::Eq => self.decide_eq(mask, value),
            Cmp::Ge => self.decide_ge(mask, value),
        }
    }

    fn decide_eq(&self, mask: u32, value: u32) -> Option<bool> {
        if self.ones & mask & !value != 0 || self.zeros & value != 0 {
            return Some(false);
        }
        if mask == u32::MAX && !(self.min..=self.max).contains(&value) {
            return Some(false);
        }
        if (self.zeros | self.ones) & mask == mask {
            return Some(true);
        }
        // Some bits of it are known not to be these.
        let excluded = |&(m, cmp, v, holds): &(u32, Cmp, u32, bool)| {
            cmp == Cmp::Eq && !holds && m & !mask == 0 && value & m == v
        };
        self.results.iter().any(excluded).then_some(false)
    }

    fn decide_ge(&self, mask: u32, value: u32) -> Option<bool> {
        let low = if mask == u32::MAX { self.min } else { self.ones & mask };
        let high = (!self.zeros & mask).min(self.max);
        if low >= value {
            return Some(true);
        }
        if high < value {
            return Some(false);
        }
        self.results.iter().find_map(|&(m, cmp, v, holds)| match (cmp, holds) {
            (Cmp::Ge, true) if m == mask && v >= value => Some(true),
            (Cmp::Ge, false) if m == mask && v <= value => Some(false),
            (Cmp::Ge | Cmp::Eq, _) => None,
        })
    }

    fn assume(&mut self, mask: u32, cmp: Cmp, value: u32, holds: bool) {
        let free = mask & !(self.zeros | self.ones);
        match (cmp, holds) {
            (Cmp::Eq, true) => {
                self.ones |= value;
                self.zeros |= mask & !value;
            }
            // All the other bits are equal, so this one is not.
            (Cmp::Eq, false) if free.is_power_of_two() && self.agrees(mask & !free, value) => {
                self.ones |= free & !value;
                self.zeros |= free & value;
            }
            (Cmp::Ge, true) if mask == u32::MAX => self.min = self.min.max(value),
            (Cmp::Ge, false) if mask == u32::MAX => {
                self.max = self.max.min(value.saturating_sub(1));
            }
            (Cmp::Eq, false) | (Cmp::Ge, _) => {
                if self.results.len() < MAX_REMEMBERED {
                    self.results.push((mask, cmp, value, holds));
                    self.results.sort_unstable();
                }
            }
        }
        self.tighten();
    }

    fn agrees(&self, mask: u32, value: u32) -> bool {
        self.ones & mask == value & mask
    }

    /// Carries over what bits say about the interval, and the reverse. Twice is enough for
    /// what tests of policies establish; less is sound.
    fn tighten(&mut self) {
        for _ in 0..2 {
            self.min = self.min.max(self.ones);
            self.max = self.max.min(!self.zeros);
            self.step_over_excluded_ends();
            let differing = self.min ^ self.max;
            let common = !u32::MAX.checked_shr(differing.leading_zeros()).unwrap_or(0);
            if self.min <= self.max {
                self.ones |= self.min & common;
                self.zeros |= !self.min & common;
            }
        }
        let (min, max) = (self.min, self.max);
        self.results.retain(|&(mask, cmp, value, _)| {
            mask != u32::MAX || cmp != Cmp::Eq || (min..=max).contains(&value)
        });
    }

    fn step_over_excluded_ends(&mut self) {
        // Excluded single values are sorted among the results.
        let excluded = |&&(mask, cmp, _, holds): &&(u32, Cmp, u32, bool)| {
            mask == u32::MAX && cmp == Cmp::Eq && !holds
        };
        for &(_, _, value, _) in self.results.iter().filter(excluded) {
            if value == self.min {
                self.min = self.min.saturating_add(1);
            }
        }
        for &(_, _, value, _) in self.results.iter().rev().filter(excluded) {
            if value == self.max {
                self.max = self.max.saturating_sub(1);
            }
        }
    }
}
