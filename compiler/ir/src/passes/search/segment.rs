//! Segments of numbers, what a search of them costs, and searches.

use crate::dag::NodeId;

/// What a search leads to: one of its segments' targets.
pub(in crate::passes) type Target = NodeId;

/// Numbers with one target, or, before it is searched, a part of the list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::passes) struct Segment {
    /// The first number.
    pub(in crate::passes) first: u32,
    /// The last number.
    pub(in crate::passes) last: u32,
    /// Where they lead.
    pub(in crate::passes) target: Target,
    /// What a question that all of them come to costs.
    pub(in crate::passes) weight: f64,
}

impl Segment {
    pub(super) const fn is_single(&self) -> bool {
        self.first == self.last
    }
}

/// What there is to pay for beside the weights of segments.
#[derive(Clone, Copy, Debug)]
pub(in crate::passes) struct Costs {
    /// For a question that is there.
    pub(in crate::passes) size: f64,
    /// For a question on the longest path.
    pub(in crate::passes) worst: f64,
}

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::passes) enum Ask {
    /// Is the number at least this one?
    AtLeast(u32),
    /// Is it this one?
    Is(u32),
    /// Has it none of these bits?
    NoneOf(u32),
}

/// A search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::passes) enum Tree {
    /// All numbers that come here lead there.
    Found(Target),
    /// Asks, and goes on.
    Ask { ask: Ask, yes: Box<Tree>, no: Box<Tree> },
}

impl Tree {
    /// A question and its answers.
    pub(super) fn ask(ask: Ask, yes: Self, no: Self) -> Self {
        Self::Ask { ask, yes: Box::new(yes), no: Box::new(no) }
    }

    /// Questions on the longest path.
    pub(in crate::passes) fn depth(&self) -> u32 {
        match self {
            Self::Found(_) => 0,
            Self::Ask { ask: _, yes, no } => 1 + yes.depth().max(no.depth()),
        }
    }
}

/// Adds a segment, to the one before it if they lead to the same.
pub(super) fn merge_one(segments: &mut Vec<Segment>, segment: Segment) {
    match segments.last_mut() {
        Some(before) if before.target == segment.target => {
            before.last = segment.last;
            before.weight += segment.weight;
        }
        Some(_) | None => segments.push(segment),
    }
}

/// Adds segments, those that follow each other and lead to the same as one.
pub(super) fn merge<'s>(from: impl Iterator<Item = &'s Segment>, to: &mut Vec<Segment>) {
    from.for_each(|segment| merge_one(to, *segment));
}

/// Whether a segment is a single number between two segments of one target.
pub(in crate::passes) fn is_hole(segments: &[Segment], index: usize) -> bool {
    let at = |index: usize| segments.get(index);
    match (index.checked_sub(1).and_then(at), at(index), at(index.saturating_add(1))) {
        (Some(before), Some(hole), Some(after)) => {
            hole.is_single() && before.target == after.target && before.target != hole.target
        }
        _ => false,
    }
}
