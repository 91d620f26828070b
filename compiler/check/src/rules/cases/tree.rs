//! Predicates as trees of what they ask of single registers.

use filterc_hir::expr::{CmpOp, Predicate, Range, Relation, Test};
use filterc_hir::types::Place;

use super::literal::Literal;
use crate::input::{IP, Input};

/// A node of a tree: its position.
pub(crate) type At = u32;

/// What stands at a node.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Node {
    Truth(bool),
    Literal(Literal),
    Not(At),
    /// All of so many nodes from the first on, or one of them.
    List {
        is_any: bool,
        first: At,
        len: At,
    },
}

/// Predicates, and which of their parts are left out.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    gone: Vec<bool>,
    has_gone: bool,
}

impl Tree {
    pub(crate) const fn new() -> Self {
        Self { nodes: Vec::new(), gone: Vec::new(), has_gone: false }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
        self.gone.clear();
        self.has_gone = false;
    }

    pub(crate) fn node(&self, at: At) -> &Node {
        self.nodes.get(at as usize).unwrap_or(&Node::Truth(false))
    }

    /// Leaves a part out of the list that it is in.
    pub(crate) fn leave_out(&mut self, at: At) {
        self.gone.resize(self.nodes.len(), false);
        if let Some(gone) = self.gone.get_mut(at as usize) {
            *gone = true;
            self.has_gone = true;
        }
    }

    pub(crate) fn is_gone(&self, at: At) -> bool {
        self.has_gone && self.gone.get(at as usize).is_some_and(|gone| *gone)
    }

    /// Adds a predicate, as it is for calls with the number and token of one; `None` if it asks
    /// for more than single registers, one at a time.
    pub(crate) fn add(&mut self, predicate: &Predicate, call: &Input) -> Option<At> {
        let node = self.read(predicate, call)?;
        self.push(node)
    }

    fn push(&mut self, node: Node) -> Option<At> {
        self.nodes.push(node);
        At::try_from(self.nodes.len() - 1).ok()
    }

    fn read(&mut self, predicate: &Predicate, call: &Input) -> Option<Node> {
        Some(match predicate {
            Predicate::True => Node::Truth(true),
            Predicate::False => Node::Truth(false),
            Predicate::Not(inner) => Node::Not(self.add(inner, call)?),
            Predicate::And(parts) => self.list(false, parts, |tree, part| tree.read(part, call))?,
            Predicate::Or(parts) => self.list(true, parts, |tree, part| tree.read(part, call))?,
            Predicate::Test(test) => self.test(test, predicate, call)?,
        })
    }

    /// A list, whose parts stand together.
    fn list<T>(
        &mut self,
        is_any: bool,
        parts: &[T],
        mut read: impl FnMut(&mut Self, &T) -> Option<Node>,
    ) -> Option<Node> {
        let first = self.nodes.len();
        self.nodes.resize(first + parts.len(), Node::Truth(false));
        for (at, part) in (first..).zip(parts) {
            let node = read(self, part)?;
            *self.nodes.get_mut(at)? = node;
        }
        let (first, len) = (At::try_from(first).ok()?, At::try_from(parts.len()).ok()?);
        Some(Node::List { is_any, first, len })
    }

    fn test(&mut self, test: &Test, predicate: &Predicate, call: &Input) -> Option<Node> {
        let register = match test.field().place() {
            Place::Arg(register) => register,
            Place::InstructionPointer => u8::try_from(IP).ok()?,
            // Settled by the number and token, unless another field has a say.
            Place::Nr | Place::Arch => {
                return match test.relation() {
                    Relation::Compare(..) | Relation::In(_) => {
                        Some(Node::Truth(call.holds(predicate)))
                    }
                    Relation::Field(..) => None,
                };
            }
            Place::Pair { .. } | Place::Fact(_) | Place::Answer(_) | Place::Param(_) => {
                return None;
            }
        };
        let word = Word::of(register, test);
        match test.relation() {
            Relation::Compare(op, value) => Some(word.compare(*op, *value)),
            Relation::In(ranges) => self.list(true, ranges, |tree, range| tree.range(word, *range)),
            Relation::Field(..) => None,
        }
    }

    fn range(&mut self, word: Word, range: Range) -> Option<Node> {
        if range.first() == range.last() {
            return Some(word.compare(CmpOp::Eq, range.first()));
        }
        let ends = [(CmpOp::Ge, range.first()), (CmpOp::Le, range.last())];
        self.list(false, &ends, |_, (op, value)| Some(word.compare(*op, *value)))
    }
}

/// Bits of a register, and the sign that turns round their order.
#[derive(Clone, Copy)]
struct Word {
    register: u8,
    mask: u64,
    sign: u64,
}

impl Word {
    const fn of(register: u8, test: &Test) -> Self {
        let ty = test.field().ty();
        let sign = if ty.signed() { 1 << (ty.width() - 1) } else { 0 };
        Self { register, mask: test.mask(), sign }
    }

    /// A comparison with a pattern of the type's width.
    fn compare(self, op: CmpOp, value: u64) -> Node {
        let Self { register, mask, sign } = self;
        let at_most = |value| Literal::at_most(register, mask, sign, value);
        let at_least = |value| Literal::at_least(register, mask, sign, value);
        let is = || (value & !mask == 0).then(|| Literal::is(register, mask, value));
        let (literal, wanted) = match op {
            CmpOp::Eq => (is(), true),
            CmpOp::Ne => (is(), false),
            CmpOp::Le => (at_most(value), true),
            CmpOp::Gt => (at_most(value), false),
            CmpOp::Ge => (at_least(value), true),
            CmpOp::Lt => (at_least(value), false),
        };
        // Without a literal equality never holds, and bounds always do.
        let is_bound = op.is_ordered();
        literal.map_or(Node::Truth(wanted == is_bound), |literal| {
            Node::Literal(literal.or_opposite(wanted))
        })
    }
}
