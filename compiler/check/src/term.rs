//! Words as terms over the words of the data: what a program computes, without numbers.
//!
//! A term has 32 bits, or 64: then it is two terms of 32, or an operation that does not fall
//! apart into halves. Equal terms are one (hash-consing); constants are folded, and operands of
//! commutative operations have one order, so that `a·b` and `b·a` need no proof.
//!
//! The operations are those of the eBPF machine, to which the kernel converts classic programs
//! too. How 64-bit ones fall apart, and what is simplified, stands in [`crate::wide`].

use std::hash::{Hash as _, Hasher as _};

use filterc_ebpf::machine::{Alu, Width};

use crate::hash::{Map, Quick};
use crate::layout::{ARCH, NR, WordIndex, WordSet};
use crate::region::{Fixed, Head, Origin};

/// A term, by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TermId(u32);

/// A word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Term {
    /// This number, of 32 bits.
    Constant(u32),
    /// A word of the data, of 32 bits.
    Data(WordIndex),
    /// An operation on words of so many bits.
    Alu(Width, Alu, TermId, TermId),
    /// The four bytes of a word of 32 bits in the opposite order.
    Swap(TermId),
    /// 64 bits: the low and the high half.
    Join(TermId, TermId),
    /// The low half of 64 bits.
    Low(TermId),
    /// The high half of 64 bits.
    High(TermId),
}

/// The words of the data that a term is made of: those that its low half, or all of its 32 bits,
/// stands beside, and those that its high half does.
pub(crate) type Made = [WordSet; 2];

/// What is known of a term.
#[derive(Clone, Copy, Debug)]
struct Facts {
    term: Term,
    made: Made,
    /// The number that it is, if it is made of nothing but fixed words.
    value: Option<u64>,
    /// A digest of how it is made: the same for the same term of another run.
    digest: u64,
}

/// The terms of one run.
#[derive(Debug)]
pub(crate) struct Terms {
    head: Option<Head>,
    list: Vec<Facts>,
    ids: Map<Term, TermId>,
    /// The low halves of operations on 64 bits, where they are operations on 32.
    lows: Map<TermId, TermId>,
}

const NOTHING: WordSet = WordSet::NONE;

impl Terms {
    /// No terms yet; `nr` and `arch` have these values, or are free.
    pub(crate) fn new(head: Option<Head>) -> Self {
        Self { head, list: Vec::new(), ids: Map::default(), lows: Map::default() }
    }

    fn facts(&self, id: TermId) -> Facts {
        let nothing =
            Facts { term: Term::Constant(0), made: [NOTHING; 2], value: Some(0), digest: 0 };
        self.list.get(id.0 as usize).copied().unwrap_or(nothing)
    }

    pub(crate) fn get(&self, id: TermId) -> Term {
        self.facts(id).term
    }

    /// How many bits it has.
    pub(crate) fn width(&self, id: TermId) -> Width {
        match self.get(id) {
            Term::Constant(_) | Term::Data(_) | Term::Swap(_) | Term::Low(_) | Term::High(_) => {
                Width::W32
            }
            Term::Alu(width, ..) => width,
            Term::Join(..) => Width::W64,
        }
    }

    /// The words of the data that a term is made of.
    pub(crate) fn words(&self, id: TermId) -> WordSet {
        let [low, high] = self.facts(id).made;
        low.union(high)
    }

    /// The same, those of its halves apart.
    pub(crate) fn made(&self, id: TermId) -> Made {
        self.facts(id).made
    }

    /// The number that a term is, if it is made of constants and fixed words alone.
    pub(crate) fn value(&self, id: TermId) -> Option<u64> {
        self.facts(id).value
    }

    /// The number that a term of 32 bits is.
    pub(crate) fn value32(&self, id: TermId) -> Option<u32> {
        self.value(id).map(low)
    }

    /// Where a term of 32 bits is a number, what that depends on.
    pub(crate) fn fixed(&self, id: TermId) -> Option<Fixed> {
        let facts = self.facts(id);
        let value = low(facts.value?);
        let from = match facts.term {
            Term::Constant(_) => Origin::Nothing,
            Term::Data(word) => Origin::Word(word),
            Term::Alu(Width::W32, Alu::And, a, b) => match (self.get(a), self.get(b)) {
                (Term::Data(word), Term::Constant(mask))
                | (Term::Constant(mask), Term::Data(word)) => Origin::Masked(word, mask),
                _ => Origin::Words(self.words(id)),
            },
            Term::Alu(..) | Term::Swap(_) | Term::Join(..) | Term::Low(_) | Term::High(_) => {
                Origin::Words(self.words(id))
            }
        };
        Some(Fixed { value, from })
    }

    /// The number that a term is everywhere.
    pub(crate) fn constant_value(&self, id: TermId) -> Option<u64> {
        let facts = self.facts(id);
        facts.value.filter(|_| facts.made == [NOTHING; 2])
    }

    /// The low half of an operation on 64 bits, if that is known.
    pub(crate) fn low_of(&self, id: TermId) -> Option<TermId> {
        self.lows.get(&id).copied()
    }

    /// Notes it.
    pub(crate) fn note_low(&mut self, id: TermId, low: TermId) {
        self.lows.insert(id, low);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The number of 32 bits.
    pub(crate) fn constant(&mut self, value: u32) -> TermId {
        self.make(Term::Constant(value))
    }

    /// A word of the data.
    pub(crate) fn data(&mut self, index: WordIndex) -> TermId {
        self.make(Term::Data(index))
    }

    /// An operation as it stands, but for the order of operands.
    pub(crate) fn operation(&mut self, width: Width, alu: Alu, a: TermId, b: TermId) -> TermId {
        let commutes = matches!(alu, Alu::Add | Alu::Mul | Alu::Or | Alu::And | Alu::Xor);
        // By digest: the other side's run makes its terms in another order.
        let digest = |id: TermId| self.facts(id).digest;
        let (a, b) = if commutes && digest(b) < digest(a) { (b, a) } else { (a, b) };
        self.make(Term::Alu(width, alu, a, b))
    }

    pub(crate) fn make(&mut self, term: Term) -> TermId {
        if let Some(&id) = self.ids.get(&term) {
            return id;
        }
        let (made, value) = (self.made_of(term), self.value_of(term));
        let id = TermId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        let digest = self.digest(term);
        self.list.push(Facts { term, made, value, digest });
        self.ids.insert(term, id);
        id
    }

    fn made_of(&self, term: Term) -> Made {
        match term {
            Term::Constant(_) => [NOTHING; 2],
            Term::Data(word) => [WordSet::one(word), NOTHING],
            Term::Alu(_, alu, a, b) => {
                let ([a_low, a_high], [b_low, b_high]) = (self.made(a), self.made(b));
                let (low, high) = (a_low.union(b_low), a_high.union(b_high));
                match alu {
                    // From place to place, but for the carry.
                    Alu::Add | Alu::Sub | Alu::Or | Alu::And | Alu::Xor => [low, high],
                    Alu::Mul | Alu::Div | Alu::SDiv | Alu::Mod | Alu::SMod => [low.union(high); 2],
                    Alu::Lsh | Alu::Rsh | Alu::Arsh => [low.union(high); 2],
                }
            }
            Term::Swap(a) => self.made(a),
            Term::Join(low, high) => [self.words(low), self.words(high)],
            Term::Low(a) => {
                // A remainder or quotient hangs on the other half too.
                let [low, _] = self.made(a);
                [low, NOTHING]
            }
            Term::High(a) => [self.words(a), NOTHING],
        }
    }

    fn value_of(&self, term: Term) -> Option<u64> {
        Some(match term {
            Term::Constant(value) => value.into(),
            Term::Data(word) => self.given(word)?.into(),
            Term::Alu(width, alu, a, b) => alu.apply(width, self.value(a)?, self.value(b)?),
            Term::Swap(a) => low(self.value(a)?).swap_bytes().into(),
            Term::Join(a, b) => self.value(a)? | self.value(b)? << 32,
            Term::Low(a) => low(self.value(a)?).into(),
            Term::High(a) => self.value(a)? >> 32,
        })
    }

    fn digest(&self, term: Term) -> u64 {
        let mut hasher = Quick::default();
        let of = |id: TermId| self.facts(id).digest;
        match term {
            Term::Constant(value) => (0_u8, value).hash(&mut hasher),
            Term::Data(word) => (1_u8, word).hash(&mut hasher),
            Term::Alu(width, alu, a, b) => (2_u8, width, alu, of(a), of(b)).hash(&mut hasher),
            Term::Swap(a) => (3_u8, of(a)).hash(&mut hasher),
            Term::Join(a, b) => (4_u8, of(a), of(b)).hash(&mut hasher),
            Term::Low(a) => (5_u8, of(a)).hash(&mut hasher),
            Term::High(a) => (6_u8, of(a)).hash(&mut hasher),
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

/// The low half.
pub(crate) const fn low(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
