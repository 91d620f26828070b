//! Whether a DAG keeps the rules that [`crate::dag`] and [`crate::test`] state.
//!
//! [`crate::DagBuilder`] makes no other; this is the gate for tests, and for texts that
//! were parsed. Every structure is taken apart field by field, so that a new one does not
//! compile before somebody decides what holds for it.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;

use crate::dag::{Case, Dag, Node, NodeId, Root};
use crate::test::{Cmp, Normal, Operand, Test};

/// The rule that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A child's id is not smaller than its parent's.
    ChildNotBefore,
    /// A root or the foreign leaf is not in the arena, or `foreign` is no leaf.
    RootNotThere,
    /// Two roots have one token: the ABIs that share it share a root.
    SameRoot,
    /// Two nodes are equal.
    NotInterned,
    /// Nodes and origins are not of one number.
    OriginMissing,
    /// A branch whose children are the same node.
    SameChildren,
    /// A switch with fewer than two cases, or that does not start at 0.
    SwitchIncomplete,
    /// A switch whose cases are not in order.
    SwitchNotSorted,
    /// A mask or value that is wider than what it is compared with.
    TooWide,
    /// Two fields of different width, or ordered and of different sign.
    Mismatch,
    /// A test that is always true or false, or has another spelling.
    NotNormal,
    /// A switch or field test after lowering.
    NotLowered,
}

/// A DAG that is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InvalidDag {
    /// The rule that is broken.
    pub kind: Kind,
    /// Where.
    pub node: NodeId,
}

impl fmt::Display for InvalidDag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.node, self.kind)
    }
}

impl Error for InvalidDag {}

/// Whether the DAG is well formed.
///
/// # Errors
/// The first rule that it breaks.
pub fn validate(dag: &Dag) -> Result<(), InvalidDag> {
    let Dag { endian: _, nodes, origins, roots, foreign } = dag;
    let fail = |kind, node| Err(InvalidDag { kind, node });
    if nodes.len() != origins.len() {
        return fail(Kind::OriginMissing, *foreign);
    }
    let mut seen = HashSet::new();
    for (id, node) in dag.iter() {
        if !seen.insert(node) {
            return fail(Kind::NotInterned, id);
        }
        if node.children().any(|child| child >= id) {
            return fail(Kind::ChildNotBefore, id);
        }
        validate_node(node).map_err(|kind| InvalidDag { kind, node: id })?;
    }
    if !matches!(nodes.get(foreign.index()), Some(Node::Leaf(_))) {
        return fail(Kind::RootNotThere, *foreign);
    }
    let mut tokens = HashSet::new();
    for Root { abis: _, audit_arch, node } in roots {
        if nodes.get(node.index()).is_none() {
            return fail(Kind::RootNotThere, *node);
        }
        if !tokens.insert(audit_arch) {
            return fail(Kind::SameRoot, *node);
        }
    }
    Ok(())
}

/// Whether the DAG is well formed and of word tests alone, as after the last pass.
///
/// # Errors
/// The first rule that it breaks.
pub fn validate_lowered(dag: &Dag) -> Result<(), InvalidDag> {
    validate(dag)?;
    for (id, node) in dag.iter() {
        let lowered = match node {
            Node::Leaf(_) => true,
            Node::Branch { test, then: _, otherwise: _ } => test.is_of_words(),
            Node::Switch(_) => false,
        };
        if !lowered {
            return Err(InvalidDag { kind: Kind::NotLowered, node: id });
        }
    }
    Ok(())
}

fn validate_node(node: &Node) -> Result<(), Kind> {
    match node {
        Node::Leaf(_) => Ok(()),
        Node::Branch { test, then, otherwise } => {
            if then == otherwise {
                return Err(Kind::SameChildren);
            }
            validate_test(test)
        }
        Node::Switch(cases) => {
            let first = cases.first().map(|Case { first, target: _ }| *first);
            if cases.len() < 2 || first != Some(0) {
                return Err(Kind::SwitchIncomplete);
            }
            let sorted = cases.is_sorted_by(|a, b| a.first < b.first);
            if sorted { Ok(()) } else { Err(Kind::SwitchNotSorted) }
        }
    }
}

fn validate_test(test: &Test) -> Result<(), Kind> {
    let (fits, matches) = match *test {
        Test::Field { field, mask, cmp: Cmp::Eq | Cmp::Ge, value } => {
            ((mask | value) & !field.mask() == 0, true)
        }
        Test::Fields { left, cmp, right, mask } => {
            let whole = cmp == Cmp::Eq || mask == left.mask();
            (mask & !left.mask() == 0, whole && are_comparable(left, cmp, right))
        }
        Test::Word { word: _, mask: _, cmp: Cmp::Eq | Cmp::Ge, value: _ }
        | Test::Words { left: _, cmp: Cmp::Eq | Cmp::Ge, right: _, mask: _ } => (true, true),
    };
    if !fits {
        return Err(Kind::TooWide);
    }
    if !matches {
        return Err(Kind::Mismatch);
    }
    match test.normal() {
        Normal::Same(same) if same == *test => Ok(()),
        Normal::Same(_) | Normal::Opposite(_) | Normal::Always(_) => Err(Kind::NotNormal),
    }
}

fn are_comparable(left: Operand, cmp: Cmp, right: Operand) -> bool {
    let one_sign = left.signed() == right.signed();
    left.width() == right.width() && (cmp == Cmp::Eq || one_sign)
}
