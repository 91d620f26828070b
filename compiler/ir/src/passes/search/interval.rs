//! The best search of a short list of segments, by dynamic programming over its intervals.
//!
//! In a search that asks for order and equality, an interval may lack numbers that were asked
//! for before. It pays to ask for a number first if it is heavy, so what may be missing are the
//! interval's heaviest single numbers (Anderson, Kannan, Karloff and Ladner, "Thresholds and
//! optimal binary comparison search trees", 2002); beyond the second this hardly ever pays,
//! nor where the number is lighter than a fifth of what comes there. The other end is where
//! nothing but single numbers lead elsewhere than the rest: a *chain* asks for one after the
//! other. With states (interval, missing ≤ 2) the time is cubic, the space quadratic.

use super::segment::{Ask, Costs, Segment, Target, Tree};

/// Heaviest numbers that may be missing from an interval.
const MISSING: usize = 2;

/// A number lighter than this part of an interval is not asked for first.
const HEAVY: f64 = 0.2;

/// The most numbers in a chain.
pub(super) const CHAIN: usize = 8;

/// How an interval is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// One target is left.
    Found,
    /// At the start of this segment.
    Split(usize),
    /// By this segment's number; the rest after it.
    Heaviest(usize),
    /// By each number that leads elsewhere.
    Chain,
}

/// The best that is known of an interval with so many numbers missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    /// Questions, weighed, and their size.
    pub(super) cost: f64,
    /// Questions on the longest path.
    pub(super) depth: u16,
    /// Questions.
    pub(super) questions: u16,
    /// How.
    pub(super) choice: Choice,
}

const NONE: State = State { cost: f64::INFINITY, depth: 0, questions: 0, choice: Choice::Found };
const FOUND: State = State { cost: 0.0, depth: 0, questions: 0, choice: Choice::Found };

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
    /// Where all but single numbers lead, if to one target.
    rest: Rest,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    None,
    One(Target),
    Several,
}

/// All intervals of a list.
pub(super) struct Table<'s> {
    segments: &'s [Segment],
    costs: Costs,
    /// Sums of the weights before each segment.
    before: Vec<f64>,
    /// By start from the last, by end from it, by numbers missing.
    states: Vec<[State; MISSING + 1]>,
}

impl<'s> Table<'s> {
    /// Solves all intervals.
    pub(super) fn new(segments: &'s [Segment], costs: Costs) -> Self {
        let count = segments.len();
        let mut before = Vec::with_capacity(count + 1);
        before.push(0.0);
        let mut sum = 0.0;
        for segment in segments {
            sum += segment.weight;
            before.push(sum);
        }
        let states = Vec::with_capacity((count + 1) * (count + 2) / 2);
        let mut table = Self { segments, costs, before, states };
        for start in (0..=count).rev() {
            table.states.push([FOUND; MISSING + 1]);
            let mut row = Row { heaviest: [NO; MISSING], rest: Rest::None };
            for end in start + 1..=count {
                table.extend(&mut row, end - 1);
                let states = table.solve(start, end, &row);
                table.states.push(states);
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

    fn get(&self, start: usize, end: usize, missing: usize) -> State {
        let rows = self.segments.len() - start;
        let states = self.states.get(rows * (rows + 1) / 2 + (end - start));
        states.and_then(|states| states.get(missing)).copied().unwrap_or(NONE)
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

    fn extend(&self, row: &mut Row, index: usize) {
        let Some(segment) = self.segment(index) else { return };
        if !segment.is_single() {
            row.rest = match row.rest {
                Rest::None => Rest::One(segment.target),
                Rest::One(target) if target == segment.target => row.rest,
                Rest::One(_) | Rest::Several => Rest::Several,
            };
            return;
        }
        let [first, second] = row.heaviest;
        if first == NO || segment.weight > self.weight(first) {
            row.heaviest = [index, first];
        } else if second == NO || segment.weight > self.weight(second) {
            row.heaviest = [first, index];
        }
    }

    /// The states of an interval, all shorter ones being known.
    fn solve(&self, start: usize, end: usize, row: &Row) -> [State; MISSING + 1] {
        let sum = |index: usize| self.before.get(index).copied().unwrap_or_default();
        let mut weights = [sum(end) - sum(start); MISSING + 1];
        let mut possible = 0;
        // Heavy enough here is heavy enough in any part, so parts have the states they need.
        for (missing, &index) in row.heaviest.iter().enumerate() {
            let all = weights.get(missing).copied().unwrap_or_default();
            if index == NO || self.weight(index) < all * HEAVY {
                break;
            }
            possible = missing + 1;
            if let Some(rest) = weights.get_mut(possible) {
                *rest = all - self.weight(index);
            }
        }
        let mut states = [NONE; MISSING + 1];
        for missing in (0..=possible).rev() {
            let [first, second] = row.heaviest;
            let gone =
                [if missing > 0 { first } else { NO }, if missing > 1 { second } else { NO }];
            let interval = Interval { start, end, missing: gone };
            let weight = weights.get(missing).copied().unwrap_or_default();
            let after = states.get(missing + 1).copied().unwrap_or(NONE);
            let next = row.heaviest.get(missing).copied().unwrap_or(NO);
            let best = self.best(&interval, weight, row.rest, (next, after));
            if let Some(state) = states.get_mut(missing) {
                *state = best;
            }
        }
        states
    }

    fn best(
        &self,
        interval: &Interval,
        weight: f64,
        rest: Rest,
        (next, after): (usize, State),
    ) -> State {
        if self.is_found(interval) {
            return FOUND;
        }
        let Costs { size, worst } = self.costs;
        let mut best = NONE;
        let mut best_key = f64::INFINITY;
        let mut consider = |state: State| {
            let key = state.cost + worst * f64::from(state.depth);
            if key < best_key {
                (best, best_key) = (state, key);
            }
        };
        if after.cost < f64::INFINITY {
            consider(State {
                cost: after.cost + weight + size,
                depth: after.depth + 1,
                questions: after.questions + 1,
                choice: Choice::Heaviest(next),
            });
        }
        if rest != Rest::Several
            && let Some(chain) = chain(self.remaining(interval), self.costs)
        {
            consider(State { choice: Choice::Chain, ..chain });
        }
        for at in interval.start + 1..interval.end {
            let (below, above) =
                (interval.part(interval.start, at), interval.part(at, interval.end));
            let (below, above) = (self.state(&below), self.state(&above));
            consider(State {
                cost: below.cost + above.cost + weight + size,
                depth: below.depth.max(above.depth) + 1,
                questions: below.questions + above.questions + 1,
                choice: Choice::Split(at),
            });
        }
        best
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
                let pivot = self.segment(at)?.first;
                let above = interval.part(at, interval.end);
                Some((Ask::AtLeast(pivot), [above, interval.part(interval.start, at)]))
            }
            Choice::Heaviest(index) => {
                let nr = self.segment(index)?.first;
                let one = Interval { start: index, end: index + 1, missing: [NO; MISSING] };
                Some((Ask::Is(nr), [one, interval.without(index)]))
            }
            Choice::Found | Choice::Chain => None,
        }
    }
}

/// What it costs to ask for each number that leads elsewhere than the rest, if they are few.
pub(super) fn chain<'s>(
    remaining: impl Iterator<Item = &'s Segment> + Clone,
    costs: Costs,
) -> Option<State> {
    let mut cost = 0.0;
    let (links, mut weight) = links(remaining)?;
    for (_, link) in links.iter() {
        cost += weight + costs.size;
        weight -= link;
    }
    let questions = u16::try_from(links.iter().count()).ok()?;
    Some(State { cost, depth: questions, questions, choice: Choice::Chain })
}

/// The search of a chain.
pub(super) fn chain_tree<'s>(remaining: impl Iterator<Item = &'s Segment> + Clone) -> Option<Tree> {
    let rest = rest(remaining.clone())?;
    let (links, _) = links(remaining.clone())?;
    let found = |nr: u32| remaining.clone().find(|segment| segment.first == nr);
    let mut tree = Tree::Found(rest);
    for (nr, _) in links.iter().rev() {
        tree = Tree::ask(Ask::Is(*nr), Tree::Found(found(*nr)?.target), tree);
    }
    Some(tree)
}

/// Where the rest of a chain leads: where the first segment that is no single number does; if
/// all are, where the first one does.
fn rest<'s>(mut remaining: impl Iterator<Item = &'s Segment> + Clone) -> Option<Target> {
    let first = remaining.clone().next()?;
    let whole = remaining.find(|segment| !segment.is_single());
    Some(whole.unwrap_or(first).target)
}

/// The numbers of a chain, heaviest first, and the weight of the whole.
struct Links {
    links: [(u32, f64); CHAIN],
    count: usize,
}

impl Links {
    fn iter(&self) -> std::slice::Iter<'_, (u32, f64)> {
        self.links.get(..self.count).unwrap_or_default().iter()
    }
}

fn links<'s>(remaining: impl Iterator<Item = &'s Segment> + Clone) -> Option<(Links, f64)> {
    let rest = rest(remaining.clone())?;
    let mut links = Links { links: [(0, 0.0); CHAIN], count: 0 };
    let mut weight = 0.0;
    for segment in remaining {
        weight += segment.weight;
        if segment.target == rest {
            continue;
        }
        if !segment.is_single() {
            return None;
        }
        let place = links.iter().take_while(|(_, other)| *other >= segment.weight).count();
        // One more than there is room for is too many.
        *links.links.get_mut(links.count)? = (segment.first, segment.weight);
        links.count += 1;
        links.links.get_mut(place..links.count)?.rotate_right(1);
    }
    Some((links, weight))
}
