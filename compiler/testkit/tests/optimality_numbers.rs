//! How good the search for a number is, known rather than hoped: for a few numbers all trees of
//! tests are searched, and the emitted program is counted against the best: its size, what calls
//! run of it, and its longest path.
//!
//! The search shares nothing with the compiler. It knows order, equality and tests of bits, and
//! takes returns for shared; trees are taken for trees, so what is emitted can be smaller where
//! equal parts of it are one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it found"
)]

use filterc::cost::longest_path;
use filterc_abi::{Action, Endian, SeccompData};
use filterc_cbpf::{interpret_counted, verify};
use filterc_codegen::cbpf::emit;
use filterc_ir::objective::Frequencies;
use filterc_ir::{Case, Dag, DagBuilder, Objective, Origin, Root, passes};
use filterc_testkit::rng::Rng;

/// Instances that are judged.
const INSTANCES: u64 = 10_000;

const ARCH: u32 = 0xc000_003e;

/// What every call runs: it loads the token, tests it, loads the number, and returns.
const AROUND: usize = 4;

/// Where numbers lead, and the share of each; the last is for all from there on, and has none.
struct Instance {
    leads: Vec<usize>,
    shares: Vec<f64>,
    objective: Objective,
}

impl Instance {
    fn random(seed: u64) -> Self {
        let rng = &mut Rng::new(seed * 77 + 3);
        // Neighbouring seeds begin alike.
        (0..8).for_each(|_| _ = rng.next());
        let (numbers, kinds) = (3 + rng.below(6), 2 + rng.below(2));
        let leads = (0..=numbers).map(|_| rng.below(kinds)).collect();
        let mut shares: Vec<f64> = (0..numbers)
            .map(|_| f64::from(1 + rng.below(99) as u32) / f64::from(1 << rng.below(14)))
            .collect();
        let all: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= all);
        let numbers = shares.iter().enumerate().map(|(nr, share)| (nr as u32, *share));
        let frequencies = vec![Frequencies::new(ARCH, numbers)];
        shares.push(0.0);
        // As with a profile and without one, and a size that hardly matters.
        let (size, worst) =
            [(1.0 / 64.0, 1.0 / 256.0), (0.25, 0.1875), (1.0 / 1024.0, 0.0)][rng.below(3)];
        let (every, uncached, install) = (1.0, 0.0, 0.0);
        let rest = Objective::default();
        let objective = Objective { size, worst, every, uncached, install, frequencies, ..rest };
        Self { leads, shares, objective }
    }

    fn dag(&self) -> Dag {
        let mut dag = DagBuilder::new(Endian::Little);
        let actions = [Action::Errno(1), Action::Errno(2), Action::KillProcess];
        let leaves = actions.map(|action| dag.leaf(action, Origin::Nobody));
        let case = |(nr, lead): (usize, &usize)| Case { first: nr as u32, target: leaves[*lead] };
        let mut cases: Vec<Case> = self.leads.iter().enumerate().map(case).collect();
        cases.dedup_by_key(|case| case.target);
        let node = dag.switch(cases, Origin::Nobody);
        let abis = vec!["x86_64".to_owned()];
        dag.finish(vec![Root { abis, audit_arch: ARCH, node }], leaves[2])
    }

    /// The least cost of a tree for a set of numbers that is no deeper than so much.
    fn best(&self, set: u32, depth: u32, size: f64, known: &mut Known) -> f64 {
        let inside = |nr: &usize| set >> nr & 1 == 1;
        let first = self.leads[set.trailing_zeros() as usize];
        if (0..self.leads.len()).filter(inside).all(|nr| self.leads[nr] == first) {
            return 0.0;
        }
        if depth == 0 {
            return f64::INFINITY;
        }
        if let Some(cost) = known.costs[known.place(set, depth)] {
            return cost;
        }
        let here = (0..self.leads.len()).filter(inside).map(|nr| self.shares[nr]).sum::<f64>();
        let mut best = f64::INFINITY;
        for test in 0..known.tests.len() {
            let (yes, no) = known.tests[test];
            let (yes, no) = (set & yes, set & no);
            if yes != 0 && no != 0 && yes != set && no != set {
                let below = self.best(yes, depth - 1, size, known);
                if here + size + below < best {
                    let below = below + self.best(no, depth - 1, size, known);
                    best = best.min(here + size + below);
                }
            }
        }
        let place = known.place(set, depth);
        known.costs[place] = Some(best);
        best
    }

    /// All tests: the numbers that can come by either answer.
    fn tests(&self) -> Vec<(u32, u32)> {
        let above = self.leads.len() as u32 - 1;
        let rest = 1 << above;
        let mut tests = Vec::new();
        for nr in 0..=above {
            let below = (1 << nr) - 1;
            tests.push((!below, below));
            if nr < above {
                tests.push((1 << nr, !(1 << nr)));
            }
        }
        // Bits of the small numbers, alone and with all higher ones: with these, no number above
        // is without them, unless those before the next power of two are.
        for mask in 1..above.next_power_of_two() {
            let some: u32 = (0..above).filter(|nr| nr & mask != 0).map(|nr| 1 << nr).sum();
            tests.push((some | rest, !some));
            if (above..above.next_power_of_two()).all(|nr| nr & mask != 0) {
                tests.push((some | rest, !some & !rest));
            }
        }
        tests
    }

    /// Nothing is known yet.
    fn unknown(&self) -> Known {
        let places = (self.leads.len() + 1) << self.leads.len();
        Known { tests: self.tests(), numbers: self.leads.len(), costs: vec![None; places] }
    }

    fn all(&self) -> u32 {
        (1 << self.leads.len()) - 1
    }

    /// The best tree under the objective.
    fn optimum(&self) -> f64 {
        let Objective { size, worst, .. } = self.objective;
        let known = &mut self.unknown();
        let cost = |depth| self.best(self.all(), depth, size, known) + worst * f64::from(depth);
        (0..self.leads.len() as u32).map(cost).fold(f64::INFINITY, f64::min)
    }

    /// What the emitted program costs, counted, and what of that calls run.
    fn emitted(&self) -> (f64, f64) {
        let lowered = passes::run(self.dag(), 2, &self.objective, &mut |_, _| ());
        let program = verify(&emit(&lowered, &self.objective).unwrap().insns).unwrap();
        let tests = program.insns().iter().filter(|insn| insn.code != 0x06).count();
        // All but what loads, and the test of the token.
        let tests = (tests - (AROUND - 1)) as f64;
        let run = |nr: usize| {
            let call =
                SeccompData { nr: (nr as u32).cast_signed(), arch: ARCH, ..SeccompData::default() };
            let steps = interpret_counted(&program, &call, Endian::Little).steps as usize;
            (steps - AROUND) as f64 * self.shares[nr]
        };
        let run: f64 = (0..self.leads.len()).map(run).sum();
        let deepest = (longest_path(program.insns()) - AROUND) as f64;
        let Objective { size, worst, .. } = self.objective;
        (size * tests + run + worst * deepest, run)
    }
}

/// What is known of sets of numbers.
struct Known {
    tests: Vec<(u32, u32)>,
    numbers: usize,
    /// By how deep a tree may be, and the set.
    costs: Vec<Option<f64>>,
}

impl Known {
    const fn place(&self, set: u32, depth: u32) -> usize {
        (depth as usize) << self.numbers | set as usize
    }
}

#[test]
fn searches_for_numbers_are_near_the_optimum() {
    let (mut count, mut sum, mut worst) = (0, 0.0, 0.0_f64);
    for seed in 0..INSTANCES {
        let instance = Instance::random(seed);
        let optimum = instance.optimum();
        // One target: nothing is asked.
        if optimum == 0.0 {
            continue;
        }
        let (cost, run) = instance.emitted();
        // The other way round: that the best is the best. Sharing runs nothing less.
        if seed % 8 == 0 {
            let deep = instance.leads.len() as u32;
            let least = instance.best(instance.all(), deep, 0.0, &mut instance.unknown());
            assert!(run > least * (1.0 - 1e-6), "{seed}: {run} run, which is less than {least}");
        }
        let ratio = cost / optimum;
        assert!(ratio < 1.15, "{seed}: {ratio:.3} of {optimum}, {:?}", instance.leads);
        count += 1;
        sum += ratio;
        worst = worst.max(ratio);
    }
    println!(
        "{count} instances: {:.4} of the best tree, at worst {worst:.3}",
        sum / f64::from(count)
    );
    assert!(count > 9000, "{count}");
    assert!(sum / f64::from(count) < 1.05, "{}", sum / f64::from(count));
}
