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
pub(super) const HOT: f64 = 1.0 / 16.0;

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
    /// The two heaviest hot numbers, the first of equal ones first.
    heaviest: [usize; MISSING],
    /// Where the first lead that are no single numbers; until there are such, where the first does.
    rest: Option<Target>,
    is_known: bool,
    /// What leads there weighs.
    rest_weight: f64,
    /// How many lead elsewhere; more than a chain has if they are no single numbers.
    others: u16,
    /// Whether all lead to one target.
    one: bool,
}

const EMPTY: Row = Row {
    heaviest: [NO; MISSING],
    rest: None,
    is_known: false,
    rest_weight: 0.0,
    others: 0,
    one: true,
};

/// What an interval costs as a part of another: sums and maxima of these are most of the work.
#[derive(Clone, Copy, Debug)]
struct Part {
    cost: f64,
    depth: u16,
}

const UNKNOWN: Part = Part { cost: f64::INFINITY, depth: 0 };

/// Where what is known of an interval stands: see [`Table::at`] and [`Table::below`].
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    below: usize,
}

/// What is known of all intervals that lack so many numbers.
#[derive(Default)]
struct Level {
    /// By [`Table::at`]: what begins at one place stands together.
    states: Vec<State>,
    /// By [`Table::below`]: what ends at one place stands together here.
    ends: Vec<Part>,
}

impl Level {
    /// With room for so many intervals, none of which is solved.
    fn with_room(room: usize) -> Self {
        Self { states: vec![NONE; room], ends: vec![UNKNOWN; room] }
    }

    fn put(&mut self, Place { at, below }: Place, state: State) {
        let part = Part { cost: state.cost, depth: state.depth };
        if let Some(slot) = self.states.get_mut(at) {
            *slot = state;
        }
        if let Some(slot) = self.ends.get_mut(below) {
            *slot = part;
        }
    }
}

/// The best split so far.
#[derive(Clone, Copy)]
struct Best {
    key: f64,
    part: Part,
    /// Nowhere if that is 0.
    at: usize,
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

/// Which segments are single numbers of at least that weight, and no holes if those are passed over.
fn hot(segments: &[Segment], least: f64, effort: Effort) -> Vec<bool> {
    let target = |index: Option<usize>| segments.get(index?).map(|segment| segment.target);
    let is_hot = |(index, segment): (usize, &Segment)| {
        let beside = [index.checked_sub(1), index.checked_add(1)];
        segment.is_single()
            && segment.weight >= least
            && !(effort.holes && beside.into_iter().any(|at| target(at) == Some(segment.target)))
    };
    segments.iter().enumerate().map(is_hot).collect()
}

/// All intervals of a list.
pub(super) struct Table<'s> {
    segments: &'s [Segment],
    costs: Costs,
    /// Sums of the weights before each segment.
    before: Vec<f64>,
    effort: Effort,
    /// Whether a segment is a number that may be asked for first.
    hot: Vec<bool>,
    /// By how many are missing: no more than there are hot numbers.
    levels: [Level; MISSING + 1],
    /// By [`Table::at`], the best split where none is missing; 0 where there is one target.
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
        let hot = hot(segments, sum * HOT, effort);
        let missing = hot.iter().filter(|hot| **hot).count();
        let room = (count + 1) * (count + 2) / 2;
        let level =
            |level| if level <= missing { Level::with_room(room) } else { Level::default() };
        let mut table = Self {
            segments,
            costs,
            before,
            effort,
            hot,
            levels: [level(0), level(1), level(2)],
            splits: vec![0; room],
            masks: Vec::new(),
            marked: marked(segments),
        };
        for start in (0..=count).rev() {
            let first = table.at(start, start);
            table.found(Place { at: first, below: Self::below(start, start) });
            let mut row = EMPTY;
            for end in start + 1..=count {
                table.extend(&mut row, start, end - 1);
                let place = Place { at: first + (end - start), below: Self::below(start, end) };
                if row.one {
                    table.found(place);
                } else {
                    table.solve((start, end), place, &row);
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

    /// Where an interval stands in the ends of intervals.
    const fn below(start: usize, end: usize) -> usize {
        end * (end + 1) / 2 + start
    }

    fn get(&self, start: usize, end: usize, missing: usize) -> State {
        let level = self.levels.get(missing);
        level.and_then(|level| level.states.get(self.at(start, end))).copied().unwrap_or(NONE)
    }

    /// One target is left, whatever is missing.
    fn found(&mut self, place: Place) {
        self.levels.iter_mut().for_each(|level| level.put(place, FOUND));
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
            (row.others, row.rest_weight) = (0, segment.weight);
            for before in self.segments.get(start..index).unwrap_or_default() {
                if before.target == segment.target {
                    row.rest_weight += before.weight;
                } else {
                    row.others = row.others.saturating_add(1);
                }
            }
        } else if row.rest.get_or_insert(segment.target) == &segment.target {
            row.rest_weight += segment.weight;
        } else {
            let more = if segment.is_single() { 1 } else { CHAIN + 1 };
            row.others = row.others.saturating_add(more);
        }
        if self.hot.get(index) != Some(&true) {
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
    fn solve(&mut self, (start, end): (usize, usize), place: Place, row: &Row) {
        let sum = |index: usize| self.before.get(index).copied().unwrap_or_default();
        let all = sum(end) - sum(start);
        let splits = self.splits(start, end, place.at);
        let none = Interval { start, end, missing: [NO; MISSING] };
        let [first, _] = row.heaviest;
        let without = if first != NO && self.weight(first) >= all * HEAVY {
            self.without_heaviest(&none, all, row, &splits, place)
        } else {
            NONE
        };
        let split = self.split(&none, place, all, splits);
        let state = self.best(&none, all, row, split, (first, without));
        self.put(0, place, state);
        if let (Choice::Split(split), Some(slot)) = (split.choice, self.splits.get_mut(place.at)) {
            *slot = split;
        }
    }

    /// The states of an interval without its heaviest numbers; returns that without one.
    fn without_heaviest(
        &mut self,
        none: &Interval,
        all: f64,
        row: &Row,
        splits: &Range<usize>,
        place: Place,
    ) -> State {
        // Heavy enough here is heavy enough in any part, so parts have the states they need.
        let total = self.before.last().copied().unwrap_or_default();
        let [first, second] = row.heaviest;
        // Where the heaviest are missing, the best split may be anywhere.
        let is_wide = all >= total * WIDE;
        let all_splits = if is_wide { none.start + 1..none.end } else { splits.clone() };
        let (one, rest) = (none.without(first), all - self.weight(first));
        let mut after = NONE;
        if second != NO && self.weight(second) >= rest * HEAVY {
            let (two, rest) = (one.without(second), rest - self.weight(second));
            let split = self.split(&two, place, rest, all_splits.clone());
            after = self.best(&two, rest, row, split, (NO, NONE));
            self.put(2, place, after);
        }
        let split = self.split(&one, place, rest, all_splits);
        let without = self.best(&one, rest, row, split, (second, after));
        self.put(1, place, without);
        without
    }

    fn put(&mut self, missing: usize, place: Place, state: State) {
        if let Some(level) = self.levels.get_mut(missing) {
            level.put(place, state);
        }
    }

    /// Where an interval may be split: about between where its two longest parts are. (For
    /// searches by order alone this loses nothing: Knuth, "Optimum binary search trees", 1971.)
    fn splits(&self, start: usize, end: usize, at: usize) -> Range<usize> {
        let of = |at: usize| self.splits.get(at).copied().map_or(0, usize::from);
        // One row has as many places as there are ends from its start on.
        let row = self.segments.len() - start;
        let (below, above) = (of(at - 1), of(at - row - 1));
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
        if self.marked.is_empty() && least < most {
            return least..most;
        }
        let is_possible = |at: usize| !self.is_hidden(start, at);
        if (least..most).any(is_possible) { least..most } else { all }
    }

    /// Whether no question splits an interval there.
    fn is_hidden(&self, start: usize, at: usize) -> bool {
        self.marked.contains(&at) && start + 1 < self.marked.start
    }

    /// The best split of an interval. Most of the time goes here.
    fn split(&self, interval: &Interval, place: Place, weight: f64, splits: Range<usize>) -> State {
        let mut best = Best { key: f64::INFINITY, part: UNKNOWN, at: 0 };
        match interval.missing {
            [NO, _] => self.split_some(interval, place, (0, 0), splits, &mut best),
            // How many are missing below changes behind those that are.
            [one, NO] => {
                let middle = (one + 1).clamp(splits.start, splits.end);
                self.split_some(interval, place, (0, 1), splits.start..middle, &mut best);
                self.split_some(interval, place, (1, 0), middle..splits.end, &mut best);
            }
            [one, other] => {
                let lower = (one.min(other) + 1).clamp(splits.start, splits.end);
                let upper = (one.max(other) + 1).clamp(splits.start, splits.end);
                self.split_some(interval, place, (0, 2), splits.start..lower, &mut best);
                self.split_some(interval, place, (1, 1), lower..upper, &mut best);
                self.split_some(interval, place, (2, 0), upper..splits.end, &mut best);
            }
        }
        let Best { part, at, .. } = best;
        if at == 0 {
            return NONE;
        }
        State {
            cost: part.cost + weight + self.costs.size,
            depth: part.depth + 1,
            choice: Choice::Split(u16::try_from(at).unwrap_or(u16::MAX)),
        }
    }

    /// A better split among some where so many are missing below and above, if there is one.
    fn split_some(
        &self,
        interval: &Interval,
        place: Place,
        (below, above): (usize, usize),
        splits: Range<usize>,
        best: &mut Best,
    ) {
        let Interval { start, end, .. } = *interval;
        let (Some(lower), Some(upper)) = (self.levels.get(below), self.levels.get(above)) else {
            return;
        };
        let first = place.at + splits.start - end;
        let below = lower.states.get(first..first + splits.len()).unwrap_or_default();
        let first = place.below + splits.start - start;
        let above = upper.ends.get(first..first + splits.len()).unwrap_or_default();
        let is_marked = !self.marked.is_empty();
        let worst = self.costs.worst;
        for (at, (below, above)) in splits.zip(below.iter().zip(above)) {
            let cost = below.cost + above.cost;
            if cost < best.key {
                let depth = below.depth.max(above.depth);
                let key = cost + worst * f64::from(depth);
                if key < best.key && !(is_marked && self.is_hidden(start, at)) {
                    *best = Best { key, part: Part { cost, depth }, at };
                }
            }
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
        let missing: u16 = match interval.missing {
            [NO, _] => 0,
            [_, NO] => 1,
            [..] => 2,
        };
        if missing > 0 && self.is_found(interval) {
            return FOUND;
        }
        let key = |state: &State| state.cost + worst * f64::from(state.depth);
        let mut best = split;
        if after.cost < f64::INFINITY {
            let cost = after.cost + weight + size;
            let choice = Choice::Heaviest(u16::try_from(next).unwrap_or(u16::MAX));
            let heaviest = State { cost, depth: after.depth + 1, choice };
            if key(&heaviest) < key(&best) {
                best = heaviest;
            }
        }
        if row.others <= CHAIN {
            let others = f64::from(row.others.saturating_sub(missing));
            // All come to the first question of a chain, and what leads to the rest to all.
            let rest = if missing == 0 { row.rest_weight * (others - 1.0) } else { 0.0 };
            if others * (size + worst) + weight + rest < key(&best)
                && let Some((cost, depth)) = chain(self.remaining(interval), self.costs)
            {
                let chain = State { cost, depth, choice: Choice::Chain };
                if key(&chain) < key(&best) {
                    best = chain;
                }
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
        let solve = |side: &mut Vec<Segment>, _: f64| {
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

    /// The positions of the segments of an interval that are not missing.
    pub(super) fn indices(&self, interval: &Interval) -> impl Iterator<Item = usize> {
        let Interval { start, end, missing } = *interval;
        (start..end).filter(move |index| !missing.contains(index))
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
