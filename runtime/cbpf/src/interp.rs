//! What a verified program returns for a call: the kernel's classic BPF machine.
//!
//! The meaning of the instructions is [`machine::step`](crate::machine::step), here on numbers.
//!
//! Never panics and always ends: jumps go forward only.

use filterc_abi::seccomp::SECCOMP_DATA_WORDS;
use filterc_abi::{Endian, SeccompData};

use crate::machine::{Alu, Next, State, Words, step};
use crate::verify::Verified;

/// A return value, and what it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// The filter's return value.
    pub ret: u32,
    /// Instructions executed, the return included.
    pub steps: u32,
}

/// An outcome, and the way to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Trace {
    /// The return value and the number of steps.
    pub outcome: Outcome,
    /// Indices of the instructions executed, in order.
    pub pcs: Vec<usize>,
}

/// The filter's return value for a call, on a machine of that byte order.
#[must_use]
pub fn interpret(filter: &Verified, call: &SeccompData, endian: Endian) -> u32 {
    run(filter, &call.words(endian), |_| ()).ret
}

/// [`interpret`], with the number of instructions executed.
#[must_use]
pub fn interpret_counted(filter: &Verified, call: &SeccompData, endian: Endian) -> Outcome {
    run(filter, &call.words(endian), |_| ())
}

/// [`interpret`], with the index of every instruction executed.
#[must_use]
pub fn interpret_traced(filter: &Verified, call: &SeccompData, endian: Endian) -> Trace {
    let mut pcs = Vec::new();
    let outcome = run(filter, &call.words(endian), |pc| pcs.push(pc));
    Trace { outcome, pcs }
}

/// The fast path: the data as the words that [`SeccompData::words`] gives.
#[must_use]
pub fn interpret_words(filter: &Verified, words: &[u32; SECCOMP_DATA_WORDS]) -> Outcome {
    run(filter, words, |_| ())
}

/// Numbers, and the words of the data.
struct Numbers<'d>(&'d [u32; SECCOMP_DATA_WORDS]);

impl Words for Numbers<'_> {
    type Word = u32;

    #[inline]
    fn constant(&mut self, value: u32) -> u32 {
        value
    }

    #[inline]
    fn data(&mut self, index: u8) -> u32 {
        self.0.get(usize::from(index)).copied().unwrap_or(0)
    }

    /// Verified programs have constants there.
    #[inline]
    fn param(&mut self, _: u8, _: bool, _: u32) -> u32 {
        0
    }

    #[inline]
    fn alu(&mut self, alu: Alu, a: &u32, b: &u32) -> u32 {
        alu.apply(*a, *b)
    }

    #[inline]
    fn neg(&mut self, a: &u32) -> u32 {
        a.wrapping_neg()
    }
}

#[inline]
fn run(
    filter: &Verified,
    words: &[u32; SECCOMP_DATA_WORDS],
    mut visit: impl FnMut(usize),
) -> Outcome {
    let ops = filter.ops();
    let mut numbers = Numbers(words);
    let mut state = State::new(&0);
    let (mut pc, mut steps) = (0_usize, 0_u32);
    // A verified program ends in a return and jumps only inside, so the loop is left by one;
    // 0 (kill) is what anything else would have to be.
    while let Some(op) = ops.get(pc) {
        visit(pc);
        steps += 1;
        match step(&mut numbers, *op, pc, &mut state) {
            Next::At(next) => pc = next,
            Next::Either { test, left, right, jt, jf } => {
                pc = if test.holds(left, right) { jt } else { jf };
            }
            Next::Divided { by: 0, .. } => break,
            Next::Divided { at, .. } => pc = at,
            Next::Return(ret) => return Outcome { ret, steps },
        }
    }
    Outcome { ret: 0, steps }
}
