//! Instruction selection: what a node needs in the registers, and the jump that decides it.

use filterc_cbpf::{Insn, code};
use filterc_ir::machine::Held;
use filterc_ir::{Cmp, Half, Node, NodeId, Test, Word};

/// Where a node is entered, by what A holds: the later, the less is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    /// Nothing of use: load.
    Load,
    /// The whole word: mask.
    Mask,
    /// What is compared: jump.
    Jump,
}

impl Entry {
    /// The position in a table of entries.
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

/// What of a parameter an instruction's constant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) half: Half,
    /// The bits of it; all others are 0.
    pub(super) mask: u32,
}

/// A branch as instructions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selected {
    /// What prepares the registers.
    pub(super) prepare: Prepare,
    /// Code of the jump.
    pub(super) jump: u16,
    /// Constant of the jump.
    pub(super) k: u32,
    /// The parameter that the constant is, if it is one.
    pub(super) slot: Option<Slot>,
    /// Where the jump leads if taken.
    pub(super) taken: NodeId,
    /// Where it leads if not.
    pub(super) not_taken: NodeId,
    /// What A holds afterwards.
    pub(super) held: Held,
}

/// How the registers are prepared for a jump.
#[derive(Clone, Copy, Debug)]
pub(super) enum Prepare {
    /// A word, and a mask unless it is all ones, in A.
    One(Held),
    /// Two words under one mask: the left in A, the right in X.
    Two { left: Word, right: Word, mask: u32 },
}

/// The instructions of a branch on words; `None` for any other node.
pub(super) fn select(node: &Node) -> Option<Selected> {
    let Node::Branch { test, then, otherwise } = node else { return None };
    match *test {
        Test::Word { word, mask, cmp, value } => {
            Some(select_word(Held { word, mask }, cmp, value, *then, *otherwise))
        }
        Test::Words { left, cmp, right, mask } => {
            Some(select_words((left, cmp, right), mask, *then, *otherwise))
        }
        Test::Field { .. } | Test::Fields { .. } => None,
    }
}

fn select_words(
    (left, cmp, right): (Word, Cmp, Word),
    mask: u32,
    then: NodeId,
    otherwise: NodeId,
) -> Selected {
    // A parameter is a constant by then, whatever side it stands on.
    let with_param = |word, half, jump, taken, not_taken| {
        let held = Held { word, mask };
        let slot = Some(Slot { half, mask });
        let (prepare, jump) = (Prepare::One(held), code::JMP | jump | code::K);
        Selected { prepare, jump, k: 0, slot, taken, not_taken, held }
    };
    match (left.half_of(), cmp, right.half_of()) {
        (None, _, Some(half)) => with_param(left, half, jump_of(cmp), then, otherwise),
        (Some(half), Cmp::Eq, None) => with_param(right, half, code::JEQ, then, otherwise),
        // `p >= w` is the opposite of `w > p`.
        (Some(half), Cmp::Ge, None) => with_param(right, half, code::JGT, otherwise, then),
        (None, _, None) | (Some(_), _, Some(_)) => Selected {
            prepare: Prepare::Two { left, right, mask },
            jump: code::JMP | jump_of(cmp) | code::X,
            k: 0,
            slot: None,
            taken: then,
            not_taken: otherwise,
            held: Held { word: left, mask },
        },
    }
}

fn select_word(held: Held, cmp: Cmp, value: u32, then: NodeId, otherwise: NodeId) -> Selected {
    let Held { word, mask } = held;
    let whole = Held { word, mask: u32::MAX };
    let jump = |held: Held, code: u16, k: u32, taken: NodeId, not_taken: NodeId| Selected {
        prepare: Prepare::One(held),
        jump: code::JMP | code | code::K,
        k,
        slot: None,
        taken,
        not_taken,
        held,
    };
    match cmp {
        // "No bit of the mask is set" is an order if these are all bits from one on.
        Cmp::Eq if value == 0 && mask != u32::MAX && !mask == (mask & mask.wrapping_neg()) - 1 => {
            jump(whole, code::JGT, !mask, otherwise, then)
        }
        // Otherwise it has a jump of its own, which leaves A as it is.
        Cmp::Eq if value == 0 && mask != u32::MAX => jump(whole, code::JSET, mask, otherwise, then),
        Cmp::Eq => jump(held, code::JEQ, value, then, otherwise),
        // The kernel needs one instruction more for a constant with the highest bit.
        Cmp::Ge if value == 1 << 31 => jump(held, code::JGT, value - 1, then, otherwise),
        Cmp::Ge => jump(held, code::JGE, value, then, otherwise),
    }
}

const fn jump_of(cmp: Cmp) -> u16 {
    match cmp {
        Cmp::Eq => code::JEQ,
        Cmp::Ge => code::JGE,
    }
}

impl Prepare {
    /// Where a node with this preparation is entered from one that leaves `held` in A.
    pub(super) fn entry(self, held: Held) -> Entry {
        match self {
            Self::One(wanted) if held == wanted => Entry::Jump,
            Self::One(wanted) if held == (Held { mask: u32::MAX, ..wanted }) => Entry::Mask,
            Self::One(_) | Self::Two { .. } => Entry::Load,
        }
    }

    /// The instructions.
    pub(super) fn insns(self) -> Vec<Step> {
        let mut insns = Vec::new();
        let step = |insn, entry| Step { insn, slot: None, entry };
        match self {
            Self::One(Held { word, mask }) => {
                insns.push(load(word, Some(Entry::Load)));
                insns.extend(and(mask).map(|insn| step(insn, Some(Entry::Mask))));
            }
            Self::Two { left, right, mask } => {
                insns.push(load(right, Some(Entry::Load)));
                insns.extend(and(mask).map(|insn| step(insn, None)));
                insns.push(step(Insn::stmt(code::MISC | code::TAX, 0), None));
                insns.push(load(left, None));
                insns.extend(and(mask).map(|insn| step(insn, None)));
            }
        }
        insns
    }
}

/// An instruction of a preparation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) insn: Insn,
    /// The parameter that its constant is, if it is one.
    pub(super) slot: Option<Slot>,
    /// The entry that it is the first instruction of.
    pub(super) entry: Option<Entry>,
}

/// `ld [word]`, or `ld #k` for a half of a parameter.
pub(super) fn load(word: Word, entry: Option<Entry>) -> Step {
    match word.half_of() {
        None => {
            let insn = Insn::stmt(code::LD | code::W | code::ABS, word.offset());
            Step { insn, slot: None, entry }
        }
        Some(half) => {
            let slot = Some(Slot { half, mask: u32::MAX });
            Step { insn: Insn::stmt(code::LD | code::IMM, 0), slot, entry }
        }
    }
}

fn and(mask: u32) -> Option<Insn> {
    let insn = Insn::stmt(code::ALU | code::AND | code::K, mask);
    (mask != u32::MAX).then_some(insn)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use filterc_ir::{DagBuilder, machine};

    use super::*;

    /// The passes reckon with what is emitted.
    #[test]
    fn tests_cost_what_the_passes_think() {
        let masks = [1, 6, 0x8000_0000, 0xffff_fffc, 0x7fff_ffff, u32::MAX];
        let values = [0, 1, 2, 4, 6, 0x8000_0000, 0xffff_fffc, u32::MAX];
        let mut count = 0;
        for (mask, value, cmp) in masks
            .into_iter()
            .flat_map(|mask| values.map(|value| (mask, value)))
            .flat_map(|(mask, value)| [Cmp::Eq, Cmp::Ge].map(|cmp| (mask, value, cmp)))
        {
            for (word, right) in [(4, None), (4, Some(5))] {
                let word = Word::new(word).unwrap();
                let test = match right.and_then(Word::new) {
                    None => Test::Word { word, mask, cmp, value },
                    Some(right) => Test::Words { left: word, cmp, right, mask },
                };
                let mut dag = DagBuilder::new(filterc_abi::Endian::Little);
                let allow = dag.leaf(filterc_abi::Action::Allow, filterc_ir::Origin::Nobody);
                let kill = dag.leaf(filterc_abi::Action::KillThread, filterc_ir::Origin::Nobody);
                let id = dag.branch(test, allow, kill, filterc_ir::Origin::Nobody);
                let root = filterc_ir::Root { abis: Vec::new(), audit_arch: 1, node: id };
                let dag = dag.finish(vec![root], kill);
                // What the builder knows the answer of is no test.
                let node = dag.node(dag.roots().first().unwrap().node);
                let (Node::Branch { test, .. }, Some(selected)) = (node, select(node)) else {
                    continue;
                };
                let insns = selected.prepare.insns().len() + 1;
                assert_eq!(machine::cost(test, None), u32::try_from(insns).unwrap(), "{test:?}");
                assert_eq!(machine::leaves(test), Some(selected.held), "{test:?}");
                count += 1;
            }
        }
        assert!(count > 60, "{count}");
    }
}
