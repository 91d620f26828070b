//! The best search of a few numbers that stand close together, among all tests there are.
//!
//! Where calls of several kinds stand side by side, tests of bits find what order takes many
//! questions for: in `0..16`, `nr & 6 == 0` is four numbers at once. Within a block of numbers that
//! differ in their low bits alone, a set of them is one machine word, and there are few tests: all
//! orders, all numbers, and all masks of those bits. The search goes over the sets that tests
//! leave, and tries the tests that promise most; one by bits that leaves more runs than there were
//! is none of them.

use hashbrown::HashMap;

use super::segment::{Ask, Costs, Segment, Solved, Target, Tree};

/// Low bits in which the numbers of a block may differ.
const BITS: u32 = 4;

/// Numbers of a block.
const SIZE: usize = 1 << BITS;

/// The low bits, which are also the highest number of a block.
const LOW: u32 = (1 << BITS) - 1;

/// Runs that a block has at least, for bits to be worth a try.
const RUNS: usize = 5;

/// A number lighter than this part of a set is not asked for, unless it stands alone.
const HEAVY: f64 = 0.2;

/// The part of a set's weight that a question after the first is thought to be asked for.
const LATER: f64 = 0.25;

/// Tests of a set that are tried, of those that promise most.
const WIDTH: usize = 2;

/// Sets that are looked into.
const STEPS: u32 = 100;

/// Numbers of a block, by their low bits.
type Set = u32;

/// All parts of a list that are worth a search of their own, in order, as ranges of it.
pub(super) fn windows(segments: &[Segment]) -> Vec<std::ops::Range<usize>> {
    let block = |segment: &Segment| {
        let (first, last) = (segment.first >> BITS, segment.last >> BITS);
        (first == last).then_some(first)
    };
    let mut windows = Vec::new();
    let mut start = 0;
    for part in segments.chunk_by(|a, b| block(a).is_some() && block(a) == block(b)) {
        let end = start + part.len();
        let runs = part.chunk_by(|a, b| a.target == b.target).count();
        if runs >= RUNS && part.len() < segments.len() {
            windows.push(start..end);
        }
        start = end;
    }
    windows
}

/// A block of numbers.
struct Block {
    costs: Costs,
    base: u32,
    /// Which numbers lead where.
    targets: Vec<(Target, Set)>,
    weights: [f64; SIZE],
    /// By four numbers each, the weights of their sets.
    sums: [[f64; 16]; SIZE / 4],
    /// By mask, the numbers that have none of its bits.
    none_of: [Set; SIZE],
    known: HashMap<Set, State>,
    steps: u32,
}

/// The best that is known of a set.
#[derive(Clone, Copy)]
struct State {
    cost: f64,
    depth: u16,
    ask: Option<Ask>,
}

/// A test, and what it leaves.
struct Choice {
    /// What a search that begins with it may cost.
    likely: f64,
    ask: Ask,
    yes: Set,
    no: Set,
}

/// The search of a window; `None` if it is not found soon.
pub(super) fn solve(segments: &[Segment], costs: Costs) -> Option<Solved> {
    let mut block = Block::of(segments, costs)?;
    let all = block.targets.iter().fold(0, |all, (_, set)| all | set);
    let State { cost, depth, .. } = block.best(all)?;
    Some(Solved { tree: block.tree(all)?, cost, depth })
}

/// The numbers of a set, in order.
fn ones(set: Set) -> impl Iterator<Item = u32> {
    let mut left = set;
    std::iter::from_fn(move || {
        let first = left.checked_ilog2().map(|_| left.trailing_zeros());
        left &= left.wrapping_sub(1);
        first
    })
}

impl Block {
    fn of(segments: &[Segment], costs: Costs) -> Option<Self> {
        let base = segments.first()?.first & !LOW;
        let mut targets: Vec<(Target, Set)> = Vec::with_capacity(4);
        let mut weights = [0.0; SIZE];
        for segment in segments {
            let (first, last) = (segment.first - base, segment.last.checked_sub(base)?);
            let part = segment.weight / f64::from(last - first + 1);
            let mut set = 0;
            for number in first..=last {
                *weights.get_mut(number as usize)? = part;
                set |= 1 << number;
            }
            match targets.iter_mut().find(|(target, _)| *target == segment.target) {
                Some((_, all)) => *all |= set,
                None => targets.push((segment.target, set)),
            }
        }
        let mut none_of = [0; SIZE];
        for (mask, set) in (0_u32..).zip(&mut none_of) {
            let without = (0..=LOW).filter(|number| number & mask == 0);
            *set = without.fold(0, |set, number| set | 1 << number);
        }
        let mut sums = [[0.0; 16]; SIZE / 4];
        for (sums, weights) in sums.iter_mut().zip(weights.chunks_exact(4)) {
            for (set, sum) in sums.iter_mut().enumerate() {
                let inside = weights.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1);
                *sum = inside.map(|(_, weight)| weight).sum();
            }
        }
        let known = HashMap::default();
        Some(Self { costs, base, targets, weights, sums, none_of, known, steps: STEPS })
    }

    fn weight(&self, set: Set) -> f64 {
        let mut left = set;
        let mut weight = 0.0;
        for sums in &self.sums {
            weight += sums.get((left & 15) as usize).copied().unwrap_or_default();
            left >>= 4;
        }
        weight
    }

    /// Of a set, the numbers that lead where its lowest does.
    fn first_target(&self, set: Set) -> Set {
        let lowest = set & set.wrapping_neg();
        let of_lowest = self.targets.iter().find(|(_, all)| all & lowest != 0);
        of_lowest.map_or(set, |(_, all)| set & all)
    }

    /// How many targets there are.
    fn targets(&self, set: Set) -> usize {
        self.targets.iter().filter(|(_, all)| set & all != 0).count()
    }

    /// The first numbers of the runs with one target, where others are missing.
    fn firsts(&self, set: Set) -> Set {
        let mut firsts = 0;
        for (_, all) in &self.targets {
            let own = set & all;
            if own & own.wrapping_sub(1) == 0 {
                firsts |= own;
                continue;
            }
            // Carries the target from each number over those that are missing, up to the next.
            let mut before = own;
            let mut free = !set;
            for distance in [1, 2, 4, 8] {
                before |= before << distance & free;
                free &= free << distance;
            }
            firsts |= own & !(before << 1);
        }
        firsts
    }

    /// How many runs there are.
    fn runs(&self, set: Set) -> u32 {
        self.firsts(set).count_ones()
    }

    /// No search of a set costs less.
    fn least(&self, set: Set) -> f64 {
        match self.targets(set) {
            0 | 1 => 0.0,
            targets => self.weight(set) + self.costs.size * (targets - 1) as f64,
        }
    }

    /// What a search of a set with so many runs may cost: a question for each run but one, the
    /// heavier half first.
    fn likely(&self, set: Set, runs: u32) -> f64 {
        match runs {
            0 | 1 => 0.0,
            runs => {
                let weight = self.weight(set);
                weight + (self.costs.size + weight * LATER) * f64::from(runs - 1) * 0.75
            }
        }
    }

    /// Of the tests that tell a set apart those that promise most, the best first.
    fn choices(&self, set: Set, weight: f64) -> [Option<Choice>; WIDTH] {
        let mut best: [Option<Choice>; WIDTH] = [None, None];
        // With how many runs there are on both sides, where that is known.
        let mut consider = |ask: Ask, yes: Set, runs: Option<(u32, u32)>| {
            let (yes, no) = (set & yes, set & !yes);
            if yes == 0 || no == 0 {
                return;
            }
            let is_known = |other: &Choice| other.yes == yes || other.yes == no;
            if best.iter().flatten().any(is_known) {
                return;
            }
            let (runs_yes, runs_no) = runs.unwrap_or_else(|| (self.runs(yes), self.runs(no)));
            let likely =
                weight + self.costs.size + self.likely(yes, runs_yes) + self.likely(no, runs_no);
            let [first, second] = &mut best;
            let is_better =
                |other: &Option<Choice>| other.as_ref().is_none_or(|other| likely < other.likely);
            let choice = Some(Choice { likely, ask, yes, no });
            if is_better(first) {
                *second = std::mem::replace(first, choice);
            } else if is_better(second) {
                *second = choice;
            }
        };
        let firsts = self.firsts(set);
        let runs = firsts.count_ones();
        for (below, first) in (0..).zip(ones(firsts)).skip(1) {
            // Between two runs, both sides keep theirs.
            consider(
                Ask::AtLeast(self.base + first),
                Set::MAX << first,
                Some((runs - below, below)),
            );
        }
        for first in ones(firsts) {
            // Alone in its run if the next number of the set begins another.
            let next = set & Set::MAX << first & !(1 << first);
            if next == 0 || firsts & next & next.wrapping_neg() != 0 {
                consider(Ask::Is(self.base + first), 1 << first, None);
            }
        }
        for (number, of_number) in (0..).zip(&self.weights) {
            let one = set & 1 << number;
            if one != 0 && *of_number > weight * HEAVY {
                consider(Ask::Is(self.base + number), one, None);
            }
        }
        let (any, all) = ones(set).fold((0, Set::MAX), |(any, all), n| (any | n, all & n));
        for (mask, none_of) in (0_u32..).zip(self.none_of).skip(1) {
            let (none, some) = (set & none_of, set & !none_of);
            if mask & !(any & !all) != 0 || none == 0 || some == 0 {
                continue;
            }
            let of_both = (self.runs(none), self.runs(some));
            if of_both.0 + of_both.1 <= runs {
                consider(Ask::NoneOf(mask), none_of, Some(of_both));
            }
        }
        best
    }

    fn key(&self, cost: f64, depth: u16) -> f64 {
        cost + self.costs.worst * f64::from(depth)
    }

    /// The recursion is as deep as there are numbers.
    fn best(&mut self, set: Set) -> Option<State> {
        if set & !self.first_target(set) == 0 {
            return Some(State { cost: 0.0, depth: 0, ask: None });
        }
        if let Some(state) = self.known.get(&set) {
            return Some(*state);
        }
        self.steps = self.steps.checked_sub(1)?;
        let weight = self.weight(set);
        let here = weight + self.costs.size;
        let mut best = State { cost: f64::INFINITY, depth: 0, ask: None };
        let mut best_key = f64::INFINITY;
        for Choice { ask, yes, no, .. } in self.choices(set, weight).into_iter().flatten() {
            if here + self.least(yes) + self.least(no) >= best_key {
                continue;
            }
            let (yes, no) = (self.best(yes)?, self.best(no)?);
            let (cost, depth) = (here + yes.cost + no.cost, 1 + yes.depth.max(no.depth));
            if self.key(cost, depth) < best_key {
                best_key = self.key(cost, depth);
                best = State { cost, depth, ask: Some(ask) };
            }
        }
        self.known.insert(set, best);
        Some(best)
    }

    fn holds(&self, ask: Ask) -> Set {
        let low = |number: u32| number.checked_sub(self.base);
        match ask {
            Ask::AtLeast(first) => low(first).map_or(0, |low| Set::MAX << low),
            Ask::Is(number) => low(number).map_or(0, |low| 1 << low),
            Ask::NoneOf(mask) => self.none_of.get(mask as usize).copied().unwrap_or_default(),
        }
    }

    fn tree(&self, set: Set) -> Option<Tree> {
        let Some(ask) = self.known.get(&set).and_then(|state| state.ask) else {
            let of_set = self.targets.iter().find(|(_, all)| set & all != 0);
            return of_set.map(|(target, _)| Tree::Found(*target));
        };
        let yes = self.holds(ask);
        Some(Tree::ask(ask, self.tree(set & yes)?, self.tree(set & !yes)?))
    }
}
