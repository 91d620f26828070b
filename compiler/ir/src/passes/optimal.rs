//! The cheapest tree of tests for a function of few cells.
//!
//! A *cell* is a set of calls that no test tells apart; a function gives each cell an exit. A
//! tree asks tests until all cells that are left have one exit. The search goes over the sets
//! of cells that tests can leave, and what A holds there, so the result is optimal in what is
//! executed and in the size of the tree. Where subtrees turn out equal the nodes are shared
//! afterwards, which makes it smaller still, but is not searched for.

use hashbrown::HashMap;

use super::bound::{Bound, Least};
use super::function::{Candidate, Cell, Function};
use super::set::{Set, WORDS};
use crate::machine::{self, Held};

/// States that most searches have room with.
const STATES: usize = 112;

/// A tree of tests.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    /// Out here.
    Exit(usize),
    /// Asks the test with this index.
    Ask { test: usize, then: Box<Tree>, otherwise: Box<Tree> },
}

/// What a search comes to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Solution {
    /// The cheapest tree.
    Tree(Tree),
    /// No tree costs less than the limit.
    NoneBelow,
    /// That is not known.
    OutOfSteps,
}

/// The cheapest tree, if it costs less than a limit, and is found in so many steps.
pub(super) fn solve(function: &Function, limit: f64, steps: &mut usize) -> Solution {
    if function.cells.len() <= 64 {
        Search::<1>::of(function, steps).solve(limit)
    } else {
        Search::<WORDS>::of(function, steps).solve(limit)
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
    bound: Bound<N>,
    /// By four cells each, the weights of their sets.
    sums: Vec<[f64; 16]>,
    known: HashMap<State<N>, Known>,
    /// The tests that may still be asked, of all states from the first to the present one.
    choices: Vec<Choice<N>>,
    steps: &'f mut usize,
}

/// The weights of all sets of up to four cells.
fn sums(cells: &[Cell]) -> [f64; 16] {
    let weight = |bit: usize| cells.get(bit).map_or(0.0, |cell| cell.weight);
    let mut sums = [0.0; 16];
    for bit in 0..4 {
        let (below, above) = sums.split_at_mut(1 << bit);
        for (with, without) in above.iter_mut().zip(below) {
            *with = *without + weight(bit);
        }
    }
    sums
}

impl<'f, const N: usize> Search<'f, N> {
    fn of(function: &'f Function, steps: &'f mut usize) -> Self {
        let mut search = Self {
            function,
            tests: Vec::new(),
            left: Vec::new(),
            bound: Bound::of(function),
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
        search
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

    fn solve(mut self, limit: f64) -> Solution {
        let mut all = Set::default();
        (0..self.function.cells.len()).for_each(|cell| all.insert(cell));
        let weight = self.weight(all);
        if self.least(all, weight, None, limit) >= limit {
            return Solution::NoneBelow;
        }
        match self.cheapest((all, None), weight, limit) {
            Some(cost) if cost < limit => {
                self.tree((all, None)).map_or(Solution::NoneBelow, Solution::Tree)
            }
            Some(_) => Solution::NoneBelow,
            None => Solution::OutOfSteps,
        }
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

    /// No tree costs less; a limit is what it is held against.
    fn least(&self, set: Set<N>, weight: f64, left: Option<u32>, limit: f64) -> f64 {
        let exits = self.bound.exits(set);
        if exits < 2 {
            return 0.0;
        }
        let size = self.function.size;
        let useful = self.useful(set, left);
        let load = if useful.is_some() { 0.0 } else { 1.0 };
        // There is a test for each exit but one, and all calls run the first.
        let least = (weight + size) * (1.0 + load) + size * (exits - 2) as f64;
        if least >= limit {
            return least;
        }
        let Least { leaves, second } = self.bound.least(set);
        let held = self.held(useful).map(|left| left.held.word);
        let loads = self.bound.loads(set, held) as f64;
        least + second + size * ((leaves - exits) as f64 + (loads - load).max(0.0))
    }

    /// What the cheapest tree costs, if that is below a limit; else it is infinite. The recursion is
    /// as deep as there are tests.
    fn cheapest(&mut self, (set, left): State<N>, weight: f64, limit: f64) -> Option<f64> {
        if self.bound.exit(set).is_some() || set.is_empty() {
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
            let least_no = self.least(sets.1, weights.1, left, limit - own);
            let rest = limit - own - least_no;
            let least = own + self.least(sets.0, weights.0, left, rest) + least_no;
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
        if let Some(exit) = self.bound.exit(set) {
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

#[cfg(test)]
#[path = "optimal_tests.rs"]
mod tests;
