//! What is drawn, before it has a place.

use std::fmt;

use filterc::Shares;
use filterc_abi::Action;
use filterc_check::Unknown;

/// What becomes of calls, as nodes and edges that lead from one start to actions.
#[derive(Clone, Debug)]
pub struct Graph {
    /// What it is of.
    pub title: String,
    /// The ABIs that are told apart, in the order of the drawing.
    pub abis: Vec<&'static str>,
    /// The calls that it is about, if not all.
    pub only: Vec<String>,
    /// Where it is known from how often calls are made.
    pub shares: Shares,
    /// The nodes; the first is the start.
    pub nodes: Vec<Node>,
    /// The edges, each to a later layer.
    pub edges: Vec<Edge>,
}

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// What it says, whole.
    pub text: String,
    /// What else there is to know.
    pub note: String,
    /// The calls that it is of, if it is of calls.
    pub calls: Vec<&'static str>,
    /// The numbers that it is of, first and last, if these are of no call.
    pub numbers: Vec<(u32, u32)>,
    /// The part of all calls that comes there.
    pub share: f64,
    /// What it leads to, if that is one thing.
    pub class: Class,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Where all calls begin.
    Start,
    /// The calls of an ABI, or of all others.
    Abi,
    /// Calls with one fate.
    Calls,
    /// A question about arguments.
    Question,
    /// An action.
    End(Action),
}

/// What a path leads to, as a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The call is made.
    Through,
    /// Somebody else is asked.
    Asks,
    /// The call fails.
    Fails,
    /// A signal, or death.
    Kills,
    /// One or another.
    Mixed,
}

/// An edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// The place of the node where it begins.
    pub from: usize,
    /// The place of the node where it ends.
    pub to: usize,
    /// When it is taken, in short; empty where nothing is asked.
    pub label: String,
    /// When it is taken, as a predicate of the language, if it has one.
    pub when: Option<String>,
    /// The part of all calls that takes it.
    pub share: f64,
    /// Whether a part of that is guessed: it is not known which arguments calls have.
    pub guessed: bool,
}

impl Class {
    /// All, in the order of a legend.
    pub const ALL: [Self; 5] = [Self::Through, Self::Asks, Self::Fails, Self::Kills, Self::Mixed];

    /// That of an action.
    #[must_use]
    pub const fn of(action: Action) -> Self {
        match action {
            Action::Allow | Action::Log => Self::Through,
            Action::Notify | Action::Trace(_) => Self::Asks,
            Action::Errno(_) => Self::Fails,
            Action::Trap(_) | Action::KillThread | Action::KillProcess => Self::Kills,
        }
    }

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Through => "the call is made",
            Self::Asks => "a listener or tracer is asked",
            Self::Fails => "the call fails",
            Self::Kills => "a signal, or the end",
            Self::Mixed => "it depends",
        }
    }

    /// In one word, for attributes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Through => "through",
            Self::Asks => "asks",
            Self::Fails => "fails",
            Self::Kills => "kills",
            Self::Mixed => "mixed",
        }
    }

    /// What two paths lead to together.
    pub(super) fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Mixed }
    }
}

impl Graph {
    /// What an edge leads to, as a colour.
    #[must_use]
    pub fn class(&self, edge: &Edge) -> Class {
        self.nodes.get(edge.to).map_or(Class::Mixed, |node| node.class)
    }

    /// Where it is known from how often calls are made, in words.
    #[must_use]
    pub const fn source(&self) -> &'static str {
        match self.shares {
            Shares::Ranking => "by the shipped ranking of calls",
            Shares::Profile => "by the profile",
        }
    }

    /// The classes that are drawn, in the order of a legend.
    pub(super) fn classes(&self) -> Vec<Class> {
        let drawn = |class: &Class| self.edges.iter().any(|edge| self.class(edge) == *class);
        Class::ALL.into_iter().filter(drawn).collect()
    }
}

/// A part of all calls, for people.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent < 0.05 {
        "< 0.1 %".to_owned()
    } else if percent > 99.95 {
        "100 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}

/// Why nothing can be drawn.
#[derive(Clone, Debug)]
pub enum NoGraph {
    /// What is decided was not found out within the budget.
    Unknown(Unknown),
    /// There are more nodes than a drawing can hold.
    TooLarge {
        /// How many there may be.
        limit: usize,
    },
    /// A call that no ABI of the drawing has.
    NoCall {
        /// What it was called.
        name: String,
    },
}

/// Codes of drawings that there are none of.
pub const CODES: &[&str] = &["F0726", "F0727"];

impl NoGraph {
    /// Its code, if it has one.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Unknown(_) => None,
            Self::TooLarge { .. } => Some("F0726"),
            Self::NoCall { .. } => Some("F0727"),
        }
    }
}

impl fmt::Display for NoGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(_) => f.write_str("what is decided was not found out within the budget"),
            Self::TooLarge { limit } => write!(
                f,
                "a drawing of more than {limit} boxes helps nobody: `--call` names those that it \
                 is to be about"
            ),
            Self::NoCall { name } => write!(f, "no ABI of the drawing has a call `{name}`"),
        }
    }
}

impl std::error::Error for NoGraph {}
