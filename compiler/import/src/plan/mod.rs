//! A foreign policy in terms that all formats share: for each call a chain of rules, of which the
//! first that holds decides. Importers make one, and it is written here.
//!
//! What is written decides for every call of the covered ABIs as the plan does. Calls that one
//! rule decides whatever their arguments are stand together, since their order does not matter;
//! the others follow in the order in which their author named them.

pub(crate) mod expr;
mod model;
mod multiplexer;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use filterc_abi::Action;

use crate::arguments::predicate::Asked;
use crate::plan::expr::{Expr, Place};
pub(crate) use crate::plan::model::{Callee, Multiplexers, Plan, Rule};
use crate::plan::model::{Chain, Said};
use crate::{Document, Imported, Note};

impl Plan {
    /// The policy, written.
    pub(crate) fn imported(mut self) -> Imported {
        let said = self.said();
        self.tell_x32();
        let mut document = Document::default();
        write::header(&self, &mut document);
        let first = multiplexer::first(&self, &said);
        write::rules(&self, &first, said, &mut document);
        Imported { document, notes: self.notes }
    }

    /// Tells where a list that lets calls pass does not know x32: by the token its calls are those of
    /// x86_64, with numbers that no rule has.
    fn tell_x32(&mut self) {
        let passes = matches!(self.default, Action::Allow | Action::Log | Action::Trace(_));
        let has = |name: &str| self.abis.iter().any(|abi| abi.name == name);
        let apart = self.multiplexers == Multiplexers::Apart;
        if passes && apart && has("x86_64") && !has("x32") {
            let text = "numbers of x32 are foreign here; the original gives them its default";
            self.notes.push(Note { path: String::new(), text: text.to_owned() });
        }
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
