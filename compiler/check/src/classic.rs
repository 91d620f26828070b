//! The classic machine on terms.

use filterc_cbpf::machine::{self as cbpf, Op, Source, State, Words, step};
use filterc_ebpf::machine::{Alu, Test, Width};

use crate::converted::{alu_of, test_of};
use crate::gates;
use crate::layout::param_word;
use crate::machine::{Machine, Next, Outside, Start};
use crate::meter::Meter;
use crate::region::{Head, Region};
use crate::straight::{self, Straight};
use crate::term::{TermId, Terms};
use crate::wide::Question;

/// What is read later of a state: bit `i` is `M[i]`.
pub(crate) type Live = u32;

pub(crate) const LIVE_A: Live = 1 << 16;
pub(crate) const LIVE_X: Live = 1 << 17;

/// A program, with what is read after each of its instructions.
#[derive(Debug)]
pub(crate) struct Program<'p> {
    ops: &'p [Op],
    live: Vec<Live>,
}

impl<'p> Program<'p> {
    pub(crate) fn new(ops: &'p [Op]) -> Self {
        let mut live: Vec<Live> = vec![0; ops.len()];
        let at = |live: &[Live], pc: usize| live.get(pc).copied().unwrap_or(0);
        for (pc, op) in ops.iter().enumerate().rev() {
            let after = |live: &[Live]| at(live, pc + 1);
            let now = match *op {
                Op::LoadWord(_) | Op::LoadImm(_) => after(&live) & !LIVE_A,
                Op::Load(source) => after(&live) & !LIVE_A | of(source),
                Op::LoadMem(i) => after(&live) & !LIVE_A | 1 << (i & 15),
                Op::LoadXImm(_) => after(&live) & !LIVE_X,
                Op::LoadXMem(i) => after(&live) & !LIVE_X | 1 << (i & 15),
                Op::Store(i) => after(&live) & !(1 << (i & 15)) | LIVE_A,
                Op::StoreX(i) => after(&live) & !(1 << (i & 15)) | LIVE_X,
                Op::Alu(_, source) => after(&live) | LIVE_A | of(source),
                Op::Neg => after(&live) | LIVE_A,
                Op::Ja(target) => at(&live, target.into()),
                Op::Jump { test: _, with, jt, jf } => {
                    at(&live, jt.into()) | at(&live, jf.into()) | LIVE_A | of(with)
                }
                Op::Tax => after(&live) & !LIVE_X | LIVE_A,
                Op::Txa => after(&live) & !LIVE_A | LIVE_X,
                Op::RetK(_) => 0,
                Op::RetA => LIVE_A,
            };
            if let Some(slot) = live.get_mut(pc) {
                *slot = now;
            }
        }
        Self { ops, live }
    }

    /// The instructions.
    pub(crate) fn ops(&self) -> &'p [Op] {
        self.ops
    }

    /// What is read from an instruction on.
    pub(crate) fn live(&self, pc: usize) -> Live {
        self.live.get(pc).copied().unwrap_or(0)
    }
}

fn of(source: Source) -> Live {
    match source {
        Source::K(_) | Source::Param { .. } => 0,
        Source::X => LIVE_X,
    }
}

impl Machine for Program<'_> {
    type State = State<TermId>;

    type Early = (usize, Box<State<straight::Word>>);

    fn straight(
        &self,
        head: Head,
        region: &mut Region,
        meter: &Meter,
    ) -> gates::Result<Start<Self::Early>> {
        Ok(match straight::run(self.ops, head, region, meter)? {
            Straight::Returned(value) => Start::Value(value),
            Straight::Asks(pc, state) => Start::Asks((pc, state)),
        })
    }

    fn start(&self, early: Option<Self::Early>, terms: &mut Terms) -> (usize, Self::State) {
        let zero = terms.constant(0);
        let known = early.and_then(|(pc, state)| Some((pc, straight::terms(&state, terms)?)));
        known.unwrap_or_else(|| (0, State::new(&zero)))
    }

    fn step(&self, terms: &mut Terms, pc: usize, state: &mut Self::State) -> Result<Next, Outside> {
        let zero = terms.constant(0);
        // Behind the last instruction there is nothing: a return of 0.
        let Some(op) = self.ops.get(pc) else { return Ok(Next::Return(zero)) };
        let (width, end) = (Width::W32, self.ops.len());
        Ok(match step(terms, *op, pc, state) {
            cbpf::Next::At(next) => Next::At(next),
            cbpf::Next::Return(value) => Next::Return(value),
            cbpf::Next::Either { test, left, right, jt, jf } => {
                let asked = Question { test: test_of(test), width, left, right };
                Next::Either { asked, yes: jt, no: jf }
            }
            // By 0: the value is 0.
            cbpf::Next::Divided { by, at } => {
                let asked = Question { test: Test::Eq, width, left: by, right: zero };
                Next::Either { asked, yes: end, no: at }
            }
        })
    }

    /// There is 0 in everything that is not read any more.
    fn forget(&self, terms: &mut Terms, pc: usize, state: &mut Self::State) {
        let live = self.live(pc);
        let zero = terms.constant(0);
        if live & LIVE_A == 0 {
            state.a = zero;
        }
        if live & LIVE_X == 0 {
            state.x = zero;
        }
        for (i, word) in (0_u32..).zip(&mut state.scratch) {
            if live >> i & 1 == 0 {
                *word = zero;
            }
        }
    }
}

impl Words for Terms {
    type Word = TermId;

    fn constant(&mut self, value: u32) -> TermId {
        self.constant(value)
    }

    fn data(&mut self, index: u8) -> TermId {
        self.data(index)
    }

    fn param(&mut self, param: u8, high: bool, mask: u32) -> TermId {
        let (word, mask) = (self.data(param_word(param, high)), self.constant(mask));
        self.alu32(Alu::And, word, mask)
    }

    fn alu(&mut self, alu: cbpf::Alu, a: &TermId, b: &TermId) -> TermId {
        self.alu32(alu_of(alu), *a, *b)
    }

    fn neg(&mut self, a: &TermId) -> TermId {
        let zero = self.constant(0);
        self.alu32(Alu::Sub, zero, *a)
    }
}
