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
    /// Whether those that begin with 01 are not its own: see [`by_mark`].
    pub(in crate::passes) crosses: bool,
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

/// A tree, and what it costs.
#[derive(Clone, Debug)]
pub(super) struct Solved {
    pub(super) tree: Tree,
    pub(super) cost: f64,
    pub(super) depth: u16,
}

impl Solved {
    pub(super) const fn found(target: Target) -> Self {
        Self { tree: Tree::Found(target), cost: 0.0, depth: 0 }
    }

    /// What there is to make least of.
    pub(super) fn key(&self, costs: Costs) -> f64 {
        self.cost + costs.worst * f64::from(self.depth)
    }
}

/// The bit that marks numbers of x32.
pub(super) const MARK: u32 = 1 << 30;

/// Which of the four parts a number is in that its two highest bits make.
pub(super) const fn quarter_of(number: u32) -> u32 {
    number >> 30
}

/// The same segments in another order, where that makes them fewer: first all numbers without the
/// mark. So `nr & MARK == 0` takes apart what lies next to each other, and the numbers that begin
/// with 10 go with those that begin with 00 if they lead to the same. Such a segment is said to
/// *cross*: from its first number to its last there are those that begin with 01, which are not its.
pub(in crate::passes) fn by_mark(segments: &[Segment]) -> Option<Vec<Segment>> {
    let quarter = |quarter: u32| {
        let (start, end) = (quarter * MARK, quarter * MARK + (MARK - 1));
        let inside = segments.iter().filter(move |s| s.first <= end && s.last >= start);
        inside.map(move |segment| {
            let Segment { first, last, weight, .. } = *segment;
            // What is cut weighs on one side alone: hardly a call is so high.
            let weight = if first >= start { weight } else { 0.0 };
            Segment { first: first.max(start), last: last.min(end), weight, ..*segment }
        })
    };
    let mut high = quarter(2);
    // Orders would not take apart what crosses and what does not.
    let (Some(middle), None) = (high.next(), high.next()) else { return None };
    let mut all: Vec<Segment> = quarter(0).collect();
    merge_one(&mut all, middle);
    if let Some(last) = all.last_mut() {
        last.crosses = quarter_of(last.first) == 0;
    }
    all.extend(quarter(1).chain(quarter(3)));
    (all.len() < segments.len()).then_some(all)
}

/// What asks for the segments from one on, and whether that is what yes means; `None` if no
/// question does.
pub(super) fn boundary(segments: &[Segment], at: usize) -> Option<(Ask, bool)> {
    let (before, after) = segments.split_at_checked(at)?;
    let pivot = after.iter().map(|segment| segment.first).min()?;
    if before.iter().all(|segment| segment.last < pivot) {
        return Some((Ask::AtLeast(pivot), true));
    }
    let [before, after] = [before.last()?, after.first()?].map(|segment| quarter_of(segment.first));
    (before != 1 && after == 1).then_some((Ask::NoneOf(MARK), false))
}

/// Makes one of two that follow each other, if they lead to the same.
pub(super) fn take(before: &mut Segment, segment: &Segment) -> bool {
    if before.target != segment.target {
        return false;
    }
    before.last = before.last.max(segment.last);
    before.weight += segment.weight;
    before.crosses |= segment.crosses;
    true
}

/// Adds a segment, to the one before it if they lead to the same.
pub(super) fn merge_one(segments: &mut Vec<Segment>, segment: Segment) {
    if !segments.last_mut().is_some_and(|before| take(before, &segment)) {
        segments.push(segment);
    }
}

/// Makes one of those that follow each other and lead to the same.
pub(super) fn merge_all(segments: &mut Vec<Segment>) {
    segments.dedup_by(|segment, before| take(before, segment));
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
