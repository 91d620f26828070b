//! Which calls a rule or group is about, on every listed ABI.
//!
//! A name that some listed ABI has is skipped on those that lack it; one that none has is
//! an error. Nothing here looks at predicates.

use std::collections::BTreeSet;

use filterc_abi::{Abi, Alias, KernelVersion};
use filterc_grammar::ast;
use hashbrown::HashMap;

use crate::builtin::{self, Builtin, Found};
use crate::error::{Kind, Limit};
use crate::findings::Findings;
use crate::header;
use crate::limits::MAX_CALLS;
use crate::nearest;
use crate::on_abi::{OnAbi, on_abi};
use crate::scope::Scope;
use crate::wording;

/// An entry of a list of calls, groups written out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry<'a> {
    /// A name; see [`Calls::on`].
    Name(usize),
    /// `syscall(N)`
    Number(&'a ast::Constant),
    /// `syscall(FIRST..LAST)`
    Range(&'a ast::Constant, &'a ast::Constant),
    /// `any`
    Any,
}

/// Everything that lists of calls name.
pub(crate) struct Calls<'a> {
    abis: &'a [&'static Abi],
    kernel: KernelVersion,
    /// For each name, one entry an ABI.
    on: Vec<OnAbi>,
    /// By position in the scope; `None` for one in a cycle.
    groups: Vec<Option<Vec<Entry<'a>>>>,
    /// Those that need no definition and are used, by name and version.
    builtin: HashMap<(&'a str, Option<KernelVersion>), Vec<Entry<'a>>>,
    total: usize,
}

impl<'a> Calls<'a> {
    /// Writes out all groups.
    pub(crate) fn of_groups(
        scope: &Scope<'a>,
        abis: &'a [&'static Abi],
        kernel: KernelVersion,
        findings: &mut Findings,
    ) -> Self {
        let groups = vec![None; scope.groups.len()];
        let builtin = HashMap::new();
        let mut calls = Self { abis, kernel, on: Vec::new(), groups, builtin, total: 0 };
        for (position, group) in scope.groups.in_order() {
            let mut entries = Vec::with_capacity(group.value.len());
            calls.entries(scope, group.value, &mut entries, findings);
            if let Some(slot) = calls.groups.get_mut(position) {
                *slot = Some(entries);
            }
        }
        calls
    }

    /// Makes room for so many names.
    pub(crate) fn make_room(&mut self, names: usize) {
        self.on.reserve(names.saturating_mul(self.abis.len()).min(MAX_CALLS));
    }

    /// Appends a list of calls with its groups written out, without those that are errors.
    pub(crate) fn entries(
        &mut self,
        scope: &Scope<'a>,
        list: &'a [ast::Call],
        entries: &mut Vec<Entry<'a>>,
        findings: &mut Findings,
    ) {
        for call in list {
            match call {
                ast::Call::Name(name) => entries.extend(self.name(name, findings)),
                ast::Call::Number(constant, _) => entries.push(Entry::Number(constant)),
                ast::Call::Range(first, last, _) => entries.push(Entry::Range(first, last)),
                ast::Call::Any(_) => entries.push(Entry::Any),
                ast::Call::Group(name) => {
                    self.add_group(scope, name, None, entries, findings);
                }
                ast::Call::Versioned(name, version, _) => {
                    let version = header::version(version, findings);
                    if version <= KernelVersion::TABLE {
                        self.add_group(scope, name, Some(version), entries, findings);
                    }
                }
            }
            if self.total > MAX_CALLS {
                return;
            }
        }
    }

    /// Appends the calls of a group, counting them.
    fn add_group(
        &mut self,
        scope: &Scope<'a>,
        name: &'a ast::Name,
        version: Option<KernelVersion>,
        entries: &mut Vec<Entry<'a>>,
        findings: &mut Findings,
    ) {
        let mut total = self.total;
        match self.group(scope, name, version, findings) {
            Some(group) => {
                total += group.len();
                if total <= MAX_CALLS {
                    entries.extend_from_slice(group);
                } else {
                    findings.add(name.span, Kind::TooLarge(Limit::Calls));
                }
            }
            None => findings.fail(),
        }
        self.total = total;
    }

    /// Whether the policy lists an ABI with the same token that has the number.
    pub(crate) fn has_sibling(&self, abi: &Abi, nr: u32) -> bool {
        self.abis.iter().any(|other| other.audit_arch == abi.audit_arch && other.admits(nr))
    }

    /// What a name is on each ABI, in the order of the policy's list.
    pub(crate) fn on(&self, id: usize) -> &[OnAbi] {
        let start = id * self.abis.len();
        self.on.get(start..start + self.abis.len()).unwrap_or_default()
    }

    /// The numbers that entries stand for on an ABI, but for those that are written as numbers.
    pub(crate) fn of_list(&self, entries: &[Entry<'a>], abi_index: usize) -> BTreeSet<u32> {
        let Some(abi) = self.abis.get(abi_index) else { return BTreeSet::new() };
        let mut numbers = BTreeSet::new();
        for entry in entries {
            match entry {
                Entry::Name(id) => {
                    let on = self.on(*id).get(abi_index);
                    numbers.extend(on.and_then(|on| on.direct).map(|call| call.nr));
                }
                Entry::Any => numbers.extend(abi.syscalls().iter().map(|call| call.nr)),
                Entry::Number(_) | Entry::Range(..) => {}
            }
        }
        numbers
    }

    fn name(&mut self, name: &'a ast::Name, findings: &mut Findings) -> Option<Entry<'a>> {
        let id = self.on.len() / self.abis.len().max(1);
        let before = self.on.len();
        self.on.extend(self.abis.iter().map(|abi| on_abi(abi, &name.text)));
        let mut new = self.on.iter().skip(before);
        if new.any(|on| on.direct.is_some() || on.sub_call.is_some()) {
            return Some(Entry::Name(id));
        }
        self.on.truncate(before);
        self.unknown(name, findings);
        None
    }

    /// Records that no listed ABI has the call, and which calls may have been meant.
    fn unknown(&self, name: &ast::Name, findings: &mut Findings) {
        let others = filterc_abi::abis().iter().filter(|abi| is_call(abi, &name.text));
        let elsewhere = nearest::names(others, self.abis);
        let known_elsewhere = !elsewhere.is_empty();
        let kind = Kind::UnknownCall { name: name.text.clone(), elsewhere };
        let recorded = findings.add(name.span, kind);
        let other_name = self.other_name(&name.text);
        if other_name.is_some() {
            findings.hint(recorded, || other_name);
        } else if known_elsewhere {
            findings.hint(recorded, || self.kin(&name.text));
        } else {
            let calls = self.abis.iter().flat_map(|abi| abi.syscalls()).map(|call| call.name);
            let sub_calls = self.abis.iter().flat_map(|abi| abi.sub_calls()).map(|sub| sub.name);
            findings.suggest(recorded, &name.text, calls.chain(sub_calls));
        }
    }

    /// Under which name the listed ABIs have what others call so.
    fn other_name(&self, name: &str) -> Option<String> {
        let here = |alias: &&Alias| self.abis.iter().any(|abi| is_call(abi, alias.call));
        let aliases: Vec<&Alias> = filterc_abi::aliases_named(name).filter(here).collect();
        let note = aliases.first()?.note;
        let calls: Vec<&str> = aliases.iter().map(|alias| alias.call).collect();
        Some(format!("in the kernel's tables it is {} (`{name}`: {note})", wording::list(&calls)))
    }

    /// What the listed ABIs have in place of a call that they lack.
    fn kin(&self, name: &str) -> Option<String> {
        let mut families = filterc_abi::families().iter();
        let family = families.find(|family| family.calls.contains(&name))?;
        let here = |call: &&&str| self.abis.iter().all(|abi| abi.syscall(call).is_some());
        let calls: Vec<&str> = family.calls.iter().filter(here).copied().collect();
        let calls = Some(calls).filter(|calls| !calls.is_empty())?;
        Some(format!("of the same family they have {} ({})", wording::list(&calls), family.about))
    }

    /// The calls of a group: the policy's own, else one that needs no definition.
    fn group(
        &mut self,
        scope: &Scope<'a>,
        name: &'a ast::Name,
        version: Option<KernelVersion>,
        findings: &mut Findings,
    ) -> Option<&Vec<Entry<'a>>> {
        let own = scope.groups.position(&name.text);
        let wrong_version = |missing| Kind::GroupVersion { name: name.text.clone(), missing };
        let Some(position) = own else {
            return match Builtin::find(&name.text, version) {
                Found::Builtin(builtin) => Some(self.builtin(&name.text, version, builtin)),
                Found::Version { missing } => {
                    findings.add(name.span, wrong_version(missing));
                    None
                }
                Found::Nothing => {
                    let kind = Kind::UnknownGroup { name: name.text.clone() };
                    let recorded = findings.add(name.span, kind);
                    let known = scope.groups.names().chain(builtin::names().map(|n| -> &str { n }));
                    findings.suggest(recorded, &name.text, known);
                    None
                }
            };
        };
        if let Some(group) = scope.groups.get(position) {
            group.mark_used();
        }
        if version.is_some() {
            findings.add(name.span, wrong_version(false));
            return None;
        }
        self.groups.get(position)?.as_ref()
    }

    /// The entries of a group that needs no definition, made when it is first used.
    fn builtin(
        &mut self,
        name: &'a str,
        version: Option<KernelVersion>,
        builtin: Builtin,
    ) -> &Vec<Entry<'a>> {
        let Self { abis, kernel, on, .. } = self;
        self.builtin.entry((name, version)).or_insert_with(|| {
            let first = on.len() / abis.len().max(1);
            let rows = builtin.calls(abis, *kernel);
            let entries = (first..).zip(&rows).map(|(id, _)| Entry::Name(id)).collect();
            on.extend(rows.into_iter().flatten());
            entries
        })
    }

    /// Whether the policy's group at a position has other calls than one of the same name
    /// that needs no definition.
    pub(crate) fn hides(&self, position: usize, name: &str) -> bool {
        let (Some(Some(own)), found) = (self.groups.get(position), Builtin::find(name, None))
        else {
            return false;
        };
        let builtin = match found {
            Found::Nothing => return false,
            Found::Version { .. } => return true,
            Found::Builtin(builtin) => builtin,
        };
        let numbers = |rows: &mut dyn Iterator<Item = &[OnAbi]>| -> BTreeSet<_> {
            rows.flat_map(|row| row.iter().enumerate())
                .map(|(i, on)| (i, on.direct.map(|c| c.nr), on.sub_call.map(|s| s.name)))
                .filter(|(_, nr, sub_call)| nr.is_some() || sub_call.is_some())
                .collect()
        };
        let names = own.iter().filter_map(|entry| match entry {
            Entry::Name(id) => Some(self.on(*id)),
            Entry::Number(_) | Entry::Range(..) | Entry::Any => None,
        });
        let is_only_names = own.iter().all(|entry| matches!(entry, Entry::Name(_)));
        let rows = builtin.calls(self.abis, self.kernel);
        !is_only_names || numbers(&mut { names }) != numbers(&mut rows.iter().map(Vec::as_slice))
    }
}

fn is_call(abi: &'static Abi, name: &str) -> bool {
    let on = on_abi(abi, name);
    on.direct.is_some() || on.sub_call.is_some()
}
