//! Words and predicates as functions of the bits of a call.

use filterc_abi::Endian;
use filterc_ebpf::machine::Width;
use filterc_hir::algebra::{Algebra, Logic};
use filterc_hir::types::{Place, Type};

use crate::bits::{self, Bits};
use crate::gates::{FALSE, Gates, Node, OverBudget, Result, TRUE};
use crate::hash::Map;
use crate::layout::{ARCH, NR, WORD_BITS, WordIndex, answer_bit, words_of};
use crate::region::Head;
use crate::term::{Term, TermId, Terms};

/// Bits of half a word of 64.
const HALF: usize = WORD_BITS as usize;

/// Words of functions, `nr` and `arch` fixed or free.
#[derive(Debug)]
pub(crate) struct Formula<G> {
    gates: G,
    endian: Endian,
    head: Option<Head>,
    /// An operation of [`Algebra`] or [`Logic`] went over the budget: no result counts.
    failed: bool,
}

impl<G: Gates> Formula<G> {
    pub(crate) fn new(gates: G, endian: Endian, head: Option<Head>) -> Self {
        Self { gates, endian, head, failed: false }
    }

    pub(crate) fn gates(&mut self) -> &mut G {
        &mut self.gates
    }

    pub(crate) fn into_gates(self) -> G {
        self.gates
    }

    /// A word of the data.
    pub(crate) fn data(&mut self, word: WordIndex) -> Result<Bits> {
        let fixed = self.head.and_then(|head| match word {
            NR => Some(head.nr),
            ARCH => Some(head.arch),
            _ => None,
        });
        match fixed {
            Some(value) => Ok(bits::constant(value.into(), WORD_BITS)),
            None => (0..WORD_BITS).map(|bit| self.gates.input(word, bit)).collect(),
        }
    }

    /// A term; `known` remembers those of one run. Terms are in the order in which they
    /// were made, so all that one is made of can be had without recursion.
    pub(crate) fn word(
        &mut self,
        terms: &Terms,
        id: TermId,
        known: &mut Map<TermId, Bits>,
    ) -> Result<Bits> {
        let mut waiting = vec![id];
        while let Some(&next) = waiting.last() {
            if known.contains_key(&next) {
                waiting.pop();
                continue;
            }
            let operands = match terms.get(next) {
                _ if terms.value(next).is_some() => [None, None],
                Term::Constant(_) | Term::Data(_) => [None, None],
                Term::Alu(_, _, a, b) | Term::Join(a, b) => [Some(a), Some(b)],
                Term::Swap(a) | Term::Low(a) | Term::High(a) => [Some(a), None],
            };
            let before = waiting.len();
            waiting.extend(operands.into_iter().flatten().filter(|id| !known.contains_key(id)));
            if waiting.len() == before {
                let word = self.one(terms, next, known)?;
                known.insert(next, word);
                waiting.pop();
            }
        }
        Ok(known.get(&id).cloned().unwrap_or_default())
    }

    /// A term whose operands are known.
    fn one(&mut self, terms: &Terms, id: TermId, known: &Map<TermId, Bits>) -> Result<Bits> {
        if let Some(value) = terms.value(id) {
            let width = if terms.width(id) == Width::W64 { 2 * WORD_BITS } else { WORD_BITS };
            return Ok(bits::constant(value, width));
        }
        let word = |id: TermId| known.get(&id).map(Vec::as_slice).unwrap_or_default();
        let half =
            |id: TermId, from: usize| word(id).iter().copied().skip(from).take(HALF).collect();
        match terms.get(id) {
            Term::Constant(value) => Ok(bits::constant(value.into(), WORD_BITS)),
            Term::Data(index) => self.data(index),
            Term::Alu(_, alu, a, b) => bits::alu(&mut self.gates, alu, word(a), word(b)),
            Term::Swap(a) => Ok(word(a).rchunks(8).flatten().copied().collect()),
            Term::Join(a, b) => Ok([word(a), word(b)].concat()),
            Term::Low(a) => Ok(half(a, 0)),
            Term::High(a) => Ok(half(a, HALF)),
        }
    }

    fn unless_over_budget(&mut self, result: Result<Node>) -> Node {
        self.failed |= result.is_err();
        result.unwrap_or(FALSE)
    }

    /// Whether the results of [`Algebra`]'s operations count.
    pub(crate) fn finish(&self) -> Result<()> {
        if self.failed { Err(OverBudget) } else { Ok(()) }
    }
}

impl<G: Gates> Logic for Formula<G> {
    type Bool = Node;

    fn truth(&mut self, value: bool) -> Node {
        if value { TRUE } else { FALSE }
    }

    fn known(&self, value: &Node) -> Option<bool> {
        match *value {
            TRUE => Some(true),
            FALSE => Some(false),
            _ => None,
        }
    }

    fn not(&mut self, value: Node) -> Node {
        let result = self.gates.not(value);
        self.unless_over_budget(result)
    }

    fn and(&mut self, left: Node, right: Node) -> Node {
        let result = self.gates.and(left, right);
        self.unless_over_budget(result)
    }

    fn or(&mut self, left: Node, right: Node) -> Node {
        let result = self.gates.or(left, right);
        self.unless_over_budget(result)
    }
}

impl<G: Gates> Algebra for Formula<G> {
    /// 64 bits.
    type Word = Bits;

    fn read(&mut self, place: Place, mask: u64) -> Bits {
        if let Place::Answer(question) = place {
            let (word, bit) = answer_bit(question);
            let answer = self.gates.input(word, bit);
            let mut bits = bits::constant(0, 2 * WORD_BITS);
            if let Some(lowest) = bits.first_mut().filter(|_| mask & 1 == 1) {
                *lowest = self.unless_over_budget(answer);
            }
            return bits;
        }
        let (low, high) = words_of(place, self.endian);
        let words = [Some(low), high].map(|word| match word {
            Some(word) => self.data(word).unwrap_or_else(|OverBudget| {
                self.failed = true;
                bits::constant(0, WORD_BITS)
            }),
            None => bits::constant(0, WORD_BITS),
        });
        let all = words.into_iter().flatten();
        (0..64).zip(all).map(|(i, bit)| if mask >> i & 1 == 1 { bit } else { FALSE }).collect()
    }

    fn bits(&mut self, bits: u64) -> Bits {
        bits::constant(bits, 64)
    }

    fn equal(&mut self, left: &Bits, right: &Bits) -> Node {
        let result = bits::equal(&mut self.gates, left, right);
        self.unless_over_budget(result)
    }

    fn less(&mut self, ty: Type, left: &Bits, right: &Bits) -> Node {
        let result = if ty.signed() {
            // Two's complement, in the order of values, is unsigned with the sign turned over.
            let sign = usize::from(ty.width() - 1);
            let flipped = [left, right].map(|word| {
                let mut word = word.clone();
                if let Some(bit) = word.get_mut(sign) {
                    let opposite = self.gates.not(*bit);
                    *bit = self.unless_over_budget(opposite);
                }
                word
            });
            let [left, right] = flipped;
            bits::less(&mut self.gates, &left, &right)
        } else {
            bits::less(&mut self.gates, left, right)
        };
        self.unless_over_budget(result)
    }
}
