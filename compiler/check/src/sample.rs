//! Calls worth trying before a difference is looked for with more effort: words that are
//! constants of one of the sides, their neighbours, or anything.

use crate::layout::{INPUTS, WordIndex, WordSet};

/// Values to try, by word.
#[derive(Debug)]
pub(crate) struct Candidates {
    values: [Vec<u32>; INPUTS],
    seed: u64,
}

impl Candidates {
    /// None yet.
    pub(crate) fn none() -> Self {
        Self { values: [const { Vec::new() }; INPUTS], seed: 0 }
    }

    /// Notes that words of a set are compared with a constant.
    pub(crate) fn note(&mut self, words: WordSet, constant: u32) {
        for word in words.iter() {
            if let Some(values) = self.values.get_mut(usize::from(word)) {
                let near = [constant, constant.wrapping_add(1), constant.wrapping_sub(1)];
                values.extend(near.iter().chain(&[!constant]));
            }
        }
    }

    /// A call's words: `fixed` where there is something, else one of the values, or anything.
    pub(crate) fn draw(&mut self, fixed: &[Option<u32>; INPUTS]) -> [u32; INPUTS] {
        let mut words = [0; INPUTS];
        for (i, slot) in (0..).zip(&mut words) {
            let index: WordIndex = i;
            let known = fixed.get(usize::from(index)).copied().flatten();
            *slot = known.unwrap_or_else(|| self.value(index));
        }
        words
    }

    fn value(&mut self, word: WordIndex) -> u32 {
        let random = self.random();
        let [low, high] = [random & 0xffff_ffff, random >> 32]
            .map(|half| u32::try_from(half).unwrap_or_default());
        let values = self.values.get(usize::from(word)).map(Vec::as_slice).unwrap_or_default();
        match high % 8 {
            0 => low,
            1 => 0,
            2 => u32::MAX,
            3 => 1 << (low % 32),
            _ => {
                let count = u32::try_from(values.len()).unwrap_or(u32::MAX).max(1);
                values.get((low % count) as usize).copied().unwrap_or(low)
            }
        }
    }

    /// Marsaglia's xorshift, times a constant: not for secrets.
    fn random(&mut self) -> u64 {
        if self.seed == 0 {
            self.seed = 0x9e37_79b9_7f4a_7c15;
        }
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}
