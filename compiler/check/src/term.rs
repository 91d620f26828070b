//! Words as terms over the words of the data: what a program computes, without numbers.
//!
//! Equal terms are one (hash-consing); constants are folded, and operands of commutative
//! operations have one order, so that `a·b` and `b·a` need no proof.

use std::hash::{Hash as _, Hasher as _};

use filterc_cbpf::machine::{Alu, Words};

use crate::hash::{Map, Quick};
use crate::layout::{ARCH, NR, WordIndex, WordSet, param_word};
use crate::region::{Fixed, Head, Origin};

/// A term, by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TermId(u32);

/// A 32-bit word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Term {
    /// This number.
    Constant(u32),
    /// A word of the data.
    Data(WordIndex),
    /// An operation of the machine.
    Alu(Alu, TermId, TermId),
    /// Negated.
    Neg(TermId),
}

/// What is known of a term.
#[derive(Clone, Copy, Debug)]
struct Facts {
    term: Term,
    /// The words of the data that it is made of.
    words: WordSet,
    /// The number that it is, if it is made of nothing but fixed words.
    value: Option<u32>,
    /// A digest of how it is made: the same for the same term of another run.
    digest: u64,
}

/// The terms of one run.
#[derive(Debug)]
pub(crate) struct Terms {
    head: Option<Head>,
    list: Vec<Facts>,
    ids: Map<Term, TermId>,
}

impl Terms {
    /// No terms yet; `nr` and `arch` have these values, or are free.
    pub(crate) fn new(head: Option<Head>) -> Self {
        Self { head, list: Vec::new(), ids: Map::default() }
    }

    fn facts(&self, id: TermId) -> Facts {
        let (term, words) = (Term::Constant(0), WordSet::default());
        let nothing = Facts { term, words, value: Some(0), digest: 0 };
        self.list.get(id.0 as usize).copied().unwrap_or(nothing)
    }

    pub(crate) fn get(&self, id: TermId) -> Term {
        self.facts(id).term
    }

    /// The words of the data that a term is made of.
    pub(crate) fn words(&self, id: TermId) -> WordSet {
        self.facts(id).words
    }

    /// The number that a term is, if it is made of constants and fixed words alone.
    pub(crate) fn value(&self, id: TermId) -> Option<u32> {
        self.facts(id).value
    }

    /// Where a term is a number, what that depends on.
    pub(crate) fn fixed(&self, id: TermId) -> Option<Fixed> {
        let facts = self.facts(id);
        let value = facts.value?;
        let from = match facts.term {
            Term::Constant(_) => Origin::Nothing,
            Term::Data(word) => Origin::Word(word),
            Term::Alu(Alu::And, a, b) => match (self.get(a), self.get(b)) {
                (Term::Data(word), Term::Constant(mask))
                | (Term::Constant(mask), Term::Data(word)) => Origin::Masked(word, mask),
                _ => Origin::Words(facts.words),
            },
            Term::Alu(..) | Term::Neg(_) => Origin::Words(facts.words),
        };
        Some(Fixed { value, from })
    }

    fn is_constant(&self, id: TermId) -> Option<u32> {
        self.facts(id).value.filter(|_| self.words(id) == WordSet::default())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    fn make(&mut self, term: Term) -> TermId {
        if let Some(&id) = self.ids.get(&term) {
            return id;
        }
        let (words, value) = match term {
            Term::Constant(value) => (WordSet::default(), Some(value)),
            Term::Data(word) => (WordSet::one(word), self.given(word)),
            Term::Alu(alu, a, b) => {
                let values = self.value(a).zip(self.value(b));
                (self.words(a).union(self.words(b)), values.map(|(a, b)| alu.apply(a, b)))
            }
            Term::Neg(a) => (self.words(a), self.value(a).map(u32::wrapping_neg)),
        };
        let id = TermId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        let digest = self.digest(term);
        self.list.push(Facts { term, words, value, digest });
        self.ids.insert(term, id);
        id
    }

    fn digest(&self, term: Term) -> u64 {
        let mut hasher = Quick::default();
        match term {
            Term::Constant(value) => (0_u8, value).hash(&mut hasher),
            Term::Data(word) => (1_u8, word).hash(&mut hasher),
            Term::Alu(alu, a, b) => {
                (2_u8, alu, self.facts(a).digest, self.facts(b).digest).hash(&mut hasher);
            }
            Term::Neg(a) => (3_u8, self.facts(a).digest).hash(&mut hasher),
        }
        hasher.finish()
    }

    fn given(&self, word: WordIndex) -> Option<u32> {
        let head = self.head?;
        match word {
            NR => Some(head.nr),
            ARCH => Some(head.arch),
            _ => None,
        }
    }
}

impl Words for Terms {
    type Word = TermId;

    fn constant(&mut self, value: u32) -> TermId {
        self.make(Term::Constant(value))
    }

    fn data(&mut self, index: u8) -> TermId {
        self.make(Term::Data(index))
    }

    fn param(&mut self, param: u8, high: bool, mask: u32) -> TermId {
        let word = self.data(param_word(param, high));
        if mask == u32::MAX {
            return word;
        }
        let mask = self.constant(mask);
        self.alu(Alu::And, &word, &mask)
    }

    fn alu(&mut self, alu: Alu, a: &TermId, b: &TermId) -> TermId {
        if let (Some(a), Some(b)) = (self.is_constant(*a), self.is_constant(*b)) {
            return self.make(Term::Constant(alu.apply(a, b)));
        }
        let commutes = matches!(alu, Alu::Add | Alu::Mul | Alu::Or | Alu::And | Alu::Xor);
        // By digest: the other side's run makes its terms in another order.
        let digest = |id: TermId| self.facts(id).digest;
        let (a, b) = if commutes && digest(*b) < digest(*a) { (*b, *a) } else { (*a, *b) };
        self.make(Term::Alu(alu, a, b))
    }

    fn neg(&mut self, a: &TermId) -> TermId {
        match self.is_constant(*a) {
            Some(value) => self.make(Term::Constant(value.wrapping_neg())),
            None => self.make(Term::Neg(*a)),
        }
    }
}
