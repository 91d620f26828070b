//! `seccomp_check_filter`: the part of classic BPF that makes sense on a system call.

use crate::error::{Kind, VerifyError};
use crate::insn::{Insn, code};

/// Size of `struct seccomp_data`, which loads must stay inside.
const DATA_SIZE: u32 = filterc_abi::seccomp::SECCOMP_DATA_SIZE;

const LD_W_ABS: u16 = code::LD | code::W | code::ABS;

/// Every instruction by itself.
pub(super) fn check(program: &[Insn]) -> Result<(), VerifyError> {
    for (pc, insn) in program.iter().enumerate() {
        check_insn(*insn).map_err(|kind| VerifyError { pc, kind })?;
    }
    Ok(())
}

fn check_insn(insn: Insn) -> Result<(), Kind> {
    let k = insn.k;
    match insn.code {
        LD_W_ABS if k >= DATA_SIZE => Err(Kind::LoadOutOfBounds { k }),
        LD_W_ABS if !k.is_multiple_of(4) => Err(Kind::LoadUnaligned { k }),
        code if is_allowed(code) => Ok(()),
        code => Err(Kind::NotForSeccomp { code }),
    }
}

/// The kernel's list, in the kernel's terms.
const fn is_allowed(insn_code: u16) -> bool {
    use code::{
        A, ADD, ALU, AND, DIV, IMM, JA, JEQ, JGE, JGT, JMP, JSET, K, LD, LDX, LEN, LSH, MEM, MISC,
        MUL, NEG, OR, RET, RSH, ST, STX, SUB, TAX, TXA, W, X, XOR,
    };
    if insn_code == LD_W_ABS
        || insn_code == LD | W | LEN
        || insn_code == LDX | W | LEN
        || insn_code == RET | K
        || insn_code == RET | A
        || insn_code == ALU | NEG
        || insn_code == LD | IMM
        || insn_code == LDX | IMM
        || insn_code == MISC | TAX
        || insn_code == MISC | TXA
        || insn_code == LD | MEM
        || insn_code == LDX | MEM
        || insn_code == ST
        || insn_code == STX
        || insn_code == JMP | JA
    {
        return true;
    }
    // The rest comes in two forms, with K and with X.
    let operation = insn_code & !X;
    operation == ALU | ADD
        || operation == ALU | SUB
        || operation == ALU | MUL
        || operation == ALU | DIV
        || operation == ALU | AND
        || operation == ALU | OR
        || operation == ALU | XOR
        || operation == ALU | LSH
        || operation == ALU | RSH
        || operation == JMP | JEQ
        || operation == JMP | JGE
        || operation == JMP | JGT
        || operation == JMP | JSET
}
