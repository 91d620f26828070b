//! Classic BPF as seccomp restricts it: decoded from bytes, and run on a box of calls.
//!
//! The kernel's rules of acceptance are not checked here; what this module does not know is
//! refused. A run goes forward only, so it ends.

use crate::tree::Calls;
use crate::word::Word;

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    insns: Vec<Insn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Insn {
    code: u16,
    jt: u8,
    jf: u8,
    k: u32,
}

/// A question with no single answer for the box, asked of a word of the call: a place to
/// split, for whoever makes a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// Where splitting the box would help.
    pub split: Option<Split>,
}

/// A way to split a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// This word, at this number.
    At(usize, u32),
    /// This word, by this bit.
    On(usize, u8),
}

/// A value of the machine, and the word of the call that it came from, with the mask that
/// was put on it: only for [`Undecided`].
#[derive(Clone, Copy)]
struct Value {
    word: Word,
    from: Option<(usize, u32)>,
}

impl Value {
    const fn number(value: u32) -> Self {
        Self { word: Word::of(value as u64), from: None }
    }
}

/// Most instructions of a filter.
const MAX_INSNS: usize = 4096;

/// Words of scratch memory.
const SCRATCH: usize = 16;

/// Length of `struct seccomp_data`.
const DATA_LENGTH: u32 = 64;

impl Program {
    /// Decodes `struct sock_filter[]`.
    ///
    /// # Errors
    /// It is none.
    pub fn read(bytes: &[u8], big_endian: bool) -> Result<Self, &'static str> {
        let (chunks, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() || chunks.is_empty() || chunks.len() > MAX_INSNS {
            return Err("not 1 to 4096 instructions of 8 bytes");
        }
        let insns = chunks.iter().map(|&[c0, c1, jt, jf, k0, k1, k2, k3]| {
            let (code, k) = ([c0, c1], [k0, k1, k2, k3]);
            if big_endian {
                Insn { code: u16::from_be_bytes(code), jt, jf, k: u32::from_be_bytes(k) }
            } else {
                Insn { code: u16::from_le_bytes(code), jt, jf, k: u32::from_le_bytes(k) }
            }
        });
        Ok(Self { insns: insns.collect() })
    }

    /// What the program returns for every call of a box.
    ///
    /// # Errors
    /// It does not return one value by one way, or does something unknown.
    pub fn run(&self, calls: &Calls) -> Result<u32, Undecided> {
        let unknown = Undecided { split: None };
        let zero = Value::number(0);
        let (mut a, mut x, mut scratch) = (zero, zero, [zero; SCRATCH]);
        let mut pc = 0_usize;
        while let Some(&Insn { code, jt, jf, k }) = self.insns.get(pc) {
            pc += 1;
            let slot = usize::try_from(k).unwrap_or(usize::MAX);
            let operand = if code & 0x08 == 0 { Value::number(k) } else { x };
            match code {
                0x20 => a = load(calls, k).ok_or(unknown)?,
                0x00 => a = Value::number(k),
                0x80 => a = Value::number(DATA_LENGTH),
                0x60 => a = *scratch.get(slot).ok_or(unknown)?,
                0x01 => x = Value::number(k),
                0x81 => x = Value::number(DATA_LENGTH),
                0x61 => x = *scratch.get(slot).ok_or(unknown)?,
                0x02 => *scratch.get_mut(slot).ok_or(unknown)? = a,
                0x03 => *scratch.get_mut(slot).ok_or(unknown)? = x,
                0x07 => x = a,
                0x87 => a = x,
                0x06 => return Ok(k),
                0x16 => return a.word.value().and_then(|v| u32::try_from(v).ok()).ok_or(unknown),
                0x05 => pc = pc.checked_add(slot).ok_or(unknown)?,
                0x15 | 0x1d | 0x25 | 0x2d | 0x35 | 0x3d | 0x45 | 0x4d => {
                    let taken = test(code & 0xf0, a, operand)?;
                    pc += usize::from(if taken { jt } else { jf });
                }
                _ if code & 0x07 == 0x04 => match alu(code & 0xf0, a, operand) {
                    Some(value) => a = value,
                    // A division by 0 ends the program with 0.
                    None if code & 0xf0 == 0x30 && operand.word.value() == Some(0) => return Ok(0),
                    None => return Err(unknown),
                },
                _ => return Err(unknown),
            }
        }
        Err(unknown)
    }
}

fn load(calls: &Calls, k: u32) -> Option<Value> {
    let index = usize::try_from(k / 4).ok().filter(|_| k.is_multiple_of(4))?;
    Some(Value { word: *calls.get(index)?, from: Some((index, u32::MAX)) })
}

/// The arithmetic that is needed: `and` with a constant on anything, the rest on numbers.
fn alu(op: u16, a: Value, b: Value) -> Option<Value> {
    let mask = b.word.value().and_then(|mask| u32::try_from(mask).ok());
    if let (0x50, Some(mask)) = (op, mask) {
        let from = a.from.map(|(word, before)| (word, before & mask));
        return Some(Value { word: a.word.masked(mask.into()), from });
    }
    let number = |value: Value| value.word.value().and_then(|value| u32::try_from(value).ok());
    let (a, b) = (number(a)?, number(b)?);
    Some(Value::number(match op {
        0x00 => a.wrapping_add(b),
        0x10 => a.wrapping_sub(b),
        0x20 => a.wrapping_mul(b),
        0x30 => a.checked_div(b)?,
        0x40 => a | b,
        0x50 => a & b,
        0x60 => a.wrapping_shl(b),
        0x70 => a.wrapping_shr(b),
        0x80 => a.wrapping_neg(),
        0xa0 => a ^ b,
        _ => return None,
    }))
}

fn test(op: u16, a: Value, b: Value) -> Result<bool, Undecided> {
    let answer = match op {
        0x10 => a.word.equal(b.word),
        0x20 => b.word.less(a.word),
        0x30 => a.word.less(b.word).map(|less| !less),
        0x40 => a.word.meets(b.word),
        _ => None,
    };
    answer.ok_or_else(|| {
        let constant = b.word.value().and_then(|value| u32::try_from(value).ok());
        let split = a.from.zip(constant).and_then(|(from, k)| split(op, a.word, from, k));
        Undecided { split }
    })
}

/// Where a comparison of a word with a constant changes its answer.
fn split(op: u16, word: Word, (index, mask): (usize, u32), k: u32) -> Option<Split> {
    if op == 0x40 || mask != u32::MAX {
        // By the highest bit that is asked for and not known.
        let asked = if op == 0x40 { mask & k } else { mask };
        let bit = (word.unknown() & u64::from(asked)).checked_ilog2()?;
        return Some(Split::On(index, u8::try_from(bit).ok()?));
    }
    let at = match op {
        0x10 if word.min() < u64::from(k) => k,
        0x10 | 0x20 => k.checked_add(1)?,
        _ => k,
    };
    Some(Split::At(index, at))
}
