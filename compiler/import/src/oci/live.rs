//! Which rules of a profile decide something, and for which calls: what runc and libseccomp
//! make of a list of entries.
//!
//! * A rule whose action is the default's is not added, so that it keeps no other one off.
//! * A name that no covered ABI has is skipped.
//! * A rule without conditions (or with such as hold whatever the arguments are) decides its
//!   call alone, wherever it stands; of several, the
//!   first. The other rules on that call are lost.
//! * Rules with conditions add up. Where two of them match the same call with different
//!   actions, the order in libseccomp's tree decides, which no document states and other
//!   runtimes do not share: that is an error here.
//! * Conditions of one rule must all hold; but if two of them are about the same argument,
//!   each of them is enough.

use std::collections::{BTreeMap, BTreeSet};

use filterc_abi::{Abi, Action, KernelVersion};

use crate::Note;
use crate::arguments::conditions::{Condition, Op, Width};
use crate::oci::profile::Entry;
use crate::oci::rule::{Rule, on};
use crate::oci::rules::{self, Registers};
use crate::oci::write;

/// What became of the entries.
#[derive(Debug, Default)]
pub(crate) struct Live<'p> {
    pub(crate) rules: Vec<Rule<'p>>,
    /// Calls for which an entry says the default, without conditions.
    pub(crate) as_default: BTreeSet<&'p str>,
    /// All calls that are named, of whatever effect that is.
    pub(crate) named: Vec<&'p str>,
    /// The newest of all calls that are named; `None` if none is.
    pub(crate) newest: Option<KernelVersion>,
    pub(crate) notes: Vec<Note>,
}

/// Whether conditions ask for nothing: libseccomp drops a mask without bits.
fn asks_nothing(all: &[&Condition]) -> bool {
    all.iter().all(|condition| condition.op == Op::MaskedEq && condition.value == 0)
}

fn alternatives(entry: &Entry) -> Vec<Vec<&Condition>> {
    let conditions: Vec<&Condition> = entry.conditions.iter().collect();
    let indices: BTreeSet<u8> = conditions.iter().map(|condition| condition.index).collect();
    let alternatives: Vec<Vec<&Condition>> = if indices.len() == conditions.len() {
        vec![conditions]
    } else {
        conditions.into_iter().map(|condition| vec![condition]).collect()
    };
    if alternatives.iter().any(|all| asks_nothing(all)) { Vec::new() } else { alternatives }
}

fn exists(abis: &[&'static Abi], name: &str) -> bool {
    abis.iter().any(|abi| matches!(on(abi, name), (Some(_), _) | (_, Some(_))))
}

/// A rule, the calls apart for which its conditions hold on every ABI whatever the arguments
/// are: for them it is one without conditions.
fn whole_apart<'p>(rule: Rule<'p>, abis: &[&'static Abi], width: Width) -> Vec<Rule<'p>> {
    let always = |name: &&str| {
        let mut calls = abis.iter().filter_map(|abi| Some((*abi, abi.syscall(name)?))).peekable();
        let holds = |(abi, call)| {
            let asked = rules::alternatives(&rule, abi, call, width, &mut Registers::new());
            asked.iter().any(Vec::is_empty)
        };
        calls.peek().is_some() && calls.all(holds)
    };
    if rule.alternatives.is_empty() {
        return vec![rule];
    }
    let (whole, part): (Vec<&str>, Vec<&str>) = rule.names.iter().copied().partition(always);
    let whole = Rule { names: whole, alternatives: Vec::new(), ..rule.clone() };
    let part = Rule { names: part, ..rule };
    [whole, part].into_iter().filter(|rule| !rule.names.is_empty()).collect()
}

/// The rules that decide something, of entries that count with their actions.
pub(crate) fn live<'p>(
    entries: &[(&'p Entry, Action)],
    default: Action,
    abis: &[&'static Abi],
    width: Width,
) -> Live<'p> {
    let mut live = Live::default();
    // The first entry without conditions for each call.
    let mut deciders: BTreeMap<&str, (&Entry, Action)> = BTreeMap::new();
    let mut unknown: BTreeSet<&str> = BTreeSet::new();
    for (entry, action) in entries {
        let alternatives = alternatives(entry);
        let mut names: Vec<&'p str> = Vec::with_capacity(entry.names.len());
        for (name, _) in &entry.names {
            if !exists(abis, name) {
                unknown.insert(name);
            } else if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        live.newest = live.newest.max(newest(abis, &names));
        live.named.extend(&names);
        let (comments, group) = (write::comments(entry), write::group_name(entry));
        let rule = Rule { entry, action: *action, names, alternatives, comments, group };
        for rule in whole_apart(rule, abis, width) {
            let whole = rule.alternatives.is_empty();
            if rule.action == default {
                live.as_default.extend(rule.names.iter().filter(|_| whole));
                continue;
            }
            if whole {
                rule.names.iter().for_each(|name| {
                    deciders.entry(name).or_insert((entry, *action));
                });
            }
            live.rules.push(rule);
        }
    }
    if !unknown.is_empty() {
        live.notes.push(skipped(&unknown, abis));
    }
    drop_undecisive(&mut live, &deciders);
    live
}

/// The newest of some calls. One that no kernel lacks is as old as the tables.
fn newest(abis: &[&'static Abi], names: &[&str]) -> Option<KernelVersion> {
    let calls = names.iter().flat_map(|name| abis.iter().map(|abi| on(abi, name).0));
    let oldest = KernelVersion { major: 1, minor: 0 };
    let ages = calls.flatten().map(|call| call.since.unwrap_or(oldest));
    ages.max().or((!names.is_empty()).then_some(oldest))
}

fn skipped(names: &BTreeSet<&str>, abis: &[&'static Abi]) -> Note {
    let abis: Vec<&str> = abis.iter().map(|abi| abi.name).collect();
    let names: Vec<&str> = names.iter().copied().collect();
    let (count, are) = match names.len() {
        1 => ("1 name".to_owned(), "is no call"),
        many => (format!("{many} names"), "are no calls"),
    };
    let text = format!("{count} skipped, which {are} on {}: {}", abis.join(", "), names.join(", "));
    Note { path: "syscalls".to_owned(), text }
}

/// Takes from each rule the calls that another one decides, and tells where that is not the
/// same rule again.
fn drop_undecisive<'p>(live: &mut Live<'p>, deciders: &BTreeMap<&'p str, (&'p Entry, Action)>) {
    for rule in &mut live.rules {
        let (path, action) = (&rule.entry.path, rule.action);
        let whole = rule.alternatives.is_empty();
        let mut lost: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        rule.names.retain(|name| match deciders.get(name) {
            Some((decider, _)) if whole && decider.path == *path => true,
            Some((decider, other)) => {
                if !(whole && action == *other) {
                    lost.entry(&decider.path).or_default().push(name);
                }
                false
            }
            None => true,
        });
        for (decider, names) in lost {
            let text = format!("without effect on {}: {decider} decides", names.join(", "));
            live.notes.push(Note { path: path.clone(), text });
        }
    }
    live.rules.retain(|rule| !rule.names.is_empty());
}
