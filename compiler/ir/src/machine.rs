//! What tests cost on the machine that they are written for: classic BPF.
//!
//! It has one accumulator, A. A test of a word needs the word in A, or those bits of it that
//! count, and leaves A as it found it; so the next test of the same word need not load again.
//! Code generation selects by these rules, and the passes reckon by them.

use crate::test::{Cmp, Test, Word};

/// What A holds: a word, and the bits that were left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Held {
    /// The word.
    pub word: Word,
    /// The bits.
    pub mask: u32,
}

impl Held {
    /// All of a word.
    #[must_use]
    pub const fn whole(word: Word) -> Self {
        Self { word, mask: u32::MAX }
    }
}

/// What has to be in A where a test of one word by a constant is made; `None` for others.
#[must_use]
pub fn wants(test: &Test) -> Option<Held> {
    match *test {
        // "No bit of the mask is set" has a jump of its own, which needs the whole word.
        Test::Word { word, cmp: Cmp::Eq, value: 0, .. } => Some(Held::whole(word)),
        Test::Word { word, mask, .. } => Some(Held { word, mask }),
        Test::Words { .. } | Test::Field { .. } | Test::Fields { .. } => None,
    }
}

/// What A holds after a test of words; `None` for field tests.
#[must_use]
pub fn leaves(test: &Test) -> Option<Held> {
    match *test {
        Test::Words { left, mask, .. } => Some(Held { word: left, mask }),
        Test::Word { .. } | Test::Field { .. } | Test::Fields { .. } => wants(test),
    }
}

/// The instructions of a test where A holds something: loads, masks, and the jump.
#[must_use]
pub fn cost(test: &Test, held: Option<Held>) -> u32 {
    let masked = |mask: u32| u32::from(mask != u32::MAX);
    match (wants(test), held) {
        (Some(wanted), Some(held)) if held == wanted => 1,
        (Some(wanted), Some(held)) if held == Held::whole(wanted.word) => 2,
        (Some(wanted), _) => 2 + masked(wanted.mask),
        // Load, mask and move the one, load and mask the other, compare.
        (None, _) => match *test {
            Test::Words { mask, .. } => 4 + 2 * masked(mask),
            Test::Word { .. } | Test::Field { .. } | Test::Fields { .. } => 2,
        },
    }
}
