//! Instruction selection: the jump that decides a node, and what it needs in registers.

use filterc_abi::Endian;
use filterc_ebpf::code;
use filterc_ir::test::Operand;
use filterc_ir::{Cmp, Dag, Node, NodeId, Test, Word};

use super::value::Value;

/// A branch as a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Selected {
    /// What is asked.
    pub(super) question: Question,
    /// Where the jump leads if taken.
    pub(super) taken: NodeId,
    /// Where it leads if not.
    pub(super) not_taken: NodeId,
}

/// The condition of a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// A value and a constant.
    Constant { op: u8, value: Value, k: u64 },
    /// Two values.
    Values { op: u8, left: Value, right: Value },
    /// Whether two whole values differ in some bit of a mask.
    Differ { left: Value, right: Value, mask: u64 },
}

/// Whether each node has instructions.
pub(super) fn can_select(dag: &Dag) -> bool {
    dag.nodes().iter().all(|node| match node {
        Node::Leaf(_) => true,
        Node::Branch { .. } => select(node, dag.endian()).is_some(),
        Node::Switch(_) => false,
    })
}

/// The jump of a branch; `None` for other nodes, and for tests that are to be lowered first.
pub(super) fn select(node: &Node, endian: Endian) -> Option<Selected> {
    let Node::Branch { test, then, otherwise } = node else { return None };
    let (question, is_opposite) = match *test {
        Test::Word { word, mask, cmp, value } => {
            constant(of_word(word)?, mask.into(), (cmp, false), value.into())
        }
        Test::Words { left, cmp, right, mask } => {
            values(of_word(left)?, of_word(right)?, (cmp, false), mask.into())
        }
        Test::Field { field, mask, cmp, value } => {
            constant(of_field(field, endian)?, mask, (cmp, field.signed()), value)
        }
        Test::Fields { left, cmp, right, mask } => {
            let (left_value, right) = (of_field(left, endian)?, of_field(right, endian)?);
            values(left_value, right, (cmp, left.signed()), mask)
        }
    };
    let (taken, not_taken) = if is_opposite { (*otherwise, *then) } else { (*then, *otherwise) };
    Some(Selected { question, taken, not_taken })
}

/// A word of the call; none of a parameter.
fn of_word(word: Word) -> Option<Value> {
    let offset = u8::try_from(word.offset()).ok().filter(|_| word.half_of().is_none())?;
    Some(Value { offset, wide: false, mask: u32::MAX.into() })
}

/// What a field is where it fills a register or half of one; others are words by then.
fn of_field(field: Operand, endian: Endian) -> Option<Value> {
    let offset = field.offset(endian).and_then(|offset| u8::try_from(offset).ok())?;
    Some(Value { offset, wide: field.width() == 64, mask: field.mask() })
}

/// A question about a whole value under a mask, and whether it is the opposite one.
fn constant(whole: Value, mask: u64, (cmp, signed): (Cmp, bool), k: u64) -> (Question, bool) {
    let value = Value { mask, ..whole };
    let is_masked = value != whole;
    let free = whole.mask & !mask;
    let sign = whole.mask ^ (whole.mask >> 1);
    match cmp {
        // Bounds of 64 bits are dear.
        Cmp::Eq if k == 0 && mask == sign => {
            (Question::Constant { op: code::JSGE, value: whole, k: 0 }, false)
        }
        // "No bit of the mask is set" is an order if these are all bits from one on.
        Cmp::Eq if k == 0 && is_masked && free.wrapping_add(1) & free == 0 => {
            (Question::Constant { op: code::JGT, value: whole, k: free }, true)
        }
        // Otherwise it has a jump of its own, which needs no copy.
        Cmp::Eq if k == 0 && is_masked => {
            (Question::Constant { op: code::JSET, value: whole, k: mask }, true)
        }
        Cmp::Eq => (Question::Constant { op: code::JEQ, value, k }, false),
        Cmp::Ge => {
            let op = if signed { code::JSGE } else { code::JGE };
            (Question::Constant { op, value, k }, false)
        }
    }
}

fn values(left: Value, right: Value, (cmp, signed): (Cmp, bool), mask: u64) -> (Question, bool) {
    match cmp {
        Cmp::Eq if mask != left.mask => (Question::Differ { left, right, mask }, true),
        Cmp::Eq => (Question::Values { op: code::JEQ, left, right }, false),
        Cmp::Ge => {
            let op = if signed { code::JSGE } else { code::JGE };
            let (left, right) = (Value { mask, ..left }, Value { mask, ..right });
            (Question::Values { op, left, right }, false)
        }
    }
}

impl Question {
    /// The value that is a constant where it holds. It is forgotten there: a verifier would follow
    /// all that comes behind once for each such constant. Who needs it still, which is seldom,
    /// loads it again, and it is any number.
    pub(super) const fn fixed(&self) -> Option<Value> {
        match *self {
            Self::Constant { op: code::JEQ, value, .. } => Some(value),
            Self::Constant { .. } | Self::Values { .. } | Self::Differ { .. } => None,
        }
    }

    /// What it needs in registers.
    pub(super) fn wants(&self) -> impl Iterator<Item = Value> {
        let (first, second) = match *self {
            Self::Constant { value, .. } => (value, None),
            Self::Values { left, right, .. } | Self::Differ { left, right, .. } => {
                (left, Some(right))
            }
        };
        std::iter::once(first).chain(second)
    }
}
