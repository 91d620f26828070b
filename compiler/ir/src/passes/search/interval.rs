//! The best search of a short list of segments, by dynamic programming over its intervals.
//!
//! In a search that asks for order and equality, an interval may lack numbers that were asked
//! for before. It pays to ask for a number first if it is heavy, so what may be missing are the
//! interval's heaviest single numbers (Anderson, Kannan, Karloff and Ladner, "Thresholds and
//! optimal binary comparison search trees", 2002); beyond the second this hardly ever pays,
//! nor where the number is lighter than a fifth of what comes there. The other end is where
//! nothing but single numbers lead elsewhere than the rest: a *chain* asks for one after the
//! other. With states (interval, missing ≤ 2) the time is cubic, the space quadratic.

use std::ops::Range;

use super::bits;
use super::chain::{CHAIN, chain};
use super::segment::{Ask, Costs, Segment, Target, boundary, quarter_of};

/// Heaviest numbers that may be missing from an interval.
const MISSING: usize = 2;

/// A number lighter than this part of an interval is not asked for first.
const HEAVY: f64 = 0.25;

/// Nor is one that is lighter than this part of the list.
const HOT: f64 = 1.0 / 16.0;

/// Of an interval without its heaviest numbers all splits are tried if it had this part of the
/// list's weight.
const WIDE: f64 = 1.0 / 5.0;

/// Beside a test of bits, a list this short is solved by such tests again.
pub(super) const NESTED: usize = 6;

/// Of an interval this short all splits are tried.
const SHORT: usize = 6;

/// Splits that are tried on either side of those between which the best is expected.
const SLACK: usize = 2;

/// How an interval is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// One target is left.
    Found,
    /// At the start of this segment.
    Split(u16),
    /// By this segment's number; the rest after it.
    Heaviest(u16),
    /// By each number that leads elsewhere.
    Chain,
    /// By bits, in short lists: the mask of this index.
    Bits(u16),
}

/// The best that is known of an interval with so many numbers missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    /// Questions, weighed, and their size.
    pub(super) cost: f64,
    /// Questions on the longest path.
    pub(super) depth: u16,
    /// How.
    pub(super) choice: Choice,
}

const NONE: State = State { cost: f64::INFINITY, depth: 0, choice: Choice::Found };
const FOUND: State = State { cost: 0.0, depth: 0, choice: Choice::Found };

/// An interval of the list, with its heaviest numbers, as far as they are missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval {
    pub(super) start: usize,
    pub(super) end: usize,
    missing: [usize; MISSING],
}

/// No segment.
const NO: usize = usize::MAX;

impl Interval {
    /// How many are missing.
    fn count(&self) -> usize {
        self.missing.iter().filter(|index| **index != NO).count()
    }

    /// The part between two segments.
    fn part(&self, start: usize, end: usize) -> Self {
        let [first, second] =
            self.missing.map(|index| if (start..end).contains(&index) { index } else { NO });
        let missing = if first == NO { [second, NO] } else { [first, second] };
        Self { start, end, missing }
    }

    fn without(&self, index: usize) -> Self {
        let [first, _] = self.missing;
        let missing = if first == NO { [index, NO] } else { [first, index] };
        Self { missing, ..*self }
    }
}

/// What is known of an interval while it grows.
struct Row {
    /// The two heaviest single numbers, the first of equal ones first.
    heaviest: [usize; MISSING],
    /// Where the first lead that are no single numbers; until there are such, where the first does.
    rest: Option<Target>,
    is_known: bool,
    /// How many lead elsewhere; more than a chain has if they are no single numbers.
    others: u16,
    /// Whether all lead to one target.
    one: bool,
}

/// What is tried in each interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Tests of bits.
    pub(super) bits: bool,
    /// Of single numbers, whether those between others of their target are passed over: where
    /// a number beside them is asked for first, they need no question.
    pub(super) holes: bool,
}

/// In a list that is sorted by the mark, where no question splits what begins before: after the
/// first segment that begins with 01, until those that begin with 11.
fn marked(segments: &[Segment]) -> Range<usize> {
    let starts = segments.windows(2).position(|pair| match pair {
        [before, after] => before.last > after.first,
        _ => false,
    });
    let Some(before) = starts else { return 0..0 };
    let end = segments.iter().position(|segment| quarter_of(segment.first) == 3);
    before + 2..end.unwrap_or(segments.len())
}

/// All intervals of a list.
pub(super) struct Table<'s> {
    segments: &'s [Segment],
    costs: Costs,
    /// Sums of the weights before each segment.
    before: Vec<f64>,
    effort: Effort,
    /// By how many are missing, then by [`Table::at`].
    states: [Vec<State>; MISSING + 1],
    /// Cost and depth once more, by [`Table::below`]: what ends at one place stands together here.
    ends: [Vec<(f64, u16)>; MISSING + 1],
    /// At the same places, the best split where none is missing; 0 where there is one target.
    splits: Vec<u16>,
    masks: Vec<u32>,
    /// Where intervals that begin before cannot be split: see [`marked`].
    marked: Range<usize>,
}

impl<'s> Table<'s> {
    /// Solves all intervals.
    pub(super) fn new(segments: &'s [Segment], costs: Costs, effort: Effort) -> Self {
        let count = segments.len();
        let mut before = Vec::with_capacity(count + 1);
        before.push(0.0);
        let mut sum = 0.0;
        for segment in segments {
            sum += segment.weight;
            before.push(sum);
        }
        let room = (count + 1) * (count + 2) / 2;
        let states = [(); MISSING + 1].map(|()| Vec::with_capacity(room));
        let splits = Vec::with_capacity(room);
        let masks = Vec::new();
        let marked = marked(segments);
        let ends = [(); MISSING + 1].map(|()| vec![(0.0, 0); room]);
        let mut table =
            Self { segments, costs, before, effort, states, ends, splits, masks, marked };
        for start in (0..=count).rev() {
            table.push((start, start), [FOUND; MISSING + 1], 0);
            let mut row =
                Row { heaviest: [NO; MISSING], rest: None, is_known: false, others: 0, one: true };
            for end in start + 1..=count {
                table.extend(&mut row, start, end - 1);
                if row.one {
                    table.push((start, end), [FOUND; MISSING + 1], 0);
                } else {
                    table.solve(start, end, &row);
                }
            }
        }
        table
    }

    /// The whole list.
    pub(super) fn all(&self) -> Interval {
        Interval { start: 0, end: self.segments.len(), missing: [NO; MISSING] }
    }

    /// What is known of an interval.
    pub(super) fn state(&self, interval: &Interval) -> State {
        self.get(interval.start, interval.end, interval.count())
    }

    /// Where an interval stands: starts from the last on, and for each all ends.
    const fn at(&self, start: usize, end: usize) -> usize {
        let rows = self.segments.len() - start;
        rows * (rows + 1) / 2 + (end - start)
    }

    /// Where an interval stands in [`Table::ends`].
    const fn below(start: usize, end: usize) -> usize {
        end * (end + 1) / 2 + start
    }

    fn get(&self, start: usize, end: usize, missing: usize) -> State {
        let states = self.states.get(missing);
        states.and_then(|states| states.get(self.at(start, end))).copied().unwrap_or(NONE)
    }

    fn push(&mut self, (start, end): (usize, usize), states: [State; MISSING + 1], split: u16) {
        for (ends, state) in self.ends.iter_mut().zip(&states) {
            if let Some(slot) = ends.get_mut(Self::below(start, end)) {
                *slot = (state.cost, state.depth);
            }
        }
        for (all, state) in self.states.iter_mut().zip(states) {
            all.push(state);
        }
        self.splits.push(split);
    }

    /// What comes to an interval.
    pub(super) fn weight_of(&self, interval: &Interval) -> f64 {
        self.remaining(interval).map(|segment| segment.weight).sum()
    }

    fn segment(&self, index: usize) -> Option<&'s Segment> {
        self.segments.get(index)
    }

    fn weight(&self, index: usize) -> f64 {
        self.segments.get(index).map_or(0.0, |segment| segment.weight)
    }

    fn extend(&self, row: &mut Row, start: usize, index: usize) {
        let (Some(first), Some(segment)) = (self.segment(start), self.segment(index)) else {
            return;
        };
        row.one &= first.target == segment.target;
        if !segment.is_single() && !row.is_known {
            // What came before are single numbers, and may lead elsewhere than this one.
            row.is_known = true;
            row.rest = Some(segment.target);
            let before = self.segments.get(start..index).unwrap_or_default();
            let others = before.iter().filter(|before| before.target != segment.target).count();
            row.others = u16::try_from(others).unwrap_or(u16::MAX);
        } else if row.rest.get_or_insert(segment.target) != &segment.target {
            let more = if segment.is_single() { 1 } else { CHAIN + 1 };
            row.others = row.others.saturating_add(more);
        }
        if !segment.is_single() {
            return;
        }
        let beside = |other: Option<usize>| {
            let other = other.and_then(|other| self.segment(other));
            other.is_some_and(|other| other.target == segment.target)
        };
        if self.effort.holes && (beside(index.checked_sub(1)) || beside(index.checked_add(1))) {
            return;
        }
        let [first, second] = row.heaviest;
        if first == NO || segment.weight > self.weight(first) {
            row.heaviest = [index, first];
        } else if second == NO || segment.weight > self.weight(second) {
            row.heaviest = [first, index];
        }
    }

    /// Finds what is to be known of an interval, all shorter ones being known.
    fn solve(&mut self, start: usize, end: usize, row: &Row) {
        let sum = |index: usize| self.before.get(index).copied().unwrap_or_default();
        let all = sum(end) - sum(start);
        let [first, second] = row.heaviest;
        // Heavy enough here is heavy enough in any part, so parts have the states they need.
        let total = self.before.last().copied().unwrap_or_default();
        let least = total * HOT;
        let is_heavy = |index: usize, of: f64| {
            index != NO && self.weight(index) >= of * HEAVY && self.weight(index) >= least
        };
        let splits = self.splits(start, end);
        let none = Interval { start, end, missing: [NO; MISSING] };
        let mut states = [NONE; MISSING + 1];
        if is_heavy(first, all) {
            // Where the heaviest are missing, the best split may be anywhere.
            let is_wide = all >= total * WIDE;
            let all_splits = if is_wide { start + 1..end } else { splits.clone() };
            let (one, rest) = (none.without(first), all - self.weight(first));
            if is_heavy(second, rest) {
                let (two, rest) = (one.without(second), rest - self.weight(second));
                let split = self.split(&two, rest, all_splits.clone());
                states[2] = self.best(&two, rest, row, split, (NO, NONE));
            }
            let split = self.split(&one, rest, all_splits);
            states[1] = self.best(&one, rest, row, split, (second, states[2]));
        }
        let split = self.split(&none, all, splits);
        states[0] = self.best(&none, all, row, split, (first, states[1]));
        let at = if let Choice::Split(at) = split.choice { at } else { 0 };
        self.push((start, end), states, at);
    }

    /// Where an interval may be split: about between where its two longest parts are. (For
    /// searches by order alone this loses nothing: Knuth, "Optimum binary search trees", 1971.)
    fn splits(&self, start: usize, end: usize) -> Range<usize> {
        let of = |start, end| self.splits.get(self.at(start, end)).copied().map_or(0, usize::from);
        let (below, above) = (of(start, end - 1), of(start + 1, end));
        let all = start + 1..end;
        if below == 0 {
            let at = end - 1;
            return if self.is_hidden(start, at) { all } else { at..end };
        }
        if above == 0 {
            return start + 1..start + 2;
        }
        if end - start <= SHORT || self.effort.bits {
            return all;
        }
        let (least, most) = (below.saturating_sub(SLACK), above + SLACK + 1);
        let (least, most) = (least.max(start + 1), most.min(end));
        let is_possible = |at: usize| !self.is_hidden(start, at);
        if (least..most).any(is_possible) { least..most } else { all }
    }

    /// Whether no question splits an interval there.
    fn is_hidden(&self, start: usize, at: usize) -> bool {
        self.marked.contains(&at) && start + 1 < self.marked.start
    }

    /// The best split of an interval. Most of the time goes here.
    fn split(&self, interval: &Interval, weight: f64, splits: Range<usize>) -> State {
        let count = interval.count();
        let [first, second] = interval.missing;
        let mut best = (NONE, f64::INFINITY, 0);
        // How many are missing below changes behind those that are.
        let (lower, upper) = (first.min(second), if second == NO { NO } else { first.max(second) });
        let mut from = splits.start;
        for (below, last) in [lower, upper, NO].into_iter().take(count + 1).enumerate() {
            let to = last.saturating_add(1).clamp(from, splits.end);
            self.split_some(interval, (below, count - below), from..to, &mut best);
            from = to;
        }
        let (best, _, best_at) = best;
        self.at_best(best, best_at, weight)
    }

    /// A better split among some where so many are missing below and above, if there is one.
    fn split_some(
        &self,
        interval: &Interval,
        (below, above): (usize, usize),
        splits: Range<usize>,
        best: &mut (State, f64, usize),
    ) {
        let Interval { start, end, .. } = *interval;
        let worst = self.costs.worst;
        let (Some(below), Some(above)) = (self.states.get(below), self.ends.get(above)) else {
            return;
        };
        let first = self.at(start, splits.start);
        let below = below.get(first..first + splits.len()).unwrap_or_default();
        let first = Self::below(splits.start, end);
        let above = above.get(first..first + splits.len()).unwrap_or_default();
        let (_, mut best_key, _) = *best;
        for (at, (below, (cost, depth))) in splits.zip(below.iter().zip(above)) {
            let cost = below.cost + cost;
            if cost < best_key {
                let depth = below.depth.max(*depth);
                let key = cost + worst * f64::from(depth);
                if key < best_key && !self.is_hidden(start, at) {
                    best_key = key;
                    *best = (State { cost, depth, ..FOUND }, key, at);
                }
            }
        }
    }

    /// The state of what is split there: not at all if that is 0.
    fn at_best(&self, best: State, best_at: usize, weight: f64) -> State {
        if best_at == 0 {
            return NONE;
        }
        State {
            cost: best.cost + weight + self.costs.size,
            depth: best.depth + 1,
            choice: Choice::Split(u16::try_from(best_at).unwrap_or(u16::MAX)),
        }
    }

    fn best(
        &mut self,
        interval: &Interval,
        weight: f64,
        row: &Row,
        split: State,
        (next, after): (usize, State),
    ) -> State {
        let Costs { size, worst } = self.costs;
        if interval.count() > 0 && self.is_found(interval) {
            return FOUND;
        }
        let key = |state: &State| state.cost + worst * f64::from(state.depth);
        let mut best = split;
        let cost = after.cost + weight + size;
        let choice = Choice::Heaviest(u16::try_from(next).unwrap_or(u16::MAX));
        let heaviest = State { cost, depth: after.depth + 1, choice };
        if key(&heaviest) < key(&best) {
            best = heaviest;
        }
        let missing = u16::try_from(interval.count()).unwrap_or(u16::MAX);
        let others = f64::from(row.others.saturating_sub(missing));
        if row.others <= CHAIN
            && others * (size + worst) + weight < key(&best)
            && let Some((cost, depth)) = chain(self.remaining(interval), self.costs)
        {
            let chain = State { cost, depth, choice: Choice::Chain };
            if key(&chain) < key(&best) {
                best = chain;
            }
        }
        if self.effort.bits {
            best = self.bits(interval, best);
        }
        best
    }

    /// The same search, or one that begins with a test of bits.
    fn bits(&mut self, interval: &Interval, best: State) -> State {
        let segments: Vec<Segment> = self.remaining(interval).copied().collect();
        let solve = |side: &[Segment]| {
            let bits = side.len() <= NESTED.min(segments.len() - 1);
            let table = Table::new(side, self.costs, Effort { bits, ..self.effort });
            let State { cost, depth, .. } = table.state(&table.all());
            Some((cost, depth))
        };
        let key = best.cost + self.costs.worst * f64::from(best.depth);
        let Some(found) = bits::cheapest(&segments, self.costs, key, solve) else { return best };
        let index = u16::try_from(self.masks.len()).unwrap_or(u16::MAX);
        self.masks.push(found.mask);
        State { cost: found.cost, depth: found.depth, choice: Choice::Bits(index) }
    }

    /// The mask of that index.
    pub(super) fn mask(&self, index: u16) -> u32 {
        self.masks.get(usize::from(index)).copied().unwrap_or_default()
    }

    /// The segments of an interval that are not missing.
    pub(super) fn remaining(
        &self,
        interval: &Interval,
    ) -> impl Iterator<Item = &'s Segment> + Clone {
        let Interval { start, end, missing } = *interval;
        let range = self.segments.get(start..end).unwrap_or_default();
        let indexed = (start..).zip(range).filter(move |(index, _)| !missing.contains(index));
        indexed.map(|(_, segment)| segment)
    }

    fn is_found(&self, interval: &Interval) -> bool {
        let mut remaining = self.remaining(interval);
        let first = remaining.next();
        remaining.all(|segment| first.is_some_and(|first| first.target == segment.target))
    }

    /// The intervals that the answers of a choice lead to: yes, no.
    pub(super) fn parts(
        &self,
        interval: &Interval,
        choice: Choice,
    ) -> Option<(Ask, [Interval; 2])> {
        match choice {
            Choice::Split(at) => {
                let at = usize::from(at);
                let below = interval.part(interval.start, at);
                let above = interval.part(at, interval.end);
                let segments = self.segments.get(interval.start..interval.end)?;
                let (ask, above_is_yes) = boundary(segments, at - interval.start)?;
                Some((ask, if above_is_yes { [above, below] } else { [below, above] }))
            }
            Choice::Heaviest(index) => {
                let index = usize::from(index);
                let nr = self.segment(index)?.first;
                let one = Interval { start: index, end: index + 1, missing: [NO; MISSING] };
                Some((Ask::Is(nr), [one, interval.without(index)]))
            }
            Choice::Found | Choice::Chain | Choice::Bits(_) => None,
        }
    }
}
