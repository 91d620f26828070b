//! The decision DAG: what a policy decides, as questions.
//!
//! A [`Dag`] holds the policy for all ABIs of one byte order: one arena of nodes, one
//! [`Root`] for each token of theirs, and the leaf for every other (`foreign`). To decide a call, take
//! the root of its `arch` and follow the nodes down to a leaf, whose action is the answer.
//!
//! ```text
//! node   = Leaf(action)                      decides
//!        | Branch test ? then : otherwise    asks one question
//!        | Switch [first → target, …]        asks for nr
//! ```
//!
//! What always holds ([`crate::validate()`] checks it):
//!
//! * A node's children have smaller ids than itself, so there is no cycle, and a loop over
//!   the arena sees children before parents.
//! * No two nodes are equal (hash-consing): equal residuals are one node, whichever ABI or
//!   number they are of. The size of a DAG is therefore the number of *different*
//!   decisions, not of paths.
//! * A branch has two different children, and asks something that is neither always true
//!   nor always false by itself, in the one spelling of [`crate::test`].
//! * A switch covers all 2³² numbers, in order.
//!
//! Facts about nodes that do not take part in the decision stand in side tables: the
//! [`Origin`] tells which rule a node is there for.

use std::fmt;
use std::hash::{Hash, Hasher};

use filterc_abi::{Abi, Action, Endian};
use filterc_hir::policy::RuleId;

use crate::test::Test;

/// A node, by its position in the arena; spelled `n12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl NodeId {
    pub(crate) const fn new(index: u32) -> Self {
        Self(index)
    }

    /// The position in the arena.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// One part of a switch: the numbers from `first` to before the next case's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Case {
    /// The first number.
    pub first: u32,
    /// Where they lead.
    pub target: NodeId,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// The action for every call that comes here.
    Leaf(Action),
    /// A question.
    ///
    /// Typing: the test's own rule; the children differ. Evaluation: `then` if the test
    /// holds, else `otherwise`.
    Branch {
        /// What is asked.
        test: Test,
        /// Where yes leads.
        then: NodeId,
        /// Where no leads.
        otherwise: NodeId,
    },
    /// A partition of all numbers.
    ///
    /// Typing: at least two cases; the first starts at 0, and each starts after the one
    /// before it. Evaluation: the last case that starts at or before `nr`, unsigned.
    Switch(Vec<Case>),
}

/// In as few words as there can be; see [`Test`].
impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Leaf(action) => action.hash(state),
            Self::Branch { test, then, otherwise } => {
                test.hash(state);
                state.write_u64(u64::from(then.0) << 32 | u64::from(otherwise.0));
            }
            Self::Switch(cases) => {
                for Case { first, target } in cases {
                    state.write_u64(u64::from(*first) << 32 | u64::from(target.0));
                }
            }
        }
    }
}

impl Node {
    /// The nodes that this one leads to, in order.
    pub fn children(&self) -> impl Iterator<Item = NodeId> + '_ {
        let (pair, cases): ([Option<NodeId>; 2], &[Case]) = match self {
            Self::Leaf(_) => ([None, None], &[]),
            Self::Branch { test: _, then, otherwise } => ([Some(*then), Some(*otherwise)], &[]),
            Self::Switch(cases) => ([None, None], cases),
        };
        pair.into_iter().flatten().chain(cases.iter().map(|case| case.target))
    }

    /// The same node with other children.
    pub(crate) fn map(&self, to: impl Fn(NodeId) -> NodeId) -> Self {
        match self {
            Self::Leaf(action) => Self::Leaf(*action),
            Self::Branch { test, then, otherwise } => {
                Self::Branch { test: *test, then: to(*then), otherwise: to(*otherwise) }
            }
            Self::Switch(cases) => {
                let case = |case: &Case| Case { first: case.first, target: to(case.target) };
                Self::Switch(cases.iter().map(case).collect())
            }
        }
    }
}

/// What a node is there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Origin {
    /// No rule: dispatch, a default, `unknown` or `foreign`.
    #[default]
    Nobody,
    /// One rule.
    Rule(RuleId),
    /// This rule is the first of several, or of a rule and a default.
    Several(RuleId),
}

impl Origin {
    /// The origin of a node that is there for both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        match (self.first(), other.first()) {
            _ if self == other => self,
            (Some(a), Some(b)) => Self::Several(a.min(b)),
            (Some(rule), None) | (None, Some(rule)) => Self::Several(rule),
            (None, None) => Self::Nobody,
        }
    }

    /// The rule, or the first of several.
    #[must_use]
    pub const fn first(self) -> Option<RuleId> {
        match self {
            Self::Nobody => None,
            Self::Rule(rule) | Self::Several(rule) => Some(rule),
        }
    }

    /// The rule, if it is the only one.
    #[must_use]
    pub const fn only(self) -> Option<RuleId> {
        match self {
            Self::Rule(rule) => Some(rule),
            Self::Nobody | Self::Several(_) => None,
        }
    }
}

/// Where the calls with one token enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Names of the ABIs with that token; they are told apart by the number (x86_64 and x32).
    pub abis: Vec<String>,
    /// The token, in `seccomp_data.arch`.
    pub audit_arch: u32,
    /// The first node.
    pub node: NodeId,
}

impl Root {
    /// The ABIs.
    pub fn abis(&self) -> impl Iterator<Item = &'static Abi> + '_ {
        self.abis.iter().filter_map(|name| filterc_abi::abi(name))
    }

    /// The names of the ABIs in one word: `x86_64+x32`.
    #[must_use]
    pub fn name(&self) -> String {
        self.abis.join("+")
    }
}

/// A decision DAG. Made by [`crate::DagBuilder`], or read from text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dag {
    pub(crate) endian: Endian,
    pub(crate) nodes: Vec<Node>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) roots: Vec<Root>,
    pub(crate) foreign: NodeId,
}

/// What an id of another DAG stands for: nothing else is safe.
const NOWHERE: &Node = &Node::Leaf(Action::KillProcess);

impl Dag {
    /// The byte order of all its ABIs.
    #[must_use]
    pub const fn endian(&self) -> Endian {
        self.endian
    }

    /// All nodes, children before parents.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One node per token, in the order of the policy.
    #[must_use]
    pub fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// The leaf for a call with any other token.
    #[must_use]
    pub const fn foreign(&self) -> NodeId {
        self.foreign
    }

    /// A node; for an id of another DAG, a leaf that kills.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id.index()).unwrap_or(NOWHERE)
    }

    /// What a node is there for.
    #[must_use]
    pub fn origin(&self, id: NodeId) -> Origin {
        self.origins.get(id.index()).copied().unwrap_or_default()
    }

    /// All nodes with their ids, children before parents.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        (0..u32::MAX).map(NodeId).zip(&self.nodes)
    }

    /// Whether there are branches on words alone: what instructions can be selected for.
    #[must_use]
    pub fn is_lowered(&self) -> bool {
        self.nodes.iter().all(|node| match node {
            Node::Leaf(_) => true,
            Node::Branch { test, .. } => test.is_of_words(),
            Node::Switch(_) => false,
        })
    }
}
