//! Which word of `struct seccomp_data` is what, in each byte order, and the order in which
//! decision diagrams ask for the bits of words. Behind the words of the data come those of
//! the parameters, low halves first, those of the facts as they lie in memory, and those of the
//! answers to questions, which no program reads: inputs like the others.

use filterc_abi::facts::FACTS_WORDS;
use filterc_abi::seccomp::{SECCOMP_DATA_WORDS, offset};
use filterc_abi::{Endian, Fact, SeccompData};
use filterc_cbpf::MAX_PARAMS;
use filterc_hir::limits::{self, MAX_QUESTIONS};
use filterc_hir::types::{BESIDE, FIRST_ANSWERS, Place};

use crate::Params;

/// A bit's place in the order; those that are asked first are smaller.
pub(crate) type Level = u16;

/// A word of the data, by its index, 0…15, of the parameters, from 16 on, of the facts, from 64 on,
/// or of the answers, from 78 on.
pub(crate) type WordIndex = u8;

/// The word with the system-call number.
pub(crate) const NR: WordIndex = word_at(offset::NR);

/// The word with the token of the architecture.
pub(crate) const ARCH: WordIndex = word_at(offset::ARCH);

/// Number of words of the data.
const WORDS: usize = SECCOMP_DATA_WORDS;

/// Words of answers, a bit each.
const ANSWERS_WORDS: usize = MAX_QUESTIONS / WORD_BITS as usize;

/// Number of words of the data, the parameters, the facts and the answers.
pub(crate) const INPUTS: usize = WORDS + 2 * MAX_PARAMS + FACTS_WORDS + ANSWERS_WORDS;

/// The first word of the facts.
const FIRST_FACT: WordIndex = 64;

const _: () = assert!(FIRST_FACT as usize == WORDS + 2 * MAX_PARAMS);

/// The first word of answers: from here on nothing is seen by a program.
pub(crate) const FIRST_ANSWER: WordIndex = 78;

const _: () = assert!(FIRST_ANSWER as usize == FIRST_FACT as usize + FACTS_WORDS);

const _: () = assert!(limits::MAX_PARAMS == MAX_PARAMS && INPUTS == WordSet::SIZE as usize);

/// The word with a half of a parameter.
pub(crate) fn param_word(param: u8, high: bool) -> WordIndex {
    (word_at(4 * 16) + 2 * param + u8::from(high)).min(FIRST_FACT - 1)
}

/// The word of the facts with that position among them.
pub(crate) fn fact_word(position: u8) -> WordIndex {
    (FIRST_FACT + position).min(FIRST_ANSWER - 1)
}

/// The word of the answers with the one to a question, and its bit there.
pub(crate) fn answer_bit(question: u16) -> (WordIndex, u8) {
    let [bits, _] = (question % u16::from(WORD_BITS)).to_le_bytes();
    let [word, _] = (question / u16::from(WORD_BITS)).to_le_bytes();
    (FIRST_ANSWER.saturating_add(word).min(WordSet::SIZE - 1), bits)
}

/// The question whose answer is a bit of a word, if the word is one of answers.
#[must_use]
pub fn question_of(word: u8, bit: u8) -> Option<u16> {
    let at = u16::from(word.checked_sub(FIRST_ANSWER)?);
    Some(at * u16::from(WORD_BITS) + u16::from(bit))
}

/// The words with bits 31…0 and 63…32 of a fact.
fn words_of_fact(fact: Fact, endian: Endian) -> (WordIndex, Option<WordIndex>) {
    let first = fact_word(word_at(fact.offset()));
    match (fact.width(), endian) {
        (64, Endian::Little) => (first, Some(first + 1)),
        (64, Endian::Big) => (first + 1, Some(first)),
        _ => (first, None),
    }
}

/// Bits of a word.
pub(crate) const WORD_BITS: u8 = 32;

#[allow(clippy::cast_possible_truncation, reason = "offsets are below 64, and this is constant")]
const fn word_at(offset: u32) -> WordIndex {
    (offset / 4) as WordIndex
}

/// A set of words, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WordSet(u128);

impl WordSet {
    /// How many words there can be.
    const SIZE: WordIndex = 110;

    /// No word.
    pub(crate) const NONE: Self = Self(0);

    /// All words.
    pub(crate) const ALL: Self = Self((1 << Self::SIZE) - 1);

    pub(crate) const fn one(word: WordIndex) -> Self {
        Self(1 << (word & 127))
    }

    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn contains(self, word: WordIndex) -> bool {
        self.0 >> (word & 127) & 1 == 1
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = WordIndex> {
        (0..Self::SIZE).filter(move |word| self.contains(*word))
    }
}

/// The low and the high word of a 64-bit member of `struct seccomp_data` that begins at a byte
/// offset, by their indices.
#[must_use]
pub fn halves(at: u32, endian: Endian) -> (u8, u8) {
    let first = word_at(at);
    match endian {
        Endian::Little => (first, first + 1),
        Endian::Big => (first + 1, first),
    }
}

/// The words with bits 31…0 and 63…32 of a place; the second is `None` for 32-bit places.
pub(crate) fn words_of(place: Place, endian: Endian) -> (WordIndex, Option<WordIndex>) {
    let arg = |i: u8| halves(offset::ARGS + 8 * u32::from(i.min(5)), endian);
    match place {
        Place::Nr => (NR, None),
        Place::Arch => (ARCH, None),
        Place::InstructionPointer => {
            let (low, high) = halves(offset::INSTRUCTION_POINTER, endian);
            (low, Some(high))
        }
        Place::Arg(i) => {
            let (low, high) = arg(i);
            (low, Some(high))
        }
        Place::Pair { lo, hi } => (arg(lo).0, Some(arg(hi).0)),
        Place::Fact(fact) => words_of_fact(fact, endian),
        Place::Answer(question) => (answer_bit(question).0, None),
        // A number, which has no byte order.
        Place::Param(i) => (param_word(i, false), Some(param_word(i, true))),
    }
}

/// The call whose words, read by a filter, are these.
pub(crate) fn call_of(words: &[u32; INPUTS], endian: Endian) -> SeccompData {
    words
        .first_chunk()
        .map_or_else(SeccompData::default, |words| SeccompData::of_words(words, endian))
}

/// The parameters, facts and answers whose words are these.
pub(crate) fn params_of(words: &[u32; INPUTS], endian: Endian) -> Params {
    let mut params = [0; BESIDE];
    let word = |at: WordIndex| u64::from(words.get(usize::from(at)).copied().unwrap_or_default());
    let (rest, answers) = params.split_at_mut(FIRST_ANSWERS);
    let (own, facts) = rest.split_at_mut(MAX_PARAMS);
    for (i, param) in (0..).zip(own) {
        let [low, high] = [false, true].map(|high| param_word(i, high));
        *param = word(low) | word(high) << 32;
    }
    for (fact, value) in Fact::ALL.into_iter().zip(facts) {
        let (low, high) = words_of_fact(fact, endian);
        *value = word(low) | high.map_or(0, word) << 32;
    }
    for (low, both) in (FIRST_ANSWER..).step_by(2).zip(answers) {
        *both = word(low) | word(low + 1) << 32;
    }
    params
}

/// The words with these bits set, and no others.
pub(crate) fn words_with(bits: impl IntoIterator<Item = (WordIndex, u8)>) -> [u32; INPUTS] {
    let mut words = [0; INPUTS];
    for (word, bit) in bits {
        if let Some(slot) = words.get_mut(usize::from(word)) {
            *slot |= 1 << (bit & 31);
        }
    }
    words
}

/// Words that are compared with each other: their bits are asked in turn, not one word
/// after the other, or the diagram would have to remember a whole word.
#[derive(Clone, Debug)]
pub(crate) struct Ties {
    group: [WordIndex; INPUTS],
    /// Those that are compared with another one.
    tied: WordSet,
}

impl Ties {
    pub(crate) fn none() -> Self {
        let mut group = [0; INPUTS];
        for (word, slot) in (0..).zip(&mut group) {
            *slot = word;
        }
        Self { group, tied: WordSet::default() }
    }

    /// Ties all words of a set.
    pub(crate) fn tie(&mut self, words: WordSet) {
        let mut members = words.iter();
        let Some(first) = members.next() else { return };
        for word in members {
            self.tied = self.tied.union(words);
            let (from, to) = (self.group_of(word), self.group_of(first));
            for slot in &mut self.group {
                if *slot == from {
                    *slot = to;
                }
            }
        }
    }

    fn group_of(&self, word: WordIndex) -> WordIndex {
        self.group.get(usize::from(word)).copied().unwrap_or(word)
    }
}

/// The level of every bit: `arch`, `nr`, the instruction pointer, then the arguments, high
/// words first, high bits first, the parameters, the facts, and the answers; tied words bit by bit, where the
/// first of them stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    base: [Level; INPUTS],
    stride: [Level; INPUTS],
}

impl Order {
    pub(crate) fn new(ties: &Ties, endian: Endian) -> Self {
        let places = [Place::InstructionPointer, Place::Arg(0), Place::Arg(1), Place::Arg(2)]
            .into_iter()
            .chain([Place::Arg(3), Place::Arg(4), Place::Arg(5)]);
        let words: Vec<WordIndex> = [ARCH, NR]
            .into_iter()
            .chain(places.flat_map(|place| {
                let (low, high) = words_of(place, endian);
                [high.unwrap_or(low), low]
            }))
            .chain(WordSet::ALL.iter().skip(WORDS))
            .collect();
        let mut order = Self { base: [0; INPUTS], stride: [0; INPUTS] };
        let mut next: Level = 0;
        let mut done = WordSet::default();
        for &word in &words {
            if done.contains(word) {
                continue;
            }
            let group = ties.group_of(word);
            let is_member = |other: &WordIndex| ties.group_of(*other) == group;
            let members: Vec<WordIndex> = if ties.tied.contains(word) {
                words.iter().copied().filter(is_member).collect()
            } else {
                vec![word]
            };
            let stride = Level::try_from(members.len()).unwrap_or(1);
            for (place, member) in (0..).zip(members) {
                let i = usize::from(member);
                if let (Some(base), Some(step)) = (order.base.get_mut(i), order.stride.get_mut(i)) {
                    (*base, *step) = (next + place, stride);
                }
                done = done.union(WordSet::one(member));
            }
            next += stride * Level::from(WORD_BITS);
        }
        order
    }

    /// The first level of answers: all that are below are answers too, for no word is compared with
    /// one of theirs.
    pub(crate) fn first_answer(&self) -> Level {
        let own = self.base.iter().skip(usize::from(FIRST_ANSWER));
        own.min().copied().unwrap_or(Level::MAX)
    }

    /// The level of bit `bit` (0 is the lowest) of a word.
    pub(crate) fn level(&self, word: WordIndex, bit: u8) -> Level {
        let i = usize::from(word);
        let base = self.base.get(i).copied().unwrap_or_default();
        let stride = self.stride.get(i).copied().unwrap_or_default();
        base + stride * Level::from(WORD_BITS - 1 - bit.min(WORD_BITS - 1))
    }

    /// The bit at a level.
    pub(crate) fn bit(&self, level: Level) -> Option<(WordIndex, u8)> {
        let mut places = (0..).zip(self.base.iter().zip(&self.stride));
        places.find_map(|(word, (base, stride))| {
            let below = level.checked_sub(*base)?;
            let rank = u8::try_from(below.checked_div(*stride)?).ok()?;
            let is_here = below % stride == 0 && rank < WORD_BITS;
            is_here.then(|| (word, WORD_BITS - 1 - rank))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_calls_go_back_and_forth() {
        let call = SeccompData {
            nr: -7,
            arch: 0xc000_003e,
            instruction_pointer: 0x0123_4567_89ab_cdef,
            args: [1 << 40, 2, 3 << 33, u64::MAX, 5, 0x6000_0000_0000_0001],
        };
        for endian in [Endian::Little, Endian::Big] {
            let mut words = [0; INPUTS];
            words[..WORDS].copy_from_slice(&call.words(endian));
            (words[18], words[63]) = (7, 9);
            (words[65], words[70], words[71]) = (5, 3, 4);
            assert_eq!(call_of(&words, endian), call);
            let params = params_of(&words, endian);
            assert_eq!((params[1], params[MAX_PARAMS - 1]), (7, 9 << 32));
            let cgroup = if endian == Endian::Little { 4 << 32 | 3 } else { 3 << 32 | 4 };
            assert_eq!((params[MAX_PARAMS + 1], params[MAX_PARAMS + 5]), (5, cgroup));
        }
    }

    #[test]
    fn answers_have_bits_of_their_own() {
        for question in [0, 31, 32, 1023] {
            let (word, bit) = answer_bit(question);
            assert!(word >= FIRST_ANSWER && question_of(word, bit) == Some(question));
        }
        assert_eq!(question_of(FIRST_ANSWER - 1, 0), None);
    }

    #[test]
    fn every_bit_has_a_level_of_its_own() {
        let mut ties = Ties::none();
        ties.tie(WordSet::one(4).union(WordSet::one(9)).union(WordSet::one(12)));
        ties.tie(WordSet::one(12).union(WordSet::one(5)));
        ties.tie(WordSet::one(6).union(WordSet::one(17)));
        ties.tie(WordSet::one(20));
        for (ties, endian) in [(Ties::none(), Endian::Big), (ties, Endian::Little)] {
            let order = Order::new(&ties, endian);
            let mut seen = std::collections::BTreeSet::new();
            for word in WordSet::ALL.iter() {
                for bit in 0..WORD_BITS {
                    let level = order.level(word, bit);
                    assert!(seen.insert(level) && level < 32 * 110);
                    assert_eq!(order.bit(level), Some((word, bit)));
                }
            }
        }
    }
}
