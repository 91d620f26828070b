//! Staging: what the kernel decides of a policy for a monitor, and what it leaves to it.
//!
//! A DAG may ask for answers that only a monitor has ([`Place::Answer`]). [`stage`] makes of it one
//! that does not: a call whose decision is the same whatever the answers is decided so, and every
//! other call, and no more, comes to the *gate*, an action that asks the monitor.
//!
//! It goes through the DAG with all answers at once. A *state* is a set of nodes at which a call
//! can be, each with the answers that were given on the way and that matter below. Where a node asks
//! for an answer that was not given, both ways are in the state; where it asks for something of the
//! call, the state is split for all nodes that ask so. When two different leaves are in a state, the
//! answers matter, and what else is in it does not: it is the gate. So a test that both ways of an
//! answer lead to, or one that rules further down undo, makes no call come to the gate.
//!
//! The judge has no part of this: it asks the reference semantics.

use std::collections::BTreeMap;
use std::rc::Rc;

use filterc_abi::Action;
use filterc_hir::types::Place;
use hashbrown::{HashMap, HashSet};

use crate::build::MAX_NODES;
use crate::builder::DagBuilder;
use crate::dag::{Case, Dag, Node, NodeId, Origin, Root};
use crate::error::{Kind, LimitError};
use crate::test::{Cmp, Test};

/// Nodes of one state, and all that were looked at.
const MAX_MEMBERS: usize = 1 << 14;
const MAX_STEPS: usize = 1 << 24;

/// Answers that were given: bits by questions.
type Given = BTreeMap<u16, bool>;

/// A node at which a call can be, with the answers that matter there.
type Member = (NodeId, Given);

/// Where a call can be: sorted, the first come last in the DAG.
type State = Vec<Member>;

/// The DAG for the kernel.
///
/// # Errors
/// Too many answers matter at once.
pub fn stage(dag: &Dag, gate: Action) -> Result<Dag, LimitError> {
    let mut stager = Stager {
        dag,
        gate,
        below: below(dag),
        builder: DagBuilder::new(dag.endian()),
        made: HashMap::new(),
        steps: 0,
    };
    let mut roots = Vec::with_capacity(dag.roots().len());
    for root in dag.roots() {
        roots.push(Root { node: stager.node(root.node)?, ..root.clone() });
    }
    let foreign = stager.node(dag.foreign())?;
    Ok(stager.builder.finish(roots, foreign))
}

/// Whether a DAG asks for answers.
#[must_use]
pub fn asks(dag: &Dag) -> bool {
    dag.nodes().iter().any(|node| question(node).is_some())
}

/// The question that a node asks, and the answer with which its test holds.
fn question(node: &Node) -> Option<(u16, bool)> {
    let Node::Branch { test: Test::Field { field, cmp, value, .. }, .. } = node else {
        return None;
    };
    let Place::Answer(question) = field.place() else { return None };
    // One bit, all of it looked at: `== 0` is all that a normal test can be, or `>= 1`.
    let holds_for = match cmp {
        Cmp::Eq => *value != 0,
        Cmp::Ge => true,
    };
    Some((question, holds_for))
}

/// For each node, the questions that are asked there or below, sorted.
fn below(dag: &Dag) -> Vec<Rc<[u16]>> {
    let none: Rc<[u16]> = Rc::from([]);
    let mut below: Vec<Rc<[u16]>> = Vec::with_capacity(dag.nodes().len());
    for node in dag.nodes() {
        // Above a switch no answer has been given.
        let is_switch = matches!(node, Node::Switch(_));
        let own = question(node).map(|(question, _)| question);
        let mut sets = node.children().filter_map(|child| below.get(child.index()).cloned());
        let (first, second) = (sets.next().unwrap_or_else(|| none.clone()), sets.next());
        let second = second.unwrap_or_else(|| none.clone());
        let set = if is_switch {
            none.clone()
        } else if own.is_none() && (second.is_empty() || Rc::ptr_eq(&first, &second)) {
            first
        } else if own.is_none() && first.is_empty() {
            second
        } else {
            let mut all: Vec<u16> = first.iter().chain(second.iter()).copied().collect();
            all.extend(own);
            all.sort_unstable();
            all.dedup();
            all.into()
        };
        below.push(set);
    }
    below
}

struct Stager<'d> {
    dag: &'d Dag,
    gate: Action,
    below: Vec<Rc<[u16]>>,
    builder: DagBuilder,
    made: HashMap<State, NodeId>,
    steps: usize,
}

/// What is still to be made.
enum Task {
    /// The node of a state.
    Make(State),
    /// A node of those of its children, which were made last.
    Join(State, Ask),
}

/// What a state is split by.
enum Ask {
    Test(Test, Origin),
    /// Where the parts of the numbers begin.
    Numbers(Vec<u32>, Origin),
}

impl Stager<'_> {
    /// The node for calls that come to an old one, nothing answered yet.
    fn node(&mut self, id: NodeId) -> Result<NodeId, LimitError> {
        let state = self.settle(vec![(id, Given::new())])?;
        let mut tasks = vec![Task::Make(state)];
        let mut results: Vec<NodeId> = Vec::new();
        while let Some(task) = tasks.pop() {
            match task {
                Task::Make(state) => match self.made.get(&state) {
                    Some(known) => results.push(*known),
                    None => match self.leaf(&state) {
                        Some(leaf) => results.push(leaf),
                        None => self.split(state, &mut tasks)?,
                    },
                },
                Task::Join(state, ask) => {
                    let node = self.join(ask, &mut results);
                    self.made.insert(state, node);
                    results.push(node);
                }
            }
        }
        Ok(results.pop().unwrap_or_else(|| self.builder.leaf(self.gate, Origin::Nobody)))
    }

    /// Counts a member of a state, of which there are so many.
    fn spend(&mut self, members: usize) -> Result<(), LimitError> {
        self.steps += 1;
        if self.steps > MAX_STEPS || members > MAX_MEMBERS || self.builder.len() > MAX_NODES {
            return Err(LimitError { kind: Kind::TooManyNodes, limit: MAX_NODES, rule: None });
        }
        Ok(())
    }

    /// The leaf of a state that is only leaves: the one, or the gate.
    fn leaf(&mut self, state: &State) -> Option<NodeId> {
        let mut only: Option<(Action, Origin)> = None;
        for (id, _) in state {
            let Node::Leaf(action) = self.dag.node(*id) else { continue };
            let origin = self.dag.origin(*id);
            only = match only {
                None => Some((*action, origin)),
                Some((other, before)) if other == *action => Some((other, before.merge(origin))),
                Some((_, before)) => {
                    return Some(self.builder.leaf(self.gate, before.merge(origin)));
                }
            };
        }
        let is_all = state.iter().all(|(id, _)| matches!(self.dag.node(*id), Node::Leaf(_)));
        let (action, origin) = only.filter(|_| is_all)?;
        Some(self.builder.leaf(action, origin))
    }

    /// A state in its one form: no member asks for an answer, and none says what another does.
    fn settle(&mut self, members: State) -> Result<State, LimitError> {
        let mut waiting = members;
        let mut seen: HashSet<Member> = HashSet::new();
        let mut settled = State::new();
        while let Some((id, mut given)) = waiting.pop() {
            let matters = self.below.get(id.index());
            given.retain(|question, _| {
                matters.is_some_and(|below| below.binary_search(question).is_ok())
            });
            // Chains of rules meet again and again.
            if !seen.insert((id, given.clone())) {
                continue;
            }
            self.spend(seen.len())?;
            match (question(self.dag.node(id)), self.dag.node(id)) {
                (Some((question, holds_for)), Node::Branch { then, otherwise, .. }) => {
                    let to = |answer: bool| if answer == holds_for { *then } else { *otherwise };
                    match given.get(&question) {
                        Some(answer) => waiting.push((to(*answer), given)),
                        None => waiting.extend([false, true].map(|answer| {
                            let mut given = given.clone();
                            given.insert(question, answer);
                            (to(answer), given)
                        })),
                    }
                }
                (None | Some(_), Node::Leaf(_) | Node::Branch { .. } | Node::Switch(_)) => {
                    settled.push((id, given));
                }
            }
        }
        settled.sort_unstable_by(|a, b| b.cmp(a));
        // Where nothing is given, all that can be given is meant.
        let free: Vec<NodeId> =
            settled.iter().filter(|(_, given)| given.is_empty()).map(|(id, _)| *id).collect();
        settled.retain(|(id, given)| {
            given.is_empty() || free.binary_search_by(|free| id.cmp(free)).is_err()
        });
        Ok(settled)
    }

    /// Puts the parts of a state before itself.
    fn split(&mut self, state: State, tasks: &mut Vec<Task>) -> Result<(), LimitError> {
        let mut origin = Origin::Nobody;
        let mut cuts: Vec<u32> = Vec::new();
        for (id, _) in &state {
            if let Node::Switch(cases) = self.dag.node(*id) {
                cuts.extend(cases.iter().map(|case| case.first));
                origin = origin.merge(self.dag.origin(*id));
            }
        }
        if !cuts.is_empty() {
            cuts.sort_unstable();
            cuts.dedup();
            let parts = cuts.iter().map(|first| self.settle(self.at_number(&state, *first)));
            let parts: Vec<State> = parts.collect::<Result<_, _>>()?;
            tasks.push(Task::Join(state, Ask::Numbers(cuts, origin)));
            tasks.extend(parts.into_iter().map(Task::Make));
            return Ok(());
        }
        let test = state.iter().find_map(|(id, _)| match self.dag.node(*id) {
            Node::Branch { test, .. } => Some(*test),
            Node::Leaf(_) | Node::Switch(_) => None,
        });
        // A state without a branch is of leaves.
        let Some(test) = test else { return Ok(()) };
        let mut halves = [State::new(), State::new()];
        for (id, given) in &state {
            let both = match self.dag.node(*id) {
                Node::Branch { test: own, then, otherwise } if *own == test => {
                    let own = self.dag.origin(*id);
                    origin = if origin == Origin::Nobody { own } else { origin.merge(own) };
                    [*then, *otherwise]
                }
                Node::Branch { .. } | Node::Leaf(_) | Node::Switch(_) => [*id, *id],
            };
            for (half, to) in halves.iter_mut().zip(both) {
                half.push((to, given.clone()));
            }
        }
        let [then, otherwise] = halves;
        let (then, otherwise) = (self.settle(then)?, self.settle(otherwise)?);
        tasks.push(Task::Join(state, Ask::Test(test, origin)));
        tasks.extend([Task::Make(then), Task::Make(otherwise)]);
        Ok(())
    }

    /// The state of calls whose number is in the part that begins there.
    fn at_number(&self, state: &State, first: u32) -> State {
        let to = |(id, given): &Member| match self.dag.node(*id) {
            Node::Switch(cases) => {
                let after = cases.partition_point(|case| case.first <= first);
                let case = cases.get(after.saturating_sub(1));
                (case.map_or(*id, |case| case.target), given.clone())
            }
            Node::Leaf(_) | Node::Branch { .. } => (*id, given.clone()),
        };
        state.iter().map(to).collect()
    }

    /// The node of what a state was split by; its children were made last, in order of the
    /// tasks, the last of them first.
    fn join(&mut self, ask: Ask, results: &mut Vec<NodeId>) -> NodeId {
        match ask {
            Ask::Test(test, origin) => {
                let then = results.pop();
                let otherwise = results.pop();
                match then.zip(otherwise) {
                    Some((then, otherwise)) => self.builder.branch(test, then, otherwise, origin),
                    None => self.builder.leaf(self.gate, origin),
                }
            }
            Ask::Numbers(cuts, origin) => {
                let mut cases: Vec<Case> = Vec::with_capacity(cuts.len());
                for first in cuts {
                    let Some(target) = results.pop() else { break };
                    if cases.last().is_none_or(|last| last.target != target) {
                        cases.push(Case { first, target });
                    }
                }
                self.builder.switch(cases, origin)
            }
        }
    }
}
