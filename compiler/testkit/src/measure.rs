//! What a program costs, counted: instructions there, and instructions run.

use filterc_abi::Endian;
use filterc_cbpf::insn::code;
use filterc_cbpf::{Verified, interpret_counted};
use filterc_ir::Objective;
use filterc_ir::objective::Frequencies;

use crate::neutral;

/// The instructions that a call runs, as the mean over each recording, and over recordings with
/// equal weight. They are of x86_64.
#[must_use]
pub fn executed(program: &Verified) -> f64 {
    let recordings = neutral::recordings();
    let mean = |calls: &[filterc_abi::SeccompData]| {
        let run = |call: &filterc_abi::SeccompData| {
            interpret_counted(program, call, Endian::Little).steps as f64
        };
        calls.iter().map(run).sum::<f64>() / calls.len() as f64
    };
    recordings.iter().map(|(_, calls)| mean(calls)).sum::<f64>() / recordings.len() as f64
}

/// The longest path through a program, whether a call can take it or not.
#[must_use]
pub fn longest_path(program: &Verified) -> usize {
    let insns = program.insns();
    let mut below = vec![0; insns.len()];
    let get = |below: &[usize], at: usize| below.get(at).copied().unwrap_or_default();
    for (pc, insn) in insns.iter().enumerate().rev() {
        let next = match insn.code & 0x07 {
            code::RET => 0,
            code::JMP if insn.code & 0xf0 == code::JA => get(&below, pc + 1 + insn.k as usize),
            code::JMP => get(&below, pc + 1 + usize::from(insn.jt))
                .max(get(&below, pc + 1 + usize::from(insn.jf))),
            _ => get(&below, pc + 1),
        };
        if let Some(slot) = below.get_mut(pc) {
            *slot = next + 1;
        }
    }
    get(&below, 0)
}

/// The default objective for the recorded streams, each with equal weight.
#[must_use]
pub fn trained() -> Objective {
    let recordings = neutral::recordings();
    let shares = recordings.iter().flat_map(|(_, calls)| {
        let share = 1.0 / (calls.len() * recordings.len()) as f64;
        calls.iter().map(move |call| (call.nr.cast_unsigned(), share))
    });
    let frequencies = vec![Frequencies::new(filterc_abi::x86_64().audit_arch, shares)];
    Objective { frequencies, ..Objective::default() }
}
