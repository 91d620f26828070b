//! Every instruction of classic BPF with its mnemonic and the shape of its operand: the one
//! table that the assembler, the disassembler and the verifier's first check share.
//!
//! The codes are those of the kernel's `chk_code_allowed`, no more and no fewer.

use crate::insn::{Insn, code};

/// How an instruction's operand is written, and so which of its fields mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing.
    None,
    /// `a`.
    A,
    /// `x`.
    X,
    /// `#k`.
    Imm,
    /// `#len`.
    Len,
    /// `[k]`.
    Abs,
    /// `[x + k]`.
    Ind,
    /// `M[k]`.
    Mem,
    /// `4*([k]&0xf)`.
    Msh,
    /// A target, its distance in `k`.
    Target,
    /// `#k, target, target`.
    JumpK,
    /// `x, target, target`.
    JumpX,
}

impl Shape {
    /// How the shape is written, for messages.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::None => "no operand",
            Self::A => "a",
            Self::X => "x",
            Self::Imm => "#k",
            Self::Len => "#len",
            Self::Abs => "[k]",
            Self::Ind => "[x + k]",
            Self::Mem => "M[k]",
            Self::Msh => "4*([k]&0xf)",
            Self::Target => "a target",
            Self::JumpK => "#k, target, target",
            Self::JumpX => "x, target, target",
        }
    }
}

/// One instruction of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) code: u16,
    pub(crate) mnemonic: &'static str,
    pub(crate) shape: Shape,
}

impl Form {
    /// Whether the fields that the shape does not use are zero, so that text in this form
    /// says all there is.
    pub(crate) const fn is_whole(&self, insn: Insn) -> bool {
        let no_jumps = insn.jt == 0 && insn.jf == 0;
        match self.shape {
            Shape::JumpK => true,
            Shape::JumpX => insn.k == 0,
            Shape::Imm | Shape::Abs | Shape::Ind | Shape::Mem | Shape::Msh | Shape::Target => {
                no_jumps
            }
            Shape::None | Shape::A | Shape::X | Shape::Len => no_jumps && insn.k == 0,
        }
    }
}

/// The instruction of that code; `None` if classic BPF has none.
pub(crate) fn of(code: u16) -> Option<&'static Form> {
    FORMS.iter().find(|form| form.code == code)
}

/// All instructions with that mnemonic.
pub(crate) fn with_mnemonic(mnemonic: &str) -> impl Iterator<Item = &'static Form> {
    FORMS.iter().filter(move |form| form.mnemonic == mnemonic)
}

/// Other spellings: `(alias, mnemonic, whether the targets change places)`.
pub(crate) const ALIASES: &[(&str, &str, bool)] = &[
    ("ldi", "ld", false),
    ("ldxi", "ldx", false),
    ("ja", "jmp", false),
    ("jne", "jeq", true),
    ("jneq", "jeq", true),
    ("jlt", "jge", true),
    ("jle", "jgt", true),
];

const fn form(code: u16, mnemonic: &'static str, shape: Shape) -> Form {
    Form { code, mnemonic, shape }
}

use code::{
    ABS, ADD, ALU, AND, B, DIV, H, IMM, IND, JA, JEQ, JGE, JGT, JMP, JSET, LD, LDX, LEN, LSH, MEM,
    MISC, MOD, MSH, MUL, NEG, OR, RET, RSH, ST, STX, SUB, TAX, TXA, W, XOR,
};

const FORMS: &[Form] = &[
    form(JMP | JEQ | code::K, "jeq", Shape::JumpK),
    form(RET | code::K, "ret", Shape::Imm),
    form(LD | W | ABS, "ld", Shape::Abs),
    form(JMP | JGE | code::K, "jge", Shape::JumpK),
    form(JMP | JGT | code::K, "jgt", Shape::JumpK),
    form(JMP | JSET | code::K, "jset", Shape::JumpK),
    form(JMP | JA, "jmp", Shape::Target),
    form(LD | IMM, "ld", Shape::Imm),
    form(LD | MEM, "ld", Shape::Mem),
    form(LD | W | LEN, "ld", Shape::Len),
    form(LD | W | IND, "ld", Shape::Ind),
    form(LD | H | ABS, "ldh", Shape::Abs),
    form(LD | H | IND, "ldh", Shape::Ind),
    form(LD | B | ABS, "ldb", Shape::Abs),
    form(LD | B | IND, "ldb", Shape::Ind),
    form(LDX | IMM, "ldx", Shape::Imm),
    form(LDX | MEM, "ldx", Shape::Mem),
    form(LDX | W | LEN, "ldx", Shape::Len),
    form(LDX | B | MSH, "ldxb", Shape::Msh),
    form(ST, "st", Shape::Mem),
    form(STX, "stx", Shape::Mem),
    form(ALU | ADD | code::K, "add", Shape::Imm),
    form(ALU | ADD | code::X, "add", Shape::X),
    form(ALU | SUB | code::K, "sub", Shape::Imm),
    form(ALU | SUB | code::X, "sub", Shape::X),
    form(ALU | MUL | code::K, "mul", Shape::Imm),
    form(ALU | MUL | code::X, "mul", Shape::X),
    form(ALU | DIV | code::K, "div", Shape::Imm),
    form(ALU | DIV | code::X, "div", Shape::X),
    form(ALU | MOD | code::K, "mod", Shape::Imm),
    form(ALU | MOD | code::X, "mod", Shape::X),
    form(ALU | AND | code::K, "and", Shape::Imm),
    form(ALU | AND | code::X, "and", Shape::X),
    form(ALU | OR | code::K, "or", Shape::Imm),
    form(ALU | OR | code::X, "or", Shape::X),
    form(ALU | XOR | code::K, "xor", Shape::Imm),
    form(ALU | XOR | code::X, "xor", Shape::X),
    form(ALU | LSH | code::K, "lsh", Shape::Imm),
    form(ALU | LSH | code::X, "lsh", Shape::X),
    form(ALU | RSH | code::K, "rsh", Shape::Imm),
    form(ALU | RSH | code::X, "rsh", Shape::X),
    form(ALU | NEG, "neg", Shape::None),
    form(JMP | JEQ | code::X, "jeq", Shape::JumpX),
    form(JMP | JGT | code::X, "jgt", Shape::JumpX),
    form(JMP | JGE | code::X, "jge", Shape::JumpX),
    form(JMP | JSET | code::X, "jset", Shape::JumpX),
    form(RET | code::A, "ret", Shape::A),
    form(MISC | TAX, "tax", Shape::None),
    form(MISC | TXA, "txa", Shape::None),
];
