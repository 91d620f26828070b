//! How good the order of tests is, known rather than hoped: for small decisions all trees of
//! tests are searched, and what the compiler emits is measured against the best.
//!
//! The search shares nothing with the compiler: not its cells, not its costs, not its idea of
//! which answers go together. It is exhaustive in the order of tests, but takes decisions for
//! trees; what comes out is compared with two numbers that the true optimum lies between: the
//! cost of the best tree, which sharing of equal parts can still undercut, and a bound which
//! nothing can, the fewest instructions that can be run together with the fewest that can stand
//! there.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it found"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use filterc_abi::{Action, Endian, SeccompData};
use filterc_cbpf::{interpret_counted, verify};
use filterc_codegen::cbpf::emit;
use filterc_ir::objective::{Frequencies, Sample};
use filterc_ir::{
    Cmp, Dag, DagBuilder, Node, NodeId, Objective, Origin, Root, Test, Word, passes, print,
};
use filterc_testkit::rng::Rng;

/// Decisions that are judged.
const DECISIONS: u64 = 10_000;

/// Constants and masks are below this, so words below twice this answer in every way.
const VALUES: u32 = 8;

const ARCH: u32 = 0xc000_003e;

const LEAVES: [Action; 3] = [Action::Allow, Action::Errno(1), Action::KillProcess];

/// Low words of three arguments, and a high one.
const WORDS: [u8; 4] = [4, 6, 8, 5];

fn random_test(rng: &mut Rng, words: usize) -> Test {
    let word = Word::new(WORDS[rng.below(words)]).unwrap();
    let value = rng.below(VALUES as usize) as u32;
    let mask = 1 + rng.below(VALUES as usize - 1) as u32;
    match rng.below(6) {
        0 | 1 => Test::Word { word, mask: u32::MAX, cmp: Cmp::Eq, value },
        2 => Test::Word { word, mask: u32::MAX, cmp: Cmp::Ge, value: value.max(1) },
        3 | 4 => Test::Word { word, mask, cmp: Cmp::Eq, value: 0 },
        _ => Test::Word { word, mask, cmp: Cmp::Eq, value: value & mask },
    }
}

/// A decision of at most eight tests: half of them of any shape, half such as rules make.
fn random_dag(rng: &mut Rng) -> Dag {
    let mut dag = DagBuilder::new(Endian::Little);
    let mut leaves: Vec<NodeId> =
        LEAVES.iter().map(|action| dag.leaf(*action, Origin::Nobody)).collect();
    leaves.truncate(2 + usize::from(rng.below(3) == 0));
    let words = 1 + rng.below(WORDS.len());
    let tests: Vec<Test> = (0..1 + rng.below(8)).map(|_| random_test(rng, words)).collect();
    let mut node = leaves[1];
    if rng.below(2) == 0 {
        let mut nodes = leaves.clone();
        for test in tests {
            let recent = nodes.len().min(4);
            let mut pick = || nodes[nodes.len() - 1 - rng.below(recent)];
            let (then, otherwise) = (pick(), pick());
            node = dag.branch(test, then, otherwise, Origin::Nobody);
            nodes.push(node);
        }
    } else {
        // Rules, the last first: each of some tests that must all hold.
        for rule in tests.chunks(1 + rng.below(3)) {
            let action = leaves[rng.below(leaves.len())];
            node = rule.iter().fold(action, |then, test| {
                if rng.below(4) == 0 {
                    dag.branch(*test, node, then, Origin::Nobody)
                } else {
                    dag.branch(*test, then, node, Origin::Nobody)
                }
            });
        }
    }
    let root = Root { abis: vec!["x86_64".to_owned()], audit_arch: ARCH, node };
    dag.finish(vec![root], leaves[1])
}

/// Calls, few of them frequent, and the objective under which they are made.
fn random_objective(rng: &mut Rng) -> Objective {
    let share = [1.0, 0.125, 1.0 / 64.0, 1.0 / 1024.0][rng.below(4)];
    let word = |rng: &mut Rng| [0, rng.below(2), rng.below(16), rng.below(16)][rng.below(4)] as u64;
    let mut samples: Vec<Sample> = (0..1 + rng.below(60))
        .map(|_| {
            let mut args = [0; 6];
            for arg in &mut args[..4] {
                *arg = word(rng) | word(rng) << 32;
            }
            let call = SeccompData { nr: 0, arch: ARCH, args, ..SeccompData::default() };
            Sample { call, share: f64::from(1 << rng.below(8)) }
        })
        .collect();
    let all: f64 = samples.iter().map(|sample| sample.share).sum();
    samples.iter_mut().for_each(|sample| sample.share *= share / all);
    let frequencies = vec![Frequencies::new(ARCH, [(0, share)])];
    Objective { install: 0.0, frequencies, samples, ..Objective::default() }
}

type Set = [u64; WORDS_OF_SET];

const WORDS_OF_SET: usize = 8;

/// A decision as a table: for each group of calls that answer all tests alike, the answers,
/// where they end, and what an instruction costs that they run.
struct Table {
    tests: Vec<Test>,
    groups: Vec<(u16, NodeId, f64)>,
    /// For each test the groups where it holds.
    holds: Vec<Set>,
}

impl Table {
    /// The table of a decision, by its own tests and those that the compiler made of them.
    fn of(dag: &Dag, lowered: &Dag, objective: &Objective) -> Self {
        let branch = |node: &Node| match node {
            Node::Branch { test, .. } => Some(*test),
            Node::Leaf(_) | Node::Switch(_) => None,
        };
        let tests: BTreeSet<Test> =
            dag.nodes().iter().chain(lowered.nodes()).filter_map(branch).collect();
        let tests: Vec<Test> = tests.into_iter().collect();
        let mut words: Vec<[u32; 16]> = vec![[0; 16]];
        for index in WORDS {
            let looked_at = tests.iter().any(|test| word_of(test).index() == index);
            let values = 0..if looked_at { 2 * VALUES } else { 1 };
            words = words
                .iter()
                .flat_map(|words| {
                    values.clone().map(|value| {
                        let mut words = *words;
                        words[usize::from(index)] = value;
                        words
                    })
                })
                .collect();
            // One of each kind is enough.
            let mut seen = BTreeSet::new();
            words.retain(|words| seen.insert(answers(&tests, words)));
        }
        let mut groups: BTreeMap<u16, (NodeId, f64)> = BTreeMap::new();
        for words in &words {
            groups.insert(answers(&tests, words), (end(dag, words), 0.0));
        }
        let run = objective.every + objective.uncached;
        for sample in &objective.samples {
            let words = sample.call.words(Endian::Little);
            groups.get_mut(&answers(&tests, &words)).unwrap().1 += run * sample.share;
        }
        let groups: Vec<_> =
            groups.into_iter().map(|(a, (end, weight))| (a, end, weight)).collect();
        let holds = (0..tests.len()).map(|test| {
            let mut set = [0; WORDS_OF_SET];
            for (group, (answers, ..)) in groups.iter().enumerate() {
                set[group / 64] |= u64::from(answers >> test & 1) << (group % 64);
            }
            set
        });
        Self { holds: holds.collect(), tests, groups }
    }

    fn all(&self) -> Set {
        let mut set = [0; WORDS_OF_SET];
        (0..self.groups.len()).for_each(|group| set[group / 64] |= 1 << (group % 64));
        set
    }

    fn inside(&self, set: &Set) -> impl Iterator<Item = &(u16, NodeId, f64)> {
        let is_inside = |group: usize| set[group / 64] >> (group % 64) & 1 == 1;
        self.groups.iter().enumerate().filter(move |(group, _)| is_inside(*group)).map(|(_, g)| g)
    }

    /// The cost of the best tree where these groups are left and A holds that.
    fn best(&self, set: Set, held: Option<(u8, u32)>, size: f64, known: &mut Known) -> f64 {
        let mut ends = self.inside(&set).map(|(_, end, _)| end);
        let first = ends.next();
        if ends.all(|end| Some(end) == first) {
            return 0.0;
        }
        if let Some(cost) = known.get(&(set, held)) {
            return *cost;
        }
        let weight: f64 = self.inside(&set).map(|(.., weight)| weight).sum();
        let mut best = f64::INFINITY;
        for (test, holds) in self.tests.iter().zip(&self.holds) {
            let yes = std::array::from_fn(|i| set[i] & holds[i]);
            let no = std::array::from_fn(|i| set[i] & !holds[i]);
            if yes == [0; WORDS_OF_SET] || no == [0; WORDS_OF_SET] {
                continue;
            }
            let (insns, held) = insns(test, held);
            let own = f64::from(insns) * (weight + size);
            if own < best {
                let below = self.best(yes, held, size, known) + self.best(no, held, size, known);
                best = best.min(own + below);
            }
        }
        known.insert((set, held), best);
        best
    }

    /// Fewer instructions than this no program has: for each word a load, and jumps enough to
    /// tell apart what makes a difference of its values.
    fn least(&self) -> u32 {
        let mut least = 0;
        for index in WORDS {
            let bits = |of: &dyn Fn(&Test) -> bool| {
                let tests = self.tests.iter().enumerate().filter(|(_, test)| of(test));
                tests.map(|(bit, _)| 1_u16 << bit).fold(0, |all, bit| all | bit)
            };
            let own = bits(&|test| word_of(test).index() == index);
            // For each answer about this word, where calls end by their other answers.
            let mut columns: BTreeMap<u16, BTreeMap<u16, NodeId>> = BTreeMap::new();
            for (answers, end, _) in &self.groups {
                columns.entry(answers & own).or_default().insert(answers & !own, *end);
            }
            let columns: BTreeSet<_> = columns.into_values().collect();
            if columns.len() > 1 {
                least += 1 + columns.len().next_power_of_two().ilog2();
            }
        }
        least
    }
}

type Known = HashMap<(Set, Option<(u8, u32)>), f64>;

fn word_of(test: &Test) -> Word {
    let Test::Word { word, .. } = test else { panic!("{test:?}") };
    *word
}

fn answers(tests: &[Test], words: &[u32; 16]) -> u16 {
    let holds = |test: &Test| match *test {
        Test::Word { word, mask, cmp, value } => {
            let word = words[usize::from(word.index())] & mask;
            if cmp == Cmp::Eq { word == value } else { word >= value }
        }
        Test::Words { .. } | Test::Field { .. } | Test::Fields { .. } => panic!("{test:?}"),
    };
    tests.iter().enumerate().map(|(bit, test)| u16::from(holds(test)) << bit).sum()
}

fn end(dag: &Dag, words: &[u32; 16]) -> NodeId {
    let mut id = dag.roots()[0].node;
    while let Node::Branch { test, then, otherwise } = dag.node(id) {
        id = if answers(&[*test], words) == 1 { *then } else { *otherwise };
    }
    id
}

/// The instructions of a test, and what A holds after it.
fn insns(test: &Test, held: Option<(u8, u32)>) -> (u32, Option<(u8, u32)>) {
    let Test::Word { word, mask, cmp, value } = *test else { panic!("{test:?}") };
    let word = word.index();
    // `jset` looks at bits without taking them out.
    let mask = if cmp == Cmp::Eq && value == 0 { u32::MAX } else { mask };
    let insns = match held {
        Some(held) if held == (word, mask) => 1,
        Some(held) if held == (word, u32::MAX) => 2,
        _ if mask == u32::MAX => 2,
        _ => 3,
    };
    (insns, Some((word, mask)))
}

/// What the emitted instructions cost, without the test of `arch` and the returns.
fn emitted(lowered: &Dag, objective: &Objective) -> f64 {
    let program = verify(&emit(lowered, objective).unwrap().insns).unwrap();
    let code = program.insns().iter().filter(|insn| insn.code != 0x06).count() - 2;
    let run = |sample: &Sample| {
        let steps = interpret_counted(&program, &sample.call, Endian::Little).steps - 3;
        steps as f64 * sample.share * (objective.every + objective.uncached)
    };
    code as f64 * objective.size + objective.samples.iter().map(run).sum::<f64>()
}

#[test]
fn what_is_emitted_is_near_the_optimum() {
    let (mut count, mut sums, mut worst) = (0, (0.0, 0.0), (0.0, 0.0));
    for seed in 0..DECISIONS {
        let rng = &mut Rng::new(seed * 77 + 5);
        // Neighbouring seeds begin alike.
        (0..8).for_each(|_| _ = rng.next());
        let dag = random_dag(rng);
        let objective = random_objective(rng);
        let lowered = passes::run(dag.clone(), 2, &objective, &mut |_, _| ());
        let actual = emitted(&lowered, &objective);
        let table = Table::of(&dag, &lowered, &objective);
        let (all, size) = (table.all(), objective.size);
        let tree = table.best(all, None, size, &mut Known::new());
        if tree == 0.0 {
            assert!(actual == 0.0, "{seed}: asks for nothing");
            continue;
        }
        let run = table.best(all, None, 0.0, &mut Known::new());
        let bound = run + size * f64::from(table.least());
        assert!(actual > bound * (1.0 - 1e-6), "{seed}: {actual} under {bound}");
        let ratios = (actual / tree, actual / bound);
        let found = || print::print(&lowered);
        assert!(ratios.0 < 1.15, "{seed}: {:.3} of the best tree\n{}", ratios.0, found());
        count += 1;
        sums = (sums.0 + ratios.0, sums.1 + ratios.1);
        worst = (ratios.0.max(worst.0), ratios.1.max(worst.1));
    }
    let mean = (sums.0 / f64::from(count), sums.1 / f64::from(count));
    println!("{count} decisions");
    println!("of the best tree: {:.4}, at worst {:.3}", mean.0, worst.0);
    println!("of the bound:     {:.4}, at worst {:.3}", mean.1, worst.1);
    assert!(count > 7000, "{count}");
    assert!(mean.0 < 1.0, "equal parts are shared, which a tree cannot");
    assert!(mean.1 < 1.06, "{}", mean.1);
}
