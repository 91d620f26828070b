//! Layout: depth first, children before parents, written from the end of the function.
//!
//! A node is written once, however many lead to it; each edge enters it behind the steps that
//! it does not need. A jump reaches everything, and what follows it need not be jumped to: of
//! two arms that are not written yet, the one written last is the one that follows.

use filterc_abi::seccomp::offset;
use filterc_ebpf::code;
use filterc_ir::{Dag, Flow, Node, NodeId, Objective};

use super::insns::{self, Operand};
use super::object::Object;
use super::registers::{Incoming, Needs, Plan, State, plan};
use super::select::{Question, Selected, select};
use super::value::Value;
use super::writer::{Arms, Label, Writer};

/// The word that is asked for first.
const ARCH: Value = Value { offset: ARCH_OFFSET, wide: false, mask: 0xffff_ffff };
const ARCH_OFFSET: u8 = 4;
const _: () = assert!(offset::ARCH == ARCH_OFFSET as u32);

/// The function of a DAG of which each node has instructions, whatever its length.
pub(super) fn lay_out(dag: &Dag, objective: &Objective) -> Object {
    let mut layout = Layout::of(dag, objective);
    // The first ABI's code comes to stand next to the test for it.
    for root in dag.roots().iter().rev() {
        layout.write(root.node);
    }
    layout.write(dag.foreign());
    layout.arch()
}

/// A branch, planned.
struct Branch {
    selected: Selected,
    plan: Plan,
}

struct Layout<'d> {
    dag: &'d Dag,
    objective: &'d Objective,
    flow: Flow,
    /// For each node, its instructions; none for leaves.
    branches: Vec<Option<Branch>>,
    /// For each node written, where each of its steps is and, last, its jump or return.
    labels: Vec<Option<Vec<Label>>>,
    writer: Writer,
}

impl<'d> Layout<'d> {
    fn of(dag: &'d Dag, objective: &'d Objective) -> Self {
        let selected: Vec<_> = dag.nodes().iter().map(|node| select(node, dag.endian())).collect();
        Self {
            dag,
            objective,
            flow: Flow::of(dag, objective),
            branches: branches(dag, &selected),
            labels: vec![None; selected.len()],
            writer: Writer::default(),
        }
    }

    fn branch(&self, id: NodeId) -> Option<&Branch> {
        self.branches.get(id.index()).and_then(Option::as_ref)
    }

    fn is_written(&self, id: NodeId) -> bool {
        matches!(self.labels.get(id.index()), None | Some(Some(_)))
    }

    /// Writes a node and all below it that are not written yet.
    fn write(&mut self, id: NodeId) {
        let mut stack = vec![id];
        while let Some(&id) = stack.last() {
            match self.waiting(id) {
                Some(child) => stack.push(child),
                None => {
                    stack.pop();
                    self.write_one(id);
                }
            }
        }
    }

    /// A child that is not written, if there is one and the node is not written either.
    fn waiting(&self, id: NodeId) -> Option<NodeId> {
        if self.is_written(id) {
            return None;
        }
        // One at a time, since a child may be below another one. Code comes first, so that
        // a return that nobody has needed yet stands next to its parent.
        let children = self.dag.node(id).children().filter(|child| !self.is_written(*child));
        let is_leaf = |id: NodeId| matches!(self.dag.node(id), Node::Leaf(_));
        // There is no opposite of `jset`: the arm that it does not take comes behind it.
        let is_jset = |question: &Question| match *question {
            Question::Differ { .. } => true,
            Question::Constant { op, .. } | Question::Values { op, .. } => op == code::JSET,
        };
        let behind = self.branch(id).map(|branch| &branch.selected);
        let behind = behind.filter(|selected| is_jset(&selected.question));
        let behind = behind.map(|selected| selected.not_taken);
        children.min_by_key(|child| (behind == Some(*child), is_leaf(*child)))
    }

    /// What an instruction costs on the way from a branch to its arms, taken and not.
    fn costs(&self, id: NodeId, taken: NodeId) -> (f64, f64) {
        let Node::Branch { then, .. } = self.dag.node(id) else { return (0.0, 0.0) };
        let all = self.flow.visits(id).cost(self.objective);
        let holds = self.flow.holds(id) * all;
        if *then == taken { (holds, all - holds) } else { (all - holds, holds) }
    }

    fn write_one(&mut self, id: NodeId) {
        if self.is_written(id) {
            return;
        }
        let labels = match self.dag.node(id) {
            Node::Leaf(action) => {
                vec![self.writer.ret(action.to_ret(), self.dag.origin(id).only())]
            }
            // A switch has no instructions: `emit` does not come here with one.
            Node::Branch { .. } | Node::Switch(_) => self.write_branch(id).unwrap_or_default(),
        };
        if let Some(slot) = self.labels.get_mut(id.index()) {
            *slot = Some(labels);
        }
    }

    fn write_branch(&mut self, id: NodeId) -> Option<Vec<Label>> {
        let Branch { selected, plan } = self.branches.get_mut(id.index())?.take()?;
        let origin = self.dag.origin(id).first();
        // Children are written, so both are there.
        let taken = self.label(selected.taken, &plan.taken)?;
        let not_taken = self.label(selected.not_taken, &plan.not_taken)?;
        let (taken_cost, not_taken_cost) = self.costs(id, selected.taken);
        let arms = Arms { taken: (taken, taken_cost), not_taken: (not_taken, not_taken_cost) };
        let jump = self.writer.jump(plan.jump.insn, arms, self.objective.size, origin);
        let mut labels = vec![jump];
        for step in plan.steps.iter().rev() {
            labels.push(self.writer.push(step.insn, origin));
        }
        labels.reverse();
        if let Some(slot) = self.branches.get_mut(id.index()) {
            *slot = Some(Branch { selected, plan });
        }
        Some(labels)
    }

    /// Where an edge with this knowledge enters a node: as late as it may.
    fn label(&self, id: NodeId, edge: &State) -> Option<Label> {
        let labels = self.labels.get(id.index())?.as_ref()?;
        let Some(Branch { plan, .. }) = self.branch(id) else { return labels.first().copied() };
        let steps = plan.steps.iter().chain([&plan.jump]);
        let known = steps
            .zip(labels)
            .filter(|(step, _)| step.enter.as_ref().is_some_and(|state| edge.has_all(state)));
        known.map(|(_, label)| *label).last()
    }

    /// The tests of `arch`, in front of everything, and the whole function.
    fn arch(mut self) -> Object {
        let dag = self.dag;
        let edge = State::only(ARCH);
        let reg = ARCH.home();
        let mut next = self.label(dag.foreign(), &edge);
        for root in dag.roots().iter().rev() {
            let (Some(node), Some(other)) = (self.label(root.node, &edge), next) else { continue };
            let token = Operand::Constant(root.audit_arch.cast_signed());
            let insn = insns::jump(code::JEQ, false, reg.number(), token);
            let arms = Arms { taken: (node, 1.0), not_taken: (other, 0.0) };
            next = Some(self.writer.jump(insn, arms, self.objective.size, None));
        }
        if !dag.roots().is_empty() {
            self.writer.push(insns::load(reg, ARCH), None);
        }
        self.writer.finish()
    }
}

/// The instructions of all branches: parents first, as they say what is known at their children.
fn branches(dag: &Dag, selected: &[Option<Selected>]) -> Vec<Option<Branch>> {
    let below = below(dag, selected);
    let mut incoming = vec![Incoming::default(); selected.len()];
    let question = |id: NodeId| match selected.get(id.index()) {
        Some(Some(selected)) => Some(&selected.question),
        Some(None) | None => None,
    };
    let enter = |incoming: &mut Vec<Incoming>, id: NodeId, edge: &State| {
        if let Some(incoming) = incoming.get_mut(id.index()) {
            incoming.add(edge, question(id));
        }
    };
    for root in dag.roots() {
        enter(&mut incoming, root.node, &State::only(ARCH));
    }
    let mut branches: Vec<Option<Branch>> = Vec::new();
    branches.resize_with(selected.len(), || None);
    for index in (0..selected.len()).rev() {
        let parts = (selected.get(index), incoming.get(index), below.get(index));
        let (Some(Some(selected)), Some(edges), Some(below)) = parts else { continue };
        let plan = plan(selected, edges, below);
        enter(&mut incoming, selected.taken, &plan.taken);
        enter(&mut incoming, selected.not_taken, &plan.not_taken);
        if let Some(slot) = branches.get_mut(index) {
            *slot = Some(Branch { selected: *selected, plan });
        }
    }
    branches
}

/// For each node, what is needed below it, itself left out.
fn below(dag: &Dag, selected: &[Option<Selected>]) -> Vec<Needs> {
    let mut with_own: Vec<Needs> = Vec::with_capacity(selected.len());
    let mut below = Vec::with_capacity(selected.len());
    for (node, selected) in dag.nodes().iter().zip(selected) {
        let mut needs = Needs::default();
        for child in node.children() {
            if let Some(child) = with_own.get(child.index()) {
                needs.add_all(child);
            }
        }
        below.push(needs.clone());
        for value in selected.iter().flat_map(|selected| selected.question.wants()) {
            needs.add(value);
        }
        with_own.push(needs);
    }
    below
}
