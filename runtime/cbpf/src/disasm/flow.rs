//! What is known at each instruction: one forward pass, joining where ways meet.
//!
//! Classic BPF jumps forward only, so when an instruction is reached all its predecessors
//! have been. The pass follows what compilers emit (tests of `arch` and `nr` by constants,
//! masks, copies to X and M[]) and forgets everything else. It never claims too much: a fact
//! here holds on every way to the instruction, except that jumps known to be impossible are
//! left out.

use std::collections::BTreeSet;

use filterc_abi::seccomp::offset;

use super::options::DisasmOptions;
use super::targets::targets;
use crate::insn::{Insn, code};

/// What a register is known to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Anything.
    Unknown,
    /// This constant.
    Const(u32),
    /// The word at this offset of the data, and-ed with the mask.
    Word { offset: u32, mask: u32 },
}

/// The values that a word of the data can have; `None` for all.
pub(super) type Known = Option<BTreeSet<u32>>;

/// Larger sets are forgotten: nobody reads a comment with more names.
const MAX_KNOWN: usize = 8;

/// What is known before an instruction runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) a: Value,
    pub(super) x: Value,
    pub(super) arch: Known,
    pub(super) nr: Known,
}

impl State {
    fn join(&mut self, other: &Self) {
        let either = |a, b| if a == b { a } else { Value::Unknown };
        self.a = either(self.a, other.a);
        self.x = either(self.x, other.x);
        join_known(&mut self.arch, &other.arch);
        join_known(&mut self.nr, &other.nr);
    }
}

fn join_known(known: &mut Known, other: &Known) {
    match (known.as_mut(), other) {
        (Some(values), Some(others)) if values.len() + others.len() <= MAX_KNOWN => {
            values.extend(others);
        }
        // Larger sets may still be equal ones.
        (Some(values), Some(others)) if values == others => {}
        _ => *known = None,
    }
}

/// The state before each instruction; `None` where no way leads.
pub(super) fn states(program: &[Insn], options: &DisasmOptions) -> Vec<Option<State>> {
    let mut states = vec![None; program.len()];
    let start = State { a: Value::Const(0), x: Value::Const(0), arch: None, nr: None };
    flow_to(&mut states, 0, start);
    for (pc, insn) in program.iter().enumerate() {
        if let Some(state) = states.get(pc).cloned().flatten() {
            leave(&mut states, pc, *insn, state);
        }
    }
    // The hint counts only where the program does not say itself, and not against it.
    let tested = tested_tokens(program, &states);
    let hint = options.abi.map(|abi| abi.audit_arch);
    let hint = hint.filter(|token| tested.is_empty() || tested.contains(token));
    let assumed = hint.map(|token| BTreeSet::from([token]));
    for state in states.iter_mut().flatten() {
        if state.arch.is_none() {
            state.arch.clone_from(&assumed);
        }
    }
    states
}

/// The tokens that the program compares `arch` with: those of its ABIs.
pub(super) fn tested_tokens(program: &[Insn], states: &[Option<State>]) -> BTreeSet<u32> {
    const ARCH: Value = Value::Word { offset: offset::ARCH, mask: u32::MAX };
    let is_test = |(insn, state): &(&Insn, &Option<State>)| {
        insn.code == JEQ_K && state.as_ref().is_some_and(|state| state.a == ARCH)
    };
    program.iter().zip(states).filter(is_test).map(|(insn, _)| insn.k).collect()
}

const JEQ_K: u16 = code::JMP | code::JEQ | code::K;

/// Hands the state behind an instruction to its successors.
fn leave(states: &mut [Option<State>], pc: usize, insn: Insn, mut state: State) {
    match insn.code & code::CLASS {
        code::RET => {}
        code::JMP if insn.code == JEQ_K => {
            let (taken, not_taken) = split(&state, insn.k);
            flow_to_some(states, pc + 1 + usize::from(insn.jt), taken);
            flow_to_some(states, pc + 1 + usize::from(insn.jf), not_taken);
        }
        code::JMP => {
            for target in targets(pc, insn) {
                flow_to(states, target, state.clone());
            }
        }
        _ => {
            execute(&mut state, insn);
            flow_to(states, pc + 1, state);
        }
    }
}

fn flow_to_some(states: &mut [Option<State>], target: usize, state: Option<State>) {
    if let Some(state) = state {
        flow_to(states, target, state);
    }
}

fn flow_to(states: &mut [Option<State>], target: usize, state: State) {
    match states.get_mut(target) {
        Some(Some(known)) => known.join(&state),
        Some(slot @ None) => *slot = Some(state),
        None => {}
    }
}

/// What `jeq #k` tells on either side; `None` for a side that cannot be reached.
fn split(state: &State, k: u32) -> (Option<State>, Option<State>) {
    let Value::Word { offset, mask: u32::MAX } = state.a else {
        return (Some(state.clone()), Some(state.clone()));
    };
    let narrow = |known: &Known, equal: bool| match (known, equal) {
        (None, true) => Some(Some(BTreeSet::from([k]))),
        (None, false) => Some(None),
        (Some(values), _) => {
            let left: BTreeSet<u32> =
                values.iter().copied().filter(|value| (*value == k) == equal).collect();
            (!left.is_empty()).then_some(Some(left))
        }
    };
    let side = |equal| {
        let mut state = state.clone();
        match offset {
            offset::ARCH => state.arch = narrow(&state.arch, equal)?,
            offset::NR => state.nr = narrow(&state.nr, equal)?,
            _ => {}
        }
        Some(state)
    };
    (side(true), side(false))
}

/// What a straight-line instruction does to the registers.
fn execute(state: &mut State, insn: Insn) {
    const LD_ABS: u16 = code::LD | code::W | code::ABS;
    const LD_IMM: u16 = code::LD | code::IMM;
    const LDX_IMM: u16 = code::LDX | code::IMM;
    const AND_K: u16 = code::ALU | code::AND | code::K;
    const TAX: u16 = code::MISC | code::TAX;
    const TXA: u16 = code::MISC | code::TXA;
    match insn.code {
        LD_ABS => state.a = Value::Word { offset: insn.k, mask: u32::MAX },
        LD_IMM => state.a = Value::Const(insn.k),
        LDX_IMM => state.x = Value::Const(insn.k),
        AND_K => {
            state.a = match state.a {
                Value::Word { offset, mask } => Value::Word { offset, mask: mask & insn.k },
                Value::Const(value) => Value::Const(value & insn.k),
                Value::Unknown => Value::Unknown,
            };
        }
        TAX => state.x = state.a,
        TXA => state.a = state.x,
        code => match code & code::CLASS {
            code::LD | code::ALU => state.a = Value::Unknown,
            code::LDX => state.x = Value::Unknown,
            _ => {}
        },
    }
}
