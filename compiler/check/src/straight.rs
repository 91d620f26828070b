//! A program run on numbers, up to the first question about an argument.
//!
//! Most parts of (arch, nr) are decided before one is asked: there is no need for terms there,
//! and the first instructions need none anywhere.

use filterc_cbpf::machine::{Alu, Next, Op, State, Words, step};
use filterc_ebpf::machine as ebpf;

use crate::converted::test_of;
use crate::gates::Result;
use crate::layout::{ARCH, NR, WordSet, param_word};
use crate::meter::{Meter, cost};
use crate::region::{Fixed, Head, Origin, Region};
use crate::term::{TermId, Terms};

/// How it ended.
pub(crate) enum Straight {
    /// With that value.
    Returned(Fixed),
    /// Before that instruction, which asks about an argument, in that state.
    Asks(usize, Box<State<Word>>),
}

/// A word: what is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    /// The number, if it is made of nothing but fixed words.
    value: Option<u32>,
    from: Origin,
}

impl Word {
    const ZERO: Self = Self { value: Some(0), from: Origin::Nothing };

    fn fixed(self) -> Option<Fixed> {
        self.value.map(|value| Fixed { value, from: self.from })
    }

    /// The same as a term; `None` for what is calculated.
    fn term(self, terms: &mut Terms) -> Option<TermId> {
        match (self.from, self.value) {
            (Origin::Nothing, Some(value)) => Some(terms.constant(value)),
            (Origin::Word(word), _) => Some(terms.data(word)),
            (Origin::Masked(word, mask), _) => {
                let (word, mask) = (terms.data(word), terms.constant(mask));
                Some(terms.alu32(ebpf::Alu::And, word, mask))
            }
            (Origin::Nothing | Origin::Words(_), _) => None,
        }
    }
}

/// The words of a state as terms.
pub(crate) fn terms(state: &State<Word>, terms: &mut Terms) -> Option<State<TermId>> {
    let mut same = State::new(&terms.constant(0));
    same.a = state.a.term(terms)?;
    same.x = state.x.term(terms)?;
    for (slot, word) in same.scratch.iter_mut().zip(&state.scratch) {
        *slot = word.term(terms)?;
    }
    Some(same)
}

/// Runs a program from its beginning; the region shrinks to where it takes the same way.
///
/// # Errors
/// The meter is used up.
pub(crate) fn run(ops: &[Op], head: Head, region: &mut Region, meter: &Meter) -> Result<Straight> {
    let mut state = State::new(&Word::ZERO);
    let (mut pc, mut steps) = (0, 0);
    let end = loop {
        let Some(op) = ops.get(pc) else { break Straight::Returned(ZERO) };
        steps += cost::INSTRUCTION;
        // Division is left to where it has terms: its end is asked about.
        if matches!(op, Op::Alu(Alu::Div, _)) {
            break Straight::Asks(pc, Box::new(state));
        }
        match step(&mut Numbers(head), *op, pc, &mut state) {
            Next::At(next) => pc = next,
            Next::Return(value) => match value.fixed() {
                Some(value) => break Straight::Returned(value),
                None => break Straight::Asks(pc, Box::new(state)),
            },
            Next::Either { test, left, right, jt, jf } => {
                let Some((left, right)) = left.fixed().zip(right.fixed()) else {
                    break Straight::Asks(pc, Box::new(state));
                };
                region.keep(test_of(test), left, right, head);
                pc = if test.holds(left.value, right.value) { jt } else { jf };
            }
            Next::Divided { .. } => break Straight::Returned(ZERO),
        }
    };
    meter.spend(steps)?;
    Ok(end)
}

const ZERO: Fixed = Fixed { value: 0, from: Origin::Nothing };

/// The machine on such words, at a point of (arch, nr).
struct Numbers(Head);

impl Words for Numbers {
    type Word = Word;

    fn constant(&mut self, value: u32) -> Word {
        Word { value: Some(value), from: Origin::Nothing }
    }

    fn data(&mut self, index: u8) -> Word {
        let value = match index {
            NR => Some(self.0.nr),
            ARCH => Some(self.0.arch),
            _ => None,
        };
        Word { value, from: Origin::Word(index) }
    }

    fn param(&mut self, param: u8, high: bool, mask: u32) -> Word {
        let word = param_word(param, high);
        let from = if mask == u32::MAX { Origin::Word(word) } else { Origin::Masked(word, mask) };
        Word { value: None, from }
    }

    fn alu(&mut self, alu: Alu, a: &Word, b: &Word) -> Word {
        let value = a.value.zip(b.value).map(|(a, b)| alu.apply(a, b));
        let from = match (alu, a.from, b.from) {
            (_, Origin::Nothing, Origin::Nothing) => Origin::Nothing,
            (Alu::And, Origin::Word(word), Origin::Nothing) => masked(word, b.value),
            (Alu::And, Origin::Nothing, Origin::Word(word)) => masked(word, a.value),
            (_, a, b) => Origin::Words(a.words().union(b.words())),
        };
        Word { value, from }
    }

    fn neg(&mut self, a: &Word) -> Word {
        let from = match a.from {
            Origin::Nothing => Origin::Nothing,
            Origin::Word(_) | Origin::Masked(..) | Origin::Words(_) => {
                Origin::Words(a.from.words())
            }
        };
        Word { value: a.value.map(u32::wrapping_neg), from }
    }
}

fn masked(word: u8, mask: Option<u32>) -> Origin {
    // A constant is a number.
    mask.map_or(Origin::Words(WordSet::one(word)), |mask| Origin::Masked(word, mask))
}
