//! What no tree of tests for a function can do without: leaves, and words that it loads.
//!
//! Two cells of one exit cannot be in one leaf if all tests that answer alike for both answer so
//! for a cell of another exit as well: whatever was asked before, that one is there too. Cells no
//! two of which can be in one leaf have leaves of their own; a tree has a test less than leaves,
//! and by the inequality of Kraft one leaf at most is behind a single test, if they are more than
//! two. And a word that alone tells two cells of different exits apart is loaded somewhere.

use super::function::{Answers, Function};
use super::set::Set;
use crate::machine::Held;
use crate::test::Word;

/// Functions with more cells are taken to need no more leaves than exits.
const CELLS: usize = 32;

/// What is known of a function once and for all.
pub(super) struct Bound<const N: usize> {
    /// By exit, its cells.
    exits: Vec<Set<N>>,
    /// The weights of the cells.
    weights: Vec<f64>,
    /// By two cells of one exit, the first one below the second, those of other exits that are in
    /// every leaf that has both.
    between: Vec<Set<N>>,
    /// By word and cell, the cells of other exits that only tests of that word tell from it.
    alone: Vec<(Word, Vec<Set<N>>)>,
}

/// What a tree for a set of cells has at least.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Least {
    /// Leaves.
    pub(super) leaves: usize,
    /// Weight that comes to a second test.
    pub(super) second: f64,
}

/// The place of two cells, the first one below the second.
const fn pair(a: usize, b: usize) -> usize {
    b * b.saturating_sub(1) / 2 + a
}

impl<const N: usize> Bound<N> {
    /// Looks at all pairs of cells.
    pub(super) fn of(function: &Function) -> Self {
        let cells = &function.cells;
        let mut exits: Vec<Set<N>> = Vec::with_capacity(4);
        for (index, cell) in cells.iter().enumerate() {
            if exits.len() <= cell.exit {
                exits.resize(cell.exit + 1, Set::default());
            }
            if let Some(exit) = exits.get_mut(cell.exit) {
                exit.insert(index);
            }
        }
        let weights = cells.iter().map(|cell| cell.weight).collect();
        let mut bound = Self { exits, weights, between: Vec::new(), alone: Vec::new() };
        if cells.len() <= CELLS {
            bound.look(function);
        }
        bound
    }

    fn look(&mut self, function: &Function) {
        let cells = &function.cells;
        // By word, its tests.
        let mut words: Vec<(Word, Answers)> = Vec::with_capacity(4);
        for (index, test) in function.tests.iter().enumerate() {
            let Some(Held { word, .. }) = test.wants else { continue };
            match words.iter_mut().find(|(other, _)| *other == word) {
                Some((_, tests)) => *tests |= 1 << index,
                None => words.push((word, 1 << index)),
            }
        }
        let none = || vec![Set::default(); cells.len()];
        self.alone = words.iter().map(|(word, _)| (*word, none())).collect();
        self.between.reserve(pair(0, cells.len()));
        for (b, second) in cells.iter().enumerate() {
            for (a, first) in cells.iter().enumerate().take(b) {
                let differing = (first.answers ^ second.answers) & function.settled;
                let mut between = Set::default();
                if first.exit == second.exit {
                    let alike = function.settled & !differing;
                    for (index, cell) in cells.iter().enumerate() {
                        if cell.exit != first.exit && (cell.answers ^ first.answers) & alike == 0 {
                            between.insert(index);
                        }
                    }
                } else {
                    // They are never in one leaf.
                    between.insert(a);
                    let of_words = words.iter().zip(&mut self.alone);
                    for ((_, tests), (_, alone)) in of_words {
                        if let Some(others) = alone.get_mut(b).filter(|_| differing & !tests == 0) {
                            others.insert(a);
                        }
                    }
                }
                self.between.push(between);
            }
        }
    }

    /// The exit of all cells of a set, if there is only one.
    pub(super) fn exit(&self, set: Set<N>) -> Option<usize> {
        let mut exits = self.exits.iter().enumerate().filter(|(_, cells)| set.meets(**cells));
        let (first, _) = exits.next()?;
        exits.next().is_none().then_some(first)
    }

    /// How many exits the cells of a set have.
    pub(super) fn exits(&self, set: Set<N>) -> usize {
        self.exits.iter().filter(|cells| set.meets(**cells)).count()
    }

    /// What a tree for a set has at least.
    pub(super) fn least(&self, set: Set<N>) -> Least {
        if self.between.is_empty() {
            return Least { leaves: self.exits(set), second: 0.0 };
        }
        // Cells no two of which can be in one leaf, as they come.
        let mut apart: Set<N> = Set::default();
        let (mut leaves, mut sum, mut most) = (0, 0.0, 0.0_f64);
        for cell in set.iter() {
            let is_apart = |other: usize| {
                self.between.get(pair(other, cell)).is_some_and(|between| between.meets(set))
            };
            if apart.iter().all(is_apart) {
                apart.insert(cell);
                let weight = self.weights.get(cell).copied().unwrap_or_default();
                (leaves, sum, most) = (leaves + 1, sum + weight, most.max(weight));
            }
        }
        Least { leaves, second: if leaves > 2 { sum - most } else { 0.0 } }
    }

    /// How many words are loaded at least, beside one that is held.
    pub(super) fn loads(&self, set: Set<N>, held: Option<Word>) -> usize {
        let is_needed = |(word, alone): &&(Word, Vec<Set<N>>)| {
            Some(*word) != held
                && set.iter().any(|cell| alone.get(cell).is_some_and(|others| others.meets(set)))
        };
        self.alone.iter().filter(is_needed).count()
    }
}
