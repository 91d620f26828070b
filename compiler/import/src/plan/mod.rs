//! A foreign policy in terms that all formats share: for each call a chain of rules, of which the
//! first that holds decides. Importers make one, and it is written here.
//!
//! What is written decides for every call of the covered ABIs as the plan does. Calls that one
//! rule decides whatever their arguments are stand together, since their order does not matter;
//! the others follow in the order in which their author named them.

pub(crate) mod expr;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use filterc_abi::{Abi, Action, Syscall};
use filterc_grammar::ast::Predicate;
use filterc_grammar::source::Span;

use crate::arguments::conditions::Width;
use crate::arguments::predicate::Asked;
use crate::plan::expr::{Expr, Place};
use crate::{Document, Imported, Note};

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
    fn on(&self, abi: &'static Abi, how: Multiplexers) -> Option<Option<&'static Syscall>> {
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
type Chain = Vec<(Option<Predicate>, Action)>;

/// What is said of a call: chains, each with the ABIs on which it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    chains: Vec<(Vec<&'static str>, Chain)>,
    /// The ABIs that have the call.
    having: Vec<&'static str>,
}

impl Plan {
    /// The policy, written.
    pub(crate) fn imported(mut self) -> Imported {
        let said = self.said();
        let mut document = Document::default();
        write::header(&self, &mut document);
        let first = self.first(&said);
        write::rules(&self, &first, said, &mut document);
        Imported { document, notes: self.notes }
    }

    /// What is said of each call, in the order in which they are named.
    fn said(&mut self) -> Vec<(Callee, Said)> {
        let mut order: Vec<Callee> = Vec::new();
        let mut rules: BTreeMap<Callee, Vec<usize>> = BTreeMap::new();
        for (at, rule) in self.rules.iter().enumerate() {
            let mine = rules.entry(rule.callee.clone()).or_insert_with(|| {
                order.push(rule.callee.clone());
                Vec::new()
            });
            mine.push(at);
        }
        let mut notes = Notes::default();
        let said = order
            .into_iter()
            .filter_map(|callee| {
                let mine = rules.get(&callee)?;
                let said = self.said_of(&callee, mine, &mut notes);
                Some((callee, said))
            })
            .filter(|(_, said)| !said.chains.is_empty())
            .collect();
        self.notes.extend(notes.told());
        said
    }

    fn said_of(&self, callee: &Callee, mine: &[usize], notes: &mut Notes) -> Said {
        let mut said = Said { chains: Vec::new(), having: Vec::new() };
        for abi in &self.abis {
            let Some(call) = callee.on(abi, self.multiplexers) else { continue };
            said.having.push(abi.name);
            let place = Place { abi, call, width: self.width };
            let rules = mine.iter().filter_map(|at| self.rules.get(*at));
            let rules = rules.filter(|rule| rule.on.iter().any(|on| on.name == abi.name));
            let chain = chain(callee, &place, rules, notes);
            if chain.is_empty() {
                continue;
            }
            match said.chains.iter_mut().find(|(_, other)| *other == chain) {
                Some((abis, _)) => abis.push(abi.name),
                None => said.chains.push((vec![abi.name], chain)),
            }
        }
        said
    }

    /// The multiplexers that are decided before all else, since a rule on a call that one carries is
    /// about it as well: all of these where they are apart, else those with rules of their own.
    fn first(&self, said: &[(Callee, Said)]) -> BTreeSet<&'static str> {
        let named = |name: &str| {
            said.iter().any(|(callee, _)| matches!(callee, Callee::Name(other) if other == name))
        };
        let apart = self.multiplexers == Multiplexers::Apart;
        let subs = self.abis.iter().flat_map(|abi| abi.sub_calls());
        subs.filter(|sub| named(sub.name) && (apart || named(sub.multiplexer)))
            .map(|sub| sub.multiplexer)
            .collect()
    }
}

fn chain<'r>(
    callee: &Callee,
    place: &Place,
    rules: impl Iterator<Item = &'r Rule>,
    notes: &mut Notes,
) -> Chain {
    let mut chain = Chain::new();
    // Neighbours with one action are one rule, so that the values of an argument are one set.
    let mut alike: Vec<(Vec<Expr>, Action)> = Vec::new();
    for rule in rules {
        if place.asked(&rule.when).0 == Asked::Never {
            notes.never.insert(callee.to_string());
        }
        match alike.last_mut().filter(|(_, action)| *action == rule.action) {
            Some((when, _)) => when.push(rule.when.clone()),
            None => alike.push((vec![rule.when.clone()], rule.action)),
        }
    }
    for (when, action) in alike {
        if chain.last().is_some_and(|(predicate, _)| predicate.is_none()) {
            notes.without_effect.insert(callee.to_string());
            break;
        }
        let (asked, unusual) = place.asked(&Expr::Any(when));
        if unusual {
            notes.registers.entry(callee.to_string()).or_default().insert(place.abi.name);
        }
        match asked {
            Asked::Nothing => chain.push((None, action)),
            Asked::This(predicate) => chain.push((Some(predicate), action)),
            Asked::Never => {}
        }
    }
    chain
}

/// What should be known of rules, collected.
#[derive(Default)]
struct Notes {
    without_effect: BTreeSet<String>,
    never: BTreeSet<String>,
    registers: BTreeMap<String, BTreeSet<&'static str>>,
}

impl Notes {
    fn told(self) -> Vec<Note> {
        let list = |calls: &BTreeSet<String>| calls.iter().cloned().collect::<Vec<_>>().join(", ");
        let mut notes = Vec::new();
        let mut tell = |text: String| notes.push(Note { path: String::new(), text });
        if !self.without_effect.is_empty() {
            tell(format!(
                "rules behind one without conditions have no effect: {}",
                list(&self.without_effect)
            ));
        }
        if !self.never.is_empty() {
            tell(format!("conditions that never hold: {}", list(&self.never)));
        }
        for (call, abis) in self.registers {
            let abis: Vec<&str> = abis.into_iter().collect();
            let abis = abis.join(", ");
            tell(format!("{call} is compared as a register on {abis}: no argument fits this"));
        }
        notes
    }
}
