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

/// States that most searches have room with.
const STATES: usize = 112;

/// Words of a set that is as large as it can be.
const WORDS: usize = MAX_CELLS / 64;

/// A set of cells. Most functions have few: the search is compiled for sets of one word as well,
/// which makes it twice as fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Set<const N: usize = WORDS>([u64; N]);

impl<const N: usize> Default for Set<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl Set {
    /// The first words of it.
    fn narrow<const N: usize>(self) -> Set<N> {
        let mut narrow = Set::default();
        narrow.0.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        narrow
    }
}

impl<const N: usize> Set<N> {
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
        self.0 == [0; N]
    }

    /// Whether some of its cells are in the other set, and some are not.
    fn is_told_apart(self, by: Self) -> bool {
        !self.and(by).is_empty() && !self.without(by).is_empty()
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
        if self.cells.len() <= 64 {
            Search::<1>::of(self, steps)?.solve()
        } else {
            Search::<WORDS>::of(self, steps)?.solve()
        }
    }
}

/// The cells that are left, and what A holds: the position of that among what tests leave.
type State<const N: usize> = (Set<N>, Option<u32>);

/// A test, as the search sees it.
struct Asked<const N: usize> {
    holds: Set<N>,
    /// What it costs if A holds nothing.
    cost: f64,
    /// What A holds after it.
    leaves: Option<u32>,
}

/// What a test leaves in A.
struct Left<const N: usize> {
    held: Held,
    /// Where tests hold that can use it.
    users: Vec<Set<N>>,
    /// What each test costs then.
    costs: Vec<f64>,
}

/// What is known of a state.
#[derive(Clone, Copy)]
enum Known {
    /// The cheapest tree costs that, and asks this test first.
    Cost(f64, usize),
    /// No tree costs less.
    Least(f64),
}

/// A test that may be asked first.
#[derive(Clone, Copy)]
struct Choice<const N: usize> {
    /// No tree that begins with it costs less.
    least: f64,
    /// What itself costs, and at least what comes after a no.
    own: f64,
    least_no: f64,
    index: usize,
    /// The cells where it holds, and where not, and their weights.
    sets: (Set<N>, Set<N>),
    weights: (f64, f64),
    /// What A holds after it.
    left: Option<u32>,
}

struct Search<'f, const N: usize> {
    function: &'f Function,
    tests: Vec<Asked<N>>,
    left: Vec<Left<N>>,
    /// For each exit its cells.
    exits: Vec<Set<N>>,
    /// By four cells each, the weights of their sets.
    sums: Vec<[f64; 16]>,
    known: HashMap<State<N>, Known>,
    /// The tests that may still be asked, of all states from the first to the present one.
    choices: Vec<Choice<N>>,
    steps: &'f mut usize,
}

/// The weights of all sets of up to four cells.
fn sums(cells: &[Cell]) -> [f64; 16] {
    let mut sums = [0.0; 16];
    for (set, sum) in sums.iter_mut().enumerate() {
        let inside = cells.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1);
        *sum = inside.map(|(_, cell)| cell.weight).sum();
    }
    sums
}

impl<'f, const N: usize> Search<'f, N> {
    fn of(function: &'f Function, steps: &'f mut usize) -> Option<Self> {
        let mut exits: Vec<Set<N>> = Vec::new();
        for (index, cell) in function.cells.iter().enumerate() {
            if exits.len() <= cell.exit {
                exits.resize(cell.exit + 1, Set::default());
            }
            exits.get_mut(cell.exit)?.insert(index);
        }
        let mut search = Self {
            function,
            tests: Vec::new(),
            left: Vec::new(),
            exits,
            sums: function.cells.chunks(4).map(sums).collect(),
            known: HashMap::with_capacity(STATES),
            choices: Vec::with_capacity(4 * function.tests.len()),
            steps,
        };
        for candidate in &function.tests {
            let leaves = machine::leaves(&candidate.test).map(|held| search.leave(held));
            let holds = candidate.holds.narrow();
            let cost = f64::from(machine::cost(&candidate.test, None));
            search.tests.push(Asked { holds, cost, leaves });
        }
        Some(search)
    }

    /// The position of what A holds.
    fn leave(&mut self, held: Held) -> u32 {
        let known = self.left.iter().position(|left| left.held == held);
        let position = known.unwrap_or_else(|| {
            let can_use = |candidate: &&Candidate| {
                candidate.wants.is_some_and(|wanted| {
                    wanted.word == held.word && (wanted == held || held.mask == u32::MAX)
                })
            };
            let users = self.function.tests.iter().filter(can_use);
            let users = users.map(|candidate| candidate.holds.narrow()).collect();
            let tests = self.function.tests.iter();
            let costs = tests.map(|candidate| machine::cost(&candidate.test, Some(held)));
            let costs = costs.map(f64::from).collect();
            self.left.push(Left { held, users, costs });
            self.left.len() - 1
        });
        u32::try_from(position).unwrap_or(u32::MAX)
    }

    fn solve(mut self) -> Option<Tree> {
        let mut all = Set::default();
        (0..self.function.cells.len()).for_each(|cell| all.insert(cell));
        let weight = self.weight(all);
        self.cheapest((all, None), weight, f64::INFINITY)?;
        self.tree((all, None))
    }

    /// The exit, if there is only one.
    fn exit(&self, set: Set<N>) -> Option<usize> {
        let mut exits =
            self.exits.iter().enumerate().filter(|(_, cells)| !set.and(**cells).is_empty());
        let (first, _) = exits.next()?;
        exits.next().is_none().then_some(first)
    }

    fn held(&self, left: Option<u32>) -> Option<&Left<N>> {
        self.left.get(left? as usize)
    }

    /// What A holds, if a test that tells cells apart can use it.
    fn useful(&self, set: Set<N>, left: Option<u32>) -> Option<u32> {
        let mut users = self.held(left)?.users.iter();
        if users.any(|holds| set.is_told_apart(*holds)) { left } else { None }
    }

    fn weight(&self, set: Set<N>) -> f64 {
        let mut weight = 0.0;
        for (word, sums) in set.0.into_iter().zip(self.sums.chunks(16)) {
            let mut left = word;
            for sums in sums {
                if left == 0 {
                    break;
                }
                weight += sums.get((left & 15) as usize).copied().unwrap_or_default();
                left >>= 4;
            }
        }
        weight
    }

    /// No tree costs less: there is a test for each exit but one, and all calls run the first.
    fn least(&self, set: Set<N>, weight: f64, left: Option<u32>) -> f64 {
        let exits = self.exits.iter().filter(|cells| !set.and(**cells).is_empty()).count();
        let Some(tests) = exits.checked_sub(1).filter(|tests| *tests > 0) else { return 0.0 };
        let load = if self.useful(set, left).is_some() { 0.0 } else { 1.0 };
        (weight + self.function.size) * (1.0 + load) + self.function.size * (tests - 1) as f64
    }

    /// What the cheapest tree costs, if that is below a limit; else it is infinite. The recursion is
    /// as deep as there are tests.
    fn cheapest(&mut self, (set, left): State<N>, weight: f64, limit: f64) -> Option<f64> {
        if self.exit(set).is_some() || set.is_empty() {
            return Some(0.0);
        }
        let left = self.useful(set, left);
        match self.known.get(&(set, left)) {
            Some(Known::Cost(cost, _)) => return Some(*cost),
            Some(Known::Least(least)) if *least >= limit => return Some(f64::INFINITY),
            Some(Known::Least(_)) | None => {}
        }
        *self.steps = self.steps.checked_sub(self.tests.len())?;
        let first = self.choices.len();
        let others = self.choose((set, left), weight, limit);
        let end = self.choices.len();
        let mut best = (limit, None);
        for position in first..end {
            let choice = *self.choices.get(position)?;
            let Choice { least, own, least_no, index, sets, left, weights } = choice;
            // Equal to the last bits is equal: the preferred one stays.
            let enough = best.0 * (1.0 - 1e-9);
            if least >= enough {
                break;
            }
            let yes = self.cheapest((sets.0, left), weights.0, enough - own - least_no)?;
            if own + yes + least_no >= enough {
                continue;
            }
            let cost = own + yes + self.cheapest((sets.1, left), weights.1, enough - own - yes)?;
            if cost < enough {
                best = (cost, Some(index));
            }
        }
        self.choices.truncate(first);
        let (cost, known) = match best {
            (cost, Some(index)) => (cost, Known::Cost(cost, index)),
            (limit, None) => {
                let least = if first == end { others } else { limit };
                (f64::INFINITY, Known::Least(least))
            }
        };
        self.known.insert((set, left), known);
        Some(cost)
    }

    /// Adds the tests that tell a set apart and may cost less than a limit, the most promising
    /// first; the others cost at least what is returned.
    fn choose(&mut self, (set, left): State<N>, weight: f64, limit: f64) -> f64 {
        let mut choices = std::mem::take(&mut self.choices);
        let first = choices.len();
        let here = weight + self.function.size;
        let costs = self.held(left).map(|left| left.costs.as_slice()).unwrap_or_default();
        let mut others = f64::INFINITY;
        for (index, asked) in self.tests.iter().enumerate() {
            if !set.is_told_apart(asked.holds) {
                continue;
            }
            let sets = (set.and(asked.holds), set.without(asked.holds));
            let own = costs.get(index).copied().unwrap_or(asked.cost) * here;
            let left = asked.leaves;
            let yes = self.weight(sets.0);
            let weights = (yes, (weight - yes).max(0.0));
            let least_no = self.least(sets.1, weights.1, left);
            let least = own + self.least(sets.0, weights.0, left) + least_no;
            if least < limit {
                choices.push(Choice { least, own, least_no, index, sets, left, weights });
            } else {
                others = others.min(least);
            }
        }
        if let Some(choices) = choices.get_mut(first..) {
            choices.sort_by(|a, b| a.least.total_cmp(&b.least));
        }
        self.choices = choices;
        others
    }

    fn tree(&self, (set, left): State<N>) -> Option<Tree> {
        if let Some(exit) = self.exit(set) {
            return Some(Tree::Exit(exit));
        }
        let Known::Cost(_, test) = *self.known.get(&(set, self.useful(set, left)))? else {
            return None;
        };
        let asked = self.tests.get(test)?;
        let then = Box::new(self.tree((set.and(asked.holds), asked.leaves))?);
        let otherwise = Box::new(self.tree((set.without(asked.holds), asked.leaves))?);
        Some(Tree::Ask { test, then, otherwise })
    }
}
