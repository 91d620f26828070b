//! The search against all trees, on small functions by chance.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

use super::*;
use crate::passes::function::Answers;
use crate::test::{Cmp, Test, Word};

/// Numbers by chance (Marsaglia, "Xorshift RNGs", 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn function(chance: &mut Chance) -> Function {
    let tests = 1 + chance.below(5);
    let cells = 2 + chance.below(6);
    let words = [4, 5, 6].map(|index| Word::new(index).unwrap());
    let exits = 2 + chance.below(2);
    let cells: Vec<Cell> = (0..cells)
        .map(|_| Cell {
            weight: chance.below(16) as f64 / 16.0,
            exit: usize::try_from(chance.below(exits)).unwrap(),
            answers: Answers::try_from(chance.below(1 << tests)).unwrap(),
        })
        .collect();
    // A test that is not settled is never asked.
    let settled = if chance.below(4) == 0 { Answers::MAX << 1 } else { Answers::MAX };
    let tests = (0..u32::try_from(tests).unwrap()).map(|index| {
        let word = words.get(usize::try_from(chance.below(3)).unwrap()).copied().unwrap();
        let mask = if chance.below(3) == 0 { 7 } else { u32::MAX };
        // With the same value, two tests may be one; the search knows them by their cells.
        let test = Test::Word { word, mask, cmp: Cmp::Eq, value: 1 + index % 2 };
        let mut holds = Set::default();
        for (cell, of_cell) in cells.iter().enumerate() {
            if of_cell.answers & settled & (1 << index) != 0 {
                holds.insert(cell);
            }
        }
        Candidate { test, holds, wants: machine::wants(&test) }
    });
    let tests = tests.collect();
    Function { cells, tests, settled, size: chance.below(4) as f64 / 4.0 }
}

/// What the cells of a set weigh.
fn weight(function: &Function, set: Set) -> f64 {
    set.iter().map(|cell| function.cells.get(cell).unwrap().weight).sum()
}

/// The cost of the best of all trees.
fn best(function: &Function, set: Set, held: Option<Held>) -> f64 {
    let mut exits = set.iter().map(|cell| function.cells.get(cell).unwrap().exit);
    let first = exits.next();
    if exits.all(|exit| Some(exit) == first) {
        return 0.0;
    }
    let asked = function.tests.iter().filter(|candidate| set.is_told_apart(candidate.holds));
    let costs = asked.map(|candidate| {
        let own = f64::from(machine::cost(&candidate.test, held));
        let left = machine::leaves(&candidate.test);
        own * (weight(function, set) + function.size)
            + best(function, set.and(candidate.holds), left)
            + best(function, set.without(candidate.holds), left)
    });
    costs.fold(f64::INFINITY, f64::min)
}

/// The cost of a tree; every exit of it is that of all cells that come there.
fn cost(function: &Function, tree: &Tree, set: Set, held: Option<Held>) -> f64 {
    match tree {
        Tree::Exit(exit) => {
            assert!(set.iter().all(|cell| function.cells.get(cell).unwrap().exit == *exit));
            0.0
        }
        Tree::Ask { test, then, otherwise } => {
            let Candidate { test, holds, .. } = function.tests.get(*test).unwrap();
            let own = f64::from(machine::cost(test, held));
            let left = machine::leaves(test);
            own * (weight(function, set) + function.size)
                + cost(function, then, set.and(*holds), left)
                + cost(function, otherwise, set.without(*holds), left)
        }
    }
}

#[test]
fn no_tree_is_cheaper_and_limits_are_kept() {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut found = 0;
    for _ in 0..4000 {
        let function = function(&mut chance);
        let mut all = Set::default();
        (0..function.cells.len()).for_each(|cell| all.insert(cell));
        let least = best(&function, all, None);
        for limit in [f64::INFINITY, least * 1.25, least * 1.001, least * 0.999, least * 0.5] {
            let is_below = least < limit;
            let mut steps = 1 << 20;
            match solve(&function, limit, &mut steps) {
                Solution::Tree(tree) if is_below => {
                    let cost = cost(&function, &tree, all, None);
                    assert!((cost - least).abs() < 1e-6, "{cost} {least} {function:?}");
                    found += 1;
                }
                Solution::NoneBelow if !is_below || least == 0.0 => {}
                other => panic!("{limit} {least} {other:?} {function:?}"),
            }
        }
    }
    assert!(found > 3000, "{found}");
    // A search that is broken off says so.
    let function = std::iter::repeat_with(|| function(&mut chance));
    let is_broken_off = |function: &Function| {
        matches!(solve(function, f64::INFINITY, &mut 1), Solution::OutOfSteps)
    };
    assert!(function.take(100).any(|function| is_broken_off(&function)));
}
