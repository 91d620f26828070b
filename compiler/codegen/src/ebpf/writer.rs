//! The function while it is written, from its end to its start.
//!
//! Since jumps go forward only, whatever an instruction leads to is there before it. Distances
//! are known when all is written: what nothing leads to in the end is left out then.

use filterc_ebpf::{Insn, code};
use filterc_ir::RuleId;

use super::insns::{self, SCRATCH};
use super::object::Object;

/// A place that can be jumped to: the instruction there, counted from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(usize);

/// An instruction, and where it leads if that is not the next one alone.
#[derive(Clone, Copy, Debug)]
struct Item {
    insn: Insn,
    origin: Option<RuleId>,
    target: Option<Label>,
}

/// A function that grows towards its start.
#[derive(Debug, Default)]
pub(super) struct Writer {
    /// Last instruction first.
    items: Vec<Item>,
}

/// The arms of a jump, and what an instruction more costs on the way to each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arms {
    pub(super) taken: (Label, f64),
    pub(super) not_taken: (Label, f64),
}

impl Writer {
    /// Writes an instruction in front of all others; the label of it.
    pub(super) fn push(&mut self, insn: Insn, origin: Option<RuleId>) -> Label {
        self.add(insn, origin, None)
    }

    fn add(&mut self, insn: Insn, origin: Option<RuleId>, target: Option<Label>) -> Label {
        self.items.push(Item { insn, origin, target });
        Label(self.items.len() - 1)
    }

    /// Writes what returns a number.
    pub(super) fn ret(&mut self, value: u32, origin: Option<RuleId>) -> Label {
        self.push(insns::exit(), origin);
        self.push(insns::word(SCRATCH, value), origin)
    }

    /// Writes a conditional jump. One arm follows it; if neither is written last, something that
    /// leads to one is put between: the return that it is, if saving a jump is worth that, or a
    /// jump.
    pub(super) fn jump(
        &mut self,
        insn: Insn,
        arms: Arms,
        size: f64,
        origin: Option<RuleId>,
    ) -> Label {
        let opposite = insns::opposite(insn.opcode & code::OPERATION);
        let inverted = opposite
            .map(|op| Insn { opcode: insn.opcode & !code::OPERATION | op, ..insn })
            .filter(|_| !self.is_last(arms.not_taken.0));
        let taken_follows = self.is_last(arms.taken.0) || arms.taken.1 < arms.not_taken.1;
        let (insn, (target, _), (next, cost)) = match inverted.filter(|_| taken_follows) {
            Some(inverted) => (inverted, arms.not_taken, arms.taken),
            None => (insn, arms.taken, arms.not_taken),
        };
        if !self.is_last(next) {
            self.lead_to(next, cost > size, origin);
        }
        self.add(insn, origin, Some(target))
    }

    fn is_last(&self, label: Label) -> bool {
        label.0 + 1 == self.items.len()
    }

    fn lead_to(&mut self, label: Label, copy: bool, origin: Option<RuleId>) {
        let at = |label: usize| self.items.get(label).copied();
        match (at(label.0), label.0.checked_sub(1).and_then(at)) {
            (Some(value), Some(exit)) if copy && exit.insn == insns::exit() => {
                self.items.extend([exit, value]);
            }
            _ => {
                self.add(insns::ja(), origin, Some(label));
            }
        }
    }

    /// The function in its order; one that is longer than what jumps reach over has wrong
    /// distances, and is never used.
    pub(super) fn finish(self) -> Object {
        let reached = self.reached();
        // Positions from the end, of what is reached.
        let mut at = Vec::with_capacity(reached.len());
        let mut kept = 0_usize;
        for is_reached in &reached {
            at.push(kept);
            kept += usize::from(*is_reached);
        }
        let position = |label: usize| at.get(label).copied().unwrap_or_default();
        let resolve = |(index, item): (usize, Item)| {
            let target = item.target.map_or(0, |target| {
                let distance = position(index).saturating_sub(position(target.0) + 1);
                i16::try_from(distance).unwrap_or(i16::MAX)
            });
            (Insn { offset: item.insn.offset + target, ..item.insn }, item.origin)
        };
        let items = self.items.into_iter().enumerate().zip(&reached);
        let items = items.filter(|(_, is_reached)| **is_reached).map(|(item, _)| item);
        let mut items: Vec<_> = items.map(resolve).collect();
        items.reverse();
        let (insns, origin) = items.into_iter().unzip();
        Object { insns, origin }
    }

    /// Which instructions something leads to: everything goes forward, so one walk tells.
    fn reached(&self) -> Vec<bool> {
        let mut reached = vec![false; self.items.len()];
        if let Some(first) = reached.last_mut() {
            *first = true;
        }
        for (index, item) in self.items.iter().enumerate().rev() {
            if !reached.get(index).copied().unwrap_or_default() {
                continue;
            }
            let is_end = [insns::exit(), insns::ja()].contains(&item.insn);
            let next = index.checked_sub(1).filter(|_| !is_end);
            for led_to in next.into_iter().chain(item.target.map(|label| label.0)) {
                if let Some(flag) = reached.get_mut(led_to) {
                    *flag = true;
                }
            }
        }
        reached
    }
}
