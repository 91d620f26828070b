//! Programs with one instruction changed: what a compiler's fault might look like.

use filterc_cbpf::{Insn, Verified, code, verify};

/// All single-instruction mutants of a program that the kernel would take: every other opcode
/// of the same shape, the constant one more, one less and with each bit turned over, each
/// jump distance one more, one less and 0, the two distances exchanged, neighbours exchanged,
/// the instruction repeated in its neighbour's place, and deleted.
pub fn of(program: &[Insn]) -> impl Iterator<Item = (String, Verified)> {
    let all = (0..program.len()).flat_map(move |pc| at(program, pc));
    all.filter_map(|(what, mutant)| Some((what, verify(&mutant).ok()?)))
}

fn at(program: &[Insn], pc: usize) -> Vec<(String, Vec<Insn>)> {
    let Some(&insn) = program.get(pc) else { return Vec::new() };
    let mut changed: Vec<(String, Insn)> = Vec::new();
    let mut change = |what: String, to: Insn| {
        if to != insn {
            changed.push((format!("{pc}: {what}"), to));
        }
    };
    for code in others(insn.code) {
        change(format!("code {code:#x}"), Insn { code, ..insn });
    }
    for k in [insn.k.wrapping_add(1), insn.k.wrapping_sub(1)] {
        change(format!("k {k:#x}"), Insn { k, ..insn });
    }
    for bit in 0..32 {
        let k = insn.k ^ (1 << bit);
        change(format!("k {k:#x}"), Insn { k, ..insn });
    }
    for d in [insn.jt.wrapping_add(1), insn.jt.wrapping_sub(1), 0] {
        change(format!("jt {d}"), Insn { jt: d, ..insn });
    }
    for d in [insn.jf.wrapping_add(1), insn.jf.wrapping_sub(1), 0] {
        change(format!("jf {d}"), Insn { jf: d, ..insn });
    }
    change("jt and jf exchanged".to_owned(), Insn { jt: insn.jf, jf: insn.jt, ..insn });
    let mut mutants: Vec<(String, Vec<Insn>)> = changed
        .into_iter()
        .map(|(what, to)| {
            let mut mutant = program.to_vec();
            if let Some(slot) = mutant.get_mut(pc) {
                *slot = to;
            }
            (what, mutant)
        })
        .collect();
    let mut deleted = program.to_vec();
    deleted.remove(pc);
    mutants.push((format!("{pc}: deleted"), deleted));
    if pc + 1 < program.len() {
        let mut exchanged = program.to_vec();
        exchanged.swap(pc, pc + 1);
        mutants.push((format!("{pc}: exchanged with the next"), exchanged));
        let mut repeated = program.to_vec();
        if let Some(slot) = repeated.get_mut(pc + 1) {
            *slot = insn;
        }
        mutants.push((format!("{pc}: in place of the next too"), repeated));
    }
    mutants
}

/// Every other code that `verify` may accept.
fn others(code: u16) -> Vec<u16> {
    let loads = [code::LD | code::ABS, code::LD | code::IMM, code::LD | code::MEM]
        .into_iter()
        .chain([code::LD | code::LEN, code::LDX | code::IMM, code::LDX | code::MEM])
        .chain([code::LDX | code::LEN, code::ST, code::STX]);
    let operations = [code::ADD, code::SUB, code::MUL, code::DIV, code::OR, code::AND]
        .into_iter()
        .chain([code::LSH, code::RSH, code::XOR]);
    let alu = operations.flat_map(|op| [code::ALU | op, code::ALU | op | code::X]);
    let jumps = [code::JEQ, code::JGT, code::JGE, code::JSET].into_iter();
    let jumps = jumps.flat_map(|op| [code::JMP | op, code::JMP | op | code::X]);
    let rest = [code::ALU | code::NEG, code::JMP | code::JA, code::RET | code::K]
        .into_iter()
        .chain([code::RET | code::A, code::MISC | code::TAX, code::MISC | code::TXA]);
    loads.chain(alu).chain(jumps).chain(rest).filter(|other| *other != code).collect()
}
