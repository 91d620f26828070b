//! The shape of the search for a number.
//!
//! Numbers come in segments with one target. A search asks for a number's order (`AtLeast`), for
//! one number (`Is`) or for bits (`NoneOf`) until one target is left: all that the kernel's
//! constant-allow emulation understands. What it costs is said by [`Costs`]: each question
//! costs the weight of the numbers that come to it, and its size.
//!
//! * [`interval`] finds the best search of a short list in cubic time, among those that ask for
//!   order, and for the heaviest numbers first or the lightest last.
//! * [`bits`] replaces what is left of short lists by tests of bits where they win.
//! * Longer lists are [`cluster`]ed: what is seldom searched for stands together as one item
//!   until the rest is searched, and is a list of its own then.

mod bits;
mod chain;
mod cluster;
mod interval;
mod segment;
#[cfg(test)]
mod tests;

pub(super) use segment::{Ask, Costs, Segment, Tree, is_hole};

/// A search in segments that follow each other; they are at least one. The longest path is
/// kept to about the logarithm of their number, however the weights are spread.
pub(super) fn tree(segments: &[Segment], costs: Costs) -> Tree {
    let mut costs = costs;
    loop {
        let tree = cluster::solve(segments, costs);
        // With each path as dear as all questions together, the shortest wins.
        let total: f64 = segments.iter().map(|segment| segment.weight).sum();
        if tree.depth() <= bound(segments.len()) || costs.worst > total {
            return tree;
        }
        costs.worst = costs.worst * 4.0 + total / 256.0;
    }
}

/// How long the longest path through the search of so many segments may be.
const fn bound(segments: usize) -> u32 {
    4 + 2 * (segments + 1).ilog2()
}
