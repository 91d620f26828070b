//! What a plan is made of.

use filterc_abi::{Abi, Action, Syscall};
use filterc_grammar::ast::Predicate;
use filterc_grammar::source::Span;

use crate::Note;
use crate::arguments::conditions::Width;
use crate::plan::expr::Expr;

/// A call as a rule names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Callee {
    Name(String),
    /// A number that no covered ABI has a name for.
    Number(u32),
}

impl Callee {
    /// The call that it is on an ABI, where it is something there: a part of a multiplexer has no
    /// call of its own.
    pub(super) fn on(
        &self,
        abi: &'static Abi,
        how: Multiplexers,
    ) -> Option<Option<&'static Syscall>> {
        match self {
            Self::Name(name) => {
                let carried = || abi.sub_calls().iter().any(|sub| sub.name == name);
                let part = how == Multiplexers::Carry && carried();
                abi.syscall(name).map(Some).or(part.then_some(None))
            }
            Self::Number(nr) => abi.admits(*nr).then_some(None),
        }
    }

    /// The call of a number, by its name where the ABI has one.
    pub(crate) fn numbered(nr: u32, abi: &'static Abi) -> Self {
        abi.syscall_by_nr(nr)
            .filter(|call| abi.syscall(call.name).is_some_and(|named| named.nr == nr))
            .map_or(Self::Number(nr), |call| Self::Name(call.name.to_owned()))
    }
}

impl std::fmt::Display for Callee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(nr) => write!(f, "{}", nr.cast_signed()),
        }
    }
}

/// One rule about one call.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) span: Span,
    /// The ABIs on which it counts.
    pub(crate) on: Vec<&'static Abi>,
    pub(crate) callee: Callee,
    pub(crate) when: Expr,
    pub(crate) action: Action,
}

/// What a rule about a call that a multiplexer carries, too, says of the multiplexer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Multiplexers {
    /// Nothing: it has a number of its own.
    Apart,
    /// The same: so libseccomp.
    Carry,
}

/// A policy.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) abis: Vec<&'static Abi>,
    pub(crate) default: Action,
    /// What calls of other ABIs get.
    pub(crate) foreign: Action,
    pub(crate) width: Width,
    pub(crate) multiplexers: Multiplexers,
    /// In the order of the author; of those on one call the first that holds decides.
    pub(crate) rules: Vec<Rule>,
    /// Paragraphs that the policy begins with.
    pub(crate) comments: Vec<String>,
    pub(crate) notes: Vec<Note>,
}

/// Rules on a call, each but the last with a condition if the last has none.
pub(super) type Chain = Vec<(Option<Predicate>, Action)>;

/// What is said of a call: chains, each with the ABIs on which it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) chains: Vec<(Vec<&'static str>, Chain)>,
    /// The ABIs that have the call.
    pub(super) having: Vec<&'static str>,
}

impl Said {
    /// The action that a call gets on every ABI that has it, whatever its arguments are.
    pub(super) fn decided(&self) -> Option<Action> {
        match self.chains.as_slice() {
            [(abis, chain)] if abis.len() == self.having.len() => match chain.as_slice() {
                [(None, action)] => Some(*action),
                _ => None,
            },
            _ => None,
        }
    }
}
