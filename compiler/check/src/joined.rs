//! A program run on formulas, its paths joined where they meet again: no longer than the program,
//! however many paths there are. What is left of them is a larger formula.

use filterc_cbpf::machine::{Alu, Next, Op, Source, State, Words, step};
use filterc_ebpf::machine as ebpf;

use crate::bits::{self, Bits};
use crate::classic::{LIVE_A, LIVE_X, Live, Program};
use crate::converted::{alu_of, test_of};
use crate::formula::Formula;
use crate::gates::{FALSE, Gates, Node, OverBudget, Result, TRUE};
use crate::layout::{WORD_BITS, WordSet, param_word};
use crate::sample::Candidates;

/// The returned value, one function for each bit.
///
/// # Errors
/// It is too large.
pub(crate) fn functions<G: Gates>(
    program: &Program<'_>,
    formula: &mut Formula<G>,
) -> Result<Vec<Node>> {
    let ops = program.ops();
    let zero = bits::constant(0, WORD_BITS);
    let mut joins: Vec<Option<Arrival>> = Vec::new();
    joins.resize_with(ops.len(), || None);
    let mut run = Run { program, formula, joins, value: zero.clone() };
    run.arrive(0, TRUE, State::new(&zero))?;
    for (pc, op) in ops.iter().enumerate() {
        // Jumps go forward: whoever arrives here has arrived.
        let Some(Arrival { when, mut state }) = run.joins.get_mut(pc).and_then(Option::take) else {
            continue;
        };
        let mut machine = Machine { formula: run.formula, failed: false };
        let next = step(&mut machine, *op, pc, &mut state);
        if machine.failed {
            return Err(OverBudget);
        }
        run.follow(next, when, state)?;
    }
    Ok(run.value)
}

/// Notes the constants that words are compared with.
pub(crate) fn note(program: &Program<'_>, candidates: &mut Candidates) {
    for op in program.ops() {
        if let Op::Jump { with: Source::K(k), .. } = op {
            candidates.note(WordSet::ALL, *k);
        }
    }
}

/// The paths that lead to an instruction.
struct Arrival {
    /// Whether one of them is taken.
    when: Node,
    /// What they come to.
    state: State<Bits>,
}

struct Run<'r, 'p, G> {
    program: &'r Program<'p>,
    formula: &'r mut Formula<G>,
    joins: Vec<Option<Arrival>>,
    value: Bits,
}

impl<G: Gates> Run<'_, '_, G> {
    fn follow(&mut self, next: Next<Bits>, when: Node, state: State<Bits>) -> Result<()> {
        match next {
            Next::At(pc) => self.arrive(pc, when, state),
            Next::Return(value) => {
                self.value = bits::choose(self.formula.gates(), when, &value, &self.value)?;
                Ok(())
            }
            Next::Either { test, left, right, jt, jf } => {
                let gates = self.formula.gates();
                let holds = bits::holds(gates, test_of(test), &left, &right)?;
                let yes = gates.and(when, holds)?;
                let opposite = gates.not(holds)?;
                let no = gates.and(when, opposite)?;
                self.arrive(jt, yes, state.clone())?;
                self.arrive(jf, no, state)
            }
            // By 0: the value is 0, as it is where nothing is returned.
            Next::Divided { by, at } => {
                let gates = self.formula.gates();
                let zero = bits::holds(gates, ebpf::Test::Eq, &by, &bits::constant(0, WORD_BITS))?;
                let opposite = gates.not(zero)?;
                let no = gates.and(when, opposite)?;
                self.arrive(at, no, state)
            }
        }
    }

    /// Joins a path with the others that lead there.
    fn arrive(&mut self, pc: usize, when: Node, state: State<Bits>) -> Result<()> {
        if when == FALSE {
            return Ok(());
        }
        let live = self.program.live(pc);
        let Some(slot) = self.joins.get_mut(pc) else { return Ok(()) };
        *slot = Some(match slot.take() {
            None => Arrival { when, state },
            Some(other) => {
                let gates = self.formula.gates();
                let state = join(gates, live, when, &state, other.state)?;
                Arrival { when: gates.or(when, other.when)?, state }
            }
        });
        Ok(())
    }
}

/// One state where `when` holds, else the other, in what is read later.
fn join<G: Gates>(
    gates: &mut G,
    live: Live,
    when: Node,
    state: &State<Bits>,
    mut other: State<Bits>,
) -> Result<State<Bits>> {
    if live & LIVE_A != 0 {
        other.a = bits::choose(gates, when, &state.a, &other.a)?;
    }
    if live & LIVE_X != 0 {
        other.x = bits::choose(gates, when, &state.x, &other.x)?;
    }
    for (i, (one, other)) in (0..).zip(state.scratch.iter().zip(&mut other.scratch)) {
        if live >> i & 1 == 1 {
            *other = bits::choose(gates, when, one, other)?;
        }
    }
    Ok(other)
}

/// The machine on formulas.
struct Machine<'f, G> {
    formula: &'f mut Formula<G>,
    /// Something was too large: no result counts.
    failed: bool,
}

impl<G: Gates> Machine<'_, G> {
    fn unless_over_budget(&mut self, result: Result<Bits>) -> Bits {
        self.failed |= result.is_err();
        result.unwrap_or_else(|OverBudget| bits::constant(0, WORD_BITS))
    }
}

impl<G: Gates> Words for Machine<'_, G> {
    type Word = Bits;

    fn constant(&mut self, value: u32) -> Bits {
        bits::constant(value.into(), WORD_BITS)
    }

    fn data(&mut self, index: u8) -> Bits {
        let result = self.formula.data(index);
        self.unless_over_budget(result)
    }

    fn param(&mut self, param: u8, high: bool, mask: u32) -> Bits {
        let word = self.data(param_word(param, high));
        let mask = bits::constant(mask.into(), WORD_BITS);
        let result = bits::alu(self.formula.gates(), ebpf::Alu::And, &word, &mask);
        self.unless_over_budget(result)
    }

    fn alu(&mut self, alu: Alu, a: &Bits, b: &Bits) -> Bits {
        let result = bits::alu(self.formula.gates(), alu_of(alu), a, b);
        self.unless_over_budget(result)
    }

    fn neg(&mut self, a: &Bits) -> Bits {
        let zero = bits::constant(0, WORD_BITS);
        let result = bits::alu(self.formula.gates(), ebpf::Alu::Sub, &zero, a);
        self.unless_over_budget(result)
    }
}
