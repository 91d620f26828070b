//! What sides say everywhere: a cover of the plane of (arch, nr), and in each of its parts a
//! decision diagram over the other words, whose leaves hold what every side says.
//!
//! This is what differences are described from, and policies written anew; whoever does that
//! has it judged again, from the text that came of it.

use std::collections::HashMap;

use filterc_abi::Endian;

use crate::formula::Formula;
use crate::gates::{Form, Node, OverBudget, Result};
use crate::layout::{Order, Ties, WordIndex};
use crate::machine::Halt;
use crate::meter::Meter;
use crate::mtbdd::{Mtbdd, Ordered};
use crate::region::{Head, Region, Span, cover};
use crate::side::{Behaviour, Subject};
use crate::{Budget, Side, Spent, Unknown};

/// Calls whose token and number lie in a rectangle, and what the sides say to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Tokens of the architecture, first and last.
    pub arch: (u32, u32),
    /// Numbers, first and last, unsigned.
    pub nr: (u32, u32),
    /// What is said there.
    pub decision: Decision,
}

/// Where a question leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// To another question, by its place in [`Decision::asks`].
    Ask(usize),
    /// To what the sides say, by its place in [`Decision::values`].
    Values(usize),
}

/// A question for one bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ask {
    /// The word of `struct seccomp_data`, or, from 16 on, of a parameter, low half first.
    pub word: u8,
    /// Its bit, 0 the lowest.
    pub bit: u8,
    /// Where the bit is 0.
    pub low: Answer,
    /// Where it is 1.
    pub high: Answer,
}

/// A reduced ordered decision diagram: bits are asked in one order, and no two questions are
/// the same. The order is that of the words of each argument, high word and high bits first;
/// words that a side compares with each other are asked for in turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The questions; each leads to earlier ones.
    pub asks: Vec<Ask>,
    /// What the sides say, in their order: no two are the same.
    pub values: Vec<Vec<u32>>,
    /// The beginning.
    pub root: Answer,
    /// The order of the bits.
    order: Order,
}

impl Decision {
    /// The diagram that says one thing.
    fn constant(values: Vec<u32>, endian: Endian) -> Self {
        let order = Order::new(&Ties::none(), endian);
        Self { asks: Vec::new(), values: vec![values], root: Answer::Values(0), order }
    }

    /// The place of a bit in the order: those that are asked for first are smaller.
    #[must_use]
    pub fn level(&self, word: u8, bit: u8) -> u16 {
        self.order.level(word, bit)
    }

    /// What is said if there is no question.
    #[must_use]
    pub fn only(&self) -> Option<&[u32]> {
        match self.root {
            Answer::Values(at) => self.values.get(at).map(Vec::as_slice),
            Answer::Ask(_) => None,
        }
    }

    /// What is left of it where some bits are known: those questions are answered, and of the others
    /// those that still matter are left.
    #[must_use]
    pub fn given(&self, known: impl Fn(u8, u8) -> Option<bool>) -> Self {
        // Each question leads to earlier ones, so what became of those is known.
        let mut became: Vec<Answer> = Vec::with_capacity(self.asks.len());
        let mut made: HashMap<Ask, usize> = HashMap::new();
        let mut asks: Vec<Ask> = Vec::new();
        let of = |answer: Answer, became: &[Answer]| match answer {
            Answer::Ask(at) => became.get(at).copied().unwrap_or(answer),
            Answer::Values(_) => answer,
        };
        for ask in &self.asks {
            let (low, high) = (of(ask.low, &became), of(ask.high, &became));
            let answer = match known(ask.word, ask.bit) {
                Some(bit) => {
                    if bit {
                        high
                    } else {
                        low
                    }
                }
                None if low == high => low,
                None => {
                    let ask = Ask { low, high, ..*ask };
                    Answer::Ask(*made.entry(ask).or_insert_with(|| {
                        asks.push(ask);
                        asks.len() - 1
                    }))
                }
            };
            became.push(answer);
        }
        let root = of(self.root, &became);
        let (asks, root) = reachable(&asks, root);
        Self { asks, values: self.values.clone(), root, order: self.order }
    }

    /// What can be said: those of [`Self::values`] that some bits lead to.
    pub fn said(&self) -> impl Iterator<Item = &[u32]> {
        let ends = self.asks.iter().flat_map(|ask| [ask.low, ask.high]).chain([self.root]);
        let mut places: Vec<usize> = ends
            .filter_map(|answer| match answer {
                Answer::Values(at) => Some(at),
                Answer::Ask(_) => None,
            })
            .collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().filter_map(|at| self.values.get(at).map(Vec::as_slice))
    }

    /// What is said where the bits are those of some words.
    #[must_use]
    pub fn at(&self, word: impl Fn(u8) -> u32) -> &[u32] {
        let mut answer = self.root;
        loop {
            match answer {
                Answer::Values(at) => return self.values.get(at).map_or(&[], Vec::as_slice),
                Answer::Ask(at) => {
                    let Some(ask) = self.asks.get(at) else { return &[] };
                    answer = if word(ask.word) >> ask.bit & 1 == 1 { ask.high } else { ask.low };
                }
            }
        }
    }
}

/// The questions that the beginning leads to, in their order, and the beginning among them.
fn reachable(asks: &[Ask], root: Answer) -> (Vec<Ask>, Answer) {
    let mut reached = vec![false; asks.len()];
    let reach = |answer: Answer, reached: &mut Vec<bool>| {
        if let Answer::Ask(at) = answer
            && let Some(slot) = reached.get_mut(at)
        {
            *slot = true;
        }
    };
    reach(root, &mut reached);
    for (at, ask) in asks.iter().enumerate().rev() {
        if reached.get(at).copied().unwrap_or_default() {
            reach(ask.low, &mut reached);
            reach(ask.high, &mut reached);
        }
    }
    let mut places: Vec<usize> = Vec::with_capacity(asks.len());
    let mut kept = Vec::new();
    let moved = |answer: Answer, places: &[usize]| match answer {
        Answer::Ask(at) => Answer::Ask(places.get(at).copied().unwrap_or_default()),
        Answer::Values(_) => answer,
    };
    for (ask, is_reached) in asks.iter().zip(&reached) {
        places.push(kept.len());
        if *is_reached {
            kept.push(Ask { low: moved(ask.low, &places), high: moved(ask.high, &places), ..*ask });
        }
    }
    let root = moved(root, &places);
    (kept, root)
}

/// What all sides say, everywhere: parts that together hold all (arch, nr), row by row.
/// Neighbours in a row in which the same is said are one part.
///
/// # Errors
/// It was not found out within the budget, or a side calculates what it returns.
pub fn outcomes(
    sides: &[Side<'_>],
    endian: Endian,
    budget: &Budget,
) -> std::result::Result<Vec<Part>, Unknown> {
    let meter = Meter::new(budget.steps);
    let mut walk = Walk {
        sides: sides.iter().map(|side| Subject::new(*side, endian)).collect(),
        endian,
        budget: *budget,
        mtbdd: Mtbdd::new(budget.nodes, meter.clone()),
        meter,
        looked: 0,
        asks: 0,
        parts: Vec::new(),
        row: 0,
    };
    cover(&mut walk, Walk::look, Walk::close)?;
    Ok(walk.parts)
}

struct Walk<'a> {
    sides: Vec<Subject<'a>>,
    endian: Endian,
    budget: Budget,
    mtbdd: Mtbdd,
    meter: Meter,
    /// How many parts were looked at.
    looked: u64,
    /// How many questions they have together.
    asks: usize,
    parts: Vec<Part>,
    /// Where those of the row that is looked at begin.
    row: usize,
}

impl Walk<'_> {
    fn unknown(&self, head: Head, halt: Halt) -> Unknown {
        let spent = Spent {
            steps: self.meter.spent(),
            rectangles: self.looked,
            nodes: self.mtbdd.len(),
            conflicts: 0,
        };
        let why = halt.into();
        Unknown { budget: self.budget, spent, at: Some((head.arch, head.nr)), why }
    }

    /// Notes what is said at a point, and how far.
    fn look(&mut self, head: Head) -> std::result::Result<Region, Unknown> {
        let (region, decision) = self.part(head).map_err(|halt| self.unknown(head, halt))?;
        let nr = (head.nr, region.nr.last);
        match self.parts.last_mut().filter(|_| head.nr > 0) {
            Some(old) if old.decision == decision => old.nr.1 = nr.1,
            _ => self.parts.push(Part { arch: (head.arch, head.arch), nr, decision }),
        }
        Ok(region)
    }

    /// Gives the parts of a row its height.
    fn close(&mut self, arch: Span) {
        for part in self.parts.iter_mut().skip(self.row) {
            part.arch.1 = arch.last;
        }
        self.row = self.parts.len();
    }

    /// What is said at a point; the part around it for which that is said.
    fn part(&mut self, head: Head) -> std::result::Result<(Region, Decision), Halt> {
        self.looked += 1;
        if self.looked > self.budget.rectangles {
            return Err(Halt::OverBudget);
        }
        let mut region = Region::ALL;
        let mut all = Vec::with_capacity(self.sides.len());
        for side in &self.sides {
            all.push(side.at(Some(head), &mut region, self.budget.states, &self.meter)?);
        }
        if let Some(values) = all.iter().map(Behaviour::only).collect() {
            return Ok((region, Decision::constant(values, self.endian)));
        }
        let mut ties = Ties::none();
        for side in &all {
            side.tie(&mut ties);
            // A returned word that is calculated has no listable values.
            if side.form() == Form::Bits {
                return Err(Halt::OverBudget);
            }
        }
        self.mtbdd.reset(self.budget.nodes);
        let order = Order::new(&ties, self.endian);
        let gates = Ordered { mtbdd: &mut self.mtbdd, order };
        let mut formula = Formula::new(gates, self.endian, Some(head));
        let mut roots = Vec::with_capacity(all.len());
        for side in &all {
            roots.extend(side.functions(&mut formula, Form::Value)?);
        }
        let Ordered { mtbdd, order } = formula.into_gates();
        let room = self.budget.nodes.saturating_sub(self.asks);
        let decision = Product { mtbdd, order: &order, room }.decision(roots)?;
        self.asks += decision.asks.len();
        Ok((region, decision))
    }
}

/// Several functions at once.
struct Product<'m> {
    mtbdd: &'m Mtbdd,
    order: &'m Order,
    room: usize,
}

impl Product<'_> {
    fn decision(&self, roots: Vec<Node>) -> Result<Decision> {
        let mut known: HashMap<Vec<Node>, Answer> = HashMap::new();
        let mut made: HashMap<Ask, usize> = HashMap::new();
        let mut asks: Vec<Ask> = Vec::new();
        let mut values: Vec<Vec<u32>> = Vec::new();
        let mut waiting = vec![roots.clone()];
        while let Some(nodes) = waiting.last() {
            let answer = match self.mtbdd.split(nodes) {
                Err(leaf) => {
                    let at = values.iter().position(|old| *old == leaf).unwrap_or_else(|| {
                        values.push(leaf);
                        values.len() - 1
                    });
                    Answer::Values(at)
                }
                Ok((level, low, high)) => match (known.get(&low), known.get(&high)) {
                    (Some(low), Some(high)) if low == high => *low,
                    (Some(&low), Some(&high)) => {
                        let (word, bit): (WordIndex, u8) =
                            self.order.bit(level).ok_or(OverBudget)?;
                        let ask = Ask { word, bit, low, high };
                        Answer::Ask(*made.entry(ask).or_insert_with(|| {
                            asks.push(ask);
                            asks.len() - 1
                        }))
                    }
                    (one, _) => {
                        let next = if one.is_none() { low } else { high };
                        if known.len() > self.room {
                            return Err(OverBudget);
                        }
                        waiting.push(next);
                        continue;
                    }
                },
            };
            if let Some(nodes) = waiting.pop() {
                known.insert(nodes, answer);
            }
        }
        let root = known.get(&roots).copied().ok_or(OverBudget)?;
        Ok(Decision { asks, values, root, order: *self.order })
    }
}
