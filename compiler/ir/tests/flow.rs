//! The flow through a DAG is what its calls do, one by one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    unreachable_pub,
    dead_code,
    reason = "tests say what they expect by panicking"
)]

mod support;

use std::collections::BTreeMap;

use filterc_abi::{Action, Endian, SeccompData};
use filterc_hir::policy::Policy;
use filterc_ir::flow::Visits;
use filterc_ir::objective::{Frequencies, Sample};
use filterc_ir::test::Input;
use filterc_ir::{Dag, Flow, Node, NodeId, Objective, Test, Word, build, passes};

use support::{Rng, calls, policy};

/// The nodes that a call comes to, the first first.
fn path(dag: &Dag, call: &SeccompData) -> Vec<NodeId> {
    let words = call.words(dag.endian());
    let holds = |test: &Test| {
        test.holds(&Input { call, words: &words, params: &[], endian: Endian::Little })
    };
    let root = dag.roots().iter().find(|root| root.audit_arch == call.arch);
    let mut path = vec![root.map_or(dag.foreign(), |root| root.node)];
    loop {
        let next = match dag.node(path[path.len() - 1]) {
            Node::Leaf(_) => return path,
            Node::Branch { test, then, otherwise } if holds(test) => *then,
            Node::Branch { then: _, otherwise, .. } => *otherwise,
            Node::Switch(cases) => {
                let nr = call.nr.cast_unsigned();
                cases.iter().rev().find(|case| case.first <= nr).unwrap().target
            }
        };
        path.push(next);
    }
}

/// Some calls of a policy's tokens, each with a share.
fn objective(policy: &Policy, seed: u64) -> Objective {
    let rng = &mut Rng::new(seed ^ 0xf10);
    let tokens: Vec<u32> = policy.abis().iter().map(|part| part.abi().audit_arch).collect();
    let mut samples = Vec::new();
    let mut shares: BTreeMap<u32, Vec<(u32, f64)>> = BTreeMap::new();
    for call in calls(policy, seed, 60).into_iter().filter(|call| tokens.contains(&call.arch)) {
        let share = (1 + rng.below(50)) as f64 / 4096.0;
        shares.entry(call.arch).or_default().push((call.nr.cast_unsigned(), share));
        samples.push(Sample { call, share });
    }
    let frequencies = shares.into_iter().map(|(token, shares)| Frequencies::new(token, shares));
    Objective { frequencies: frequencies.collect(), samples, ..Objective::default() }
}

fn each(mut check: impl FnMut(&str, &Dag, &Objective)) {
    for seed in 0..150 {
        for endian in [Endian::Little, Endian::Big] {
            let policy = policy(seed, endian);
            let objective = objective(&policy, seed);
            let dag = build(&policy, endian).unwrap();
            check("build", &dag, &objective);
            let _ = passes::run(dag, 2, &objective, &mut |name, dag| check(name, dag, &objective));
        }
    }
}

#[test]
fn calls_that_were_seen_are_followed_exactly() {
    each(|stage, dag, objective| {
        let flow = Flow::of(dag, objective);
        let mut visits = vec![0.0; dag.nodes().len()];
        for sample in &objective.samples {
            for id in path(dag, &sample.call) {
                visits[id.index()] += sample.share;
            }
        }
        for (id, node) in dag.iter() {
            let (found, expected) = (flow.visits(id), visits[id.index()]);
            assert!((found.all - expected).abs() < 1e-9, "{stage} {id}: {found:?} {expected}");
            assert!(found.uncached <= found.all + 1e-12, "{stage} {id}: {found:?}");
            if let Node::Branch { .. } = node {
                assert!((0.0..=1.0).contains(&flow.holds(id)), "{stage} {id}");
            }
        }
    });
}

/// Without samples too, all that comes goes on, and all numbers are emulated somewhere.
#[test]
fn nothing_is_lost() {
    each(|stage, dag, objective| {
        let objective = &Objective { samples: Vec::new(), ..objective.clone() };
        let flow = Flow::of(dag, objective);
        let sum = |visits: &mut dyn Iterator<Item = Visits>| {
            let mut sum = Visits::default();
            for one in visits {
                sum.all += one.all;
                sum.uncached += one.uncached;
                sum.emulated += one.emulated;
            }
            sum
        };
        let is_leaf = |node: &Node| matches!(node, Node::Leaf(_));
        let leaves = dag.iter().filter(|(_, node)| is_leaf(node)).map(|(id, _)| flow.visits(id));
        let leaves = sum(&mut leaves.into_iter());
        let (mut all, mut emulated) = (0.0, 0.0);
        for root in dag.roots() {
            all += objective.share(root, 0, u32::MAX);
            emulated += f64::from(objective.at(root).emulated(0, u32::MAX));
        }
        assert!((leaves.all - all).abs() < 1e-9, "{stage}: {leaves:?} {all}");
        assert!(leaves.emulated <= emulated && leaves.uncached <= leaves.all + 1e-12, "{stage}");
        let allow = dag.iter().find(|(_, node)| **node == Node::Leaf(Action::Allow));
        if let Some((id, _)) = allow {
            assert!(flow.visits(id).uncached <= flow.visits(id).all, "{stage}");
        }
    });
}

/// What a number is asked is what it is asked when the kernel emulates it.
#[test]
fn cached_is_what_needs_the_number_alone() {
    each(|stage, dag, objective| {
        let flow = Flow::of(dag, objective);
        let mut uncached = 0.0;
        for sample in &objective.samples {
            let path = path(dag, &sample.call);
            let of_nr = |id: &NodeId| match dag.node(*id) {
                Node::Leaf(action) => *action == Action::Allow,
                Node::Switch(_) => true,
                Node::Branch { test: Test::Word { word, .. }, .. } => *word == Word::NR,
                Node::Branch { test: Test::Field { field, .. }, .. } => {
                    field.place() == filterc_hir::types::Place::Nr
                }
                Node::Branch { .. } => false,
            };
            uncached += if path.iter().all(of_nr) { 0.0 } else { sample.share };
        }
        let mut found = 0.0;
        for (id, node) in dag.iter() {
            found += if matches!(node, Node::Leaf(_)) { flow.visits(id).uncached } else { 0.0 };
        }
        assert!((found - uncached).abs() < 1e-9, "{stage}: {found} {uncached}");
    });
}
