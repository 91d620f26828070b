//! A word that is compared with many values, all of which lead to the same place.
//!
//! The values are searched in order: neighbours are one range, and what is asked is the cheaper
//! of two under the weights, each range after the other, the frequent ones first, or on which
//! side of a middle the word is. No more than [`MAX_LINEAR`] are asked one by one: how long
//! a call can take is to be known even where nothing is known of the calls.

use super::cells::Weighing;
use super::fragment::Fragment;
use crate::builder::DagBuilder;
use crate::dag::{Dag, NodeId, Origin};
use crate::objective::Objective;
use crate::test::{Cmp, Test, Word};

/// Fewer values than these are solved better as a function of cells.
const LEAST_VALUES: usize = 7;

/// Ranges that are asked for one after the other, unless size is minded more than what all
/// calls run.
const MAX_LINEAR: usize = 32;

/// The part of the calls that is supposed to come with each value alike.
const SUPPOSED: f64 = 1.0 / 16.0;

/// The values.
pub(super) struct Members {
    word: Word,
    mask: u32,
    /// Sorted, none next to another.
    ranges: Vec<Range>,
    /// The weight of the calls with none of the values.
    others: f64,
    /// What all of them are there for.
    origin: Origin,
}

#[derive(Clone, Copy, Debug)]
struct Range {
    first: u32,
    last: u32,
    weight: f64,
    origin: Origin,
}

/// How a list of ranges is searched.
enum Search {
    Linear(Vec<Range>),
    /// Below the first of the second half, or not.
    Halves(Box<Search>, u32, Box<Search>),
}

impl Members {
    /// Parts that are all one test whether a word has a value, and lead to one place if so.
    pub(super) fn of(
        dag: &Dag,
        parts: &[&Fragment],
        hit: NodeId,
        weighing: &Weighing<'_>,
    ) -> Option<Self> {
        let mut values: Vec<(u32, Origin)> = Vec::with_capacity(parts.len());
        let mut subject = None;
        let mut origin: Option<Origin> = None;
        for part in parts {
            let (test, then, _) = Fragment::branch(dag, part.entry)?;
            let Test::Word { word, mask, cmp: Cmp::Eq, value } = *test else { return None };
            let is_same = *subject.get_or_insert((word, mask)) == (word, mask);
            if part.nodes.len() != 1 || then != hit || !is_same {
                return None;
            }
            let own = dag.origin(part.entry);
            values.push((value, own));
            origin = Some(origin.map_or(own, |origin| origin.merge(own)));
        }
        let (word, mask) = subject.filter(|_| values.len() >= LEAST_VALUES)?;
        values.sort_by_key(|(value, _)| *value);
        values.dedup_by_key(|(value, _)| *value);
        let each = SUPPOSED * weighing.arriving.weight / values.len() as f64;
        let mut ranges: Vec<Range> = Vec::with_capacity(values.len());
        for (value, origin) in values {
            match ranges.last_mut() {
                Some(range) if range.last.checked_add(1) == Some(value) => {
                    range.last = value;
                    range.weight += each;
                    range.origin = range.origin.merge(origin);
                }
                _ => ranges.push(Range { first: value, last: value, weight: each, origin }),
            }
        }
        let mut members =
            Self { word, mask, ranges, others: 0.0, origin: origin.unwrap_or_default() };
        members.weigh(weighing);
        Some(members)
    }

    fn weigh(&mut self, weighing: &Weighing<'_>) {
        let all: f64 = weighing.arriving.seen.iter().map(|(_, share)| share).sum();
        let known = (1.0 - SUPPOSED) * weighing.arriving.weight;
        let counted = if all > 0.0 { weighing.arriving.seen.as_slice() } else { &[] };
        for (words, share) in counted {
            let value = self.word.among(words) & self.mask;
            let at = self.ranges.partition_point(|range| range.last < value);
            match self.ranges.get_mut(at).filter(|range| range.first <= value) {
                Some(range) => range.weight += known * share / all,
                None => self.others += known * share / all,
            }
        }
    }

    /// The nodes of the search.
    pub(super) fn build(
        &self,
        builder: &mut DagBuilder,
        hit: NodeId,
        miss: NodeId,
        objective: &Objective,
    ) -> NodeId {
        let is_small = objective.size >= objective.run(false);
        let most = if is_small { usize::MAX } else { MAX_LINEAR };
        let (search, _) = plan(&self.ranges, self.others, objective.size, most);
        self.nodes(builder, &search, hit, miss)
    }

    /// The recursion halves the list, so it is not deep.
    fn nodes(
        &self,
        builder: &mut DagBuilder,
        search: &Search,
        hit: NodeId,
        miss: NodeId,
    ) -> NodeId {
        let Self { word, mask, origin, .. } = *self;
        let test = |cmp, value| Test::Word { word, mask, cmp, value };
        match search {
            Search::Linear(ranges) => ranges.iter().rev().fold(miss, |next, range| {
                let origin = range.origin;
                if range.first == range.last {
                    return builder.branch(test(Cmp::Eq, range.first), hit, next, origin);
                }
                let end = range.last.checked_add(1);
                let inside =
                    end.map_or(hit, |end| builder.branch(test(Cmp::Ge, end), next, hit, origin));
                builder.branch(test(Cmp::Ge, range.first), inside, next, origin)
            }),
            Search::Halves(below, middle, above) => {
                let below = self.nodes(builder, below, hit, miss);
                let above = self.nodes(builder, above, hit, miss);
                builder.branch(test(Cmp::Ge, *middle), above, below, origin)
            }
        }
    }
}

const fn tests(range: &Range) -> f64 {
    if range.first == range.last { 1.0 } else { 2.0 }
}

/// The cheaper search of a list that asks for no more than `most` in a row, and its cost.
fn plan(ranges: &[Range], others: f64, size: f64, most: usize) -> (Search, f64) {
    let (linear, linear_cost) = linear(ranges, others, size);
    if ranges.len() <= 2 {
        return (linear, linear_cost);
    }
    let weight: f64 = ranges.iter().map(|range| range.weight).sum();
    // The middle of the weights, with something on both sides.
    let mut before = 0.0;
    let half = ranges.iter().position(|range| {
        before += range.weight;
        before * 2.0 >= weight
    });
    let least = ranges.len() / 4;
    let half = half.unwrap_or(0).clamp(least.max(1), ranges.len() - least.max(1));
    let (low, high) = ranges.split_at(half);
    let Some(middle) = high.first() else { return (linear, linear_cost) };
    let (below, below_cost) = plan(low, others / 2.0, size, most);
    let (above, above_cost) = plan(high, others / 2.0, size, most);
    let cost = size + weight + others + below_cost + above_cost;
    if cost < linear_cost || ranges.len() > most {
        (Search::Halves(Box::new(below), middle.first, Box::new(above)), cost)
    } else {
        (linear, linear_cost)
    }
}

/// One after the other, the frequent ones first.
fn linear(ranges: &[Range], others: f64, size: f64) -> (Search, f64) {
    let mut ranges = ranges.to_vec();
    ranges.sort_by(|a, b| (b.weight * tests(a)).total_cmp(&(a.weight * tests(b))));
    let (mut cost, mut run) = (0.0, 0.0);
    for range in &ranges {
        run += tests(range);
        cost += size * tests(range) + range.weight * run;
    }
    (Search::Linear(ranges), cost + others * run)
}
