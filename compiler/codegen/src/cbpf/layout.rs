//! Layout: depth first, children before parents, written from the end of the program.
//!
//! A node is written once, however many lead to it. What A holds is known on every edge
//! (it is what the node before has tested), so each edge enters its target behind the
//! instructions that it does not need, and those that no edge needs are not written.
//!
//! The arm that more calls take is written last, so that it follows its branch, and what is
//! taken often is near. Where a branch is too far from what it leads to, and that is short, it
//! is written once more if the jump that is saved is worth it under the objective.

use filterc_abi::seccomp::offset;
use filterc_cbpf::{Insn, code};
use filterc_ir::machine::Held;
use filterc_ir::{Dag, Flow, Node, NodeId, Objective, Root, RuleId, Word};

use super::object::Object;
use super::relax::{Label, Writer};
use super::select::{Entry, Prepare, Selected, Step, load, select};

/// What A holds after the test of `arch`.
const ARCH: Held = Held { word: Word::ARCH, mask: u32::MAX };

/// Instructions that are written once more at most, to save one jump.
const MAX_COPY: usize = 12;

/// The program of a lowered DAG, whatever its length.
pub(super) fn lay_out(dag: &Dag, objective: &Objective) -> Object {
    let mut layout = Layout::of(dag, objective);
    let roots = by_weight(dag, objective);
    // The first ABI's code comes to stand next to the test for it.
    for root in roots.iter().rev() {
        layout.write(root.node);
    }
    layout.write(dag.foreign());
    layout.arch(&roots)
}

/// The roots in the order in which they are asked for: those of most calls first, since each
/// call pays for the tests before its own; those of about as many as in the policy.
fn by_weight<'d>(dag: &'d Dag, objective: &Objective) -> Vec<&'d Root> {
    /// How often a share is halved at most.
    const HALVES: u32 = 32;
    let share = |root: &Root| objective.share(root, 0, u32::MAX);
    let most = dag.roots().iter().map(share).fold(0.0, f64::max);
    let halved = |root: &Root| {
        let (mut share, mut halves) = (share(root), 0);
        while share < 0.75 * most && halves < HALVES {
            share *= 2.0;
            halves += 1;
        }
        halves
    };
    let mut roots: Vec<&Root> = dag.roots().iter().collect();
    roots.sort_by_key(|root| halved(root));
    roots
}

/// A place for each [`Entry`] of a node.
type Labels = [Option<Label>; 3];

struct Layout<'d> {
    dag: &'d Dag,
    objective: &'d Objective,
    flow: Flow,
    /// For each node, its instructions; none for leaves.
    selected: Vec<Option<Selected>>,
    /// For each node, whether an edge enters it there.
    entered: Vec<[bool; 3]>,
    /// For each node written, where its entries are.
    labels: Vec<Option<Labels>>,
    writer: Writer,
}

impl<'d> Layout<'d> {
    fn of(dag: &'d Dag, objective: &'d Objective) -> Self {
        let selected: Vec<_> = dag.nodes().iter().map(select).collect();
        let count = selected.len();
        let mut layout = Self {
            dag,
            objective,
            flow: Flow::of(dag, objective),
            selected,
            entered: vec![[false; 3]; count],
            labels: vec![None; count],
            writer: Writer::default(),
        };
        for root in dag.roots() {
            layout.enter(root.node, ARCH);
        }
        for index in 0..count {
            if let Some(Some(selected)) = layout.selected.get(index).copied() {
                layout.enter(selected.taken, selected.held);
                layout.enter(selected.not_taken, selected.held);
            }
        }
        layout
    }

    fn entry(&self, id: NodeId, held: Held) -> Entry {
        match self.selected.get(id.index()) {
            Some(Some(selected)) => selected.prepare.entry(held),
            Some(None) | None => Entry::Jump,
        }
    }

    fn enter(&mut self, id: NodeId, held: Held) {
        let entry = self.entry(id, held);
        let entered = self.entered.get_mut(id.index());
        if let Some(flag) = entered.and_then(|flags| flags.get_mut(entry.index())) {
            *flag = true;
        }
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
        let is_written = |id: NodeId| matches!(self.labels.get(id.index()), None | Some(Some(_)));
        if is_written(id) {
            return None;
        }
        // One at a time, since a child may be below another one. Code comes first, so that
        // a return that nobody has needed yet stands next to its parent.
        let children = self.dag.node(id).children().filter(|child| !is_written(*child));
        let is_leaf = |id: NodeId| matches!(self.dag.node(id), Node::Leaf(_));
        // The kernel has no opposite of `jset`: with the arm that it does not take behind it, it
        // is one instruction of its own machine, else two.
        let selected = self.selected.get(id.index()).copied().flatten();
        let is_jset = |selected: &Selected| selected.jump == code::JMP | code::JSET | code::K;
        let behind = selected.filter(is_jset).map(|selected| selected.not_taken);
        let rank = |child: &NodeId| (is_leaf(*child), self.arm(id, *child), behind == Some(*child));
        children.min_by(|a, b| {
            let ((a_leaf, a, a_behind), (b_leaf, b, b_behind)) = (rank(a), rank(b));
            a_leaf.cmp(&b_leaf).then(a.total_cmp(&b)).then(a_behind.cmp(&b_behind))
        })
    }

    /// What an instruction costs on the way from a branch to one of its arms.
    fn arm(&self, id: NodeId, child: NodeId) -> f64 {
        let Node::Branch { then, .. } = self.dag.node(id) else { return 0.0 };
        let holds = self.flow.holds(id);
        let part = if *then == child { holds } else { 1.0 - holds };
        part * self.flow.visits(id).cost(self.objective)
    }

    /// Writes a child once more, if it is too far to be jumped to at once from the instruction
    /// to be written next, and it is worth it.
    fn bring_near(&mut self, id: NodeId, child: NodeId, held: Held) {
        let Some(label) = self.label(child, held) else { return };
        if self.writer.is_near(label) {
            return;
        }
        let saved = self.arm(id, child) + self.objective.size;
        if let Some(insns) = self.copied(child, MAX_COPY)
            && saved > self.objective.size * insns as f64
        {
            self.write_again(child);
        }
    }

    /// Instructions of a written branch, and of what it leads to that is far; `None` if that
    /// is more than so many, or a return, which is copied anyway.
    fn copied(&self, id: NodeId, at_most: usize) -> Option<usize> {
        let selected = self.selected.get(id.index()).copied().flatten()?;
        let mut insns = 1 + selected.prepare.insns().len();
        for child in [selected.taken, selected.not_taken] {
            let label = self.label(child, selected.held)?;
            if !self.writer.is_near(label) {
                let rest = at_most.checked_sub(insns)?;
                insns += match self.dag.node(child) {
                    Node::Leaf(_) => 1,
                    Node::Branch { .. } | Node::Switch(_) => self.copied(child, rest)?,
                };
            }
        }
        (insns <= at_most).then_some(insns)
    }

    fn write_again(&mut self, id: NodeId) {
        let Some(selected) = self.selected.get(id.index()).copied().flatten() else { return };
        for child in [selected.taken, selected.not_taken] {
            let label = self.label(child, selected.held);
            if label.is_some_and(|label| !self.writer.is_near(label)) {
                self.write_again(child);
            }
        }
        if let Some(labels) = self.labels.get_mut(id.index()) {
            *labels = None;
        }
        self.write_one(id);
    }

    fn write_one(&mut self, id: NodeId) {
        if !matches!(self.labels.get(id.index()), Some(None)) {
            return;
        }
        let labels = match (self.dag.node(id), self.selected.get(id.index()).copied().flatten()) {
            (Node::Leaf(action), _) => {
                let ret = Insn::stmt(code::RET | code::K, action.to_ret());
                self.writer.push(ret, self.dag.origin(id).only());
                let label = Some(self.writer.label());
                [label; 3]
            }
            (_, Some(selected)) => self.write_branch(id, &selected),
            // Not a lowered DAG: `emit` does not come here with one.
            (Node::Branch { .. } | Node::Switch(_), None) => [None; 3],
        };
        if let Some(slot) = self.labels.get_mut(id.index()) {
            *slot = Some(labels);
        }
    }

    fn write_branch(&mut self, id: NodeId, selected: &Selected) -> Labels {
        let origin = self.dag.origin(id).first();
        let mut labels: Labels = [None; 3];
        self.bring_near(id, selected.taken, selected.held);
        self.bring_near(id, selected.not_taken, selected.held);
        let taken = self.label(selected.taken, selected.held);
        let not_taken = self.label(selected.not_taken, selected.held);
        // Children are written, so both are there.
        let (Some(taken), Some(not_taken)) = (taken, not_taken) else { return labels };
        self.writer.jump(selected.jump, selected.k, (taken, not_taken), origin);
        self.writer.slot(selected.slot);
        let label = self.writer.label();
        if let Some(slot) = labels.get_mut(Entry::Jump.index()) {
            *slot = Some(label);
        }
        self.write_preparation(id, selected.prepare, origin, &mut labels);
        labels
    }

    fn write_preparation(
        &mut self,
        id: NodeId,
        prepare: Prepare,
        origin: Option<RuleId>,
        labels: &mut Labels,
    ) {
        let entered = self.entered.get(id.index()).copied().unwrap_or([true; 3]);
        let is_entered = |entry: Entry| entered.get(entry.index()).copied().unwrap_or(true);
        // The first instruction that some edge needs, and all after it.
        let from = [Entry::Load, Entry::Mask].into_iter().find(|entry| is_entered(*entry));
        let Some(from) = from else { return };
        for Step { insn, slot, entry } in prepare.insns().into_iter().rev() {
            if entry.is_some_and(|entry| entry < from) {
                break;
            }
            self.writer.push(insn, origin);
            self.writer.slot(slot);
            if let Some(entry) = entry {
                let label = self.writer.label();
                if let Some(slot) = labels.get_mut(entry.index()) {
                    *slot = Some(label);
                }
            }
        }
    }

    /// Where an edge that leaves `held` in A enters a node.
    fn label(&self, id: NodeId, held: Held) -> Option<Label> {
        let labels = self.labels.get(id.index()).copied().flatten()?;
        labels.get(self.entry(id, held).index()).copied().flatten()
    }

    /// The tests of `arch`, in front of everything, and the whole program.
    fn arch(mut self, roots: &[&Root]) -> Object {
        let dag = self.dag;
        let mut next = self.label(dag.foreign(), ARCH);
        for root in roots.iter().rev() {
            let (Some(node), Some(other)) = (self.label(root.node, ARCH), next) else { continue };
            let jeq = code::JMP | code::JEQ | code::K;
            self.writer.jump(jeq, root.audit_arch, (node, other), None);
            next = Some(self.writer.label());
        }
        debug_assert_eq!(Word::ARCH.offset(), offset::ARCH);
        if !dag.roots().is_empty() {
            self.writer.push(load(Word::ARCH, None).insn, None);
        }
        self.writer.finish()
    }
}
