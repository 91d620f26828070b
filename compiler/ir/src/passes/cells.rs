//! A fragment as a function of few cells, for [`super::optimal`].
//!
//! For each word, the answers that its tests can give together are found; the cells are all
//! combinations of them over the words. Words are taken to be independent of each other.

use super::derive;
use super::facts::Known;
use super::fragment::Fragment;
use super::function::{Answers, Candidate, Cell, Function};
use super::set::{MAX_CELLS, Set};
use super::traffic::{Arriving, Traffic};
use crate::builder::DagBuilder;
use crate::dag::{Dag, Node, NodeId};
use crate::machine::{self, Held};
use crate::objective::Objective;
use crate::test::{Test, Word};

/// Tests that a fragment may have: a bit each.
const MAX_TESTS: usize = 32;

/// How much what is supposed of all calls counts, against the calls that were seen.
const UNSEEN: f64 = 1.0 / 16.0;

/// Parts that follow each other, as one function. Its exits are numbered as in the list.
pub(super) struct Cells {
    /// The tests, in the order of the bits.
    pub(super) tests: Vec<Test>,
    /// The function.
    pub(super) function: Function,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// The tests that are asked.
    Asked,
    /// And what pairs of them come to, and what is between the values that a word is compared
    /// with.
    Finer,
}

/// What cells are weighed by.
pub(super) struct Weighing<'w> {
    /// What is minded.
    pub(super) objective: &'w Objective,
    /// How likely nodes are come to.
    pub(super) traffic: &'w Traffic<'w>,
    /// The calls.
    pub(super) arriving: &'w Arriving,
}

impl Cells {
    /// The cells of parts that follow each other; `None` if they are too many, or if a finer look
    /// sees no more.
    pub(super) fn of(
        detail: Detail,
        dag: &Dag,
        parts: &[&Fragment],
        exits: &[NodeId],
        weighing: &Weighing<'_>,
    ) -> Option<Self> {
        let asked = tests(dag, parts)?;
        let (asked, words, tests) = match detail {
            Detail::Asked => (asked.clone(), of_words(&asked, weighing.objective)?, asked),
            Detail::Finer => {
                let finer = derive::finer(&asked).filter(|finer| finer.len() <= MAX_TESTS);
                let finer = finer.unwrap_or_else(|| asked.clone());
                let words = of_words(&finer, weighing.objective)?;
                let tests = with_derived(&finer, &words);
                if tests == asked {
                    return None;
                }
                (finer, words, tests)
            }
        };
        let Combinations { answers, likely, settled } = combinations(&tests, &asked, words)?;
        let walk = Walk::of(dag, parts, exits, &tests);
        let welcome: Vec<f64> = exits.iter().map(|id| weighing.traffic.welcome(*id)).collect();
        let mut cells = Vec::with_capacity(answers.len());
        for (answers, likely) in answers.iter().zip(likely) {
            let exit = walk.exit(*answers)?;
            cells.push(Cell { weight: likely * welcome.get(exit)?, exit, answers: *answers });
        }
        weigh(&mut cells, &tests, settled, weighing.arriving);
        // A test that does not tell whole cells apart holds nowhere, so it is not asked.
        let mut holds = vec![Set::default(); tests.len()];
        for (index, cell) in cells.iter().enumerate() {
            let mut left = cell.answers & settled;
            while let Some(holds) = holds.get_mut(left.trailing_zeros() as usize) {
                holds.insert(index);
                left &= left - 1;
            }
        }
        let candidates = tests.iter().zip(holds);
        let candidates = candidates.map(|(test, holds)| Candidate {
            test: *test,
            holds,
            wants: machine::wants(test),
        });
        let function =
            Function { tests: candidates.collect(), cells, settled, size: weighing.objective.size };
        Some(Self { tests, function })
    }

    /// What nodes cost between an entry and these exits: instructions there, and those that
    /// the cells' calls run. `None` if a test there is not among those of the cells.
    pub(super) fn cost(
        &self,
        builder: &DagBuilder,
        entry: NodeId,
        exits: &[NodeId],
    ) -> Option<f64> {
        let (nodes, first) = self.below(builder, entry, exits);
        // For each node the instructions of the dearest way to enter it: these are written.
        let mut written = vec![0; nodes.len()];
        let mut run = 0.0;
        for cell in &self.function.cells {
            let (mut next, mut all) = (first, 0);
            while let Some(Arm { node, cost }) = next {
                let Below { bit, then, otherwise, .. } = nodes.get(node)?;
                let most = written.get_mut(node)?;
                *most = cost.max(*most);
                all += cost;
                next = if cell.answers & (*bit)? != 0 { *then } else { *otherwise };
            }
            run += cell.weight * f64::from(all);
        }
        Some(run + self.function.size * f64::from(written.iter().sum::<u32>()))
    }

    /// The nodes between an entry and exits, by position, and how the first of them is entered: a
    /// walk for each cell finds the others without a look-up.
    fn below(
        &self,
        builder: &DagBuilder,
        entry: NodeId,
        exits: &[NodeId],
    ) -> (Vec<Below>, Option<Arm>) {
        let mut nodes: Vec<Below> = Vec::new();
        let find = |nodes: &mut Vec<Below>, id: NodeId, held: Option<Held>| {
            let Some(Node::Branch { test, .. }) = builder.node(id) else { return None };
            if exits.contains(&id) {
                return None;
            }
            let known = nodes.iter().position(|node| node.id == id);
            let node = known.unwrap_or_else(|| {
                let bit = self.tests.binary_search(test).ok().map(|index| 1 << index);
                nodes.push(Below { id, bit, then: None, otherwise: None });
                nodes.len() - 1
            });
            Some(Arm { node, cost: machine::cost(test, held) })
        };
        let first = find(&mut nodes, entry, None);
        let mut index = 0;
        while let Some(Below { id, .. }) = nodes.get(index) {
            if let Some(Node::Branch { test, then, otherwise }) = builder.node(*id) {
                let held = machine::leaves(test);
                let (yes, no) = (find(&mut nodes, *then, held), find(&mut nodes, *otherwise, held));
                if let Some(node) = nodes.get_mut(index) {
                    (node.then, node.otherwise) = (yes, no);
                }
            }
            index += 1;
        }
        (nodes, first)
    }
}

/// A node below an entry, and where its arms lead to; without one, they leave.
struct Below {
    id: NodeId,
    /// The test's bit in the answers, if it is one of the cells' tests.
    bit: Option<Answers>,
    then: Option<Arm>,
    otherwise: Option<Arm>,
}

/// A node that is entered, by position, and what its test costs then.
#[derive(Clone, Copy)]
struct Arm {
    node: usize,
    cost: u32,
}

/// Parts that follow each other, by position: a walk for each cell finds its exit without a
/// look-up.
struct Walk {
    steps: Vec<(Answers, Next, Next)>,
    first: Next,
}

/// Where a walk goes on.
#[derive(Clone, Copy)]
enum Next {
    /// At this node.
    Step(usize),
    /// Out by this exit.
    Exit(usize),
    /// Nowhere: the parts are not what they say.
    Lost,
}

impl Walk {
    fn of(dag: &Dag, parts: &[&Fragment], exits: &[NodeId], tests: &[Test]) -> Self {
        let mut steps = Vec::new();
        // From the last part to the first: all but the last go on at their first exit.
        let mut behind: Option<Next> = None;
        for part in parts.iter().rev() {
            let offset = steps.len();
            let next = |id: NodeId| match behind {
                Some(behind) if part.exits.first() == Some(&id) => behind,
                Some(_) | None if part.exits.contains(&id) => {
                    let exit = exits.iter().position(|other| *other == id);
                    exit.map_or(Next::Lost, Next::Exit)
                }
                Some(_) | None => {
                    let node = part.nodes.binary_search(&id);
                    node.map_or(Next::Lost, |node| Next::Step(offset + node))
                }
            };
            for id in &part.nodes {
                steps.push(match Fragment::branch(dag, *id) {
                    Some((test, then, otherwise)) => {
                        let bit = tests.binary_search(test).map_or(0, |index| 1 << index);
                        (bit, next(then), next(otherwise))
                    }
                    None => (0, Next::Lost, Next::Lost),
                });
            }
            behind = Some(next(part.entry));
        }
        Self { steps, first: behind.unwrap_or(Next::Lost) }
    }

    /// The exit of the last part that is come to.
    fn exit(&self, answers: Answers) -> Option<usize> {
        let mut next = self.first;
        // No path is longer than there are nodes.
        for _ in 0..=self.steps.len() {
            next = match next {
                Next::Step(step) => {
                    let (bit, then, otherwise) = *self.steps.get(step)?;
                    if answers & bit != 0 { then } else { otherwise }
                }
                Next::Exit(exit) => return Some(exit),
                Next::Lost => return None,
            };
        }
        None
    }
}

/// The exit of the last part that is come to: all but the last go on at their first one.
pub(super) fn leave(
    dag: &Dag,
    parts: &[&Fragment],
    mut holds: impl FnMut(&Test) -> bool,
) -> Option<NodeId> {
    let (last, before) = parts.split_last()?;
    for part in before {
        let exit = part.exit(dag, &mut holds)?;
        if part.exits.first() != Some(&exit) {
            return Some(exit);
        }
    }
    last.exit(dag, holds)
}

fn tests(dag: &Dag, parts: &[&Fragment]) -> Option<Vec<Test>> {
    let ids = parts.iter().flat_map(|part| &part.nodes);
    let mut tests: Vec<Test> = Vec::new();
    for id in ids {
        let (test, _, _) = Fragment::branch(dag, *id)?;
        if !test.is_of_words() {
            return None;
        }
        if !tests.contains(test) {
            if tests.len() == MAX_TESTS {
                return None;
            }
            tests.push(*test);
        }
    }
    tests.sort_unstable();
    Some(tests)
}

/// The tests, and what pairs of those of one word come to in one: as many as there is room for.
fn with_derived(asked: &[Test], words: &[OfWord]) -> Vec<Test> {
    let mut pairs = Vec::new();
    for (index, first) in asked.iter().enumerate() {
        for second in asked.iter().skip(index + 1).take_while(|test| is_same_word(first, test)) {
            pairs.extend(derive::of(first, second).into_iter().flatten());
        }
    }
    let (mut single, mut ends) = (Vec::new(), Vec::new());
    for (of_word, cells) in asked.chunk_by(is_same_word).zip(words) {
        let Some(word) = of_word.first().and_then(word_of) else { continue };
        let values = cells.iter().filter_map(|(known, ..)| known.single());
        single.extend(values.filter_map(|value| derive::single(word, value)));
        let bounds = cells.iter().map(|(known, ..)| known.bounds());
        let bounds = bounds.flat_map(|(min, max)| [Some(min), max.checked_add(1)]).flatten();
        ends.extend(bounds.filter_map(|end| derive::at_least(word, end)));
    }
    let mut tests = asked.to_vec();
    for more in [single, pairs, ends] {
        let mut all = tests.clone();
        for test in more {
            if let Err(place) = all.binary_search(&test) {
                all.insert(place, test);
            }
        }
        if all.len() > MAX_TESTS {
            break;
        }
        tests = all;
    }
    tests
}

/// What tests can come to.
struct Combinations {
    /// All answers that they can give together.
    answers: Vec<Answers>,
    /// How likely these are.
    likely: Vec<f64>,
    /// Tests that are answered in all of them; all that are asked are.
    settled: Answers,
}

/// All answers that the tests can give together. Only those that are asked tell cells apart.
fn combinations(tests: &[Test], asked: &[Test], words: Vec<OfWord>) -> Option<Combinations> {
    let mut all = Combinations { answers: vec![0], likely: vec![1.0], settled: Answers::MAX };
    let mut first = 0;
    for (group, of_word) in tests.chunk_by(is_same_word).zip(words) {
        let is_asked = |test: &Test| asked.binary_search(test).is_ok();
        // The answers are those of the tests that are asked; now they get their bits.
        let mut place = 0;
        let mut bits = vec![0; of_word.len()];
        for (index, test) in (first..).zip(group) {
            let is_asked = is_asked(test);
            for ((known, answers, _), bits) in of_word.iter().zip(&mut bits) {
                let answer =
                    if is_asked { Some(*answers >> place & 1 == 1) } else { decide(known, test) };
                match answer {
                    Some(true) => *bits |= 1 << index,
                    Some(false) => {}
                    None => all.settled &= !(1 << index),
                }
            }
            place += u32::from(is_asked);
        }
        first += group.len();
        if all.answers.len() * of_word.len() > MAX_CELLS {
            return None;
        }
        let count = all.answers.len() * of_word.len();
        let before = (
            std::mem::replace(&mut all.answers, Vec::with_capacity(count)),
            std::mem::replace(&mut all.likely, Vec::with_capacity(count)),
        );
        for (answers, likely) in before.0.into_iter().zip(before.1) {
            all.answers.extend(bits.iter().map(|more| answers | more));
            all.likely.extend(of_word.iter().map(|(.., part)| likely * part));
        }
    }
    Some(all)
}

/// What can be known of a word, with the answers that say so, and how likely they are.
type OfWord = Vec<(Known, Answers, f64)>;

/// What can be known of each word, in their order, by tests that are sorted: those of one word
/// stand together. Their answers are numbered from the first one of the word on.
fn of_words(tests: &[Test], objective: &Objective) -> Option<Vec<OfWord>> {
    let of_word = |tests: &[Test]| {
        let mut of_word = vec![(Known::default(), 0, 1.0)];
        for (index, test) in tests.iter().enumerate() {
            of_word = fork(of_word, index, test, objective.holds(test));
            if of_word.len() > MAX_CELLS {
                return None;
            }
        }
        Some(of_word)
    };
    tests.chunk_by(is_same_word).map(of_word).collect()
}

/// Both answers of one more test, where they are possible.
fn fork(of_word: OfWord, index: usize, test: &Test, holds: f64) -> OfWord {
    let mut next = Vec::with_capacity(2 * of_word.len());
    for (mut known, answers, likely) in of_word {
        let decided = decide(&known, test);
        for (answer, part) in [(true, holds), (false, 1.0 - holds)] {
            if decided.is_some_and(|decided| decided != answer) {
                continue;
            }
            let part = if decided.is_some() { 1.0 } else { part };
            // The last one needs no copy.
            let is_last = !answer || decided.is_some();
            let mut known = if is_last { std::mem::take(&mut known) } else { known.clone() };
            if let Test::Word { mask, cmp, value, .. } = test {
                known.assume(*mask, *cmp, *value, answer);
            }
            let bit = if answer { 1 << index } else { 0 };
            if known.is_possible() {
                next.push((known, answers | bit, likely * part));
            }
        }
    }
    next
}

fn decide(known: &Known, test: &Test) -> Option<bool> {
    match test {
        Test::Word { mask, cmp, value, .. } => known.decide(*mask, *cmp, *value),
        Test::Words { .. } | Test::Field { .. } | Test::Fields { .. } => None,
    }
}

fn is_same_word(a: &Test, b: &Test) -> bool {
    word_of(a).is_some_and(|word| word_of(b) == Some(word))
}

const fn word_of(test: &Test) -> Option<Word> {
    match test {
        Test::Word { word, .. } => Some(*word),
        Test::Words { .. } | Test::Field { .. } | Test::Fields { .. } => None,
    }
}

/// Makes the weights add up to that of the calls, the seen ones counted where they fall.
fn weigh(cells: &mut [Cell], tests: &[Test], settled: Answers, arriving: &Arriving) {
    let seen: f64 = arriving.seen.iter().map(|(_, share)| share).sum();
    let supposed: f64 = cells.iter().map(|cell| cell.weight).sum();
    let unseen = if seen > 0.0 { UNSEEN } else { 1.0 };
    for cell in cells.iter_mut() {
        cell.weight = cell.weight / supposed * arriving.weight * unseen;
    }
    let counted = if seen > 0.0 { arriving.seen.as_slice() } else { &[] };
    for (words, share) in counted {
        let holds = |test: &Test| test.holds_for(words);
        let bit = |(index, test): (usize, &Test)| if holds(test) { 1 << index } else { 0 };
        let call: Answers = tests.iter().enumerate().map(bit).fold(0, |all, bit| all | bit);
        if let Some(cell) = cells.iter_mut().find(|cell| (cell.answers ^ call) & settled == 0) {
            cell.weight += arriving.weight * (1.0 - UNSEEN) * share / seen;
        }
    }
}
