//! Covers the plane of (arch, nr) and compares both sides in every part of it.

use filterc_abi::Endian;

use crate::circuit::{Answer, Circuit, Question};
use crate::formula::Formula;
use crate::gates::{FALSE, Form, Gates as _, OverBudget};
use crate::layout::{ARCH, INPUTS, NR, Order, Ties, WordIndex, call_of, params_of, words_with};
use crate::machine::Halt;
use crate::meter::{Meter, cost};
use crate::mtbdd::{Mtbdd, Ordered};
use crate::region::{Head, Region, cover};
use crate::sample::Candidates;
use crate::side::{Behaviour, Subject};
use crate::{Budget, Counterexample, Outside, Proof, Side, Spent, Unknown, Verdict, Why};

/// A first try with diagrams: what does not fit is either different, as a rule, or hard.
const FEW_NODES: usize = 200_000;

/// A first try with a solver.
const FEW_CONFLICTS: u64 = 5_000;

/// Calls that are tried where the first diagrams were too large, …
const SAMPLES: u64 = 20_000;

/// … and steps after which they are fewer: no classic program takes so many for all of them.
const SAMPLED_STEPS: u64 = 200_000_000;

/// Both sides, and what was spent on them.
pub(crate) struct Prover<'a> {
    left: Subject<'a>,
    right: Subject<'a>,
    endian: Endian,
    budget: Budget,
    meter: Meter,
    mtbdd: Mtbdd,
    proof: Proof,
}

/// Why the prover stopped.
enum Stop {
    Differ(Box<[u32; INPUTS]>),
    Unknown(Option<Head>),
    /// Too many rectangles, or paths in one.
    Shattered,
    /// A program does what is not judged.
    Outside(Option<Head>, Outside),
}

/// What a comparison found: words of a call on which the sides differ.
type Difference = Option<[u32; INPUTS]>;

impl<'a> Prover<'a> {
    pub(crate) fn new(left: Side<'a>, right: Side<'a>, endian: Endian, budget: &Budget) -> Self {
        let meter = Meter::new(budget.steps);
        Self {
            left: Subject::new(left, endian),
            right: Subject::new(right, endian),
            endian,
            budget: *budget,
            mtbdd: Mtbdd::new(budget.nodes, meter.clone()),
            meter,
            proof: Proof::default(),
        }
    }

    pub(crate) fn verdict(&mut self) -> Verdict {
        let stop = match self.rectangles() {
            Err(Stop::Shattered) => {
                self.proof.rectangles = 1;
                self.compare(None).map(|_| ())
            }
            other => other,
        };
        match stop {
            Ok(()) => Verdict::Equal(self.proof),
            Err(Stop::Differ(words)) => self.differ(&words),
            Err(Stop::Unknown(head)) => self.unknown(head, Why::Budget),
            Err(Stop::Shattered) => self.unknown(None, Why::Budget),
            Err(Stop::Outside(head, outside)) => self.unknown(head, Why::Outside(outside)),
        }
    }

    /// Covers the plane, row by row.
    fn rectangles(&mut self) -> Result<(), Stop> {
        let part = |prover: &mut Self, head| {
            // The one question for all needs its part of the steps.
            if prover.proof.rectangles >= prover.budget.rectangles
                || prover.meter.left() < prover.budget.steps / 2
            {
                return Err(Stop::Shattered);
            }
            prover.proof.rectangles += 1;
            prover.compare(Some(head))
        };
        cover(self, part, |_, _| ())
    }

    /// Compares both sides around a point, or everywhere: the region for which that holds.
    fn compare(&mut self, head: Option<Head>) -> Result<Region, Stop> {
        let over = |OverBudget| Stop::Unknown(head);
        let mut region = Region::ALL;
        // The sides are borrowed apart from the rest.
        let Self { left, right, endian, budget, meter, mtbdd, proof } = self;
        let (states, stop) = (budget.states, |halt| match halt {
            Halt::OverBudget => Stop::Shattered,
            Halt::Outside(outside) => Stop::Outside(head, outside),
        });
        let left_does = left.at(head, &mut region, states, meter).map_err(stop)?;
        let right_does = right.at(head, &mut region, states, meter).map_err(stop)?;
        if let Some((a, b)) = left_does.only().zip(right_does.only()) {
            return if a == b { Ok(region) } else { Err(Stop::Differ(Box::new(words(head, &[])))) };
        }
        let mut pair =
            Pair { left: left_does, right: right_does, endian: *endian, head, mtbdd, proof };
        let difference = match pair.diagrams(FEW_NODES.min(budget.nodes)) {
            Ok(difference) => difference,
            Err(OverBudget) => match pair.samples(left, right, meter).map_err(over)? {
                Some(words) => Some(words),
                None => pair.in_the_end(budget, meter).map_err(over)?,
            },
        };
        difference.map_or(Ok(region), |words| Err(Stop::Differ(Box::new(words))))
    }

    fn differ(&self, words: &[u32; INPUTS]) -> Verdict {
        let (call, params) = (call_of(words, self.endian), params_of(words, self.endian));
        let values = self.left.value(&call, &params).zip(self.right.value(&call, &params));
        match values.filter(|(left, right)| left != right) {
            Some((left, right)) => Verdict::Differ(Counterexample { call, params, left, right }),
            None => {
                let nr = call.nr.cast_unsigned();
                self.unknown(Some(Head { arch: call.arch, nr }), Why::Spurious)
            }
        }
    }

    fn unknown(&self, head: Option<Head>, why: Why) -> Verdict {
        let at = head.map(|head| (head.arch, head.nr));
        let spent = Spent {
            steps: self.meter.spent(),
            rectangles: self.proof.rectangles,
            nodes: self.proof.nodes,
            conflicts: self.meter.all_conflicts(),
        };
        Verdict::Unknown(Unknown { budget: self.budget, spent, at, why })
    }
}

/// What both sides can do in one region.
struct Pair<'p> {
    left: Behaviour<'p>,
    right: Behaviour<'p>,
    endian: Endian,
    head: Option<Head>,
    mtbdd: &'p mut Mtbdd,
    proof: &'p mut Proof,
}

impl Pair<'_> {
    fn form(&self) -> Form {
        if self.left.form() == Form::Bits { Form::Bits } else { self.right.form() }
    }

    /// Compares the sides as decision diagrams of at most so many nodes.
    fn diagrams(&mut self, nodes: usize) -> Result<Difference, OverBudget> {
        let mut ties = Ties::none();
        self.left.tie(&mut ties);
        self.right.tie(&mut ties);
        let form = self.form();
        self.mtbdd.reset(nodes);
        let gates = Ordered { mtbdd: &mut *self.mtbdd, order: Order::new(&ties, self.endian) };
        let mut formula = Formula::new(gates, self.endian, self.head);
        let left = self.left.functions(&mut formula, form)?;
        let right = self.right.functions(&mut formula, form)?;
        let Ordered { mtbdd, order } = formula.into_gates();
        self.proof.nodes = self.proof.nodes.max(mtbdd.len());
        let difference = left.iter().zip(&right).find_map(|(a, b)| mtbdd.difference(*a, *b));
        Ok(difference.map(|path| {
            let set = path.into_iter().filter(|(_, state)| *state);
            let bits: Vec<_> = set.filter_map(|(level, _)| order.bit(level)).collect();
            words(self.head, &bits)
        }))
    }

    /// Tries calls.
    fn samples(
        &self,
        left: &Subject<'_>,
        right: &Subject<'_>,
        meter: &Meter,
    ) -> Result<Difference, OverBudget> {
        let each = 2 * cost::CALL + left.longest() + right.longest();
        let count = SAMPLES.min(SAMPLED_STEPS / each);
        meter.spend(count * each)?;
        let mut candidates = Candidates::none();
        self.left.note(&mut candidates);
        self.right.note(&mut candidates);
        let mut fixed = [None; INPUTS];
        if let (Some(head), Some(slot)) = (self.head, fixed.get_mut(usize::from(NR))) {
            *slot = Some(head.nr);
        }
        if let (Some(head), Some(slot)) = (self.head, fixed.get_mut(usize::from(ARCH))) {
            *slot = Some(head.arch);
        }
        Ok((0..count).map(|_| candidates.draw(&fixed)).find(|words| {
            let (call, params) = (call_of(words, self.endian), params_of(words, self.endian));
            left.value(&call, &params) != right.value(&call, &params)
        }))
    }

    /// Compares the sides where diagrams of few nodes do not do: a solver may see it soon, or
    /// larger diagrams, or a solver that takes its time.
    fn in_the_end(&mut self, budget: &Budget, meter: &Meter) -> Result<Difference, OverBudget> {
        let mut question = self.question(budget, meter);
        let soon = budget.conflicts.min(FEW_CONFLICTS);
        if let Ok(answer) = question.as_mut().map_or(Err(OverBudget), |q| q.answer(soon)) {
            return Ok(self.solved(answer));
        }
        if budget.nodes > FEW_NODES
            && let Ok(difference) = self.diagrams(budget.nodes)
        {
            return Ok(difference);
        }
        let answer = question?.answer(budget.conflicts - soon)?;
        Ok(self.solved(answer))
    }

    /// The question for a solver: is there a call on which the sides differ?
    fn question(&self, budget: &Budget, meter: &Meter) -> Result<Question, OverBudget> {
        let circuit = Circuit::new(budget.gates, meter.clone());
        let mut formula = Formula::new(circuit, self.endian, self.head);
        let left = self.left.functions(&mut formula, Form::Bits)?;
        let right = self.right.functions(&mut formula, Form::Bits)?;
        let mut circuit = formula.into_gates();
        let mut differ = FALSE;
        for (a, b) in left.iter().zip(&right) {
            let here = circuit.xor(*a, *b)?;
            differ = circuit.or(differ, here)?;
        }
        Ok(circuit.ask(differ))
    }

    fn solved(&mut self, answer: Answer) -> Difference {
        self.proof.solved += 1;
        match answer {
            Answer::Never => None,
            Answer::Here(bits) => Some(words(self.head, &bits)),
        }
    }
}

/// The words of a call at a point, with these bits set and everything else 0.
fn words(head: Option<Head>, bits: &[(WordIndex, u8)]) -> [u32; INPUTS] {
    let mut words = words_with(bits.iter().copied());
    if let (Some(head), [nr, arch, ..]) = (head, &mut words) {
        (*nr, *arch) = (head.nr, head.arch);
    }
    words
}
