//! The cheapest tree of tests for a function of few cells.
//!
//! A *cell* is a set of calls that no test tells apart; a function gives each cell an exit. A
//! tree asks tests until all cells that are left have one exit. The search goes over the sets
//! of cells that tests can leave, and what A holds there, so the result is optimal in what is
//! executed and in the size of the tree. Where subtrees turn out equal the nodes are shared
//! afterwards, which makes it smaller still, but is not searched for.

use hashbrown::HashMap;

use crate::machine::{self, Held};
use crate::test::Test;

/// Cells that a function may have.
pub(super) const MAX_CELLS: usize = 256;

/// A set of cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Set([u64; MAX_CELLS / 64]);

impl Set {
    /// Puts a cell in.
    pub(super) fn insert(&mut self, cell: usize) {
        if let Some(word) = self.0.get_mut(cell / 64) {
            *word |= 1 << (cell % 64);
        }
    }

    fn zip(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        let mut both = self;
        for (a, b) in both.0.iter_mut().zip(other.0) {
            *a = with(*a, b);
        }
        both
    }

    fn and(self, other: Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    fn without(self, other: Self) -> Self {
        self.zip(other, |a, b| a & !b)
    }

    fn is_empty(self) -> bool {
        self.0 == [0; MAX_CELLS / 64]
    }

    fn iter(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(index, word)| {
            let next = |word: &u64| Some(word & word.wrapping_sub(1)).filter(|word| *word != 0);
            let words = std::iter::successors(Some(word).filter(|word| *word != 0), next);
            words.map(move |word| index * 64 + word.trailing_zeros() as usize)
        })
    }
}

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    /// What an instruction that its calls run costs.
    pub(super) weight: f64,
    /// Where they leave.
    pub(super) exit: usize,
}

/// A test that may be asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    /// The test.
    pub(super) test: Test,
    /// The cells where it holds.
    pub(super) holds: Set,
    /// What it needs in A, if that can be there already.
    pub(super) wants: Option<Held>,
}

/// A tree of tests.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    /// Out here.
    Exit(usize),
    /// Asks the test with this index.
    Ask { test: usize, then: Box<Tree>, otherwise: Box<Tree> },
}

/// A function, and what it may be asked with.
#[derive(Clone, Debug, Default)]
pub(super) struct Function {
    /// The cells.
    pub(super) cells: Vec<Cell>,
    /// The tests, those first that are preferred among equals.
    pub(super) tests: Vec<Candidate>,
    /// What an instruction costs by being there.
    pub(super) size: f64,
}

impl Function {
    /// The cheapest tree; `None` if that takes more than so many steps.
    pub(super) fn solve(&self, steps: &mut usize) -> Option<Tree> {
        let mut exits: Vec<Set> = Vec::new();
        let mut all = Set::default();
        for (index, cell) in self.cells.iter().enumerate() {
            all.insert(index);
            if exits.len() <= cell.exit {
                exits.resize(cell.exit + 1, Set::default());
            }
            exits.get_mut(cell.exit)?.insert(index);
        }
        let mut search = Search { function: self, exits, known: HashMap::default(), steps };
        let weight = search.weight(all);
        search.cheapest((all, None), weight)?;
        search.tree((all, None))
    }
}

/// The cells that are left, and what A holds.
type State = (Set, Option<Held>);

/// A test that may be asked first.
struct Choice {
    /// No tree that begins with it costs less.
    least: f64,
    /// What itself costs.
    own: f64,
    index: usize,
    /// The cells where it holds, and where not, and their weights.
    sets: (Set, Set),
    weights: (f64, f64),
    /// What A holds after it.
    left: Option<Held>,
}

struct Search<'f> {
    function: &'f Function,
    /// For each exit its cells.
    exits: Vec<Set>,
    /// For each state its cost, and the test to ask.
    known: HashMap<State, (f64, Option<usize>)>,
    steps: &'f mut usize,
}

impl Search<'_> {
    /// The exit, if there is only one.
    fn exit(&self, set: Set) -> Option<usize> {
        let mut exits =
            self.exits.iter().enumerate().filter(|(_, cells)| !set.and(**cells).is_empty());
        let (first, _) = exits.next()?;
        exits.next().is_none().then_some(first)
    }

    /// What A holds, if a test that tells cells apart can use it.
    fn useful(&self, set: Set, held: Option<Held>) -> Option<Held> {
        let held = held?;
        let is_useful = |candidate: &Candidate| {
            candidate.wants.is_some_and(|wanted| {
                wanted.word == held.word && (wanted == held || held.mask == u32::MAX)
            }) && !set.and(candidate.holds).is_empty()
                && !set.without(candidate.holds).is_empty()
        };
        self.function.tests.iter().any(is_useful).then_some(held)
    }

    fn weight(&self, set: Set) -> f64 {
        set.iter().filter_map(|cell| self.function.cells.get(cell)).map(|cell| cell.weight).sum()
    }

    /// No tree costs less: there is a test for each exit but one, and all calls run the first.
    fn least(&self, set: Set, weight: f64, held: Option<Held>) -> f64 {
        let exits = self.exits.iter().filter(|cells| !set.and(**cells).is_empty()).count();
        let Some(tests) = exits.checked_sub(1).filter(|tests| *tests > 0) else { return 0.0 };
        let load = if self.useful(set, held).is_some() { 0.0 } else { 1.0 };
        (weight + self.function.size) * (1.0 + load) + self.function.size * (tests - 1) as f64
    }

    /// The recursion is as deep as there are tests.
    fn cheapest(&mut self, (set, held): State, weight: f64) -> Option<f64> {
        if self.exit(set).is_some() || set.is_empty() {
            return Some(0.0);
        }
        let held = self.useful(set, held);
        if let Some((cost, _)) = self.known.get(&(set, held)) {
            return Some(*cost);
        }
        let function = self.function;
        // The most promising first.
        let mut options: Vec<Choice> = Vec::with_capacity(function.tests.len());
        *self.steps = self.steps.checked_sub(function.tests.len())?;
        for (index, candidate) in function.tests.iter().enumerate() {
            let (then, otherwise) = (set.and(candidate.holds), set.without(candidate.holds));
            if !then.is_empty() && !otherwise.is_empty() {
                let insns = machine::cost(&candidate.test, held);
                let own = f64::from(insns) * (weight + function.size);
                let left = machine::leaves(&candidate.test);
                let yes = self.weight(then);
                let weights = (yes, (weight - yes).max(0.0));
                let least = own
                    + self.least(then, weights.0, left)
                    + self.least(otherwise, weights.1, left);
                options.push(Choice { least, own, index, sets: (then, otherwise), left, weights });
            }
        }
        options.sort_by(|a, b| a.least.total_cmp(&b.least));
        let mut best = (f64::INFINITY, None);
        for Choice { least, own, index, sets, left, weights } in options {
            // Equal to the last bits is equal: the preferred one stays.
            let enough = best.0 * (1.0 - 1e-9);
            if least >= enough {
                break;
            }
            let yes = self.cheapest((sets.0, left), weights.0)?;
            if own + yes >= enough {
                continue;
            }
            let cost = own + yes + self.cheapest((sets.1, left), weights.1)?;
            if cost < enough {
                best = (cost, Some(index));
            }
        }
        self.known.insert((set, held), best);
        Some(best.0)
    }

    fn tree(&self, (set, held): State) -> Option<Tree> {
        if let Some(exit) = self.exit(set) {
            return Some(Tree::Exit(exit));
        }
        let (_, test) = self.known.get(&(set, self.useful(set, held)))?;
        let test = (*test)?;
        let candidate = self.function.tests.get(test)?;
        let left = machine::leaves(&candidate.test);
        let then = Box::new(self.tree((set.and(candidate.holds), left))?);
        let otherwise = Box::new(self.tree((set.without(candidate.holds), left))?);
        Some(Tree::Ask { test, then, otherwise })
    }
}
