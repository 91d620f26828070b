//! Calls that can be reached through a multiplexer (`socketcall`, `ipc`), where a filter
//! does not see their arguments.
//!
//! A rule without conditions covers a call's part of the multiplexer by itself, in our
//! language as in libseccomp's rules. For a rule with conditions libseccomp compares the
//! multiplexer's own arguments instead, a number and a pointer: what an author allows for
//! one address family is allowed for all, and what is refused by its second argument is not
//! refused at all. Here the multiplexer's part gets the strictest of what the call can get,
//! so that nobody goes round the rule; programs that call directly notice nothing.

use std::collections::{BTreeMap, BTreeSet};

use filterc_abi::{Abi, Action};
use filterc_grammar::ast::Predicate;

use crate::Note;
use crate::guard::{self, guard};
use crate::oci::live::Live;
use crate::oci::rule::on;

/// A rule on a multiplexer.
#[derive(Debug)]
pub(crate) struct Extra {
    pub(crate) action: Action,
    pub(crate) multiplexer: &'static str,
    pub(crate) predicate: Option<Predicate>,
}

/// The stricter of two actions, by the kernel's precedence.
fn stricter(left: Action, right: Action) -> Action {
    std::cmp::min_by_key(left, right, |action| action.to_ret().cast_signed())
}

/// Multiplexers that a rule without conditions decides, while another such rule says
/// something else of a call that they carry: libseccomp asks the multiplexer's rule first.
pub(crate) fn first<'p>(live: &Live<'p>, abis: &[&'static Abi]) -> Vec<(&'p str, Action)> {
    let whole = || live.rules.iter().filter(|rule| rule.alternatives.is_empty());
    let mut first = Vec::new();
    for rule in whole() {
        for &name in &rule.names {
            let carried = |other: &str| {
                abis.iter().any(|abi| on(abi, other).1.is_some_and(|sub| sub.multiplexer == name))
            };
            let differs = whole().any(|other| {
                other.action != rule.action && other.names.iter().any(|name| carried(name))
            });
            if differs {
                first.push((name, rule.action));
            }
        }
    }
    first
}

/// The rules for multiplexers that no entry decides; they stand behind all others.
pub(crate) fn last(
    live: &Live<'_>,
    default: Action,
    abis: &[&'static Abi],
    notes: &mut Vec<Note>,
) -> Vec<Extra> {
    let whole = live.rules.iter().filter(|rule| rule.alternatives.is_empty());
    let decided: BTreeSet<&str> = whole.flat_map(|rule| rule.names.iter().copied()).collect();
    let mut strictest: BTreeMap<&str, Action> = BTreeMap::new();
    for rule in live.rules.iter().filter(|rule| !rule.alternatives.is_empty()) {
        for name in &rule.names {
            let action = strictest.entry(name).or_insert(default);
            *action = stricter(*action, rule.action);
        }
    }
    // Each multiplexer with the calls that it carries past conditions.
    let mut carried: BTreeMap<&'static str, Vec<(&str, Action)>> = BTreeMap::new();
    for (name, action) in strictest {
        let subs: BTreeSet<&'static str> =
            abis.iter().filter_map(|abi| on(abi, name).1).map(|sub| sub.multiplexer).collect();
        for multiplexer in subs.into_iter().filter(|multiplexer| !decided.contains(multiplexer)) {
            carried.entry(multiplexer).or_default().push((name, action));
        }
    }
    let (mut extras, mut whole) = (Vec::new(), Vec::new());
    for (multiplexer, calls) in carried {
        let names: Vec<&str> = calls.iter().map(|(name, _)| *name).collect();
        // An entry that says the default of it was meant of all that it carries.
        if !live.as_default.contains(multiplexer) {
            for (name, action) in calls.into_iter().filter(|(_, action)| *action != default) {
                extras.extend(parts(multiplexer, name, action, abis));
            }
            let text = format!(
                "the arguments of {} are out of sight in {multiplexer}, which gets the strictest \
                 that they can get",
                names.join(", ")
            );
            notes.push(Note { path: "syscalls".to_owned(), text });
        }
        whole.push(Extra { action: default, multiplexer, predicate: None });
    }
    extras.extend(whole);
    extras
}

/// The rules for one call that a multiplexer carries: one for all ABIs, if its number is
/// the same on all.
fn parts(
    multiplexer: &'static str,
    name: &str,
    action: Action,
    abis: &[&'static Abi],
) -> Vec<Extra> {
    let with = |abi: &&'static Abi| {
        let sub = on(abi, name).1?;
        let selects = guard::selects(sub, abi)?;
        (sub.multiplexer == multiplexer).then_some((*abi, selects))
    };
    let found: Vec<(&'static Abi, Predicate)> = abis.iter().filter_map(with).collect();
    let all: Vec<&'static Abi> =
        abis.iter().copied().filter(|abi| abi.syscall(multiplexer).is_some()).collect();
    let mut parts: Vec<(Vec<&'static Abi>, Predicate)> = Vec::new();
    for (abi, predicate) in found {
        match parts.iter_mut().find(|(_, other)| *other == predicate) {
            Some((abis, _)) => abis.push(abi),
            None => parts.push((vec![abi], predicate)),
        }
    }
    let extra = |(abis, selects): (Vec<&'static Abi>, Predicate)| {
        let tests = guard(&abis, &all).into_iter().chain([selects]).collect();
        Extra { action, multiplexer, predicate: Some(crate::arguments::predicate::and(tests)) }
    };
    parts.into_iter().map(extra).collect()
}
