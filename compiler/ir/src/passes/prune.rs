//! `prune`: a test that the tests before it have decided is not asked.
//!
//! Each target of a switch is followed from the top with the [`Facts`] that the path has
//! established, cut down to the words that matter below, so that paths which differ only
//! in what no longer matters meet again.
//!
//! A node that is reached with different facts becomes different nodes, which could
//! multiply without end. So each target has a budget, in (node, facts) pairs; a target
//! that exceeds it, or comes out larger, stays as it was, and so does a whole DAG that
//! comes out larger because its targets share less.

use hashbrown::HashMap;

use super::facts::{self, Facts, Memory, Support};
use super::rewrite::Top;
use crate::builder::DagBuilder;
use crate::dag::{Dag, Node, NodeId};
use crate::objective::Objective;

/// Pairs that may be made for each node of a target…
const PAIRS_PER_NODE: usize = 16;
/// … and for a target however small…
const PAIRS_PER_TARGET: usize = 256;
/// … and for the whole DAG.
const MAX_PAIRS: usize = 1 << 14;

/// Whether some word is looked at by two tests of a path: otherwise none decides another.
pub(super) fn applies(dag: &Dag) -> bool {
    Looks::of(dag).again.contains(&true)
}

pub(super) fn run(dag: &Dag, _: &Objective) -> Dag {
    let mut prune = Prune::new(dag);
    let top = Top::of(dag, |node| matches!(node, Node::Switch(_)));
    let mut made: Vec<Option<NodeId>> = vec![None; dag.nodes().len()];
    for &id in &top.targets {
        let target = prune.target(id);
        if let Some(slot) = made.get_mut(id.index()) {
            *slot = Some(target);
        }
    }
    let pruned = top.put_on(dag, prune.builder, &mut made);
    if pruned.nodes().len() > dag.nodes().len() { dag.clone() } else { pruned }
}

type Pair = (NodeId, Facts);

/// What nodes look at.
struct Looks {
    /// For each node, the words that it or a node below looks at.
    support: Vec<Support>,
    /// For each node, whether there is a test below it, or itself, of a word that is looked at
    /// again further down.
    again: Vec<bool>,
}

impl Looks {
    fn of(dag: &Dag) -> Self {
        let mut support: Vec<Support> = Vec::with_capacity(dag.nodes().len());
        let mut again: Vec<bool> = Vec::with_capacity(dag.nodes().len());
        for node in dag.nodes() {
            let own = match node {
                Node::Branch { test, .. } => facts::support(test),
                Node::Leaf(_) | Node::Switch(_) => 0,
            };
            let (mut below, mut is_again) = (0, false);
            for child in node.children() {
                below |= support_of(&support, child);
                is_again |= again.get(child.index()).copied().unwrap_or_default();
            }
            support.push(own | below);
            again.push(is_again || own & below != 0);
        }
        Self { support, again }
    }

    /// Whether nothing that is known, and nothing that is asked, decides a test at or below a
    /// node.
    fn is_plain(&self, (id, facts): Pair) -> bool {
        facts == Facts::NONE && !self.again.get(id.index()).copied().unwrap_or(true)
    }
}

struct Prune<'d> {
    dag: &'d Dag,
    /// Of the old nodes.
    looks: Looks,
    facts: Memory,
    builder: DagBuilder,
    /// For each old node, the same node in the new DAG.
    copies: Vec<NodeId>,
    done: HashMap<Pair, NodeId>,
    /// For each new node, the last round of `size` that saw it.
    seen: Vec<u64>,
    round: u64,
}

impl<'d> Prune<'d> {
    fn new(dag: &'d Dag) -> Self {
        let mut builder = DagBuilder::with_room(dag.endian(), dag.nodes().len());
        let mut copies: Vec<NodeId> = Vec::with_capacity(dag.nodes().len());
        for (id, node) in dag.iter() {
            let copy = node.map(|child| copies.get(child.index()).copied().unwrap_or(child));
            copies.push(builder.add(copy, dag.origin(id)));
        }
        Self {
            dag,
            looks: Looks::of(dag),
            facts: Memory::new(),
            builder,
            copies,
            done: HashMap::with_capacity(dag.nodes().len()),
            seen: Vec::with_capacity(2 * dag.nodes().len()),
            round: 0,
        }
    }

    /// A target, pruned, or as it was if that is not worth it.
    fn target(&mut self, id: NodeId) -> NodeId {
        let copy = self.copies.get(id.index()).copied().unwrap_or(id);
        if self.looks.is_plain((id, Facts::NONE)) {
            return copy;
        }
        let size = self.size(copy);
        match self.prune(id, PAIRS_PER_TARGET + PAIRS_PER_NODE * size) {
            Some(pruned) if self.size(pruned) <= size => pruned,
            Some(_) | None => copy,
        }
    }

    /// New nodes that a new node reaches, itself included.
    fn size(&mut self, id: NodeId) -> usize {
        self.round += 1;
        let mut size = 0;
        let mut left = vec![id];
        while let Some(id) = left.pop() {
            if self.seen.len() <= id.index() {
                self.seen.resize(id.index() + 1, 0);
            }
            let Some(seen) = self.seen.get_mut(id.index()) else { continue };
            if std::mem::replace(seen, self.round) != self.round {
                size += 1;
                left.extend(self.builder.node(id).into_iter().flat_map(Node::children));
            }
        }
        size
    }

    /// Follows all paths from a node; `None` if that takes too many pairs.
    fn prune(&mut self, id: NodeId, budget: usize) -> Option<NodeId> {
        let start = (id, Facts::NONE);
        let limit = MAX_PAIRS.min(self.done.len() + budget);
        let mut stack = vec![(start, None)];
        while let Some((pair, ways)) = stack.last_mut() {
            let pair = *pair;
            if self.done.contains_key(&pair) {
                stack.pop();
                continue;
            }
            if self.done.len() >= limit {
                return None;
            }
            // What a pair leads to is found out once, and asked for again when it is done.
            let ways = *ways.get_or_insert_with(|| self.ways(pair));
            match self.step(pair.0, ways) {
                Step::Done(node) => {
                    self.done.insert(pair, node);
                    stack.pop();
                }
                Step::First(needed) => {
                    stack.extend(needed.into_iter().flatten().map(|pair| (pair, None)));
                }
            }
        }
        self.done.get(&start).copied()
    }

    fn ways(&mut self, (id, facts): Pair) -> Ways {
        let Node::Branch { test, then, otherwise } = self.dag.node(id) else { return Ways::None };
        if self.looks.is_plain((id, facts)) {
            return Ways::None;
        }
        let support = &self.looks.support;
        if let Some(holds) = self.facts.decide(facts, test) {
            let next = if holds { *then } else { *otherwise };
            return Ways::One((next, self.facts.restrict(facts, support_of(support, next))));
        }
        let mut assume =
            |next, holds| (next, self.facts.assume(facts, test, holds, support_of(support, next)));
        Ways::Two(assume(*then, true), assume(*otherwise, false))
    }

    fn step(&mut self, id: NodeId, ways: Ways) -> Step {
        let missing = |pair: Pair| Some(pair).filter(|pair| !self.done.contains_key(pair));
        match (ways, self.dag.node(id)) {
            (Ways::One(pair), _) => match self.done.get(&pair) {
                Some(node) => Step::Done(*node),
                None => Step::First([Some(pair), None]),
            },
            (Ways::Two(yes, no), Node::Branch { test, .. }) => {
                match (self.done.get(&yes), self.done.get(&no)) {
                    (Some(&then), Some(&otherwise)) => {
                        let origin = self.dag.origin(id);
                        Step::Done(self.builder.branch(*test, then, otherwise, origin))
                    }
                    _ => Step::First([missing(yes), missing(no)]),
                }
            }
            (Ways::None | Ways::Two(..), _) => {
                Step::Done(self.copies.get(id.index()).copied().unwrap_or(id))
            }
        }
    }
}

/// Where a pair leads.
#[derive(Clone, Copy)]
enum Ways {
    /// Out of the target, or where nothing changes.
    None,
    /// Here, as the facts have decided the test.
    One(Pair),
    /// Here if the test holds, there if not.
    Two(Pair, Pair),
}

fn support_of(supports: &[Support], id: NodeId) -> Support {
    supports.get(id.index()).copied().unwrap_or_default()
}

/// What became of a pair.
enum Step {
    /// It is this node.
    Done(NodeId),
    /// These must be done first.
    First([Option<Pair>; 2]),
}
