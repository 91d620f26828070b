//! Classic programs as eBPF, instruction by instruction: programs for the eBPF engines of which
//! the meaning is known.
//!
//! R6 holds the data, R0 is A, R7 is X, and `M[]` lies on the stack.

use filterc_abi::Endian;
use filterc_cbpf::Verified;
use filterc_cbpf::machine::{Alu, Op, Source, Test};
use filterc_ebpf::{Insn, code};

/// How words are loaded and compared: there is more than one way to say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As words of 32 bits.
    Words,
    /// As halves of 64 bits, on a machine of that byte order.
    Halves(Endian),
}

const A: u8 = 0;
const X: u8 = 7;
const DATA: u8 = 6;
const CONTEXT: u8 = 1;
const OPERAND: u8 = 8;
const FRAME: u8 = 10;

/// Where a jump leads.
struct Jump {
    /// The jump's slot.
    from: usize,
    /// The classic instruction.
    to: usize,
}

/// The eBPF program that does what a classic one does, its context being the data.
///
/// # Panics
/// The program has a parameter, or is too long for eBPF's jumps; neither is in a verified one.
#[must_use]
pub fn translated(program: &Verified, style: Style) -> Vec<Insn> {
    let mut out = Translator { style, insns: Vec::new(), jumps: Vec::new() };
    out.mov64(DATA, CONTEXT);
    out.constant(A, 0);
    out.constant(X, 0);
    let mut starts = Vec::new();
    for (pc, op) in program.ops().iter().enumerate() {
        starts.push(out.insns.len());
        out.op(pc, op);
    }
    for Jump { from, to } in out.jumps {
        let distance = starts.get(to).and_then(|to| i16::try_from(to - from - 1).ok());
        if let (Some(insn), Some(distance)) = (out.insns.get_mut(from), distance) {
            insn.offset = distance;
        } else {
            panic!("a jump at {from} that has no room");
        }
    }
    out.insns
}

struct Translator {
    style: Style,
    insns: Vec<Insn>,
    jumps: Vec<Jump>,
}

impl Translator {
    fn push(&mut self, opcode: u8, dst: u8, src: u8, offset: i16, imm: i32) {
        self.insns.push(Insn { opcode, dst, src, offset, imm });
    }

    fn mov64(&mut self, dst: u8, src: u8) {
        self.push(code::ALU64 | code::MOV | code::X, dst, src, 0, 0);
    }

    fn mov32(&mut self, dst: u8, src: u8) {
        self.push(code::ALU | code::MOV | code::X, dst, src, 0, 0);
    }

    fn constant(&mut self, dst: u8, k: u32) {
        self.push(code::ALU | code::MOV | code::K, dst, 0, 0, k.cast_signed());
    }

    fn exit(&mut self) {
        self.push(code::JMP | code::EXIT, 0, 0, 0, 0);
    }

    fn jump_to(&mut self, to: usize, opcode: u8, src: u8, imm: i32) {
        self.jumps.push(Jump { from: self.insns.len(), to });
        self.push(opcode, if opcode == code::JMP | code::JA { 0 } else { A }, src, 0, imm);
    }

    fn word(&mut self, index: u8) {
        let Style::Halves(endian) = self.style else {
            self.push(code::LDX | code::MEM | code::W, A, DATA, i16::from(4 * index), 0);
            return;
        };
        self.push(code::LDX | code::MEM | code::DW, A, DATA, i16::from(8 * (index / 2)), 0);
        if (index % 2 == 1) == (endian == Endian::Little) {
            self.push(code::ALU64 | code::RSH | code::K, A, 0, 0, 32);
        } else {
            self.mov32(A, A);
        }
    }

    fn scratch(&mut self, instruction: u8, register: u8, index: u8) {
        let opcode = instruction | code::MEM | code::W;
        let offset = -4 * (i16::from(index) + 1);
        let (dst, src) =
            if instruction == code::LDX { (register, FRAME) } else { (FRAME, register) };
        self.push(opcode, dst, src, offset, 0);
    }

    fn alu(&mut self, alu: Alu, source: Source) {
        let operation = match alu {
            Alu::Add => code::ADD,
            Alu::Sub => code::SUB,
            Alu::Mul => code::MUL,
            Alu::Div => code::DIV,
            Alu::Or => code::OR,
            Alu::And => code::AND,
            Alu::Lsh => code::LSH,
            Alu::Rsh => code::RSH,
            Alu::Xor => code::XOR,
        };
        if alu == Alu::Div && source == Source::X {
            // By 0: the end, with 0.
            self.push(code::JMP32 | code::JNE | code::K, X, 0, 2, 0);
            self.constant(A, 0);
            self.exit();
        }
        match source {
            Source::K(k) => self.push(code::ALU | operation | code::K, A, 0, 0, k.cast_signed()),
            Source::X => self.push(code::ALU | operation | code::X, A, X, 0, 0),
            Source::Param { .. } => panic!("a parameter"),
        }
    }

    fn test(&mut self, test: Test, with: Source, jt: usize) {
        let operation = match test {
            Test::Eq => code::JEQ,
            Test::Gt => code::JGT,
            Test::Ge => code::JGE,
            Test::Set => code::JSET,
        };
        let class = if self.style == Style::Words { code::JMP32 } else { code::JMP };
        match with {
            Source::X => self.jump_to(jt, class | operation | code::X, X, 0),
            // Compared as 64 bits, the constant's sign would be extended.
            Source::K(k) if class == code::JMP && k.cast_signed() < 0 => {
                self.constant(OPERAND, k);
                self.jump_to(jt, class | operation | code::X, OPERAND, 0);
            }
            Source::K(k) => self.jump_to(jt, class | operation | code::K, 0, k.cast_signed()),
            Source::Param { .. } => panic!("a parameter"),
        }
    }

    fn op(&mut self, pc: usize, op: &Op) {
        match *op {
            Op::LoadWord(index) => self.word(index),
            Op::LoadImm(k) => self.constant(A, k),
            Op::Load(_) => panic!("a parameter"),
            Op::LoadMem(index) => self.scratch(code::LDX, A, index),
            Op::LoadXImm(k) => self.constant(X, k),
            Op::LoadXMem(index) => self.scratch(code::LDX, X, index),
            Op::Store(index) => self.scratch(code::STX, A, index),
            Op::StoreX(index) => self.scratch(code::STX, X, index),
            Op::Alu(alu, source) => self.alu(alu, source),
            Op::Neg => self.push(code::ALU | code::NEG, A, 0, 0, 0),
            Op::Ja(to) => self.jump_to(to.into(), code::JMP | code::JA, 0, 0),
            Op::Jump { test, with, jt, jf } => {
                self.test(test, with, jt.into());
                if usize::from(jf) != pc + 1 {
                    self.jump_to(jf.into(), code::JMP | code::JA, 0, 0);
                }
            }
            Op::Tax => self.mov32(X, A),
            Op::Txa => self.mov32(A, X),
            Op::RetK(k) => {
                self.constant(A, k);
                self.exit();
            }
            Op::RetA => self.exit(),
        }
    }
}
