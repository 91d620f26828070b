//! Which calls come to a decision, and how much they are minded.
//!
//! The *targets* of a DAG are where what is known of the number and the token ends: each is
//! what some numbers lead to, and asks of nothing but arguments.

use hashbrown::HashMap;

use filterc_abi::seccomp::SECCOMP_DATA_WORDS;

use crate::dag::{Dag, Node, NodeId, Root};
use crate::flow::Flow;
use crate::objective::{Objective, Sample};
use crate::test::{Test, Word};

/// A target's share of all calls at least: no call is never made.
const LEAST_SHARE: f64 = 1.0 / 4096.0;

/// The words of a call, and its share.
pub(super) type Seen = ([u32; SECCOMP_DATA_WORDS], f64);

/// What is known of the calls that come to a target.
#[derive(Clone, Debug, Default)]
pub(super) struct Arriving {
    /// What an instruction that all of them run costs.
    pub(super) weight: f64,
    /// Those that were seen.
    pub(super) seen: Vec<Seen>,
}

/// The calls that come to each target.
pub(super) struct Traffic<'o> {
    seen: HashMap<NodeId, Vec<Seen>>,
    flow: Flow,
    objective: &'o Objective,
}

impl<'o> Traffic<'o> {
    /// The traffic of a DAG.
    pub(super) fn of(dag: &Dag, objective: &'o Objective) -> Self {
        let mut seen: HashMap<NodeId, Vec<Seen>> = HashMap::default();
        for root in dag.roots() {
            let of_root = |sample: &&Sample| sample.call.arch == root.audit_arch;
            for Sample { call, share } in objective.samples.iter().filter(of_root) {
                let target = target(dag, root, call.nr.cast_unsigned());
                seen.entry(target).or_default().push((call.words(dag.endian()), *share));
            }
        }
        Self { seen, flow: Flow::of(dag, objective), objective }
    }

    /// The calls that come to a target.
    pub(super) fn arriving(&self, target: NodeId) -> Arriving {
        let weight = self.flow.visits(target).cost(self.objective);
        let least = LEAST_SHARE * self.objective.run(false);
        let seen = self.seen.get(&target).cloned().unwrap_or_default();
        Arriving { weight: weight.max(least), seen }
    }

    /// How likely a call that comes to a node is a real one, against a node that allows all.
    pub(super) fn welcome(&self, id: NodeId) -> f64 {
        self.flow.welcome(id)
    }
}

/// Where a number leads.
fn target(dag: &Dag, root: &Root, nr: u32) -> NodeId {
    let mut words = [0; SECCOMP_DATA_WORDS];
    let [number, token, ..] = &mut words;
    (*number, *token) = (nr, root.audit_arch);
    let mut id = root.node;
    loop {
        id = match dag.node(id) {
            Node::Switch(cases) => {
                let case = cases.partition_point(|case| case.first <= nr).checked_sub(1);
                match case.and_then(|case| cases.get(case)) {
                    Some(case) => case.target,
                    None => return id,
                }
            }
            Node::Branch { test, then, otherwise } if is_of_number(test) => {
                if test.holds_for(&words) { *then } else { *otherwise }
            }
            Node::Branch { .. } | Node::Leaf(_) => return id,
        };
    }
}

/// Whether a test asks for nothing but the number or the token.
pub(super) const fn is_of_number(test: &Test) -> bool {
    match test {
        Test::Word { word, .. } => word.index() <= Word::ARCH.index(),
        Test::Words { .. } | Test::Field { .. } | Test::Fields { .. } => false,
    }
}
