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
mod narrow;
mod segment;
#[cfg(test)]
mod tests;

pub(super) use segment::{Ask, Costs, Segment, Tree, is_hole};

/// The part of all weight that the longest path counts for at most where there are clusters.
const BLIND: f64 = 1.0 / 256.0;

/// A search in segments that follow each other; they are at least one. The longest path is
/// kept to about the logarithm of their number, however the weights are spread.
pub(super) fn tree(segments: &[Segment], costs: Costs) -> Tree {
    let by_mark = segment::by_mark(segments);
    let segments = by_mark.as_deref().unwrap_or(segments);
    let weight: f64 = segments.iter().map(|segment| segment.weight).sum();
    // As dear as all else together, the longest path decides alone.
    let all = weight + costs.size * segments.len() as f64;
    // How deep a cluster is is not known where it stands for what it holds, so what is done there
    // for the longest path is mostly done in vain.
    let is_long = segments.len() > cluster::AT_ONCE;
    let worst = if is_long { costs.worst.min(weight * BLIND) } else { costs.worst };
    let tree = cluster::solve(segments, Costs { worst, ..costs });
    if tree.depth() <= bound(segments.len()) {
        return tree;
    }
    let dearer = [1.0 / 32.0, 1.0 / 4.0].into_iter().map(|part| costs.worst + all * part);
    let trees = dearer.map(|worst| cluster::solve(segments, Costs { worst, ..costs }));
    // Of trees that are all too deep, the least deep.
    let mut best = tree;
    for tree in trees {
        if best.depth() > bound(segments.len()) && tree.depth() < best.depth() {
            best = tree;
        }
    }
    best
}

/// How long the longest path through the search of so many segments may be.
const fn bound(segments: usize) -> u32 {
    4 + 2 * (segments + 1).ilog2()
}
