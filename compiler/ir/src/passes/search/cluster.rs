//! Lists of any length, in about linear time.
//!
//! A list that is too long for [`interval`](super::interval) is cut into *clusters*: parts that weigh about as
//! much as each other, so that what is heavy is a cluster of its own. The search for a cluster is solved as
//! if it were a segment, and what is inside it as a list of its own. Where a cluster ends costs
//! little, if it is not beside a hole: a single number that stands between two segments of one
//! target costs a question where it has both neighbours, and two where it has not.

use super::bits;
use super::chain::chain_tree;
use super::interval::{Choice, Effort, HOT, Interval, NESTED, Table};
use super::narrow;
use super::segment::{Ask, Costs, Segment, Solved, Target, Tree, is_hole, quarter_of, take};

/// Segments that are always solved at once.
pub(super) const AT_ONCE: usize = 40;

/// How much better a window is to be searched for by itself: it cannot be taken apart any more.
const GAIN: f64 = 1.05;

/// The part of all weight that makes a cluster.
const FULL: f64 = 0.05;

/// The segments that do, of a list that is not very long; of one that is, this part.
const MANY: usize = 16;

/// Segments for which tests of bits are tried everywhere.
const THOROUGH: usize = 9;

/// A search of these segments.
pub(super) fn solve(segments: &[Segment], costs: Costs) -> Tree {
    let mut solver = Solver { costs, windows: Vec::new() };
    if segments.len() <= THOROUGH {
        return solver.list(segments, true).tree;
    }
    match solver.with_windows(segments) {
        Some(items) => solver.list(&items, false).tree,
        None => solver.list(segments, false).tree,
    }
}

/// The target that stands for the first window; those of others follow.
const WINDOWS: u32 = 1 << 31;

struct Solver {
    costs: Costs,
    /// Windows that are solved.
    windows: Vec<Solved>,
}

/// The segments of a list that are solved at once, and which of them are clusters.
struct Items<'s> {
    items: Vec<Segment>,
    /// The items as they were before they were merged.
    whole: Vec<Segment>,
    /// Where the first part of each item is among those, and at the end, how many these are.
    starts: Vec<usize>,
    /// By the targets that stand for them: the last ones there are, from the last down.
    clusters: Vec<&'s [Segment]>,
}

impl<'s> Items<'s> {
    fn of(whole: Vec<Segment>) -> Self {
        Self { items: Vec::new(), whole, starts: Vec::new(), clusters: Vec::new() }
    }

    /// Makes one item of segments that follow each other and lead to the same, but for numbers
    /// that may be asked for first: it does not pay to split between others, as either side can
    /// go with the one that is found sooner. Tests of bits can still take them apart.
    fn merge(&mut self, none: bool) {
        let least = self.whole.iter().map(|segment| segment.weight).sum::<f64>() * HOT;
        let is_plain = |segment: &Segment| {
            let is_hot = segment.is_single() && segment.weight >= least;
            !(none || segment.crosses || is_hot)
        };
        self.items.reserve(self.whole.len());
        self.starts.reserve(self.whole.len() + 1);
        for (index, segment) in self.whole.iter().enumerate() {
            let is_part = self.items.last_mut().is_some_and(|before| {
                is_plain(before)
                    && is_plain(segment)
                    && quarter_of(before.first) == quarter_of(segment.first)
                    && take(before, segment)
            });
            if !is_part {
                self.items.push(*segment);
                self.starts.push(index);
            }
        }
        self.starts.push(self.whole.len());
    }

    /// What an item was merged from.
    fn parts(&self, item: usize) -> &[Segment] {
        let ends = self.starts.get(item).zip(self.starts.get(item + 1));
        ends.and_then(|(start, end)| self.whole.get(*start..*end)).unwrap_or_default()
    }

    /// What a target stands for, if it is a cluster.
    fn cluster(&self, target: Target) -> Option<&'s [Segment]> {
        self.clusters.get((u32::MAX as usize).checked_sub(target.index())?).copied()
    }
}

impl Solver {
    /// The segments with windows in the place of what these hold, if there are any.
    fn with_windows(&mut self, segments: &[Segment]) -> Option<Vec<Segment>> {
        let windows = narrow::windows(segments);
        let mut items = Vec::with_capacity(segments.len());
        let mut next = 0;
        for window in windows {
            let part = segments.get(window.clone())?;
            let Some(solved) = narrow::solve(part, self.costs) else { continue };
            if solved.key(self.costs) * GAIN >= self.list(part, false).key(self.costs) {
                continue;
            }
            items.extend(segments.get(next..window.start)?);
            let target = WINDOWS.checked_add(u32::try_from(self.windows.len()).ok()?)?;
            self.windows.push(solved);
            items.push(Segment {
                first: part.first()?.first,
                last: part.last()?.last,
                target: Target::new(target),
                weight: part.iter().map(|segment| segment.weight).sum(),
                crosses: false,
            });
            next = window.end;
        }
        items.extend(segments.get(next..)?);
        (next > 0).then_some(items)
    }

    /// What a target stands for, if it is a window.
    fn window(&self, target: Target) -> Option<&Solved> {
        self.windows.get(target.index().checked_sub(WINDOWS as usize)?)
    }

    fn list(&self, segments: &[Segment], thorough: bool) -> Solved {
        let mut items = if segments.len() <= AT_ONCE {
            Items::of(segments.to_vec())
        } else {
            clusters(segments)
        };
        items.merge(thorough);
        let solve = |holes| {
            let table = Table::new(&items.items, self.costs, Effort { bits: thorough, holes });
            self.interval(&items, &table, &table.all())
        };
        let solved = solve(false);
        if !thorough {
            return solved;
        }
        let other = solve(true);
        if other.key(self.costs) < solved.key(self.costs) { other } else { solved }
    }

    fn interval(&self, items: &Items<'_>, table: &Table<'_>, interval: &Interval) -> Solved {
        let choice = table.state(interval).choice;
        let solved = match (choice, table.parts(interval, choice)) {
            (Choice::Split(_) | Choice::Heaviest(_), Some((ask, [yes, no]))) => {
                let yes = self.interval(items, table, &yes);
                let no = self.interval(items, table, &no);
                self.ask(ask, yes, no, table.weight_of(interval))
            }
            (Choice::Chain, _) => self.chain(items, table, interval),
            (Choice::Bits(index), _) => self.bits(table, interval, table.mask(index)),
            (Choice::Found | Choice::Split(_) | Choice::Heaviest(_), _) => {
                match table.remaining(interval).next() {
                    Some(segment) => self.target(items, segment.target),
                    // A list has a segment; none at all leads nowhere.
                    None => Solved::found(Target::new(0)),
                }
            }
        };
        self.with_bits(items, table, interval, solved)
    }

    fn ask(&self, ask: Ask, yes: Solved, no: Solved, weight: f64) -> Solved {
        Solved {
            cost: yes.cost + no.cost + weight + self.costs.size,
            depth: yes.depth.max(no.depth) + 1,
            tree: Tree::ask(ask, yes.tree, no.tree),
        }
    }

    fn chain(&self, items: &Items<'_>, table: &Table<'_>, interval: &Interval) -> Solved {
        let state = table.state(interval);
        let Some(tree) = chain_tree(table.remaining(interval)) else {
            return Solved::found(Target::new(0));
        };
        let (tree, cost, depth) = self.at_the_end(items, tree);
        Solved { tree, cost: state.cost + cost, depth: state.depth + depth }
    }

    fn bits(&self, table: &Table<'_>, interval: &Interval, mask: u32) -> Solved {
        let segments: Vec<Segment> = table.remaining(interval).copied().collect();
        let (mut none, mut some) = (Vec::new(), Vec::new());
        bits::split(&segments, mask, &mut none, &mut some);
        let side = |side: &[Segment]| self.list(side, side.len() <= NESTED.min(segments.len() - 1));
        let (none, some) = (side(&none), side(&some));
        self.ask(Ask::NoneOf(mask), none, some, table.weight_of(interval))
    }

    /// A chain, with the cluster that it may end in.
    fn at_the_end(&self, items: &Items<'_>, tree: Tree) -> (Tree, f64, u16) {
        match tree {
            Tree::Found(target) => {
                let Solved { tree, cost, depth } = self.target(items, target);
                (tree, cost, depth)
            }
            Tree::Ask { ask, yes, no } => {
                let (no, cost, depth) = self.at_the_end(items, *no);
                (Tree::Ask { ask, yes, no: Box::new(no) }, cost, depth)
            }
        }
    }

    fn target(&self, items: &Items<'_>, target: Target) -> Solved {
        match items.cluster(target) {
            Some(cluster) => self.list(cluster, false),
            None => self.window(target).cloned().unwrap_or_else(|| Solved::found(target)),
        }
    }

    /// The same search, or one by bits if that is cheaper.
    fn with_bits(
        &self,
        items: &Items<'_>,
        table: &Table<'_>,
        interval: &Interval,
        solved: Solved,
    ) -> Solved {
        if solved.depth < 2 {
            return solved;
        }
        let mut segments: Vec<Segment> = Vec::with_capacity(bits::SEGMENTS);
        for segment in table.indices(interval).flat_map(|index| items.parts(index)) {
            let is_list = items.cluster(segment.target).is_some();
            if segments.len() == bits::SEGMENTS || is_list || self.window(segment.target).is_some()
            {
                return solved;
            }
            segments.push(*segment);
        }
        let key = solved.key(self.costs);
        let quickly = |side: &mut Vec<Segment>, limit: f64| bits::quickly(side, self.costs, limit);
        let Some(found) = bits::cheapest(&segments, self.costs, key, quickly) else {
            return solved;
        };
        let (mut none, mut some) = (Vec::new(), Vec::new());
        bits::split(&segments, found.mask, &mut none, &mut some);
        let tree = |side: &mut Vec<Segment>| bits::quick_tree(side, self.costs);
        match tree(&mut none).zip(tree(&mut some)) {
            Some((none, some)) => Solved {
                tree: Tree::ask(Ask::NoneOf(found.mask), none, some),
                cost: found.cost,
                depth: found.depth,
            },
            None => solved,
        }
    }
}

/// A list as few clusters.
fn clusters(segments: &[Segment]) -> Items<'_> {
    let full = segments.iter().map(|segment| segment.weight).sum::<f64>() * FULL;
    let many = MANY.max(segments.len() / MANY);
    let mut items = Items::of(Vec::with_capacity(AT_ONCE * 2));
    let (mut start, mut sum, mut index) = (0, 0.0, 0);
    // What leads to one target stays together: where a heavy run ends is worth knowing.
    for run in segments.chunk_by(|a, b| a.target == b.target) {
        let weight: f64 = run.iter().map(|segment| segment.weight).sum();
        let count = index + run.len() - start;
        let is_good = !is_hole(segments, index) && !is_hole(segments, index.wrapping_sub(1));
        let is_full = sum + weight > full || count > many;
        let is_too_full = sum + weight > 2.0 * full || count > many + many / 2;
        // Where a list is sorted by the mark, what is in it must be seen.
        let is_marked = run.first().is_some_and(|first| quarter_of(first.first) == 1)
            && segments.get(start).is_some_and(|start| quarter_of(start.first) != 1);
        if (is_full && is_good || is_too_full || is_marked) && start < index {
            items.close(segments.get(start..index).unwrap_or_default());
            (start, sum) = (index, 0.0);
        }
        index += run.len();
        sum += weight;
        if sum > full && start + run.len() == index {
            items.whole.extend(run);
            (start, sum) = (index, 0.0);
        }
    }
    items.close(segments.get(start..).unwrap_or_default());
    items
}

impl<'s> Items<'s> {
    fn close(&mut self, part: &'s [Segment]) {
        let (Some(first), Some(last)) = (part.first(), part.last()) else { return };
        if part.len() == 1 {
            self.whole.push(*first);
            return;
        }
        // No DAG has so many nodes that these are among them.
        let target = u32::try_from(self.clusters.len()).map_or(u32::MAX, |count| u32::MAX - count);
        self.clusters.push(part);
        let weight = part.iter().map(|segment| segment.weight).sum();
        let target = Target::new(target);
        let crosses = last.crosses;
        self.whole.push(Segment { first: first.first, last: last.last, target, weight, crosses });
    }
}
