//! How often each node of a DAG is asked, and how it is answered, under an objective: what
//! layout and the order of tests go by.
//!
//! Numbers are followed exactly, as intervals of them, as long as nothing but `nr` is asked. Then
//! calls that were seen ([`Objective::samples`]) go on one by one. Those of numbers of which
//! none was seen are spread over the answers: as the samples of other numbers that came to the
//! same node were, and before that as if most calls that a program really makes were
//! such as its policy allows, since that is what policies are written for.

use filterc_abi::Action;
use filterc_hir::types::Place;

use crate::dag::{Dag, Node, NodeId, Root};
use crate::objective::{Objective, Sample, Weights};
use crate::test::{Cmp, Input, Test, Word};

/// What comes to a node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Visits {
    /// The share of all calls.
    pub all: f64,
    /// The share of all calls that is not answered from the kernel's bitmap.
    pub uncached: f64,
    /// How many numbers the kernel emulates as far as this.
    pub emulated: f64,
}

/// The visits of all nodes.
#[derive(Clone, Debug)]
pub struct Flow {
    visits: Vec<Visits>,
    /// By node, how likely the test holds; 0 for what is no branch.
    holds: Vec<f64>,
    /// By node, how likely a real call ends below it, against one that surely is allowed.
    welcome: Vec<f64>,
}

impl Visits {
    fn add(&mut self, other: Self) {
        self.all += other.all;
        self.uncached += other.uncached;
        self.emulated += other.emulated;
    }

    /// What an instruction there costs.
    #[must_use]
    pub fn cost(self, objective: &Objective) -> f64 {
        objective.every * self.all
            + objective.uncached * self.uncached
            + objective.install * self.emulated
    }
}

impl Flow {
    /// The flow through a DAG, at any stage of its rewriting.
    #[must_use]
    pub fn of(dag: &Dag, objective: &Objective) -> Self {
        let (prior, welcome) = prior(dag, objective);
        let count = dag.nodes().len();
        let mut tracer = Tracer {
            dag,
            visits: vec![Visits::default(); count],
            blind: vec![0.0; count],
            seen: vec![(0.0, 0.0); count],
            samples: sorted(&objective.samples),
        };
        for root in dag.roots() {
            tracer.numbers(root, &objective.at(root));
        }
        tracer.spread(&prior, welcome)
    }

    /// What comes to a node.
    #[must_use]
    pub fn visits(&self, id: NodeId) -> Visits {
        self.visits.get(id.index()).copied().unwrap_or_default()
    }

    /// How likely the test of a branch holds, among the calls that come to it; where none
    /// does, among any.
    #[must_use]
    pub fn holds(&self, id: NodeId) -> f64 {
        self.holds.get(id.index()).copied().unwrap_or_default()
    }

    /// How likely a call that comes to a node is a real one, against a node that allows all.
    #[must_use]
    pub fn welcome(&self, id: NodeId) -> f64 {
        self.welcome.get(id.index()).copied().unwrap_or(1.0)
    }
}

/// By token and number, as intervals are looked up in them.
fn sorted(samples: &[Sample]) -> Vec<&Sample> {
    let mut sorted: Vec<&Sample> = samples.iter().collect();
    sorted.sort_by_key(|sample| key(sample));
    sorted
}

const fn key(sample: &Sample) -> (u32, u32) {
    (sample.call.arch, sample.call.nr.cast_unsigned())
}

/// How likely an action is to be where a real call ends, against `allow`.
#[must_use]
pub const fn welcome(action: Action) -> f64 {
    match action {
        Action::Allow | Action::Log | Action::Notify | Action::Trace(_) => 1.0,
        Action::Errno(_) => 1.0 / 16.0,
        Action::Trap(_) | Action::KillThread | Action::KillProcess => 1.0 / 64.0,
    }
}

/// By node, how likely the test holds if no call was seen there: by what kind of test it is, and
/// then by how welcome is what it leads to (Bayes' rule).
fn prior(dag: &Dag, objective: &Objective) -> (Vec<f64>, Vec<f64>) {
    let mut below: Vec<f64> = Vec::with_capacity(dag.nodes().len());
    let mut prior = Vec::with_capacity(dag.nodes().len());
    for node in dag.nodes() {
        let of = |id: NodeId| below.get(id.index()).copied().unwrap_or(1.0);
        let (welcome, holds) = match node {
            Node::Leaf(action) => (welcome(*action), 0.0),
            Node::Branch { test, then, otherwise } => {
                let alone = objective.holds(test);
                let then = alone * of(*then);
                let both = then + (1.0 - alone) * of(*otherwise);
                (both, then / both)
            }
            Node::Switch(cases) => {
                let sum: f64 = cases.iter().map(|case| of(case.target)).sum();
                (sum / cases.len() as f64, 0.0)
            }
        };
        below.push(welcome);
        prior.push(holds);
    }
    (prior, below)
}

/// Some numbers at a node, on their way down.
struct Step {
    id: NodeId,
    first: u32,
    last: u32,
    /// The step before it; none at the root.
    parent: Option<usize>,
    /// What is behind it.
    visits: Visits,
}

struct Tracer<'a> {
    dag: &'a Dag,
    visits: Vec<Visits>,
    /// By node, the share of the calls that go on from there without samples.
    blind: Vec<f64>,
    /// By node, the share of samples that came, and of those that the test held for.
    seen: Vec<(f64, f64)>,
    samples: Vec<&'a Sample>,
}

impl Tracer<'_> {
    /// Follows all numbers of a root up to where something else is asked.
    fn numbers(&mut self, root: &Root, weights: &Weights<'_>) {
        let start = Step {
            id: root.node,
            first: 0,
            last: u32::MAX,
            parent: None,
            visits: Visits::default(),
        };
        let mut steps = vec![start];
        let mut at = 0;
        while let Some(step) = steps.get(at) {
            let (id, first, last) = (step.id, step.first, step.last);
            let mut go = |id, first, last| {
                let visits = Visits::default();
                steps.push(Step { id, first, last, parent: Some(at), visits });
            };
            if !split(self.dag.node(id), (first, last), weights, &mut go) {
                let visits = self.arrive(root, id, (first, last), weights);
                if let Some(step) = steps.get_mut(at) {
                    step.visits = visits;
                }
            }
            at += 1;
        }
        // Later steps are below earlier ones.
        while let Some(step) = steps.pop() {
            if let Some(slot) = self.visits.get_mut(step.id.index()) {
                slot.add(step.visits);
            }
            if let Some(parent) = step.parent.and_then(|parent| steps.get_mut(parent)) {
                parent.visits.add(step.visits);
            }
        }
    }

    /// What numbers come to where they are told apart no more, with what goes on from there.
    fn arrive(
        &mut self,
        root: &Root,
        id: NodeId,
        (first, last): (u32, u32),
        weights: &Weights<'_>,
    ) -> Visits {
        let all = weights.share(first, last);
        let emulated = f64::from(weights.emulated(first, last));
        let is_cached = matches!(self.dag.node(id), Node::Leaf(Action::Allow));
        let uncached = if is_cached { 0.0 } else { all };
        if matches!(self.dag.node(id), Node::Branch { .. }) && all > 0.0 {
            let blind = self.go_on(root, id, (first, last), weights);
            if let Some(slot) = self.blind.get_mut(id.index()) {
                *slot += blind;
            }
        }
        Visits { all, uncached, emulated }
    }

    /// Sends the samples of some numbers on; what is left is the share of those without any.
    fn go_on(
        &mut self,
        root: &Root,
        id: NodeId,
        (first, last): (u32, u32),
        weights: &Weights<'_>,
    ) -> f64 {
        let from = self.samples.partition_point(|s| key(s) < (root.audit_arch, first));
        let to = self.samples.partition_point(|s| key(s) <= (root.audit_arch, last));
        let samples: Vec<&Sample> = self.samples.get(from..to).unwrap_or_default().to_vec();
        let mut blind = weights.share(first, last);
        for of_number in samples.chunk_by(|a, b| key(a) == key(b)) {
            let total: f64 = of_number.iter().map(|sample| sample.share).sum();
            let Some(nr) = of_number.first().map(|sample| sample.call.nr.cast_unsigned()) else {
                continue;
            };
            if total <= 0.0 {
                continue;
            }
            // The samples of a number stand for all its calls.
            let share = weights.share(nr, nr);
            blind -= share;
            for sample in of_number {
                self.sample(id, sample, share * (sample.share / total));
            }
        }
        blind.max(0.0)
    }

    /// One call, from a node down. The node itself is counted by who comes from above.
    fn sample(&mut self, id: NodeId, sample: &Sample, share: f64) {
        let words = sample.call.words(self.dag.endian());
        let mut next = id;
        while let Node::Branch { test, then, otherwise } = self.dag.node(next) {
            // A parameter has no value yet; which one is supposed changes the cost alone.
            let endian = self.dag.endian();
            let call = &sample.call;
            let holds = test.holds(&Input { call, words: &words, params: &[], endian });
            if let Some((came, held)) = self.seen.get_mut(next.index()) {
                *came += share;
                *held += if holds { share } else { 0.0 };
            }
            next = if holds { *then } else { *otherwise };
            if let Some(slot) = self.visits.get_mut(next.index()) {
                slot.add(Visits { all: share, uncached: share, emulated: 0.0 });
            }
        }
    }

    /// Spreads what has no samples over the answers, parents first.
    fn spread(mut self, prior: &[f64], welcome: Vec<f64>) -> Flow {
        let mut holds = vec![0.0; self.blind.len()];
        for (index, node) in self.dag.nodes().iter().enumerate().rev() {
            let Node::Branch { test: _, then, otherwise } = node else { continue };
            let get = |of: &[f64]| of.get(index).copied().unwrap_or_default();
            let (came, held) = self.seen.get(index).copied().unwrap_or_default();
            let likely = likely(get(prior), came, held);
            let blind = get(&self.blind);
            if let Some(slot) = holds.get_mut(index) {
                *slot = likely;
            }
            if blind > 0.0 {
                self.pass(*then, blind * likely);
                self.pass(*otherwise, blind * (1.0 - likely));
            }
        }
        Flow { visits: self.visits, holds, welcome }
    }

    fn pass(&mut self, id: NodeId, share: f64) {
        if let Some(slot) = self.visits.get_mut(id.index()) {
            slot.add(Visits { all: share, uncached: share, emulated: 0.0 });
        }
        if let Some(slot) = self.blind.get_mut(id.index()) {
            *slot += share;
        }
    }
}

/// What was seen, with one part in nine of what is thought: a few samples are not all calls.
fn likely(prior: f64, came: f64, held: f64) -> f64 {
    if came > 0.0 { (held / came * 8.0 + prior) / 9.0 } else { prior }
}

/// What a test asks of `nr` alone: a mask, a comparison without a sign, a value.
fn of_nr(test: &Test) -> Option<(u32, Cmp, u32)> {
    match *test {
        Test::Word { word: Word::NR, mask, cmp, value } => Some((mask, cmp, value)),
        Test::Field { field, mask, cmp, value } if field.place() == Place::Nr => {
            let is_unsigned = cmp == Cmp::Eq || mask & field.sign_bit() == 0;
            let narrow = |bits| u32::try_from(bits).ok().filter(|_| is_unsigned);
            Some((narrow(mask)?, cmp, narrow(value)?))
        }
        Test::Word { .. } | Test::Words { .. } | Test::Field { .. } | Test::Fields { .. } => None,
    }
}

/// Parts in which numbers go through a test of bits: if there are more, those numbers that weigh
/// anything go one by one.
const MAX_BLOCKS: u32 = 64;

/// Sends numbers on from a node that asks for nothing but `nr`; whether it was one.
fn split(
    node: &Node,
    (first, last): (u32, u32),
    weights: &Weights<'_>,
    go: &mut dyn FnMut(NodeId, u32, u32),
) -> bool {
    match node {
        Node::Leaf(_) => false,
        Node::Switch(cases) => {
            let after = cases.partition_point(|case| case.first <= first).saturating_sub(1);
            let rest = cases.get(after..).unwrap_or_default();
            let ends = rest.iter().skip(1).map(|case| case.first - 1).chain([u32::MAX]);
            for (case, end) in rest.iter().zip(ends).take_while(|(case, _)| case.first <= last) {
                go(case.target, case.first.max(first), end.min(last));
            }
            true
        }
        Node::Branch { test, then, otherwise } => {
            let Some((mask, cmp, value)) = of_nr(test) else { return false };
            match cmp {
                Cmp::Eq if mask == u32::MAX => {
                    let inside = (first..=last).contains(&value);
                    if inside {
                        go(*then, value, value);
                    }
                    let below = value.min(last.saturating_add(1));
                    if first < below {
                        go(*otherwise, first, below - 1);
                    }
                    let above = first.max(value.saturating_add(1));
                    if value < u32::MAX && above <= last {
                        go(*otherwise, above, last);
                    }
                }
                Cmp::Ge if mask == u32::MAX => {
                    if last >= value {
                        go(*then, first.max(value), last);
                    }
                    if first < value {
                        go(*otherwise, first, last.min(value - 1));
                    }
                }
                Cmp::Eq | Cmp::Ge => {
                    let answer = |nr: u32| {
                        let holds = match cmp {
                            Cmp::Eq => nr & mask == value,
                            Cmp::Ge => nr & mask >= value,
                        };
                        if holds { *then } else { *otherwise }
                    };
                    // Numbers that differ below the mask alone have one answer.
                    let below = (mask & mask.wrapping_neg()).wrapping_sub(1);
                    if (last - first) >> below.trailing_ones().min(31) < MAX_BLOCKS {
                        let mut start = first;
                        loop {
                            let end = (start | below).min(last);
                            go(answer(start), start, end);
                            if end == last {
                                break;
                            }
                            start = end + 1;
                        }
                    } else {
                        for nr in weights.numbers(first, last) {
                            go(answer(nr), nr, nr);
                        }
                    }
                }
            }
            true
        }
    }
}
