//! eBPF programs with one instruction changed: what a code generator's fault might look like.

use filterc_ebpf::{Insn, Target, Verified, code, verify};

const _: () = assert!(code::ALU ^ code::ALU64 == code::JMP ^ code::JMP32);

/// A mutant, and what was done to make it.
#[derive(Debug)]
pub struct Mutant {
    /// Where, and what stands there.
    pub what: String,
    /// The program; `None` if our verifier refuses it.
    pub program: Option<Verified>,
}

/// About `count` single-instruction mutants, spread over the program: other operations, tests,
/// widths and sizes, the constant and the offset one more, one less and with a bit turned over,
/// other registers, neighbours exchanged, the instruction deleted (a jump over nothing in its
/// place) or repeated.
pub fn some<'p>(program: &'p [Insn], count: usize) -> impl Iterator<Item = Mutant> + 'p {
    let all: Vec<(usize, Edit)> = edits(program).collect();
    let stride = all.len().div_ceil(count).max(1);
    // One of each so many, and not always at the same place: that would be the same edit.
    let picked = move |i: usize| i % stride == (i / stride).wrapping_mul(7919) % stride;
    let picked = all.into_iter().enumerate().filter(move |(i, _)| picked(*i));
    picked.filter_map(|(_, (pc, edit))| {
        let mut mutant = program.to_vec();
        match edit {
            Edit::Replaced(insn) => *mutant.get_mut(pc)? = insn,
            Edit::Exchanged => {
                let pair = mutant.get_mut(pc..pc + 2)?;
                pair.reverse();
            }
        }
        let what = format!("{pc}: {edit:?}");
        Some(Mutant { what, program: verify(&mutant, &Target::SYSCALL).ok() })
    })
}

#[derive(Clone, Copy, Debug)]
enum Edit {
    /// Another stands there.
    Replaced(Insn),
    /// It changes places with the next.
    Exchanged,
}

fn edits(program: &[Insn]) -> impl Iterator<Item = (usize, Edit)> {
    let nothing = Insn::new(code::JMP | code::JA);
    program.iter().enumerate().flat_map(move |(pc, insn)| {
        let next = program.get(pc + 1).copied();
        let others = replacements(*insn).into_iter().chain([nothing]).chain(next);
        let others = others.filter(move |other| other != insn).map(Edit::Replaced);
        others.chain(next.map(|_| Edit::Exchanged)).map(move |edit| (pc, edit))
    })
}

fn replacements(insn: Insn) -> Vec<Insn> {
    let class = insn.opcode & code::CLASS;
    let mut all = Vec::new();
    let codes: Vec<u8> = match class {
        code::ALU | code::ALU64 | code::JMP | code::JMP32 => (0..16)
            .map(|operation| operation << 4 | insn.opcode & !code::OPERATION)
            // The other width.
            .chain([insn.opcode ^ code::ALU ^ code::ALU64])
            .collect(),
        _ => [code::W, code::H, code::B, code::DW]
            .into_iter()
            .flat_map(|size| [code::MEM, code::MEMSX].map(|mode| class | mode | size))
            .collect(),
    };
    all.extend(codes.into_iter().map(|opcode| Insn { opcode, ..insn }));
    let near = [insn.imm.wrapping_add(1), insn.imm.wrapping_sub(1)];
    all.extend(near.map(|imm| Insn { imm, ..insn }));
    all.extend((0..32).map(|bit| Insn { imm: insn.imm ^ (1 << bit), ..insn }));
    let offsets = [1, -1, 2, -2, 4, -4, 8, -8].map(|by| insn.offset.wrapping_add(by));
    all.extend(offsets.into_iter().chain([0]).map(|offset| Insn { offset, ..insn }));
    all.extend((0..10).map(|dst| Insn { dst, ..insn }));
    all.extend((0..10).map(|src| Insn { src, ..insn }));
    all
}
