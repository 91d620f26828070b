//! A plan as a text: header, then rules.

use std::collections::BTreeSet;

use filterc_abi::{Abi, Action};
use filterc_grammar::ast::{Call, Predicate, Rule, StatementKind};
use filterc_grammar::source::Span;

use crate::action;
use crate::arguments::{names, predicate};
use crate::document::{self, Document};
use crate::guard::guard;
use crate::plan::model::{Callee, Chain, Plan, Said};
use crate::plan::multiplexer;

/// Calls that a rule names itself; more are a group.
const MOST_CALLS: usize = 6;

pub(super) fn header(plan: &Plan, document: &mut Document) {
    for comment in &plan.comments {
        document.comment(comment.clone());
    }
    document.blank();
    let names = plan.abis.iter().map(|abi| predicate::name(abi.name));
    document.statement(StatementKind::Arch(names.collect()));
    document.statement(StatementKind::Default(action::tree(plan.default, &plan.abis)));
    document.statement(StatementKind::Unknown(None));
    document.statement(StatementKind::Foreign(action::tree(plan.foreign, &plan.abis)));
}

/// Writes the rules: `first` are multiplexers that are decided before all else.
pub(super) fn rules(
    plan: &Plan,
    first: &BTreeSet<&'static str>,
    said: Vec<(Callee, Said)>,
    document: &mut Document,
) {
    let mut writer = Writer { plan, document, groups: BTreeSet::new(), spaced: false };
    let is_first = |callee: &Callee| match callee {
        Callee::Name(name) => first.contains(name.as_str()),
        Callee::Number(_) => false,
    };
    let (before, said): (Vec<_>, Vec<_>) = said.into_iter().partition(|(it, _)| is_first(it));
    writer.multiplexers(first, &before, &said);
    let (plain, chains): (Vec<_>, Vec<_>) =
        said.into_iter().partition(|(_, said)| said.decided().is_some());
    let mut together: Vec<(Action, Vec<Callee>)> = Vec::new();
    for (callee, said) in plain {
        let Some(action) = said.decided() else { continue };
        match together.iter_mut().find(|(other, _)| *other == action) {
            Some((_, callees)) => callees.push(callee),
            None => together.push((action, vec![callee])),
        }
    }
    for (action, callees) in together {
        writer.rule(action, &callees, None);
    }
    let mut at: Vec<(Said, Vec<Callee>)> = Vec::new();
    for (callee, said) in chains {
        match at.last_mut() {
            Some((other, callees)) if *other == said => callees.push(callee),
            Some(_) | None => at.push((said, vec![callee])),
        }
    }
    for (said, callees) in at {
        writer.chains(&said, &callees);
    }
}

struct Writer<'w> {
    plan: &'w Plan,
    document: &'w mut Document,
    groups: BTreeSet<String>,
    /// Whether short rules stand right above.
    spaced: bool,
}

impl Writer<'_> {
    fn multiplexers(
        &mut self,
        first: &BTreeSet<&'static str>,
        before: &[(Callee, Said)],
        said: &[(Callee, Said)],
    ) {
        for name in first {
            let callee = Callee::Name((*name).to_owned());
            match before.iter().find(|(other, _)| *other == callee) {
                Some((callee, said)) => {
                    self.chains(said, std::slice::from_ref(callee));
                    // Where its rules do not hold it gets the default, as other calls do.
                    let settles =
                        |(_, chain): &(_, Chain)| chain.last().is_some_and(|it| it.0.is_none());
                    let everywhere: usize = said.chains.iter().map(|(abis, _)| abis.len()).sum();
                    if everywhere < said.having.len() || !said.chains.iter().all(settles) {
                        self.rule(self.plan.default, std::slice::from_ref(callee), None);
                    }
                }
                None => {
                    for (action, predicate) in multiplexer::parts(self.plan, name, said) {
                        self.rule(action, std::slice::from_ref(&callee), Some(predicate));
                    }
                    self.rule(self.plan.default, &[callee], None);
                }
            }
        }
        if !first.is_empty() {
            self.spaced = false;
        }
    }

    fn chains(&mut self, said: &Said, callees: &[Callee]) {
        let abi = |name: &&'static str| self.plan.abis.iter().copied().find(|it| it.name == *name);
        let having: Vec<&'static Abi> = said.having.iter().filter_map(abi).collect();
        let chains: Vec<(Vec<&'static Abi>, &Chain)> = said
            .chains
            .iter()
            .map(|(on, chain)| (on.iter().filter_map(abi).collect(), chain))
            .collect();
        for (on, chain) in chains {
            for (asked, action) in chain {
                let tests: Vec<Predicate> =
                    guard(&on, &having).into_iter().chain(asked.clone()).collect();
                let predicate = (!tests.is_empty()).then(|| predicate::and(tests));
                self.rule(*action, callees, predicate);
            }
        }
    }

    fn rule(&mut self, action: Action, callees: &[Callee], predicate: Option<Predicate>) {
        let long = callees.len() > MOST_CALLS;
        if long || !self.spaced {
            self.document.blank();
        }
        self.spaced = !long;
        let mut calls: Vec<Call> = callees.iter().map(call).collect();
        if long {
            let group = document::fresh_group(action::past(action), &mut self.groups);
            let name = predicate::name(&group);
            self.document.statement(StatementKind::Group(name.clone(), calls));
            self.document.blank();
            calls = vec![Call::Group(name)];
        }
        let action = action::tree(action, &self.plan.abis);
        self.document.statement(StatementKind::Rule(Rule { action, calls, predicate }));
    }
}

fn call(callee: &Callee) -> Call {
    match callee {
        Callee::Name(name) => Call::Name(predicate::name(name)),
        Callee::Number(nr) => Call::Number(names::integer((*nr).into()), Span::default()),
    }
}
