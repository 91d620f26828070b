//! Which calls a rule or group is about, on every listed ABI.
//!
//! A name that some listed ABI has is skipped on those that lack it; one that none has is
//! an error. Nothing here looks at predicates.

use filterc_abi::{Abi, SubCall, Syscall};
use filterc_grammar::ast;

use crate::error::{Kind, Limit};
use crate::findings::Findings;
use crate::limits::MAX_CALLS;
use crate::scope::Scope;

/// A name on one ABI: as a call of its own, and through a multiplexer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnAbi {
    /// The call of that name.
    pub(crate) direct: Option<&'static Syscall>,
    /// The multiplexer's part of that name.
    pub(crate) sub_call: Option<&'static SubCall>,
}

/// An entry of a list of calls, groups written out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry<'a> {
    /// A name; see [`Calls::on`].
    Name(usize),
    /// `syscall(N)`
    Number(&'a ast::Constant),
    /// `any`
    Any,
}

/// Everything that lists of calls name.
pub(crate) struct Calls<'a> {
    abis: &'a [&'static Abi],
    /// For each name, one entry an ABI.
    on: Vec<OnAbi>,
    /// By position in the scope; `None` for one in a cycle.
    groups: Vec<Option<Vec<Entry<'a>>>>,
    total: usize,
}

impl<'a> Calls<'a> {
    /// Writes out all groups.
    pub(crate) fn of_groups(
        scope: &Scope<'a>,
        abis: &'a [&'static Abi],
        findings: &mut Findings,
    ) -> Self {
        let groups = vec![None; scope.groups.len()];
        let mut calls = Self { abis, on: Vec::new(), groups, total: 0 };
        for (position, group) in scope.groups.in_order() {
            let entries = calls.entries(scope, group.value, findings);
            if let Some(slot) = calls.groups.get_mut(position) {
                *slot = Some(entries);
            }
        }
        calls
    }

    /// A list of calls with its groups written out, without those that are errors.
    pub(crate) fn entries(
        &mut self,
        scope: &Scope<'a>,
        list: &'a [ast::Call],
        findings: &mut Findings,
    ) -> Vec<Entry<'a>> {
        let mut entries = Vec::with_capacity(list.len());
        for call in list {
            match call {
                ast::Call::Name(name) => entries.extend(self.name(name, findings)),
                ast::Call::Number(constant, _) => entries.push(Entry::Number(constant)),
                ast::Call::Any(_) => entries.push(Entry::Any),
                ast::Call::Group(name) => match self.group(scope, name, findings) {
                    Some(group) => {
                        let total = self.total + group.len();
                        if total > MAX_CALLS {
                            findings.add(name.span, Kind::TooLarge(Limit::Calls));
                            return entries;
                        }
                        entries.extend_from_slice(group);
                        self.total = total;
                    }
                    None => findings.fail(),
                },
            }
        }
        entries
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

    fn name(&mut self, name: &'a ast::Name, findings: &mut Findings) -> Option<Entry<'a>> {
        let id = self.on.len() / self.abis.len().max(1);
        let before = self.on.len();
        self.on.extend(self.abis.iter().map(|abi| on_abi(abi, &name.text)));
        let mut new = self.on.iter().skip(before);
        if new.any(|on| on.direct.is_some() || on.sub_call.is_some()) {
            return Some(Entry::Name(id));
        }
        self.on.truncate(before);
        let elsewhere: Vec<&'static str> = filterc_abi::abis()
            .iter()
            .filter(|abi| is_call(abi, &name.text))
            .map(|abi| abi.name)
            .collect();
        let known_elsewhere = !elsewhere.is_empty();
        let kind = Kind::UnknownCall { name: name.text.clone(), elsewhere };
        let recorded = findings.add(name.span, kind);
        if !known_elsewhere {
            let calls = self.abis.iter().flat_map(|abi| abi.syscalls()).map(|call| call.name);
            let sub_calls = self.abis.iter().flat_map(|abi| abi.sub_calls()).map(|sub| sub.name);
            findings.suggest(recorded, &name.text, calls.chain(sub_calls));
        }
        None
    }

    fn group(
        &self,
        scope: &Scope<'a>,
        name: &ast::Name,
        findings: &mut Findings,
    ) -> Option<&Vec<Entry<'a>>> {
        let Some(position) = scope.groups.position(&name.text) else {
            let recorded = findings.add(name.span, Kind::UnknownGroup { name: name.text.clone() });
            findings.suggest(recorded, &name.text, scope.groups.names());
            return None;
        };
        if let Some(group) = scope.groups.get(position) {
            group.mark_used();
        }
        self.groups.get(position)?.as_ref()
    }
}

/// What a name is on an ABI.
pub(crate) fn on_abi(abi: &'static Abi, name: &str) -> OnAbi {
    let sub_calls = abi.sub_calls();
    let found = sub_calls.binary_search_by(|sub| sub.name.cmp(name)).ok();
    OnAbi { direct: abi.syscall(name), sub_call: found.and_then(|i| sub_calls.get(i)) }
}

fn is_call(abi: &'static Abi, name: &str) -> bool {
    let on = on_abi(abi, name);
    on.direct.is_some() || on.sub_call.is_some()
}
