//! A program run on terms: all paths at once.
//!
//! States that agree on everything that is still read later are one, so that programs whose
//! paths meet again have as many states as instructions. Branches on `nr` and `arch` alone
//! are taken, not explored, where these words are fixed; the region in which they would be
//! taken alike is kept.

use std::collections::{BTreeSet, HashMap};

use filterc_cbpf::machine::{Next, Op, Source, State, Test, Words as _, step};

use crate::bits;
use crate::formula::Formula;
use crate::gates::{Form, Gates, Node, OverBudget, Result};
use crate::hash::Map;
use crate::layout::{Ties, WordSet};
use crate::meter::{Meter, cost};
use crate::region::{Head, Region};
use crate::sample::Candidates;
use crate::straight::{self, Straight};
use crate::term::{TermId, Terms};

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

/// A state that a branch leads to, or the beginning.
#[derive(Debug)]
enum Outcome {
    /// The value that is returned.
    Return(TermId),
    /// What is asked, and the states that yes and no lead to.
    Either { test: Test, left: TermId, right: TermId, then: usize, otherwise: usize },
}

/// What a run comes to.
#[derive(Debug)]
pub(crate) enum Runs {
    /// Always to this value.
    Value(u32),
    /// To one of several, or to something that is calculated.
    Paths(Paths),
}

/// Everything that can happen in a run.
#[derive(Debug)]
pub(crate) struct Paths {
    terms: Terms,
    /// By state; the first is the beginning.
    outcomes: Vec<(usize, Outcome)>,
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

    /// All paths; the region shrinks to the part around `head` where they are the same.
    ///
    /// # Errors
    /// There are more than `limit` states or terms, or the meter is used up.
    pub(crate) fn run(
        &self,
        head: Option<Head>,
        region: &mut Region,
        limit: usize,
        meter: &Meter,
    ) -> Result<Runs> {
        let mut terms = Terms::new(head);
        let mut start = None;
        if let Some(head) = head {
            match straight::run(self.ops, head, region, meter)? {
                Straight::Returned(value) => {
                    // A number that is made of nr or arch is another one elsewhere.
                    region.fix(value.from.words(), head);
                    return Ok(Runs::Value(value.value));
                }
                Straight::Asks(pc, state) => {
                    start = straight::terms(&state, &mut terms).map(|state| (pc, state));
                }
            }
        }
        let zero = terms.constant(0);
        let (pc, state) = start.unwrap_or_else(|| (0, State::new(&zero)));
        let mut run = Run {
            program: self,
            terms,
            head,
            region,
            states: Vec::new(),
            ids: HashMap::default(),
            waiting: BTreeSet::new(),
            steps: 0,
        };
        run.state(pc, state);
        let mut outcomes: Vec<Option<(usize, Outcome)>> = Vec::new();
        // Jumps go forward: in the order of positions, every state is met before its turn.
        while let Some((pc, id)) = run.waiting.pop_first() {
            let outcome = run.outcome(id);
            outcomes.resize_with(run.states.len(), || None);
            if let Some(slot) = outcomes.get_mut(id) {
                *slot = Some((pc, outcome));
            }
            if run.states.len().max(run.terms.len()) > limit {
                return Err(OverBudget);
            }
            meter.spend(std::mem::take(&mut run.steps))?;
        }
        let paths = Paths { terms: run.terms, outcomes: outcomes.into_iter().flatten().collect() };
        Ok(match paths.only() {
            Some(value) => Runs::Value(value),
            None => Runs::Paths(paths),
        })
    }
}

fn of(source: Source) -> Live {
    match source {
        Source::K(_) | Source::Param { .. } => 0,
        Source::X => LIVE_X,
    }
}

struct Run<'r, 'p> {
    program: &'r Program<'p>,
    terms: Terms,
    head: Option<Head>,
    region: &'r mut Region,
    states: Vec<(usize, State<TermId>)>,
    ids: Map<(usize, State<TermId>), usize>,
    /// States that nobody has looked at, by position.
    waiting: BTreeSet<(usize, usize)>,
    /// Steps that are not yet on the meter.
    steps: u64,
}

impl Run<'_, '_> {
    /// The state, with 0 in everything that is not read any more.
    fn state(&mut self, pc: usize, mut state: State<TermId>) -> usize {
        let live = self.program.live(pc);
        let zero = self.terms.constant(0);
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
        let key = (pc, state);
        if let Some(&id) = self.ids.get(&key) {
            return id;
        }
        let id = self.states.len();
        self.states.push(key.clone());
        self.ids.insert(key, id);
        self.waiting.insert((pc, id));
        id
    }

    /// Runs a state up to where it returns or has to be split.
    fn outcome(&mut self, id: usize) -> Outcome {
        let zero = self.terms.constant(0);
        let (mut pc, mut state) =
            self.states.get(id).cloned().unwrap_or_else(|| (usize::MAX, State::new(&zero)));
        loop {
            let Some(op) = self.program.ops.get(pc) else { return Outcome::Return(zero) };
            self.steps += cost::TERMS;
            let (test, left, right, yes, no) = match step(&mut self.terms, *op, pc, &mut state) {
                Next::At(next) => {
                    pc = next;
                    continue;
                }
                Next::Return(value) => return self.finish(value),
                Next::Either { test, left, right, jt, jf } => {
                    (test, left, right, Some(jt), Some(jf))
                }
                Next::Divided { by, at } => (Test::Eq, by, zero, None, Some(at)),
            };
            let Some(holds) = self.decided(test, left, right) else {
                let then = self.target(yes, &state);
                let otherwise = self.target(no, &state);
                return Outcome::Either { test, left, right, then, otherwise };
            };
            match if holds { yes } else { no } {
                Some(next) => pc = next,
                None => return Outcome::Return(zero),
            }
        }
    }

    /// The state that a branch leads to; none is the end after a division by 0.
    fn target(&mut self, pc: Option<usize>, state: &State<TermId>) -> usize {
        match pc {
            Some(pc) => self.state(pc, state.clone()),
            // Behind the last instruction there is nothing: a return of 0.
            None => self.state(self.program.ops.len(), state.clone()),
        }
    }

    /// What a test comes out as, if it has no words that are not fixed.
    fn decided(&mut self, test: Test, left: TermId, right: TermId) -> Option<bool> {
        let (left, right) = self.terms.fixed(left).zip(self.terms.fixed(right))?;
        if let Some(head) = self.head {
            self.region.keep(test, left, right, head);
        }
        Some(test.holds(left.value, right.value))
    }

    fn finish(&mut self, value: TermId) -> Outcome {
        // A number that is made of nr or arch is another one elsewhere.
        if let Some(head) = self.head {
            self.region.fix(self.terms.words(value), head);
        }
        Outcome::Return(value)
    }
}

impl Paths {
    /// The value, if there is but one.
    fn only(&self) -> Option<u32> {
        match self.outcomes.as_slice() {
            [(_, Outcome::Return(value))] => self.terms.value(*value),
            _ => None,
        }
    }

    /// Ties the words that are compared with each other.
    pub(crate) fn tie(&self, ties: &mut Ties) {
        for (_, outcome) in &self.outcomes {
            if let Outcome::Either { left, right, .. } = outcome {
                ties.tie(self.free(*left).union(self.free(*right)));
            }
        }
    }

    /// Notes the constants that words are compared with.
    pub(crate) fn note(&self, candidates: &mut Candidates) {
        for (_, outcome) in &self.outcomes {
            let Outcome::Either { left, right, .. } = outcome else { continue };
            for (term, other) in [(left, right), (right, left)] {
                if let Some(constant) = self.terms.value(*other) {
                    candidates.note(self.free(*term), constant);
                }
            }
        }
    }

    fn free(&self, term: TermId) -> WordSet {
        if self.terms.value(term).is_some() { WordSet::default() } else { self.terms.words(term) }
    }

    /// Whether every returned value is a number: then the value is one function with few
    /// values, else each of its bits is a function.
    pub(crate) fn has_numbers(&self) -> bool {
        self.outcomes.iter().all(|(_, outcome)| match outcome {
            Outcome::Return(value) => self.terms.value(*value).is_some(),
            Outcome::Either { .. } => true,
        })
    }

    /// The value as functions of the bits, in that form.
    ///
    /// # Errors
    /// It has too many nodes.
    pub(crate) fn functions(
        &self,
        formula: &mut Formula<impl Gates>,
        form: Form,
    ) -> Result<Vec<Node>> {
        // Children stand at later positions; ids are in no order.
        let mut order: Vec<usize> = (0..self.outcomes.len()).collect();
        let position = |id: &usize| self.outcomes.get(*id).map_or(0, |(pc, _)| *pc);
        order.sort_unstable_by_key(|id| std::cmp::Reverse(position(id)));
        let mut words = Map::default();
        let mut functions: Vec<Vec<Node>> = vec![Vec::new(); self.outcomes.len()];
        for id in order {
            let Some((_, outcome)) = self.outcomes.get(id) else { continue };
            let function = match outcome {
                Outcome::Return(value) => match self.terms.value(*value) {
                    Some(value) => formula.gates().value(value, form)?,
                    None if form == Form::Value => return Err(OverBudget),
                    None => formula.word(&self.terms, *value, &mut words)?,
                },
                Outcome::Either { test, left, right, then, otherwise } => {
                    let left = formula.word(&self.terms, *left, &mut words)?;
                    let right = formula.word(&self.terms, *right, &mut words)?;
                    let gates = formula.gates();
                    let condition = condition(gates, *test, &left, &right)?;
                    let at = |id: usize| functions.get(id).map(Vec::as_slice).unwrap_or_default();
                    bits::choose(gates, condition, at(*then), at(*otherwise))?
                }
            };
            if let Some(slot) = functions.get_mut(id) {
                *slot = function;
            }
        }
        Ok(functions.into_iter().next().unwrap_or_default())
    }
}

/// Whether a test holds for two words.
pub(crate) fn condition(
    gates: &mut impl Gates,
    test: Test,
    left: &[Node],
    right: &[Node],
) -> Result<Node> {
    match test {
        Test::Eq => bits::equal(gates, left, right),
        Test::Gt => bits::less(gates, right, left),
        Test::Ge => {
            let less = bits::less(gates, left, right)?;
            gates.not(less)
        }
        Test::Set => bits::common(gates, left, right),
    }
}
