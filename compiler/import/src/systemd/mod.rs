//! `SystemCallFilter=` and its like in unit files of systemd: `SystemCallErrorNumber=`,
//! `SystemCallArchitectures=` and `SystemCallLog=`.
//!
//! * The first `SystemCallFilter=` says whether the list allows or, with `~`, denies. A later one of the
//!   same kind adds to it, one of the other kind takes away from it. An empty one begins anew.
//! * A list that allows has the calls of `@default` in it.
//! * What is not allowed, or denied, gets `SystemCallErrorNumber=`, or ends the process. `NAME:ERRNO`
//!   and `NAME:kill` say it of one call; in an allow list with `~` as well.
//! * The filter holds on all ABIs that such a machine has, if `SystemCallArchitectures=` leaves them;
//!   calls of the others end the thread.
//! * `SystemCallLog=` writes calls that are let through to the log.
//! * Unknown names are skipped, as by systemd, and noted.
//!
//! Groups are those of filterc, which has systemd's names and its own choice of calls for them,
//! or what `systemd-analyze syscall-filter` printed ([`Options::sets`]).
//!
//! Other settings make filters of their own (`RestrictAddressFamilies=` and its like), which are noted.

mod sets;
mod unit;

use std::collections::{BTreeMap, BTreeSet};

use filterc_abi::seccomp::MAX_ERRNO;
use filterc_abi::{self as abi, Abi, Action};
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::{FileId, Span};

use crate::arguments::conditions::Condition;
use crate::fault::Fault;
use crate::plan::expr::Expr;
use crate::plan::{Callee, Multiplexers, Plan, Rule};
use crate::scan::Word;
use crate::systemd::sets::Sets;
use crate::systemd::unit::Setting;
use crate::{Imported, Note, Target, hosts};

pub use crate::systemd::sets::Listing;

/// Settings that make filters which are not read here.
const OTHERS: &[&str] = &[
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "PrivateDevices",
    "ProtectClock",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "RestrictAddressFamilies",
    "RestrictFileSystems",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
];

/// What an import is told beside the text.
#[derive(Clone, Debug)]
pub struct Options {
    /// The machine.
    pub target: Target,
    /// The groups of another systemd.
    pub sets: Option<Listing>,
}

/// What a list says of a call: nothing, an errno or the end of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Plain,
    Errno(u16),
    Kill,
}

/// A list of calls under construction.
#[derive(Default)]
struct List {
    /// Whether it names what passes; `None` before the first assignment.
    allows: Option<bool>,
    calls: BTreeMap<String, (Said, Span)>,
}

struct Reader<'r> {
    sets: Sets<'r>,
    abis: Vec<&'static Abi>,
    filter: List,
    log: List,
    error: Option<Said>,
    arches: Vec<&'static Abi>,
    restricted: bool,
    unknown: BTreeSet<String>,
    others: BTreeSet<&'static str>,
    errors: Vec<Diagnostic>,
}

/// Imports the settings of a unit; `file` names its text in the diagnostics.
///
/// # Errors
/// Everything that is wrong with them, each with its place.
pub fn import(file: FileId, text: &str, options: &Options) -> Result<Imported, Vec<Diagnostic>> {
    let target = &options.target;
    let mut reader = Reader {
        sets: Sets::new(options.sets.as_ref()),
        abis: local(target.abi),
        filter: List::default(),
        log: List::default(),
        error: None,
        arches: Vec::new(),
        restricted: false,
        unknown: BTreeSet::new(),
        others: BTreeSet::new(),
        errors: Vec::new(),
    };
    let settings = unit::settings(file, text);
    let mut any = false;
    for setting in &settings {
        any |= reader.setting(setting);
    }
    if !any {
        let fault = Fault::Nothing("SystemCallFilter=");
        reader.errors.push(fault.at(Span { file, start: 0, end: 0 }));
    }
    if !reader.errors.is_empty() {
        return Err(reader.errors);
    }
    Ok(reader.plan(target).imported())
}

/// The log is a filter of its own: what a multiplexer carries is logged though the multiplexer itself is
/// let through.
fn logged_parts(
    abis: &[&'static Abi],
    logs: impl Fn(&str) -> bool,
    is_allowed: impl Fn(&str) -> bool,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    for abi in abis {
        for sub in abi.sub_calls() {
            let own = is_allowed(sub.multiplexer) && !logs(sub.multiplexer);
            if own && logs(sub.name) {
                let selects = Condition::masked(0, sub.mask.into(), sub.value.into());
                rules.push(Rule {
                    span: Span::default(),
                    on: vec![abi],
                    callee: Callee::Name(sub.multiplexer.to_owned()),
                    when: Expr::Test(Condition { bits: 32, ..selects }),
                    action: Action::Log,
                });
            }
        }
    }
    rules
}

/// The ABIs that programs on a machine can have, its own first.
fn local(host: &'static Abi) -> Vec<&'static Abi> {
    let others = abi::abis().iter().filter(|other| {
        other.name != host.name && other.filters_since.is_some() && hosts::runs(host, other)
    });
    let narrower = others.filter(|other| other.word <= host.word && other.name != host.name);
    let wide = |abi: &&'static Abi| host.word == 64 || abi.register == 32;
    std::iter::once(host).chain(narrower.filter(wide)).collect()
}

impl Reader<'_> {
    fn fault(&mut self, span: Span, fault: &Fault) {
        self.errors.push(fault.at(span));
    }

    /// Reads a setting, and says whether it is one of these.
    fn setting(&mut self, setting: &Setting<'_>) -> bool {
        let words = setting.words.as_slice();
        match setting.name {
            "SystemCallFilter" => self.list(words, setting.span, false),
            "SystemCallLog" => self.list(words, setting.span, true),
            "SystemCallErrorNumber" => match words {
                [] => self.error = None,
                [word] => self.error = self.said(word.text, word.span),
                [_, word, ..] => {
                    let found = format!("`{}`", word.text);
                    let fault = Fault::Unexpected { expected: "the end of the line", found };
                    self.fault(word.span, &fault);
                }
            },
            "SystemCallArchitectures" => self.architectures(words),
            other => {
                if let Some(known) = OTHERS.iter().find(|known| **known == other) {
                    let off =
                        matches!(words, [] | [Word { text: "no" | "false" | "off" | "0", .. }]);
                    if !off {
                        self.others.insert(known);
                    }
                }
                return false;
            }
        }
        true
    }

    fn architectures(&mut self, words: &[Word<'_>]) {
        if words.is_empty() {
            self.arches.clear();
            self.restricted = false;
            return;
        }
        self.restricted = true;
        for word in words {
            let found = match word.text {
                "native" => self.abis.first().copied(),
                name => hosts::abi(name),
            };
            match found {
                Some(abi) => self.arches.push(abi),
                None => {
                    let fault = Fault::UnknownArchitecture(word.text.to_owned());
                    self.fault(word.span, &fault);
                }
            }
        }
    }

    /// An errno by name or number, or `kill`.
    fn said(&mut self, text: &str, span: Span) -> Option<Said> {
        if text == "kill" {
            return Some(Said::Kill);
        }
        let host = self.abis.first().copied();
        let named = || {
            let value = host.filter(|_| text.starts_with('E'))?.constant(text)?;
            u16::try_from(value).ok()
        };
        let number = text.parse::<u16>().ok().or_else(named).filter(|it| *it <= MAX_ERRNO);
        if number.is_none() {
            const WHY: &str = "an errno is a name or a number up to 4095; or it is `kill`";
            self.fault(span, &Fault::BadNumber(text.to_owned(), WHY));
        }
        number.map(Said::Errno)
    }

    fn list(&mut self, words: &[Word<'_>], span: Span, log: bool) {
        let mut list = std::mem::take(if log { &mut self.log } else { &mut self.filter });
        self.assign(&mut list, words, span, log);
        *(if log { &mut self.log } else { &mut self.filter }) = list;
    }

    fn assign(&mut self, list: &mut List, words: &[Word<'_>], span: Span, log: bool) {
        let Some((first, rest)) = words.split_first() else {
            *list = List::default();
            return;
        };
        let (inverted, text) = match first.text.strip_prefix('~') {
            Some(text) => (true, text),
            None => (false, first.text),
        };
        let offset = u32::try_from(first.text.len() - text.len()).unwrap_or_default();
        let start = first.span.start.saturating_add(offset);
        let first = Word { text, span: Span { start, ..first.span } };
        let fresh = list.allows.is_none();
        let allows = *list.allows.get_or_insert(!inverted);
        if fresh && allows && !log {
            // What every program needs is in a list that allows.
            for name in self.sets.members("@default").unwrap_or_default() {
                list.calls.insert(name, (Said::Plain, span));
            }
        }
        for word in std::iter::once(&first).chain(rest).filter(|word| !word.text.is_empty()) {
            self.entry(list, word, (inverted, allows), log);
        }
    }

    fn entry(
        &mut self,
        list: &mut List,
        word: &Word<'_>,
        (inverted, allows): (bool, bool),
        log: bool,
    ) {
        let (name, said) = match word.text.split_once(':') {
            Some((name, what)) => match self.said(what, word.span) {
                Some(said) => (name, said),
                None => return,
            },
            None => (word.text, Said::Plain),
        };
        if log && said != Said::Plain {
            let what = "an errno in SystemCallLog=".to_owned();
            let why = "what is logged is let through".to_owned();
            return self.fault(word.span, &Fault::Untranslatable(what, why));
        }
        let names = if name.starts_with('@') {
            match self.sets.members(name) {
                Some(names) => names,
                None => return self.fault(word.span, &Fault::UnknownGroup(name.to_owned())),
            }
        } else {
            if !self.exists(name) {
                self.unknown.insert(name.to_owned());
                return;
            }
            vec![name.to_owned()]
        };
        for name in names {
            if inverted != allows || (inverted && allows && said != Said::Plain) {
                list.calls.insert(name, (said, word.span));
            } else {
                list.calls.remove(&name);
            }
        }
    }

    fn exists(&self, name: &str) -> bool {
        let has = |abi: &&'static Abi| {
            abi.syscall(name).is_some() || abi.sub_calls().iter().any(|sub| sub.name == name)
        };
        self.abis.iter().any(has)
    }

    fn plan(self, target: &Target) -> Plan {
        let own = target.abi.name;
        let left = |abi: &&&'static Abi| {
            !self.restricted || abi.name == own || self.arches.iter().any(|it| it.name == abi.name)
        };
        let abis: Vec<&'static Abi> = self.abis.iter().filter(left).copied().collect();
        let negative = match self.error {
            Some(Said::Errno(errno)) => Action::Errno(errno),
            Some(Said::Kill | Said::Plain) | None => Action::KillProcess,
        };
        let allows = self.filter.allows == Some(true);
        let default = if allows { negative } else { Action::Allow };
        let listed = if allows { Action::Allow } else { negative };
        let action = |said: Said| match said {
            Said::Plain => listed,
            Said::Errno(errno) => Action::Errno(errno),
            Said::Kill => Action::KillProcess,
        };
        let logs = |name: &str| match self.log.allows {
            None => false,
            Some(allows) => self.log.calls.contains_key(name) == allows,
        };
        let mut notes = self.notes();
        let every: BTreeSet<String> = if self.log.allows == Some(false) {
            abis.iter().flat_map(|abi| abi.syscalls()).map(|call| call.name.to_owned()).collect()
        } else {
            self.log.calls.keys().cloned().collect()
        };
        let is_allowed = |name: &str| {
            self.filter.calls.get(name).is_some_and(|(said, _)| action(*said) == Action::Allow)
        };
        let mut rules = logged_parts(&abis, logs, is_allowed);
        let mut names: BTreeSet<&String> = self.filter.calls.keys().collect();
        names.extend(every.iter().filter(|name| logs(name)));
        for name in names {
            let said = self.filter.calls.get(name);
            let mut what = said.map_or(default, |(said, _)| action(*said));
            if what == Action::Allow && logs(name) {
                what = Action::Log;
            }
            if !self.exists_on(&abis, name) || (said.is_none() && what == default) {
                continue;
            }
            rules.push(Rule {
                span: said.map_or_else(Span::default, |(_, span)| *span),
                on: abis.clone(),
                callee: Callee::Name(name.clone()),
                when: Expr::True,
                action: what,
            });
        }
        if self.log.allows == Some(false) {
            notes.push(Note {
                path: String::new(),
                text: "numbers that are no calls are not logged".to_owned(),
            });
        }
        Plan {
            abis,
            default,
            foreign: Action::KillThread,
            width: target.width,
            multiplexers: Multiplexers::Carry,
            rules,
            comments: vec![format!("Imported from {}, a unit of systemd.", target.source)],
            notes,
        }
    }

    fn exists_on(&self, abis: &[&'static Abi], name: &str) -> bool {
        abis.iter().any(|abi| {
            abi.syscall(name).is_some() || abi.sub_calls().iter().any(|sub| sub.name == name)
        })
    }

    fn notes(&self) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut tell = |text: String| notes.push(Note { path: String::new(), text });
        if !self.unknown.is_empty() {
            let names: Vec<&str> = self.unknown.iter().map(String::as_str).collect();
            tell(format!("skipped, as no calls of these ABIs: {}", names.join(", ")));
        }
        if !self.others.is_empty() {
            let names: Vec<&str> = self.others.iter().copied().collect();
            tell(format!("filters of their own, which are no part of this: {}", names.join(", ")));
        }
        if self.sets.are_our_own() {
            tell("groups have filterc's calls; systemd's are read with --sets FILE".to_owned());
        }
        notes
    }
}
