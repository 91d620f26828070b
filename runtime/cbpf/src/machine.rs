//! The classic BPF machine as one text over the words that it computes with.
//!
//! [`step`] is the meaning of every instruction. The interpreter instantiates it with
//! numbers, a prover with terms; neither has a text of its own.
//!
//! Semantics, as the kernel's (which converts to 32-bit eBPF operations):
//! A, X and the scratch memory start at 0; arithmetic is on 32 bits and wraps; division
//! by an X of 0 ends the program with the value 0 (in seccomp: kill the thread); a shift
//! by X uses its low five bits; all comparisons are unsigned; `ld #len` is 64.

use crate::insn::SCRATCH_WORDS;
pub use crate::op::{Alu, Op, Source, Test};

/// What a machine computes with: 32-bit words of some representation.
pub trait Words {
    /// A word.
    type Word: Clone;

    /// The word of that value.
    fn constant(&mut self, value: u32) -> Self::Word;

    /// Word `index` of `struct seccomp_data`, 0…15.
    fn data(&mut self, index: u8) -> Self::Word;

    /// Those bits of a half of a parameter, 0…31 or 63…32; all others are 0. Programs without
    /// a [`Template`](crate::Template) do not ask.
    fn param(&mut self, param: u8, high: bool, mask: u32) -> Self::Word;

    /// `a op b`. A division by 0 has no meaning: the machine has stopped before.
    fn alu(&mut self, alu: Alu, a: &Self::Word, b: &Self::Word) -> Self::Word;

    /// `−a`.
    fn neg(&mut self, a: &Self::Word) -> Self::Word;
}

/// The registers and the scratch memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State<W> {
    /// The accumulator.
    pub a: W,
    /// The index register.
    pub x: W,
    /// `M[0]` … `M[15]`.
    pub scratch: [W; SCRATCH_WORDS],
}

impl<W: Clone> State<W> {
    /// Everything is `zero`, as when a program starts.
    pub fn new(zero: &W) -> Self {
        Self { a: zero.clone(), x: zero.clone(), scratch: std::array::from_fn(|_| zero.clone()) }
    }
}

/// What comes after an instruction. Positions are indices of instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<W> {
    /// The instruction at that position.
    At(usize),
    /// The one at `jt` if the test holds for the two words, else the one at `jf`.
    Either {
        /// What is asked.
        test: Test,
        /// Of A, …
        left: W,
        /// … and the operand.
        right: W,
        /// Where yes leads.
        jt: usize,
        /// Where no leads.
        jf: usize,
    },
    /// The end, with the value 0, if the divisor is 0, else the instruction at `at`.
    Divided {
        /// What was divided by.
        by: W,
        /// Where to go on.
        at: usize,
    },
    /// The end, with that value.
    Return(W),
}

/// Executes the instruction at `pc`.
// In an interpreter's loop what it returns must not go through memory.
#[inline(always)]
pub fn step<M: Words>(
    machine: &mut M,
    op: Op,
    pc: usize,
    state: &mut State<M::Word>,
) -> Next<M::Word> {
    match op {
        Op::LoadWord(i) => state.a = machine.data(i),
        Op::LoadImm(k) => state.a = machine.constant(k),
        Op::Load(source) => state.a = operand(machine, source, state),
        Op::LoadMem(i) => {
            if let Some(word) = state.scratch.get(usize::from(i)) {
                state.a = word.clone();
            }
        }
        Op::LoadXImm(k) => state.x = machine.constant(k),
        Op::LoadXMem(i) => {
            if let Some(word) = state.scratch.get(usize::from(i)) {
                state.x = word.clone();
            }
        }
        Op::Store(i) => {
            if let Some(word) = state.scratch.get_mut(usize::from(i)) {
                *word = state.a.clone();
            }
        }
        Op::StoreX(i) => {
            if let Some(word) = state.scratch.get_mut(usize::from(i)) {
                *word = state.x.clone();
            }
        }
        Op::Alu(alu, source) => {
            let operand = operand(machine, source, state);
            state.a = machine.alu(alu, &state.a, &operand);
            if alu == Alu::Div {
                return Next::Divided { by: operand, at: pc + 1 };
            }
        }
        Op::Neg => state.a = machine.neg(&state.a),
        Op::Ja(target) => return Next::At(target.into()),
        Op::Jump { test, with, jt, jf } => {
            let right = operand(machine, with, state);
            return Next::Either {
                test,
                left: state.a.clone(),
                right,
                jt: jt.into(),
                jf: jf.into(),
            };
        }
        Op::Tax => state.x = state.a.clone(),
        Op::Txa => state.a = state.x.clone(),
        Op::RetK(value) => return Next::Return(machine.constant(value)),
        Op::RetA => return Next::Return(state.a.clone()),
    }
    Next::At(pc + 1)
}

#[inline]
fn operand<M: Words>(machine: &mut M, source: Source, state: &State<M::Word>) -> M::Word {
    match source {
        Source::K(k) => machine.constant(k),
        Source::X => state.x.clone(),
        Source::Param { param, high, mask } => machine.param(param, high, mask),
    }
}

impl Alu {
    /// The result on numbers; of a division by 0 it is 0, and never used.
    #[inline]
    #[must_use]
    pub const fn apply(self, a: u32, b: u32) -> u32 {
        match self {
            Self::Add => a.wrapping_add(b),
            Self::Sub => a.wrapping_sub(b),
            Self::Mul => a.wrapping_mul(b),
            Self::Div => match a.checked_div(b) {
                Some(quotient) => quotient,
                None => 0,
            },
            Self::Or => a | b,
            Self::And => a & b,
            Self::Lsh => a.wrapping_shl(b),
            Self::Rsh => a.wrapping_shr(b),
            Self::Xor => a ^ b,
        }
    }
}

impl Test {
    /// Whether the test holds for two numbers.
    #[inline]
    #[must_use]
    pub const fn holds(self, a: u32, b: u32) -> bool {
        match self {
            Self::Eq => a == b,
            Self::Gt => a > b,
            Self::Ge => a >= b,
            Self::Set => a & b != 0,
        }
    }
}
