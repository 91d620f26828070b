//! What the tests on a path have established about the words of a call.
//!
//! For each word: bits known to be 0 or 1, an interval, and tests known to fail or hold
//! that neither says. All of it is an over-approximation: a value that is possible is
//! never excluded, so a test is called decided only if it is. On a path that no call can
//! take, facts may contradict each other, and any answer is right.

use std::hash::{BuildHasher as _, Hash};

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::test::{Cmp, Test, Word};

/// Test results remembered for one word; more are forgotten, which is always sound.
const MAX_REMEMBERED: usize = 32;

/// Values that are tried one by one.
const FEW_VALUES: u32 = 16;

/// Facts that most policies have room with.
const FEW: usize = 128;

/// Facts about a call: those of one [`Memory`] are equal if these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Facts(u32);

/// All facts that were met, each once: most paths establish what others do, and what is
/// known of a word stays the same while others are asked.
pub(super) struct Memory {
    all: Interner<Listed>,
    known: Interner<Known>,
    /// The facts that are being put together.
    next: Listed,
}

/// What facts consist of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Listed {
    /// What is known about words, by word.
    words: Vec<(Word, u32)>,
    /// Comparisons of two words, and what they came to.
    pairs: Vec<(Test, bool)>,
}

/// Words that something depends on, a bit each.
pub(super) type Support = u128;

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
    /// Nothing is known.
    pub(super) const NONE: Self = Self(0);
}

impl Memory {
    pub(super) fn new() -> Self {
        let mut new =
            Self { all: Interner::new(), known: Interner::new(), next: Listed::default() };
        new.all.intern(&Listed::default());
        new
    }

    /// What facts say about a test, if they do.
    pub(super) fn decide(&self, facts: Facts, test: &Test) -> Option<bool> {
        let listed = self.all.get(facts.0)?;
        match test {
            Test::Word { word, mask, cmp, value } => {
                let (_, known) = listed.words.iter().find(|(other, _)| other == word)?;
                self.known.get(*known)?.decide(*mask, *cmp, *value)
            }
            Test::Words { .. } => {
                listed.pairs.iter().find(|(known, _)| known == test).map(|(_, holds)| *holds)
            }
            Test::Field { .. } | Test::Fields { .. } => None,
        }
    }

    /// The facts where a test has come to `holds`, as far as anything in `needed` is
    /// concerned.
    pub(super) fn assume(
        &mut self,
        facts: Facts,
        test: &Test,
        holds: bool,
        needed: Support,
    ) -> Facts {
        let before = self.restricted(facts, needed);
        match *test {
            Test::Word { word, mask, cmp, value } if needed & (1 << word.index()) != 0 => {
                let place = self.next.words.partition_point(|(other, _)| *other < word);
                let present = self.next.words.get(place).filter(|(other, _)| *other == word);
                let present = present.map(|(_, known)| *known);
                let known = present.and_then(|known| self.known.get(known));
                let mut known = known.cloned().unwrap_or_default();
                known.assume(mask, cmp, value, holds);
                if known != Known::default() {
                    let known = self.known.intern(&known);
                    match self.next.words.get_mut(place).filter(|_| present.is_some()) {
                        Some(entry) => entry.1 = known,
                        None => self.next.words.insert(place, (word, known)),
                    }
                }
            }
            Test::Words { .. } if support(test) & !needed == 0 && before < MAX_REMEMBERED => {
                let place = self.next.pairs.partition_point(|(known, _)| known < test);
                self.next.pairs.insert(place, (*test, holds));
            }
            Test::Word { .. } | Test::Words { .. } | Test::Field { .. } | Test::Fields { .. } => {}
        }
        Facts(self.all.intern(&self.next))
    }

    /// The facts about some words only.
    pub(super) fn restrict(&mut self, facts: Facts, needed: Support) -> Facts {
        let is_needed = |listed: &Listed| {
            listed.words.iter().all(|(word, _)| needed & (1 << word.index()) != 0)
                && listed.pairs.iter().all(|(test, _)| support(test) & !needed == 0)
        };
        if self.all.get(facts.0).is_some_and(is_needed) {
            return facts;
        }
        self.restricted(facts, needed);
        Facts(self.all.intern(&self.next))
    }

    /// Begins the next facts with those about some words; says how many comparisons of two
    /// words there were before.
    fn restricted(&mut self, facts: Facts, needed: Support) -> usize {
        let Self { all, next, .. } = self;
        next.words.clear();
        next.pairs.clear();
        let Some(listed) = all.get(facts.0) else { return 0 };
        let is_needed = |word: Word| needed & (1 << word.index()) != 0;
        next.words.extend(listed.words.iter().filter(|(word, _)| is_needed(*word)));
        let pairs = listed.pairs.iter().filter(|(test, _)| support(test) & !needed == 0);
        next.pairs.extend(pairs);
        listed.pairs.len()
    }
}

/// Things, each once, by position.
struct Interner<T> {
    items: Vec<T>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl<T: Clone + Eq + Hash> Interner<T> {
    fn new() -> Self {
        Self {
            items: Vec::with_capacity(FEW),
            index: HashTable::with_capacity(FEW),
            hasher: DefaultHashBuilder::default(),
        }
    }

    fn get(&self, id: u32) -> Option<&T> {
        self.items.get(id as usize)
    }

    fn intern(&mut self, item: &T) -> u32 {
        let Self { items, index, hasher } = self;
        let is_same = |id: &u32| items.get(*id as usize) == Some(item);
        let hash_of = |id: &u32| items.get(*id as usize).map_or(0, |item| hasher.hash_one(item));
        match index.entry(hasher.hash_one(item), is_same, hash_of) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                // A pass that makes so many gives up long before.
                let id = u32::try_from(items.len()).unwrap_or(u32::MAX);
                entry.insert(id);
                items.push(item.clone());
                id
            }
        }
    }
}

/// What is known about one word.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Known {
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
    /// What is known about a test of the word.
    pub(super) fn decide(&self, mask: u32, cmp: Cmp, value: u32) -> Option<bool> {
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

    /// Takes the result of a test of the word for known.
    pub(super) fn assume(&mut self, mask: u32, cmp: Cmp, value: u32, holds: bool) {
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
                let result = (mask, cmp, value, holds);
                if self.results.len() < MAX_REMEMBERED
                    && let Err(place) = self.results.binary_search(&result)
                {
                    self.results.insert(place, result);
                }
                // One more excluded value says nothing else unless it is at an end.
                if mask != u32::MAX || ![self.min, self.max].contains(&value) {
                    return;
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
            self.last_bits();
            // On a path that no call takes there may be no value left.
            self.min = at_least(self.min, self.zeros, self.ones).unwrap_or(self.min);
            self.max = !at_least(!self.max, self.ones, self.zeros).unwrap_or(!self.max);
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

    /// Where all bits but one of an excluded value are there, the last one is not.
    fn last_bits(&mut self) {
        for index in 0..self.results.len() {
            let Some(&(mask, Cmp::Eq, value, false)) = self.results.get(index) else { continue };
            let free = mask & !(self.zeros | self.ones);
            if free.is_power_of_two() && self.agrees(mask & !free, value) {
                self.ones |= free & !value;
                self.zeros |= free & value;
            }
        }
    }

    /// Whether a word can be like this, as far as is easily seen: a `false` is certain.
    pub(super) fn is_possible(&self) -> bool {
        if self.zeros & self.ones != 0 || self.min > self.max {
            return false;
        }
        let excludes = |&(mask, cmp, value, holds): &(u32, Cmp, u32, bool)| {
            let is_known = mask & !(self.zeros | self.ones) == 0;
            is_known && cmp == Cmp::Eq && !holds && self.agrees(mask, value)
        };
        if self.results.iter().any(excludes) {
            return false;
        }
        self.max - self.min > FEW_VALUES || (self.min..=self.max).any(|word| self.fits(word))
    }

    /// The value, if it is easily seen that there is only one.
    pub(super) fn single(&self) -> Option<u32> {
        if self.max.checked_sub(self.min).is_none_or(|others| others > FEW_VALUES) {
            return None;
        }
        let mut values = (self.min..=self.max).filter(|word| self.fits(*word));
        let first = values.next();
        if values.next().is_none() { first } else { None }
    }

    /// The least value, and the greatest, as far as is known.
    pub(super) const fn bounds(&self) -> (u32, u32) {
        (self.min, self.max)
    }

    fn fits(&self, word: u32) -> bool {
        word & self.zeros == 0
            && !word & self.ones == 0
            && self.results.iter().all(|&(mask, cmp, value, holds)| {
                holds
                    == match cmp {
                        Cmp::Eq => word & mask == value,
                        Cmp::Ge => word & mask >= value,
                    }
            })
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

/// The least word that is not below a bound and has these bits 0 and those 1, if there is one.
fn at_least(bound: u32, zeros: u32, ones: u32) -> Option<u32> {
    let wrong = (bound & zeros) | (!bound & ones);
    let Some(highest) = wrong.checked_ilog2() else { return Some(bound) };
    // From there on down everything is as small as it can be, once the bits above are greater.
    let above = |bit: u32| u32::MAX.checked_shl(bit + 1).unwrap_or(0);
    if ones & (1 << highest) != 0 {
        return Some((bound & above(highest)) | (ones & !above(highest)));
    }
    let free = above(highest) & !bound & !zeros;
    let raised = free.checked_sub(1).map(|_| free.trailing_zeros())?;
    Some((bound & above(raised)) | 1 << raised | (ones & !above(raised)))
}

#[cfg(test)]
mod tests {
    use super::at_least;

    #[test]
    fn the_least_word_with_given_bits() {
        // All of it, in four bits; the others are known to be 0.
        for zeros in 0..16_u32 {
            for ones in (0..16).filter(|ones| ones & zeros == 0) {
                for bound in 0..16 {
                    let fits = |word: &u32| word & zeros == 0 && !word & ones == 0;
                    let expected = (bound..16).find(fits);
                    assert_eq!(
                        at_least(bound, zeros | !15, ones),
                        expected,
                        "{bound} {zeros} {ones}"
                    );
                }
            }
        }
    }
}
