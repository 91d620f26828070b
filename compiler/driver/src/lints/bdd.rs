//! Boolean functions of the bits of a call, as reduced ordered binary decision diagrams.
//!
//! Two functions are equal if, and only if, their edges are: that is what makes every
//! answer of the lints exact. An edge may be complemented, so `!f` costs nothing; the edge
//! to yes of a node never is, which keeps the form canonical.
//!
//! The work is bounded: when the steps are used up, operations fail, and whoever asked says
//! nothing rather than something wrong.

use super::table::Table;

/// A function: the node that it starts from, and whether its answers are exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Edge(u32);

impl Edge {
    /// True for every call.
    pub(crate) const TRUE: Self = Self(0);
    /// True for no call.
    pub(crate) const FALSE: Self = Self(1);

    /// The opposite.
    pub(crate) const fn not(self) -> Self {
        Self(self.0 ^ 1)
    }

    const fn index(self) -> usize {
        (self.0 >> 1) as usize
    }

    const fn is_complement(self) -> bool {
        self.0 & 1 == 1
    }

    /// The function of a child, seen through this edge.
    const fn through(self, child: Self) -> Self {
        Self(child.0 ^ (self.0 & 1))
    }
}

impl From<bool> for Edge {
    fn from(value: bool) -> Self {
        if value { Self::TRUE } else { Self::FALSE }
    }
}

/// The steps are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

/// A question about one bit, and what follows; levels grow on the way down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Node {
    level: u16,
    then: Edge,
    otherwise: Edge,
}

/// Below all bits.
const BOTTOM: Node = Node { level: u16::MAX, then: Edge::TRUE, otherwise: Edge::TRUE };

/// The nodes of functions over one order of bits. The tables are never iterated.
pub(crate) struct Bdd {
    nodes: Vec<Node>,
    index: Table<Node, Edge>,
    ands: Table<(Edge, Edge), Edge>,
    steps: u32,
}

impl Bdd {
    /// No functions but the constant ones; at most so many steps of work.
    pub(crate) fn new(steps: u32) -> Self {
        Self { nodes: vec![BOTTOM], index: Table::default(), ands: Table::default(), steps }
    }

    /// The steps that are left.
    pub(crate) const fn steps(&self) -> u32 {
        self.steps
    }

    fn node(&self, edge: Edge) -> Node {
        self.nodes.get(edge.index()).copied().unwrap_or(BOTTOM)
    }

    /// Spends a step.
    pub(crate) fn spend(&mut self) -> Result<(), Exhausted> {
        self.steps = self.steps.checked_sub(1).ok_or(Exhausted)?;
        Ok(())
    }

    /// The bit at `level` ? `then` : `otherwise`, for functions of bits below it alone. Who
    /// asks has spent a step.
    fn above(&mut self, level: u16, then: Edge, otherwise: Edge) -> Result<Edge, Exhausted> {
        if then == otherwise {
            return Ok(then);
        }
        if then.is_complement() {
            return self.above(level, then.not(), otherwise.not()).map(Edge::not);
        }
        let node = Node { level, then, otherwise };
        // The steps bound the nodes far below 2³¹.
        let new = Edge(u32::try_from(self.nodes.len() << 1).map_err(|_| Exhausted)?);
        let edge = *self.index.entry(node).or_insert(new);
        if edge == new {
            self.nodes.push(node);
        }
        Ok(edge)
    }

    /// The bit at `level` ? `then` : `otherwise`, whatever bits those look at.
    pub(crate) fn choose(
        &mut self,
        level: u16,
        then: Edge,
        otherwise: Edge,
    ) -> Result<Edge, Exhausted> {
        self.spend()?;
        if level < self.node(then).level && level < self.node(otherwise).level {
            return self.above(level, then, otherwise);
        }
        let bit = self.above(level, Edge::TRUE, Edge::FALSE)?;
        let yes = self.and(bit, then)?;
        let no = self.and(bit.not(), otherwise)?;
        self.or(yes, no)
    }

    /// Both. Its recursion is as deep as there are bits, at most.
    pub(crate) fn and(&mut self, left: Edge, right: Edge) -> Result<Edge, Exhausted> {
        if left == Edge::FALSE || right == Edge::FALSE || left == right.not() {
            return Ok(Edge::FALSE);
        }
        if left == Edge::TRUE || left == right {
            return Ok(right);
        }
        if right == Edge::TRUE {
            return Ok(left);
        }
        let key = (left.min(right), left.max(right));
        if let Some(&known) = self.ands.get(&key) {
            return Ok(known);
        }
        self.spend()?;
        let level = self.node(left).level.min(self.node(right).level);
        let (left_then, left_otherwise) = self.children(left, level);
        let (right_then, right_otherwise) = self.children(right, level);
        let then = self.and(left_then, right_then)?;
        let otherwise = self.and(left_otherwise, right_otherwise)?;
        let result = self.above(level, then, otherwise)?;
        self.ands.insert(key, result);
        Ok(result)
    }

    /// What is left of a function once the bit at a level, or above it, is known.
    fn children(&self, edge: Edge, level: u16) -> (Edge, Edge) {
        let node = self.node(edge);
        if node.level == level {
            (edge.through(node.then), edge.through(node.otherwise))
        } else {
            (edge, edge)
        }
    }

    /// One or both.
    pub(crate) fn or(&mut self, left: Edge, right: Edge) -> Result<Edge, Exhausted> {
        self.and(left.not(), right.not()).map(Edge::not)
    }

    /// The first, but not the second.
    pub(crate) fn without(&mut self, left: Edge, right: Edge) -> Result<Edge, Exhausted> {
        self.and(left, right.not())
    }

    /// Bits that make a function true, by level, each 0 where that does; `None` if nothing
    /// makes it true. Bits that are not named may be anything.
    pub(crate) fn model(&self, function: Edge) -> Option<Vec<(u16, bool)>> {
        let mut bits = Vec::new();
        let mut edge = function;
        while edge != Edge::TRUE {
            if edge == Edge::FALSE {
                return None;
            }
            // Every function but the constant false is true somewhere.
            let node = self.node(edge);
            let (then, otherwise) = self.children(edge, node.level);
            let value = otherwise == Edge::FALSE;
            bits.push((node.level, value));
            edge = if value { then } else { otherwise };
        }
        Some(bits)
    }
}

#[cfg(test)]
#[path = "bdd_tests.rs"]
mod tests;
