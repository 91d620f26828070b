//! Programs with one instruction changed: what a compiler's fault might look like.

use filterc_cbpf::{Insn, Verified, code, verify};
use filterc_certify::{Certificate, Side, sha256};
use filterc_check::Budget;

/// What the proof of a mutant may take that calculates with `nr`: minutes. It is harder than what
/// we emit.
#[must_use]
pub fn long() -> Budget {
    let default = Budget::default();
    Budget { steps: default.steps * 16, conflicts: default.conflicts * 16, ..default }
}

/// A certificate of a policy and a program that names another program: only then that one itself
/// is judged. `None` if it is no certificate.
#[must_use]
pub fn reattached(certificate: &[u8], program: &[u8]) -> Option<Vec<u8>> {
    let read = Certificate::read(certificate).ok()?;
    let [policy, side] = read.sides;
    let side = Side { digest: sha256::of(program), ..side };
    Some(Certificate { sides: [policy, side], ..read }.write())
}

/// All single-instruction mutants of a program that the kernel would take: every other opcode
/// of the same shape, the constant one more, one less and with each bit turned over, each
/// jump distance one more, one less and 0, the two distances exchanged, neighbours exchanged,
/// the instruction repeated in its neighbour's place, and deleted.
pub fn of(program: &[Insn]) -> impl Iterator<Item = (String, Verified)> {
    edits(program).filter_map(|(pc, edit)| edit.made(program, pc))
}

/// About `count` of them, spread over the program; made one at a time, for a program has
/// many times as many mutants as instructions.
pub fn some(program: &[Insn], count: usize) -> impl Iterator<Item = (String, Verified)> {
    let stride = edits(program).count().div_ceil(count).max(1);
    // One of each so many, and not always at the same place: that would be the same edit.
    let picked = move |i: usize| i % stride == (i / stride).wrapping_mul(7919) % stride;
    let edits = edits(program).enumerate().filter(move |(i, _)| picked(*i));
    edits.filter_map(|(_, (pc, edit))| edit.made(program, pc))
}

/// What is done to an instruction.
#[derive(Clone, Copy, Debug)]
enum Edit {
    /// Another stands there.
    Replaced(Insn),
    /// It is left out.
    Deleted,
    /// It changes places with the next.
    Exchanged,
    /// It stands in place of the next too.
    Repeated,
}

impl Edit {
    /// The mutant, if the kernel would take it.
    fn made(self, program: &[Insn], pc: usize) -> Option<(String, Verified)> {
        let mut mutant = program.to_vec();
        match self {
            Self::Replaced(insn) => *mutant.get_mut(pc)? = insn,
            Self::Deleted => drop(mutant.remove(pc)),
            Self::Exchanged => mutant.swap(pc, pc + 1),
            Self::Repeated => *mutant.get_mut(pc + 1)? = *program.get(pc)?,
        }
        Some((format!("{pc}: {self:?}"), verify(&mutant).ok()?))
    }
}

fn edits(program: &[Insn]) -> impl Iterator<Item = (usize, Edit)> {
    let last = program.len().saturating_sub(1);
    program.iter().enumerate().flat_map(move |(pc, insn)| {
        let replaced = replacements(*insn).into_iter().map(Edit::Replaced);
        let pairs = [Edit::Exchanged, Edit::Repeated].into_iter().filter(move |_| pc < last);
        replaced.chain([Edit::Deleted]).chain(pairs).map(move |edit| (pc, edit))
    })
}

fn replacements(insn: Insn) -> Vec<Insn> {
    let codes = others(insn.code).into_iter().map(|code| Insn { code, ..insn });
    let near = [insn.k.wrapping_add(1), insn.k.wrapping_sub(1)].into_iter();
    let constants = near.chain((0..32).map(|bit| insn.k ^ (1 << bit)));
    let distances = |d: u8| [d.wrapping_add(1), d.wrapping_sub(1), 0];
    let mut all: Vec<Insn> = codes.collect();
    all.extend(constants.map(|k| Insn { k, ..insn }));
    all.extend(distances(insn.jt).map(|jt| Insn { jt, ..insn }));
    all.extend(distances(insn.jf).map(|jf| Insn { jf, ..insn }));
    all.push(Insn { jt: insn.jf, jf: insn.jt, ..insn });
    all.retain(|other| *other != insn);
    all
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
