//! Ways through a decision diagram.

use std::collections::HashSet;

use filterc_check::{Answer, Ask, Decision};

/// What one side says at a leaf.
pub(crate) fn value(values: &[u32]) -> u32 {
    values.first().copied().unwrap_or_default()
}

/// What is looked for: an end, with some bits given.
pub(crate) struct Want<'w> {
    /// Words, masks of the bits that are given, and their values.
    pub(crate) fixed: &'w [(u8, u32, u32)],
    /// Whether it is an end that is wanted.
    pub(crate) is: &'w dyn Fn(u32) -> bool,
}

/// Searches in one diagram.
pub(crate) struct Search<'d> {
    decision: &'d Decision,
}

impl<'d> Search<'d> {
    pub(crate) const fn new(decision: &'d Decision) -> Self {
        Self { decision }
    }

    fn ask(&self, answer: Answer) -> Option<&'d Ask> {
        match answer {
            Answer::Ask(at) => self.decision.asks.get(at),
            Answer::Values(_) => None,
        }
    }

    /// What is said at an end.
    fn end(&self, answer: Answer) -> Option<u32> {
        match answer {
            Answer::Ask(_) => None,
            Answer::Values(at) => self.decision.values.get(at).map(|values| value(values)),
        }
    }

    /// Words of a call that comes to an end that is wanted, with zeros where nothing is asked.
    pub(crate) fn find(&self, want: &Want<'_>) -> Option<[u32; 16]> {
        let mut words = [0; 16];
        for (word, mask, value) in want.fixed {
            set(&mut words, *word, mask & value);
        }
        let mut dead = HashSet::new();
        self.descend(self.decision.root, want, &mut words, &mut dead).then_some(words)
    }

    fn descend(
        &self,
        answer: Answer,
        want: &Want<'_>,
        words: &mut [u32; 16],
        dead: &mut HashSet<Answer>,
    ) -> bool {
        if let Some(value) = self.end(answer) {
            return (want.is)(value);
        }
        let Some(ask) = self.ask(answer).filter(|_| !dead.contains(&answer)) else { return false };
        let given =
            want.fixed.iter().find(|(word, mask, _)| *word == ask.word && mask >> ask.bit & 1 == 1);
        let ways: &[bool] = match given {
            Some((_, _, value)) if value >> ask.bit & 1 == 1 => &[true],
            Some(_) => &[false],
            None => &[false, true],
        };
        for &high in ways {
            let old = get(words, ask.word);
            if high {
                set(words, ask.word, 1 << ask.bit);
            }
            if self.descend(if high { ask.high } else { ask.low }, want, words, dead) {
                return true;
            }
            put(words, ask.word, old);
        }
        dead.insert(answer);
        false
    }

    /// Two calls that differ in some bits only: the first is free in them, the second has those
    /// of one of `norms`. What is said to the first is wanted, and to none of the seconds. The
    /// words of the first, and those that it has with the first norm.
    pub(crate) fn junk(
        &self,
        junk: &[(u8, u32)],
        norms: &[Norm<'_>],
        wanted: &dyn Fn(u32) -> bool,
        fixed: &[(u8, u32, u32)],
    ) -> Option<[u32; 16]> {
        let mut walk = Junk { search: self, junk, norms, wanted, fixed, dead: HashSet::new() };
        let mut words = [0; 16];
        for (word, mask, value) in fixed {
            set(&mut words, *word, mask & value);
        }
        let all = vec![self.decision.root; 1 + norms.len()];
        walk.descend(&all, &mut words).then_some(words)
    }
}

/// What bits that do not count are: words and their values.
pub(crate) type Norm<'n> = &'n [(u8, u32)];

struct Junk<'j, 'd> {
    search: &'j Search<'d>,
    junk: &'j [(u8, u32)],
    norms: &'j [Norm<'j>],
    wanted: &'j dyn Fn(u32) -> bool,
    fixed: &'j [(u8, u32, u32)],
    dead: HashSet<Vec<Answer>>,
}

impl Junk<'_, '_> {
    fn descend(&mut self, all: &[Answer], words: &mut [u32; 16]) -> bool {
        let decision = self.search.decision;
        let asked = all.iter().filter_map(|answer| self.search.ask(*answer));
        let Some(next) = asked.min_by_key(|ask| decision.level(ask.word, ask.bit)) else {
            let mut ends = all.iter().filter_map(|answer| self.search.end(*answer));
            return ends.next().is_some_and(self.wanted) && !ends.any(self.wanted);
        };
        if self.dead.contains(all) {
            return false;
        }
        let (word, bit) = (next.word, next.bit);
        let is_junk = self.junk.iter().any(|(of, mask)| *of == word && mask >> bit & 1 == 1);
        let given = self.fixed.iter().find(|(of, mask, _)| *of == word && mask >> bit & 1 == 1);
        let ways: &[bool] = match given {
            Some((_, _, value)) if value >> bit & 1 == 1 => &[true],
            Some(_) => &[false],
            None => &[false, true],
        };
        for &high in ways {
            let step = |at: usize, answer: &Answer| match self.search.ask(*answer) {
                Some(ask) if (ask.word, ask.bit) == (word, bit) => {
                    let norm = at.checked_sub(1).and_then(|at| self.norms.get(at));
                    let high = match norm.filter(|_| is_junk) {
                        None => high,
                        Some(norm) => {
                            norm.iter().any(|(of, value)| *of == word && value >> bit & 1 == 1)
                        }
                    };
                    if high { ask.high } else { ask.low }
                }
                _ => *answer,
            };
            let after: Vec<Answer> = all.iter().enumerate().map(|(at, it)| step(at, it)).collect();
            let old = get(words, word);
            if high {
                set(words, word, 1 << bit);
            }
            if self.descend(&after, words) {
                return true;
            }
            put(words, word, old);
        }
        self.dead.insert(all.to_vec());
        false
    }
}

fn get(words: &[u32; 16], word: u8) -> u32 {
    words.get(usize::from(word)).copied().unwrap_or_default()
}

fn put(words: &mut [u32; 16], word: u8, value: u32) {
    if let Some(place) = words.get_mut(usize::from(word)) {
        *place = value;
    }
}

fn set(words: &mut [u32; 16], word: u8, bits: u32) {
    put(words, word, get(words, word) | bits);
}
