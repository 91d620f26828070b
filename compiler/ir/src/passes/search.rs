//! The shape of the search for a number.
//!
//! Numbers come in runs with one target. A run of a single number between two of one
//! other target is a *hole*, and cheaper found by equality than by order: one comparison
//! where two would be needed. The search is weighed: a run counts for as many numbers as
//! it has, up to a limit, since a call is more likely in a long run of allowed ones than in
//! a single exception. Long lists are halved by weight; short ones are solved exactly.

use crate::dag::NodeId;

/// Numbers with one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// The first number.
    pub(super) first: u32,
    /// The last number.
    pub(super) last: u32,
    /// Where they lead.
    pub(super) target: NodeId,
}

/// A search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    /// All numbers that come here lead there.
    Found(NodeId),
    /// Asks whether the number is at least `pivot`.
    AtLeast { pivot: u32, above: Box<Tree>, below: Box<Tree> },
    /// These single numbers lead elsewhere, all others to `rest`.
    Except { holes: Vec<(u32, NodeId)>, rest: NodeId },
}

/// Segments that are solved exactly, in cubic time.
const EXACT: usize = 16;

/// Numbers that a run counts for at most: the last run is two thousand million long.
const MAX_WEIGHT: u64 = 48;

/// What a comparison costs by being there, in comparisons of a single number.
const SIZE_COST: u64 = 4;

/// On either side of a split at least this part of the segments is left, so that the
/// search is never deep.
const LEAST_PART: usize = 6;

impl Segment {
    const fn is_single(self) -> bool {
        self.first == self.last
    }

    fn weight(self) -> u64 {
        (u64::from(self.last - self.first) + 1).min(MAX_WEIGHT)
    }
}

/// A search in segments that follow each other; they are at least one.
pub(super) fn tree(segments: &[Segment]) -> Tree {
    if segments.len() <= EXACT {
        return Exact::solve(segments);
    }
    let split = halve(segments);
    let (Some(below), Some(above)) = (segments.get(..split.below), segments.get(split.above..))
    else {
        return Exact::solve(segments);
    };
    Tree::AtLeast { pivot: split.pivot, above: Box::new(tree(above)), below: Box::new(tree(below)) }
}

/// Where to split a list.
#[derive(Clone, Copy)]
struct Split {
    pivot: u32,
    /// The segments below are those before this one…
    below: usize,
    /// … and those above from this one: one less if the split is inside a segment.
    above: usize,
}

/// The split with the most equal weights: at the start of a segment, but not between a
/// hole and its neighbour, or inside a segment between two holes.
fn halve(segments: &[Segment]) -> Split {
    let count = segments.len();
    let total: u64 = segments.iter().map(|segment| segment.weight()).sum();
    let least = count / LEAST_PART;
    let middle = segments.get(count / 2).map_or(0, |segment| segment.first);
    let mut best = Split { pivot: middle, below: count / 2, above: count / 2 };
    let mut best_difference = u64::MAX;
    let mut before = 0;
    for (index, segment) in segments.iter().enumerate() {
        let in_range = index >= least.max(1) && count - index >= least.max(1);
        let at_start = !is_hole(segments, index) && !is_hole(segments, index.wrapping_sub(1));
        let between = is_hole(segments, index + 1) && is_hole(segments, index.wrapping_sub(1));
        let inside = between && !segment.is_single() && count - index > least;
        for (allowed, below, split) in [
            (at_start, before, Split { pivot: segment.first, below: index, above: index }),
            (
                inside,
                before + segment.weight() / 2,
                Split { pivot: middle_of(*segment), below: index + 1, above: index },
            ),
        ] {
            let difference = below.abs_diff(total - below);
            if in_range && allowed && difference < best_difference {
                (best, best_difference) = (split, difference);
            }
        }
        before += segment.weight();
    }
    best
}

/// The number at which a segment's upper half begins; the number itself if it is one.
const fn middle_of(segment: Segment) -> u32 {
    segment.first + (segment.last - segment.first).div_ceil(2)
}

/// Whether a segment is a single number between two segments of one target.
fn is_hole(segments: &[Segment], index: usize) -> bool {
    let at = |index: usize| segments.get(index);
    match (index.checked_sub(1).and_then(at), at(index), at(index.saturating_add(1))) {
        (Some(before), Some(hole), Some(after)) => {
            hole.is_single() && before.target == after.target
        }
        _ => false,
    }
}

/// How a range of segments is searched.
#[derive(Clone, Copy)]
enum Choice {
    Found,
    Except,
    Split(Split),
}

/// The cheapest search for every range of a short list: weighted comparisons, and size.
struct Exact<'s> {
    segments: &'s [Segment],
    /// By start and end of the range.
    best: Vec<(u64, Choice)>,
}

impl<'s> Exact<'s> {
    fn solve(segments: &'s [Segment]) -> Tree {
        let side = segments.len() + 1;
        let mut exact = Self { segments, best: vec![(0, Choice::Found); side * side] };
        for length in 1..side {
            for start in 0..side - length {
                let best = exact.cheapest(start, start + length);
                if let Some(slot) = exact.best.get_mut(start * side + start + length) {
                    *slot = best;
                }
            }
        }
        exact.tree(0, segments.len())
    }

    fn get(&self, start: usize, end: usize) -> (u64, Choice) {
        let side = self.segments.len() + 1;
        self.best.get(start * side + end).copied().unwrap_or((0, Choice::Found))
    }

    fn range(&self, start: usize, end: usize) -> &'s [Segment] {
        self.segments.get(start..end).unwrap_or_default()
    }

    fn cheapest(&self, start: usize, end: usize) -> (u64, Choice) {
        let range = self.range(start, end);
        if range.len() <= 1 {
            return (0, Choice::Found);
        }
        let weight: u64 = range.iter().map(|segment| segment.weight()).sum();
        let mut best = (except(range).unwrap_or(u64::MAX), Choice::Except);
        for (index, segment) in (start..end).zip(range).skip(1) {
            let at_start = Split { pivot: segment.first, below: index, above: index };
            let inside = Split { pivot: middle_of(*segment), below: index + 1, above: index };
            // Inside the last segment there is nothing to be found above.
            let splits =
                [Some(at_start), (!segment.is_single() && index + 1 < end).then_some(inside)];
            for split in splits.into_iter().flatten() {
                let parts = self.get(start, split.below).0 + self.get(split.above, end).0;
                let cost = parts + weight + SIZE_COST;
                if cost < best.0 {
                    best = (cost, Choice::Split(split));
                }
            }
        }
        best
    }

    fn tree(&self, start: usize, end: usize) -> Tree {
        let range = self.range(start, end);
        // A list has a segment; none at all leads nowhere.
        let Some(first) = range.first() else { return Tree::Found(NodeId::new(0)) };
        match self.get(start, end).1 {
            Choice::Found => Tree::Found(first.target),
            Choice::Except => {
                let holes = range.iter().skip(1).step_by(2);
                let holes = holes.map(|hole| (hole.first, hole.target)).collect();
                Tree::Except { holes, rest: first.target }
            }
            Choice::Split(Split { pivot, below, above }) => Tree::AtLeast {
                pivot,
                above: Box::new(self.tree(above, end)),
                below: Box::new(self.tree(start, below)),
            },
        }
    }
}

/// The cost of finding all of a range's holes one after the other, if it is a run with
/// holes and nothing else.
fn except(range: &[Segment]) -> Option<u64> {
    let first = range.first()?;
    if range.len().is_multiple_of(2) {
        return None;
    }
    let mut cost = 0;
    let count = range.len() as u64 / 2;
    for (index, segment) in range.iter().enumerate() {
        if index % 2 == 0 {
            if segment.target != first.target {
                return None;
            }
            cost += segment.weight() * count;
        } else {
            if !segment.is_single() {
                return None;
            }
            cost += index as u64 / 2 + 1;
        }
    }
    Some(cost + count * SIZE_COST)
}
