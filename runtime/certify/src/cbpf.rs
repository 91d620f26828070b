//! Classic BPF as seccomp restricts it: decoded from bytes, and run on a box of calls.
//!
//! The kernel's rules of acceptance are not checked here; what this module does not know is
//! refused. A run goes forward only, so it ends.

use crate::calls::{Calls, Stop, Test};
use crate::number::Alu;
use crate::orders::Orders;
use crate::value::{Half, Part, Value, Width};

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
    /// Where `k` is filled in when the program is loaded: what it is then.
    site: Option<Part>,
}

/// An instruction whose constant is some bits of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// The position of the instruction.
    pub pc: u32,
    /// The word of the input, and its bits; all others are 0.
    pub part: Part,
}

/// Most instructions of a filter.
const MAX_INSNS: usize = 4096;

/// Words of scratch memory.
const SCRATCH: usize = 16;

/// Length of `struct seccomp_data`.
const DATA_LENGTH: u32 = 64;

const UNKNOWN: Stop = Stop::Unknown("an instruction that no seccomp filter has");

impl Program {
    /// Decodes `struct sock_filter[]`.
    ///
    /// # Errors
    /// It is none.
    pub fn read(bytes: &[u8], big_endian: bool, sites: &[Site]) -> Result<Self, &'static str> {
        let (chunks, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() || chunks.is_empty() || chunks.len() > MAX_INSNS {
            return Err("not 1 to 4096 instructions of 8 bytes");
        }
        let insns = chunks.iter().map(|&[c0, c1, jt, jf, k0, k1, k2, k3]| {
            let (code, k) = ([c0, c1], [k0, k1, k2, k3]);
            let (code, k) = if big_endian {
                (u16::from_be_bytes(code), u32::from_be_bytes(k))
            } else {
                (u16::from_le_bytes(code), u32::from_le_bytes(k))
            };
            Insn { code, jt, jf, k, site: None }
        });
        let mut insns: Vec<Insn> = insns.collect();
        for site in sites {
            let index = usize::try_from(site.pc).unwrap_or(usize::MAX);
            let insn = insns.get_mut(index).ok_or("there is no such instruction")?;
            // Only comparisons with a constant, and `ld #k`.
            if !matches!(insn.code, 0x00 | 0x15 | 0x25 | 0x35) {
                return Err("that instruction has no place for a parameter");
            }
            if insn.site.replace(site.part).is_some() {
                return Err("an instruction has two parameters");
            }
        }
        Ok(Self { insns })
    }

    /// What the program returns for every call of a box.
    ///
    /// # Errors
    /// It does not return one value by one way, or does something unknown.
    pub fn run(&self, calls: &Calls) -> Result<u32, Stop> {
        let (mut a, mut x, mut scratch) = (Half::ZERO, Half::ZERO, [Half::ZERO; SCRATCH]);
        let mut pc = 0_usize;
        while let Some(&Insn { code, jt, jf, k, site }) = self.insns.get(pc) {
            pc += 1;
            let slot = usize::try_from(k).unwrap_or(usize::MAX);
            let constant = match site {
                None => Half::of(k),
                Some(part) => calls.half(part.word).ok_or(UNKNOWN)?.masked(part.mask),
            };
            let operand = if code & 0x08 == 0 { constant } else { x };
            match code {
                0x20 if k.is_multiple_of(4) && k < DATA_LENGTH => {
                    let index = u8::try_from(k / 4).map_err(|_| UNKNOWN)?;
                    a = calls.half(index).ok_or(UNKNOWN)?;
                }
                0x00 => a = constant,
                0x80 => a = Half::of(DATA_LENGTH),
                0x60 => a = *scratch.get(slot).ok_or(UNKNOWN)?,
                0x01 => x = constant,
                0x81 => x = Half::of(DATA_LENGTH),
                0x61 => x = *scratch.get(slot).ok_or(UNKNOWN)?,
                0x02 => *scratch.get_mut(slot).ok_or(UNKNOWN)? = a,
                0x03 => *scratch.get_mut(slot).ok_or(UNKNOWN)? = x,
                0x07 => x = a,
                0x87 => a = x,
                0x06 => return Ok(k),
                0x16 => return calls.number(Value::short(a)),
                0x05 => pc = pc.checked_add(slot).ok_or(UNKNOWN)?,
                0x15 | 0x1d | 0x25 | 0x2d | 0x35 | 0x3d | 0x45 | 0x4d => {
                    let test = match code & 0xf0 {
                        0x10 => Test::Order(Orders::EQ, None),
                        0x20 => Test::Order(Orders::GT, None),
                        0x30 => Test::Order(Orders::GE, None),
                        _ => Test::Common,
                    };
                    let taken = calls.ask(Value::short(a), Value::short(operand), test)?;
                    pc += usize::from(if taken { jt } else { jf });
                }
                0x84 => a = alu(Alu::Sub, Half::ZERO, a),
                0x34 | 0x3c if is_zero(calls, operand)? => return Ok(0),
                0x04 | 0x0c | 0x14 | 0x1c | 0x24 | 0x2c | 0x34 | 0x3c | 0x44 | 0x4c | 0x54
                | 0x5c | 0x64 | 0x6c | 0x74 | 0x7c | 0xa4 | 0xac => {
                    let op = u8::try_from(code).ok().and_then(|code| Alu::of(code, false));
                    a = alu(op.ok_or(UNKNOWN)?, a, operand);
                }
                _ => return Err(UNKNOWN),
            }
        }
        Err(Stop::Unknown("the program has no end"))
    }
}

fn alu(op: Alu, a: Half, b: Half) -> Half {
    Value::alu(op, Width::W32, Value::short(a), Value::short(b)).low
}

/// A division by 0 ends the program with 0.
fn is_zero(calls: &Calls, divisor: Half) -> Result<bool, Stop> {
    calls.ask(Value::short(divisor), Value::of(0), Test::Order(Orders::EQ, None))
}
