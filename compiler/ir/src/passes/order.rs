//! `order`: what is asked first.
//!
//! Tests have no effects, so whatever gives the same decision may be asked in any order. Each
//! target (see [`super::traffic`]) is taken apart into parts that must all be passed, or must
//! all fail ([`super::fragment`]); those again, until no further part is found.
//!
//! * Parts that look at the same word, and parts that do not come apart, are solved as
//!   functions of their cells ([`super::optimal`]), if those are few.
//! * Parts of different words are put in order. If calls are known to fail often, what is
//!   cheap and decisive comes first: by cost over the probability to decide, which is optimal
//!   for independent parts. Else nothing is lost by asking last what many targets ask: then
//!   they share it.

use hashbrown::HashMap;

use super::cells::{Cells, Detail, Weighing};
use super::facts::{Support, support};
use super::fragment::Fragment;
use super::members::Members;
use super::optimal::{self, Solution, Tree};
use super::rewrite::Top;
use super::split::{self, Group, Split};
use super::traffic::{Arriving, Traffic, is_of_number};
use crate::builder::DagBuilder;
use crate::dag::{Dag, Node, NodeId, Origin};
use crate::flow::Flow;
use crate::machine::{self, Held};
use crate::objective::Objective;
use crate::test::Test;

/// Nodes that may be looked at: so many for each node of the DAG, and these for any.
const STEPS_PER_NODE: usize = 64;
const LEAST_STEPS: usize = 1 << 14;

/// Tests that are weighed up in the searches for optimal trees: in all, and so many more shared
/// by all targets. A small policy can have its decisions searched through; one of many
/// decisions takes hardly longer.
const TREE_STEPS: usize = 1 << 11;
const SHARED_TREE_STEPS: usize = 1 << 16;

/// Steps with which no search is begun.
const FEWEST_TREE_STEPS: usize = 64;

/// What is hardly cheaper than this part of what there is is not looked for.
const LITTLE: f64 = 1.0 - 1.0 / 128.0;

/// Branches of a fragment that is solved as a whole although it comes apart.
const MAX_WHOLE: usize = 10;

/// How often a part of a part is taken apart.
const MAX_DEPTH: usize = 16;

/// Whether anything but the number is asked for.
pub(super) fn applies(dag: &Dag) -> bool {
    dag.nodes().iter().any(|node| match node {
        Node::Branch { test, .. } => !is_of_number(test),
        Node::Leaf(_) | Node::Switch(_) => false,
    })
}

pub(super) fn run(dag: &Dag, objective: &Objective) -> Dag {
    let top = Top::of(dag, |node| match node {
        Node::Switch(_) => true,
        Node::Branch { test, .. } => is_of_number(test),
        Node::Leaf(_) => false,
    });
    let mut order = Order {
        dag,
        objective,
        traffic: Traffic::of(dag, objective),
        common: HashMap::default(),
        steps: LEAST_STEPS + STEPS_PER_NODE * dag.nodes().len(),
        tree_steps: TREE_STEPS + SHARED_TREE_STEPS / top.targets.len().max(1),
        builder: DagBuilder::with_room(dag.endian(), dag.nodes().len()),
    };
    let mut plans = Vec::with_capacity(top.targets.len());
    for &id in &top.targets {
        let fragment = order.below(id);
        let split = fragment.as_ref().and_then(|fragment| order.split(fragment));
        for group in split.iter().flat_map(|split| &split.groups) {
            *order.common.entry(group.key).or_default() += 1;
        }
        plans.push((id, fragment, split));
    }
    // What is not taken apart stays as it is.
    let mut made: Vec<Option<NodeId>> = vec![None; dag.nodes().len()];
    for (id, fragment, split) in plans {
        let new = fragment.and_then(|fragment| order.target(id, &fragment, split));
        let new = new.or_else(|| order.copy(id, &mut made));
        if let Some(slot) = made.get_mut(id.index()) {
            *slot = new;
        }
    }
    let ordered = top.put_on(dag, order.builder, &mut made);
    // Targets that shared a tail may have got different ones; each is better, all of them need
    // not be.
    let is_larger = ordered.nodes().len() > dag.nodes().len();
    if is_larger && total(&ordered, objective) > total(dag, objective) {
        dag.clone()
    } else {
        ordered
    }
}

/// What the tests of a DAG cost: there, by the dearest way to come to them, and run.
fn total(dag: &Dag, objective: &Objective) -> f64 {
    let flow = Flow::of(dag, objective);
    let mut dearest = vec![0; dag.nodes().len()];
    let mut run = 0.0;
    let mut come = |id: NodeId, held: Option<Held>, weight: f64| {
        if let Node::Branch { test, .. } = dag.node(id) {
            let cost = machine::cost(test, held);
            run += weight * f64::from(cost);
            if let Some(most) = dearest.get_mut(id.index()) {
                *most = cost.max(*most);
            }
        }
    };
    for root in dag.roots() {
        come(root.node, None, flow.visits(root.node).cost(objective));
    }
    for (id, node) in dag.iter() {
        let weight = flow.visits(id).cost(objective);
        match node {
            Node::Branch { test, then, otherwise } => {
                let (held, holds) = (machine::leaves(test), flow.holds(id));
                come(*then, held, weight * holds);
                come(*otherwise, held, weight * (1.0 - holds));
            }
            Node::Switch(cases) => {
                for case in cases {
                    come(case.target, None, 0.0);
                }
            }
            Node::Leaf(_) => {}
        }
    }
    run + objective.size * f64::from(dearest.iter().sum::<u32>())
}

struct Order<'d> {
    dag: &'d Dag,
    objective: &'d Objective,
    traffic: Traffic<'d>,
    /// How many targets have each group.
    common: HashMap<u64, u32>,
    steps: usize,
    tree_steps: usize,
    builder: DagBuilder,
}

/// New nodes for exits of a fragment.
type Exits = HashMap<NodeId, NodeId>;

impl Order<'_> {
    fn spend(&mut self, steps: usize) -> Option<()> {
        self.steps = self.steps.checked_sub(steps)?;
        Some(())
    }

    /// All that is below a branch, if there is time to look at it.
    fn below(&mut self, id: NodeId) -> Option<Fragment> {
        let Node::Branch { .. } = self.dag.node(id) else { return None };
        self.spend(1)?;
        let fragment = Fragment::below(self.dag, id, &mut self.steps)?;
        Some(fragment)
    }

    fn split(&mut self, fragment: &Fragment) -> Option<Split> {
        Split::of(self.dag, fragment, &mut self.steps)
    }

    fn target(&mut self, id: NodeId, fragment: &Fragment, split: Option<Split>) -> Option<NodeId> {
        let arriving = self.traffic.arriving(id);
        let mut exits = Exits::default();
        for &exit in &fragment.exits {
            exits
                .insert(exit, self.builder.add(self.dag.node(exit).clone(), self.dag.origin(exit)));
        }
        match split {
            Some(split) => self.best(fragment, split, &exits, &arriving, 0),
            None => self.solve(&[fragment], &exits, &arriving),
        }
    }

    /// A node and all below it, as they are.
    fn copy(&mut self, id: NodeId, made: &mut [Option<NodeId>]) -> Option<NodeId> {
        let mut stack = vec![id];
        while let Some(&id) = stack.last() {
            let of = |id: NodeId| made.get(id.index()).copied().flatten();
            let missing = self.dag.node(id).children().find(|child| of(*child).is_none());
            match missing {
                Some(child) => stack.push(child),
                None => {
                    let node = self.dag.node(id).map(|child| of(child).unwrap_or(child));
                    let new = self.builder.add(node, self.dag.origin(id));
                    *made.get_mut(id.index())? = Some(new);
                    stack.pop();
                }
            }
        }
        made.get(id.index()).copied().flatten()
    }

    /// The groups of a split in order, built from the last to the first.
    fn arrange(
        &mut self,
        mut split: Split,
        exits: &Exits,
        arriving: &Arriving,
        depth: usize,
    ) -> Option<NodeId> {
        let weighing = Weighing { objective: self.objective, traffic: &self.traffic, arriving };
        let passes = split::in_order(self.dag, &mut split, &weighing, &self.common);
        // Single tests are the same whatever comes to them.
        let reaching = if is_chain(self.dag, &split) {
            vec![Arriving::default(); split.groups.len()]
        } else {
            split::reaching(self.dag, &split, &passes, &weighing)
        };
        let mut exits = exits.clone();
        let mut next = exits.get(&split.passed).copied();
        let groups = split.groups.iter().zip(&reaching);
        if let (Some(last), Some(arriving)) = (&split.last, reaching.last()) {
            next = Some(self.group(last, &exits, arriving, depth)?);
        }
        for (group, arriving) in groups.rev() {
            exits.insert(group.passed()?, next?);
            next = Some(self.group(group, &exits, arriving, depth)?);
        }
        next
    }

    fn group(
        &mut self,
        group: &Group,
        exits: &Exits,
        arriving: &Arriving,
        depth: usize,
    ) -> Option<NodeId> {
        let parts: Vec<&Fragment> = group.parts.iter().collect();
        if let [part] = parts.as_slice() {
            if group.is_single(self.dag) {
                return part.copy(self.dag, &mut self.builder, exits);
            }
            if depth < MAX_DEPTH
                && let Some(split) = self.split(part)
            {
                return self.best(part, split, exits, arriving, depth + 1);
            }
        }
        self.solve(&parts, exits, arriving)
    }

    /// A fragment, by its groups in order, or as one function if that is better.
    fn best(
        &mut self,
        fragment: &Fragment,
        split: Split,
        exits: &Exits,
        arriving: &Arriving,
        depth: usize,
    ) -> Option<NodeId> {
        // Single tests of different words in order are as good as it gets.
        let is_chain = is_chain(self.dag, &split);
        let shared = 2.0 * self.objective.size * split::shared(&split, &self.common) as f64;
        let arranged = self.arrange(split, exits, arriving, depth)?;
        if is_chain || fragment.nodes.len() > MAX_WHOLE {
            return Some(arranged);
        }
        self.better(&[fragment], exits, arriving, arranged, shared)
    }

    /// Parts of the same words, as they are, or as one function if that is better.
    fn solve(&mut self, parts: &[&Fragment], exits: &Exits, arriving: &Arriving) -> Option<NodeId> {
        if let Some(found) = self.search(parts, exits, arriving) {
            return Some(found);
        }
        let mut copy = None;
        let mut part_exits = exits.clone();
        for part in parts.iter().rev() {
            if let Some(next) = copy {
                part_exits.insert(*part.exits.first()?, next);
            }
            copy = Some(part.copy(self.dag, &mut self.builder, &part_exits)?);
        }
        self.better(parts, exits, arriving, copy?, 0.0)
    }

    /// Parts that are many values of one word, as a search.
    fn search(
        &mut self,
        parts: &[&Fragment],
        exits: &Exits,
        arriving: &Arriving,
    ) -> Option<NodeId> {
        let weighing = Weighing { objective: self.objective, traffic: &self.traffic, arriving };
        // A single one may be such parts with respect to either exit.
        let (members, hit, miss) = match parts {
            [part] => part.exits.iter().find_map(|&hit| {
                let [a, b] = *part.exits.as_slice() else { return None };
                self.steps = self.steps.checked_sub(part.nodes.len())?;
                let parts = part.parts(self.dag, hit);
                let parts: Vec<&Fragment> = parts.iter().collect();
                let members = Members::of(self.dag, &parts, hit, &weighing)?;
                Some((members, hit, if hit == a { b } else { a }))
            })?,
            _ => {
                let [miss, hit] = *parts.last()?.exits.as_slice() else { return None };
                (Members::of(self.dag, parts, hit, &weighing)?, hit, miss)
            }
        };
        let (hit, miss) = (*exits.get(&hit)?, *exits.get(&miss)?);
        Some(members.build(&mut self.builder, hit, miss, self.objective))
    }

    /// The best tree for parts that follow each other, if their cells are few enough to find
    /// it, and it is better by something than what there is.
    fn better(
        &mut self,
        parts: &[&Fragment],
        exits: &Exits,
        arriving: &Arriving,
        present: NodeId,
        by: f64,
    ) -> Option<NodeId> {
        let weighing = Weighing { objective: self.objective, traffic: &self.traffic, arriving };
        let old = &parts.last()?.exits;
        let new: Vec<NodeId> = old.iter().filter_map(|exit| exits.get(exit)).copied().collect();
        // What a finer look finds, or does not, needs no other.
        for detail in [Detail::Finer, Detail::Asked] {
            if self.tree_steps < FEWEST_TREE_STEPS {
                break;
            }
            let Some(cells) = Cells::of(detail, self.dag, parts, old, &weighing) else { continue };
            // What a finer look has made of the parts stays where this one cannot judge it.
            let cost = |builder: &DagBuilder, entry| cells.cost(builder, entry, &new);
            let Some(before) = cost(&self.builder, present) else { continue };
            let tree = match solve(&cells, (before - by) * LITTLE, &mut self.tree_steps) {
                Solution::Tree(tree) => tree,
                Solution::NoneBelow => break,
                Solution::OutOfSteps => continue,
            };
            let origins = origins(self.dag, parts, &cells.tests);
            let solved = build(&mut self.builder, &tree, &cells.tests, &origins, &new)?;
            let is_better = cost(&self.builder, solved).is_some_and(|cost| cost + by < before);
            return Some(if is_better { solved } else { present });
        }
        Some(present)
    }
}

/// Whether a split is single tests that have no other form.
fn is_chain(dag: &Dag, split: &Split) -> bool {
    split.last.is_none() && split.groups.iter().all(|group| group.is_single(dag))
}

/// The best tree below a limit, as long as steps last: a single one takes half of what is left.
fn solve(cells: &Cells, limit: f64, left: &mut usize) -> Solution {
    let given = *left / 2;
    let mut steps = given;
    let solution = optimal::solve(&cells.function, limit, &mut steps);
    *left -= given - steps;
    solution
}

/// For each test what it is there for; one that was derived is for all tests of its word.
fn origins(dag: &Dag, parts: &[&Fragment], tests: &[Test]) -> Vec<Origin> {
    let mut origins: Vec<Option<Origin>> = vec![None; tests.len()];
    let mut of_words: HashMap<Support, Origin> = HashMap::default();
    for id in parts.iter().flat_map(|part| &part.nodes) {
        let Some((test, ..)) = Fragment::branch(dag, *id) else { continue };
        let origin = dag.origin(*id);
        let index = tests.binary_search(test).ok();
        if let Some(slot) = index.and_then(|index| origins.get_mut(index)) {
            *slot = Some(slot.map_or(origin, |known| known.merge(origin)));
        }
        let of_word = of_words.entry(support(test)).or_insert(origin);
        *of_word = of_word.merge(origin);
    }
    let of_word = |test: &Test| of_words.get(&support(test)).copied().unwrap_or_default();
    let known = origins.into_iter().zip(tests);
    known.map(|(origin, test)| origin.unwrap_or_else(|| of_word(test))).collect()
}

/// The nodes of a tree. The recursion is as deep as there are tests.
fn build(
    builder: &mut DagBuilder,
    tree: &Tree,
    tests: &[Test],
    origins: &[Origin],
    exits: &[NodeId],
) -> Option<NodeId> {
    match tree {
        Tree::Exit(exit) => exits.get(*exit).copied(),
        Tree::Ask { test, then, otherwise } => {
            let then = build(builder, then, tests, origins, exits)?;
            let otherwise = build(builder, otherwise, tests, origins, exits)?;
            let origin = origins.get(*test).copied().unwrap_or_default();
            Some(builder.branch(*tests.get(*test)?, then, otherwise, origin))
        }
    }
}
