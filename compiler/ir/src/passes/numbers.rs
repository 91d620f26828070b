//! `numbers`: tests of `nr` become switches, and one with the switches below them.
//!
//! Where several ABIs share a token, a bit of the number tells them apart, and −1 is a call
//! of none of them. As tests of their own they would be asked of every call; as cases of
//! one switch over all 2³² numbers they are found on the way, by those they concern. The
//! partition is of numbers with one residual, whichever ABI they are of.

use super::rewrite::bottom_up;
use crate::builder::DagBuilder;
use crate::dag::{Case, Dag, Node, NodeId};
use crate::objective::Objective;
use crate::test::{Cmp, Test, Word, split};
use filterc_hir::types::Place;

/// A test that holds for more runs of numbers than this stays one: it asks for low bits.
const MAX_RUNS: usize = 8;

/// Whether there are tests of `nr` that become switches.
pub(super) fn applies(dag: &Dag) -> bool {
    dag.nodes().iter().any(|node| match node {
        Node::Branch { test, .. } => runs(test).is_some(),
        Node::Leaf(_) | Node::Switch(_) => false,
    })
}

pub(super) fn run(dag: &Dag, _: &Objective) -> Dag {
    bottom_up(dag, |builder, node, origin| match node {
        Node::Branch { test, then, otherwise } => match runs(&test) {
            Some(runs) => {
                let cases = merge(builder, &runs, then, otherwise);
                builder.switch(cases, origin)
            }
            None => builder.branch(test, then, otherwise, origin),
        },
        Node::Leaf(_) | Node::Switch(_) => builder.add(node, origin),
    })
}

/// The numbers for which a test of `nr` holds, as runs from the first to the last, in order;
/// `None` if it asks for something else, or for too many of them.
fn runs(test: &Test) -> Option<Vec<(u32, u32)>> {
    let (mask, cmp, value) = match *test {
        Test::Field { field, mask, cmp, value } => {
            let is_nr = field.place() == Place::Nr && field.width() == 32 && !field.signed();
            if !is_nr {
                return None;
            }
            (split(mask).0, cmp, split(value).0)
        }
        Test::Word { word: Word::NR, mask, cmp, value } => (mask, cmp, value),
        Test::Word { .. } | Test::Words { .. } | Test::Fields { .. } => return None,
    };
    // The answer changes at multiples of the lowest bit that counts, and nowhere else.
    if cmp == Cmp::Ge && mask == u32::MAX {
        return Some(vec![(value, u32::MAX)]);
    }
    // The bits above the mask's highest run of ones, and the holes in it, are free.
    let highest = 32 - mask.leading_zeros();
    let free = (!mask >> mask.trailing_zeros()).checked_shl(mask.trailing_zeros()).unwrap_or(0);
    if cmp == Cmp::Ge && (free & lower(highest)) != 0 || free.count_ones() > MAX_RUNS.ilog2() {
        return None;
    }
    let below = lower(mask.trailing_zeros());
    // At least a number between two multiples is at least the upper one.
    let value = value.saturating_add(below) & !below;
    let mut runs = Vec::new();
    let mut above = 0_u32;
    loop {
        let last = if cmp == Cmp::Ge { above | mask | below } else { above | value | below };
        runs.push((above | value, last));
        // The next number made of free bits alone.
        above = (above | !free).wrapping_add(1) & free;
        if above == 0 {
            return Some(runs);
        }
    }
}

/// All bits below one.
const fn lower(bit: u32) -> u32 {
    if bit >= 32 { u32::MAX } else { (1 << bit) - 1 }
}

/// One partition of two, by the runs of numbers that are the first one's.
fn merge(builder: &DagBuilder, runs: &[(u32, u32)], then: NodeId, otherwise: NodeId) -> Vec<Case> {
    let cases = |target: NodeId| match builder.node(target) {
        Some(Node::Switch(cases)) => cases.clone(),
        Some(Node::Leaf(_) | Node::Branch { .. }) | None => vec![Case { first: 0, target }],
    };
    let (inside, outside) = (cases(then), cases(otherwise));
    let mut merged = Vec::new();
    let mut next = Some(0);
    for &(first, last) in runs {
        if let Some(next) = next.filter(|next| *next < first) {
            restrict(&outside, next, first - 1, &mut merged);
        }
        restrict(&inside, first, last, &mut merged);
        next = last.checked_add(1);
    }
    if let Some(next) = next {
        restrict(&outside, next, u32::MAX, &mut merged);
    }
    merged.dedup_by_key(|case| case.target);
    merged
}

/// The part of a partition from one number to another.
fn restrict(cases: &[Case], first: u32, last: u32, to: &mut Vec<Case>) {
    let start = cases.partition_point(|case| case.first <= first).saturating_sub(1);
    let part = cases.iter().skip(start).take_while(|case| case.first <= last);
    to.extend(part.map(|case| Case { first: case.first.max(first), target: case.target }));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// All numbers near where an answer can change, and some others.
    fn numbers() -> impl Iterator<Item = u32> {
        let near = (0..32).flat_map(|bit| [(1_u32 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        let near: Vec<u32> = near.chain([0xc000_0000, 0x4000_01ff, 12345]).collect();
        near.into_iter().flat_map(|number| [number, !number, number ^ 0x4000_0000])
    }

    #[test]
    fn runs_are_the_numbers_for_which_a_test_holds() {
        let masks =
            [u32::MAX, 1 << 30, 3 << 29, 0xff00_0000, 0xf, 1 << 31, 0x3fff_ffff, 0x7000_0000];
        let mut found = 0;
        for mask in masks {
            for cmp in [Cmp::Eq, Cmp::Ge] {
                for value in [0, 1, 5, 0x3000_0000, 0x4000_0000, 0x6000_0001, 0xc000_0000, u32::MAX]
                {
                    let possible = match cmp {
                        Cmp::Eq => value & !mask == 0,
                        Cmp::Ge => value <= mask && value != 0,
                    };
                    let test = Test::Word { word: Word::NR, mask, cmp, value };
                    let Some(runs) = runs(&test).filter(|_| possible) else { continue };
                    found += 1;
                    assert!(runs.is_sorted_by(|a, b| a.0 <= a.1 && a.1 < b.0), "{test:?} {runs:?}");
                    for nr in numbers() {
                        let holds = match cmp {
                            Cmp::Eq => nr & mask == value,
                            Cmp::Ge => nr & mask >= value,
                        };
                        let inside =
                            runs.iter().any(|(first, last)| (*first..=*last).contains(&nr));
                        assert_eq!(inside, holds, "{test:?} {nr:#x} {runs:?}");
                    }
                }
            }
        }
        assert!(found > 30, "{found}");
    }
}
