//! What a verified program returns for a call: the kernel's classic BPF machine.
//!
//! Semantics, as the kernel's (which converts to 32-bit eBPF operations):
//! A, X and the scratch memory start at 0; arithmetic is on 32 bits and wraps; division
//! by an X of 0 ends the program with the value 0 (in seccomp: kill the thread); a shift
//! by X uses its low five bits; all comparisons are unsigned; `ld #len` is 64.
//!
//! Never panics and always ends: jumps go forward only.

use filterc_abi::seccomp::SECCOMP_DATA_WORDS;
use filterc_abi::{Endian, SeccompData};

use crate::op::{Alu, Op, Source, Test};
use crate::verify::{SCRATCH_WORDS, Verified};

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

#[inline]
fn run(
    filter: &Verified,
    words: &[u32; SECCOMP_DATA_WORDS],
    mut visit: impl FnMut(usize),
) -> Outcome {
    let ops = filter.ops();
    let mut scratch = [0_u32; SCRATCH_WORDS];
    let (mut a, mut x, mut pc, mut steps) = (0_u32, 0_u32, 0_usize, 0_u32);
    // A verified program ends in a return and jumps only inside, so the loop is left by one;
    // 0 (kill) is what anything else would have to be.
    while let Some(op) = ops.get(pc) {
        visit(pc);
        steps += 1;
        pc += 1;
        match *op {
            Op::LoadWord(i) => a = word(words, i),
            Op::LoadImm(k) => a = k,
            Op::LoadMem(i) => a = word(&scratch, i),
            Op::LoadXImm(k) => x = k,
            Op::LoadXMem(i) => x = word(&scratch, i),
            Op::Store(i) => store(&mut scratch, i, a),
            Op::StoreX(i) => store(&mut scratch, i, x),
            Op::Alu(alu, source) => match compute(alu, a, operand(source, x)) {
                Some(value) => a = value,
                None => return Outcome { ret: 0, steps },
            },
            Op::Neg => a = a.wrapping_neg(),
            Op::Ja(target) => pc = target.into(),
            Op::Jump { test, with, jt, jf } => {
                let target = if holds(test, a, operand(with, x)) { jt } else { jf };
                pc = target.into();
            }
            Op::Tax => x = a,
            Op::Txa => a = x,
            Op::RetK(ret) => return Outcome { ret, steps },
            Op::RetA => return Outcome { ret: a, steps },
        }
    }
    Outcome { ret: 0, steps }
}

#[inline]
fn word(words: &[u32; 16], index: u8) -> u32 {
    words.get(usize::from(index)).copied().unwrap_or(0)
}

#[inline]
fn store(scratch: &mut [u32; SCRATCH_WORDS], index: u8, value: u32) {
    if let Some(slot) = scratch.get_mut(usize::from(index)) {
        *slot = value;
    }
}

#[inline]
const fn operand(source: Source, x: u32) -> u32 {
    match source {
        Source::K(k) => k,
        Source::X => x,
    }
}

/// `None` is a division by zero.
#[inline]
const fn compute(alu: Alu, a: u32, b: u32) -> Option<u32> {
    Some(match alu {
        Alu::Add => a.wrapping_add(b),
        Alu::Sub => a.wrapping_sub(b),
        Alu::Mul => a.wrapping_mul(b),
        Alu::Div => return a.checked_div(b),
        Alu::Or => a | b,
        Alu::And => a & b,
        Alu::Lsh => a.wrapping_shl(b),
        Alu::Rsh => a.wrapping_shr(b),
        Alu::Xor => a ^ b,
    })
}

#[inline]
const fn holds(test: Test, a: u32, b: u32) -> bool {
    match test {
        Test::Eq => a == b,
        Test::Gt => a > b,
        Test::Ge => a >= b,
        Test::Set => a & b != 0,
    }
}
