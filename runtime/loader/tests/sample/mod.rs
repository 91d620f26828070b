//! Random programs for the oracles: deterministic, and dense where the kernel's rules bite.

use filterc_cbpf::{Insn, Program, code};

#[path = "../random/mod.rs"]
mod random;

pub use random::Random;

impl Random {
    /// A constant that is likely to matter.
    pub fn constant(&mut self) -> u32 {
        match self.below(4) {
            0 => self.pick(&[
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
                255,
                256,
                0x7fff_ffff,
                0x8000_0000,
                0xffff_efff,
                0xffff_f000,
                0xffff_f03c,
                0xffff_f040,
                u32::MAX,
            ]),
            1 => self.below(20),
            2 => 1 << self.below(32),
            _ => self.below(u32::MAX),
        }
    }
}

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
const SOURCES: &[u16] = &[code::K, code::X];

/// An instruction that is legal for seccomp wherever `left` instructions follow, if scratch
/// memory below 4 has been stored.
pub fn legal(random: &mut Random, left: u32) -> Insn {
    let reach = left.min(256);
    match random.below(20) {
        0..=4 => Insn::stmt(code::LD | code::W | code::ABS, 4 * random.below(16)),
        5 => Insn::stmt(code::LD | code::IMM, random.constant()),
        6 => Insn::stmt(code::LDX | code::IMM, random.constant()),
        7 => Insn::stmt(code::LD | code::MEM, random.below(4)),
        8 => Insn::stmt(code::LDX | code::MEM, random.below(4)),
        9 => Insn::stmt(random.pick(&[code::ST, code::STX]), random.below(4)),
        10 => Insn::stmt(random.pick(&[code::LD, code::LDX]) | code::LEN, 0),
        11 => Insn::stmt(code::MISC | random.pick(&[code::TAX, code::TXA]), 0),
        12 => Insn::stmt(code::ALU | code::NEG, 0),
        13..=16 => alu(random),
        _ if reach == 0 => Insn::stmt(code::MISC | code::TAX, 0),
        17 => Insn::stmt(code::JMP | code::JA, random.below(reach.min(6))),
        _ => {
            let (operation, source) = (random.pick(JUMPS), random.pick(SOURCES));
            let mut near = || u8::try_from(random.below(reach.min(6))).unwrap();
            let (jt, jf) = (near(), near());
            Insn::jump(code::JMP | operation | source, random.constant(), jt, jf)
        }
    }
}

fn alu(random: &mut Random) -> Insn {
    let operation = random.pick(ALU);
    let source = random.pick(SOURCES);
    let k = match operation {
        code::LSH | code::RSH if source == code::K => random.below(32),
        code::DIV if source == code::K => random.constant().max(1),
        _ => random.constant(),
    };
    Insn::stmt(code::ALU | operation | source, k)
}

/// A program that the kernel accepts.
pub fn legal_program(random: &mut Random, length: u32) -> Program {
    let mut program: Program = (0..4).map(|k| Insn::stmt(code::ST, k)).collect();
    program.extend((0..length).map(|i| legal(random, length - i)));
    program.push(Insn::stmt(code::RET | code::A, 0));
    program
}

/// A program that the kernel may or may not accept.
#[allow(dead_code, reason = "one of the test files that include this does without")]
pub fn any_program(random: &mut Random) -> Program {
    match random.below(4) {
        0 => {
            let length = random.below(12);
            (0..length).map(|_| any_insn(random)).collect()
        }
        1 => {
            let length = random.below(10);
            scratch_program(random, length)
        }
        2 => {
            let length = random.below(24);
            legal_program(random, length)
        }
        _ => {
            let length = random.below(24);
            let mut program = legal_program(random, length);
            for _ in 0..=random.below(3) {
                mutate(random, &mut program);
            }
            program
        }
    }
}

/// Classic BPF with whatever operand: what sockets may and seccomp may not, and the edges.
fn near_legal(random: &mut Random) -> Insn {
    let sizes = [code::W, code::H, code::B];
    let modes = [code::ABS, code::ABS, code::IND, code::MEM, code::LEN];
    let operations = [code::DIV, code::MOD, code::LSH, code::RSH];
    let code = match random.below(4) {
        0 | 1 => code::LD | random.pick(&sizes) | random.pick(&modes),
        2 => random.pick(&[code::LDX | code::B | code::MSH, code::LDX | code::MEM, code::ST]),
        _ => code::ALU | random.pick(&operations) | random.pick(SOURCES),
    };
    Insn::stmt(code, random.constant())
}

fn any_insn(random: &mut Random) -> Insn {
    if random.chance(40) {
        return near_legal(random);
    }
    let bound = if random.chance(95) { 0x100 } else { 0x1_0000 };
    let code = u16::try_from(random.below(bound));
    let (jt, jf) = (random.below(6).to_le_bytes()[0], random.below(6).to_le_bytes()[0]);
    Insn { code: code.unwrap(), jt, jf, k: random.constant() }
}

/// Stores, loads, jumps and returns only: for the rule about scratch memory.
fn scratch_program(random: &mut Random, length: u32) -> Program {
    let mut program: Program = (0..length)
        .map(|i| {
            let reach = (length - i).min(5);
            let cell = random.below(2);
            match random.below(8) {
                0..=1 => Insn::stmt(random.pick(&[code::ST, code::STX]), cell),
                2 => Insn::stmt(random.pick(&[code::LD, code::LDX]) | code::MEM, cell),
                3 => Insn::stmt(code::RET | code::K, random.constant()),
                4 => Insn::stmt(code::JMP | code::JA, random.below(reach)),
                _ => {
                    let mut near = || u8::try_from(random.below(reach)).unwrap();
                    Insn::jump(code::JMP | code::JEQ, 0, near(), near())
                }
            }
        })
        .collect();
    program.push(Insn::stmt(code::RET | code::K, 0));
    program
}

fn mutate(random: &mut Random, program: &mut Program) {
    let at = random.below(u32::try_from(program.len()).unwrap().max(1)) as usize;
    let Some(insn) = program.get_mut(at) else { return };
    match random.below(12) {
        9..=11 => *insn = near_legal(random),
        0 => insn.code ^= 1 << random.below(16),
        1 => insn.code = u16::try_from(random.below(0x100)).unwrap(),
        2 => insn.k = random.constant(),
        3 => insn.k ^= 1 << random.below(32),
        4 => insn.jt = random.below(256).to_le_bytes()[0],
        5 => insn.jf = random.below(32).to_le_bytes()[0],
        6 => {
            program.remove(at);
        }
        7 => program.truncate(at),
        _ => {
            let twin = *insn;
            program.insert(at, twin);
        }
    }
}
