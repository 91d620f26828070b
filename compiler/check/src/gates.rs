//! What words are built of: truth functions of the bits of a call.
//!
//! Two representations share the arithmetic of [`crate::bits`]: decision diagrams, which are
//! canonical, and circuits, which a solver looks at.

use crate::layout::{WORD_BITS, WordIndex};

/// A function of the bits, by its place in its collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node(pub(crate) u32);

/// The function that is always false, or 0.
pub(crate) const FALSE: Node = Node(0);

/// The function that is always true, or 1.
pub(crate) const TRUE: Node = Node(1);

/// No more may be made: no result is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverBudget;

pub(crate) type Result<T> = std::result::Result<T, OverBudget>;

/// The bits of a number, the lowest first.
pub(crate) fn constant(value: u64, width: u8) -> Vec<Node> {
    (0..width).map(|bit| if value >> bit & 1 == 1 { TRUE } else { FALSE }).collect()
}

/// How a returned value is made into functions of the bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One, whose values are numbers.
    Value,
    /// One for each bit, the lowest first.
    Bits,
}

/// A collection of functions.
pub(crate) trait Gates {
    /// A bit of a word of the data, 0 the lowest.
    fn input(&mut self, word: WordIndex, bit: u8) -> Result<Node>;

    /// `then` where `condition` is true, else `otherwise`.
    fn choose(&mut self, condition: Node, then: Node, otherwise: Node) -> Result<Node>;

    /// The function whose value is that number, where there are such functions.
    fn number(&mut self, value: u32) -> Result<Node>;

    /// Where a function depends on answers to questions, and what it is where all of them are no.
    ///
    /// # Errors
    /// That is not found out in this representation.
    fn unanswered(&mut self, _function: Node) -> Result<(Node, Node)> {
        Err(OverBudget)
    }

    /// A returned value, in that form.
    fn value(&mut self, value: u32, form: Form) -> Result<Vec<Node>> {
        match form {
            Form::Value => Ok(vec![self.number(value)?]),
            Form::Bits => Ok(constant(value.into(), WORD_BITS)),
        }
    }

    /// Whether both hold.
    fn and(&mut self, left: Node, right: Node) -> Result<Node> {
        self.choose(left, right, FALSE)
    }

    /// Whether one holds.
    fn or(&mut self, left: Node, right: Node) -> Result<Node> {
        self.choose(left, TRUE, right)
    }

    /// Whether it does not hold.
    fn not(&mut self, condition: Node) -> Result<Node> {
        self.choose(condition, FALSE, TRUE)
    }

    /// Whether just one holds.
    fn xor(&mut self, left: Node, right: Node) -> Result<Node> {
        let opposite = self.not(right)?;
        self.choose(left, opposite, right)
    }
}
