//! Classic BPF programs: legal ones, ones that are wrong in one place, and any at all.

use arbitrary::{Result, Unstructured};
use filterc_cbpf::{Insn, Program, Verified, code, verify};

/// Every code that the kernel takes in a seccomp filter.
const LEGAL: &[u16] = &[
    code::LD | code::W | code::ABS,
    code::LD | code::W | code::LEN,
    code::LDX | code::W | code::LEN,
    code::LD | code::IMM,
    code::LDX | code::IMM,
    code::LD | code::MEM,
    code::LDX | code::MEM,
    code::ST,
    code::STX,
    code::MISC | code::TAX,
    code::MISC | code::TXA,
    code::RET | code::K,
    code::RET | code::A,
    code::JMP | code::JA,
    code::ALU | code::NEG,
];

/// Codes that are refused, some only in seccomp.
const ILLEGAL: &[u16] = &[
    code::LD | code::H | code::ABS,
    code::LD | code::B | code::ABS,
    code::LD | code::W | code::IND,
    code::LDX | code::B | code::MSH,
    code::ALU | code::MOD | code::K,
    code::ALU | code::MOD | code::X,
    code::RET | code::X,
    0xffff,
    0x0100,
];

const ALU: &[u16] = &[
    code::ADD,
    code::SUB,
    code::MUL,
    code::DIV,
    code::OR,
    code::AND,
    code::LSH,
    code::RSH,
    code::XOR,
];

const JUMPS: &[u16] = &[code::JEQ, code::JGT, code::JGE, code::JSET];

const CONSTANTS: &[u32] = &[
    0,
    1,
    2,
    3,
    4,
    15,
    16,
    31,
    32,
    60,
    63,
    64,
    0xff,
    0xfff,
    0x1000,
    0xffff,
    0x4000_0000,
    0x5_0000,
    0x7fff_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_f000,
    0xffff_fffe,
    0xffff_ffff,
    0xc000_003e,
    0x4000_0003,
];

fn constant(u: &mut Unstructured<'_>) -> Result<u32> {
    if u.ratio(3, 4)? { Ok(*u.choose(CONSTANTS)?) } else { u.arbitrary() }
}

/// A program that the kernel takes, if its memory is not read before it is written.
///
/// # Errors
/// The bytes were used up.
pub fn legal(u: &mut Unstructured<'_>) -> Result<Program> {
    let len = u.int_in_range(1..=40_usize)?;
    let mut program = Vec::with_capacity(len);
    for pc in 0..len - 1 {
        program.push(insn(u, len - 1 - pc)?);
    }
    let last = if u.ratio(1, 4)? { code::RET | code::A } else { code::RET | code::K };
    program.push(Insn::stmt(last, constant(u)?));
    Ok(program)
}

/// A legal instruction with `left` instructions behind it.
fn insn(u: &mut Unstructured<'_>, left: usize) -> Result<Insn> {
    // A jump may go to any later instruction.
    let reach = u8::try_from(left - 1).unwrap_or(u8::MAX);
    let source = if u.arbitrary()? { code::X } else { code::K };
    match u.int_in_range(0..=9)? {
        0..=2 => {
            let code = code::JMP | u.choose(JUMPS)? | source;
            let (jt, jf) = (u.int_in_range(0..=reach)?, u.int_in_range(0..=reach)?);
            Ok(Insn::jump(code, constant(u)?, jt, jf))
        }
        3..=4 => {
            let op = *u.choose(ALU)?;
            let mut k = constant(u)?;
            if op == code::LSH || op == code::RSH {
                k %= 32;
            }
            if op == code::DIV {
                k = k.max(1);
            }
            Ok(Insn::stmt(code::ALU | op | source, k))
        }
        5..=6 => Ok(Insn::stmt(code::LD | code::W | code::ABS, u.int_in_range(0..=15)? * 4)),
        _ => {
            let code = *u.choose(LEGAL)?;
            let k = match code & code::CLASS {
                code::JMP => u32::from(u.int_in_range(0..=reach)?),
                code::ST | code::STX => u.int_in_range(0..=15)?,
                code::LD if code & code::ABS == code::ABS => u.int_in_range(0..=15)? * 4,
                code::LD | code::LDX if code & code::MEM == code::MEM => u.int_in_range(0..=15)?,
                _ => constant(u)?,
            };
            Ok(Insn::stmt(code, k))
        }
    }
}

/// A legal program with a few fields changed.
///
/// # Errors
/// The bytes were used up.
pub fn near_legal(u: &mut Unstructured<'_>) -> Result<Program> {
    let mut program = legal(u)?;
    for _ in 0..u.int_in_range(1..=3)? {
        let at = u.int_in_range(0..=program.len() - 1)?;
        let k = constant(u)?;
        let illegal = *u.choose(ILLEGAL)?;
        let what = u.int_in_range(0..=6)?;
        let byte = u.arbitrary()?;
        if program.len() > 1 && what == 6 {
            program.remove(at);
            continue;
        }
        if let Some(insn) = program.get_mut(at) {
            match what {
                0 => insn.k = k,
                1 => insn.jt = byte,
                2 => insn.jf = byte,
                3 => insn.code = illegal,
                4 => insn.code ^= 1 << (byte % 16),
                _ => insn.k ^= 1 << (byte % 32),
            }
        }
    }
    Ok(program)
}

/// Two programs that the kernel takes, the second one often the first with a few changes; `None`
/// if none were found.
///
/// # Errors
/// The bytes were used up.
pub fn pair(u: &mut Unstructured<'_>) -> Result<Option<(Verified, Verified)>> {
    let Some(first) = verify(&legal(u)?).ok() else { return Ok(None) };
    if u.ratio(1, 8)? {
        return Ok(verify(&legal(u)?).ok().map(|second| (first, second)));
    }
    let mut insns = first.insns().to_vec();
    for _ in 0..u.int_in_range(1..=3)? {
        let at = u.int_in_range(0..=insns.len() - 1)?;
        let (k, bit) = (constant(u)?, u.int_in_range(0..=31)?);
        let what = u.int_in_range(0..=6)?;
        if what == 6 {
            insns.swap(at, at.saturating_sub(1));
        } else if let Some(insn) = insns.get_mut(at) {
            match what {
                0 => insn.k = k,
                1 => insn.k ^= 1 << bit,
                2 => std::mem::swap(&mut insn.jt, &mut insn.jf),
                3 => insn.jt = insn.jt.saturating_sub(1),
                4 => insn.jf = insn.jf.wrapping_add(1),
                // A neighbouring operation, or X in place of the constant.
                _ => insn.code ^= *u.choose(&[code::X, 0x10, 0x20])?,
            }
        }
    }
    Ok(verify(&insns).ok().map(|second| (first, second)))
}

/// Any program at all.
///
/// # Errors
/// The bytes were used up.
pub fn any(u: &mut Unstructured<'_>) -> Result<Program> {
    let len = u.int_in_range(0..=64)?;
    let mut program = Vec::new();
    for _ in 0..len {
        let (code, jt, jf) = (u.arbitrary()?, u.arbitrary()?, u.arbitrary()?);
        program.push(Insn { code, jt, jf, k: constant(u)? });
    }
    Ok(program)
}
