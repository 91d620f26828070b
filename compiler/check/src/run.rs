//! A program run on terms: all paths at once.
//!
//! States that agree on everything that is still read later are one, so that programs whose
//! paths meet again have as many states as instructions. Branches on `nr` and `arch` alone
//! are taken, not explored, where these words are fixed; the region in which they would be
//! taken alike is kept. Loops are walked round after round: each is a state of its own.

use std::collections::hash_map::Entry;

use filterc_ebpf::machine::Width;

use crate::bits;
use crate::formula::Formula;
use crate::gates::{Form, Gates, Node, OverBudget, Result};
use crate::hash::Map;
use crate::layout::{Ties, WordSet};
use crate::machine::{Halt, Machine, Next, Outside, Start, What};
use crate::meter::{Meter, cost};
use crate::region::{Head, Region};
use crate::sample::Candidates;
use crate::term::{TermId, Terms};
use crate::wide::Question;

/// What a state comes to.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// The value that is returned.
    Return(TermId),
    /// What is asked, and the states that yes and no lead to.
    Either { asked: Question, then: usize, otherwise: usize },
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
    outcomes: Vec<Outcome>,
    /// All of them, those behind the others that they lead to.
    order: Vec<usize>,
}

/// All paths of a program; the region shrinks to the part around `head` where they are the same.
///
/// # Errors
/// There are more than `limit` states or terms, or the meter is used up, or the program does what
/// has no terms.
pub(crate) fn run<M: Machine>(
    machine: &M,
    head: Option<Head>,
    region: &mut Region,
    limit: usize,
    meter: &Meter,
) -> std::result::Result<Runs, Halt> {
    let mut early = None;
    if let Some(head) = head {
        match machine.straight(head, region, meter)? {
            Start::Value(value) => {
                // A number that is made of nr or arch is another one elsewhere.
                region.fix(value.from.words(), head);
                return Ok(Runs::Value(value.value));
            }
            Start::Asks(state) => early = Some(state),
        }
    }
    let mut terms = Terms::new(head);
    let (pc, state) = machine.start(early, &mut terms);
    let mut run =
        Run { machine, terms, head, region, meter, states: Vec::new(), ids: Map::default() };
    run.state(pc, state);
    let mut outcomes = Vec::new();
    // States are looked at in the order in which they were met.
    while let Some((pc, state)) = run.states.get(outcomes.len()).cloned() {
        outcomes.push(run.outcome(pc, state)?);
        if run.states.len().max(run.terms.len()) > limit {
            return Err(Halt::OverBudget);
        }
    }
    let order = order(&outcomes).map_err(|id| {
        let pc = run.states.get(id).map_or(0, |(pc, _)| *pc);
        Outside { pc, what: What::Endless }
    })?;
    let paths = Paths { terms: run.terms, outcomes, order };
    Ok(match paths.only() {
        Some(value) => Runs::Value(value),
        None => Runs::Paths(paths),
    })
}

/// The states, each behind those that it leads to.
///
/// # Errors
/// A state that leads to itself.
fn order(outcomes: &[Outcome]) -> std::result::Result<Vec<usize>, usize> {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Seen {
        Not,
        Begun,
        Done,
    }
    let mut seen = vec![Seen::Not; outcomes.len()];
    let mut order = Vec::with_capacity(outcomes.len());
    let mut waiting = vec![0];
    while let Some(&id) = waiting.last() {
        let Some(mark) = seen.get_mut(id) else { return Err(id) };
        if *mark != Seen::Not {
            // All that it leads to is done.
            if *mark == Seen::Begun {
                *mark = Seen::Done;
                order.push(id);
            }
            waiting.pop();
            continue;
        }
        *mark = Seen::Begun;
        if let Some(Outcome::Either { then, otherwise, .. }) = outcomes.get(id) {
            for next in [*then, *otherwise] {
                match seen.get(next) {
                    Some(Seen::Begun) => return Err(next),
                    Some(Seen::Not) => waiting.push(next),
                    Some(Seen::Done) | None => {}
                }
            }
        }
    }
    Ok(order)
}

struct Run<'r, M: Machine> {
    machine: &'r M,
    terms: Terms,
    head: Option<Head>,
    region: &'r mut Region,
    meter: &'r Meter,
    states: Vec<(usize, M::State)>,
    ids: Map<(usize, M::State), usize>,
}

impl<M: Machine> Run<'_, M> {
    /// The state, without everything that is not read any more.
    fn state(&mut self, pc: usize, mut state: M::State) -> usize {
        self.machine.forget(&mut self.terms, pc, &mut state);
        match self.ids.entry((pc, state)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let id = self.states.len();
                self.states.push(new.key().clone());
                new.insert(id);
                id
            }
        }
    }

    /// Runs a state up to where it returns or has to be split.
    fn outcome(&mut self, pc: usize, state: M::State) -> std::result::Result<Outcome, Halt> {
        let (mut pc, mut state) = (pc, state);
        loop {
            self.meter.spend(cost::TERMS)?;
            match self.machine.step(&mut self.terms, pc, &mut state)? {
                Next::At(next) => pc = next,
                Next::Return(value) => return Ok(self.finish(value)),
                Next::Either { asked, yes, no } => match self.decided(asked) {
                    Some(holds) => pc = if holds { yes } else { no },
                    None => {
                        let then = self.state(yes, state.clone());
                        let otherwise = self.state(no, state);
                        return Ok(Outcome::Either { asked, then, otherwise });
                    }
                },
            }
        }
    }

    /// What a test comes out as, if it has no words that are not fixed.
    fn decided(&mut self, asked: Question) -> Option<bool> {
        let Question { test, width, left, right } = asked;
        let (a, b) = self.terms.value(left).zip(self.terms.value(right))?;
        if let Some(head) = self.head {
            let fixed = self.terms.fixed(left).zip(self.terms.fixed(right));
            match fixed.filter(|_| width == Width::W32) {
                Some((left, right)) => self.region.keep(test, left, right, head),
                None => {
                    let words = self.terms.words(left).union(self.terms.words(right));
                    self.region.fix(words, head);
                }
            }
        }
        Some(test.holds(width, a, b))
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
            [Outcome::Return(value)] => self.terms.value32(*value),
            _ => None,
        }
    }

    /// Ties the words that are compared with each other.
    pub(crate) fn tie(&self, ties: &mut Ties) {
        for outcome in &self.outcomes {
            if let Outcome::Either { asked, .. } = outcome {
                let (left, right) = (self.free(asked.left), self.free(asked.right));
                for (left, right) in left.into_iter().zip(right) {
                    ties.tie(left.union(right));
                }
            }
        }
    }

    /// Notes the constants that words are compared with.
    pub(crate) fn note(&self, candidates: &mut Candidates) {
        for outcome in &self.outcomes {
            let Outcome::Either { asked, .. } = outcome else { continue };
            for (term, other) in [(asked.left, asked.right), (asked.right, asked.left)] {
                if let Some(constant) = self.terms.value(other) {
                    let [low, high] = self.free(term);
                    candidates.note(low, crate::term::low(constant));
                    candidates.note(high, crate::term::low(constant >> 32));
                }
            }
        }
    }

    /// The words that a term is made of, those of its halves apart.
    fn free(&self, term: TermId) -> [WordSet; 2] {
        if self.terms.value(term).is_some() { [WordSet::NONE; 2] } else { self.terms.made(term) }
    }

    /// Whether every returned value is a number: then the value is one function with few
    /// values, else each of its bits is a function.
    pub(crate) fn has_numbers(&self) -> bool {
        self.outcomes.iter().all(|outcome| match outcome {
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
        let mut words = Map::default();
        let mut functions: Vec<Vec<Node>> = vec![Vec::new(); self.outcomes.len()];
        for &id in &self.order {
            let Some(outcome) = self.outcomes.get(id) else { continue };
            let function = match *outcome {
                Outcome::Return(value) => match self.terms.value32(value) {
                    Some(value) => formula.gates().value(value, form)?,
                    None if form == Form::Value => return Err(OverBudget),
                    None => formula.word(&self.terms, value, &mut words)?,
                },
                Outcome::Either { asked, then, otherwise } => {
                    let left = formula.word(&self.terms, asked.left, &mut words)?;
                    let right = formula.word(&self.terms, asked.right, &mut words)?;
                    let gates = formula.gates();
                    let condition = bits::holds(gates, asked.test, &left, &right)?;
                    let at = |id: usize| functions.get(id).map(Vec::as_slice).unwrap_or_default();
                    bits::choose(gates, condition, at(then), at(otherwise))?
                }
            };
            if let Some(slot) = functions.get_mut(id) {
                *slot = function;
            }
        }
        Ok(functions.into_iter().next().unwrap_or_default())
    }
}
