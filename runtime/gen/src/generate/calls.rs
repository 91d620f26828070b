//! The calls of every ABI with their arguments, before kinds and sets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use filterc_abi::Status;

use super::abis::{Abi, View};
use super::curated::Sheet;
use super::define::{Param, plain_params};
use super::registers::{Parameters, Slot, assign};
use super::resolve::{Entry, Resolver, Source, Stubs};
use super::table;
use super::types::Types;
use crate::error::Error;

/// A call of an ABI.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) nr: u32,
    pub(crate) name: String,
    /// The function that the number leads to.
    pub(crate) entry: String,
    pub(crate) status: Status,
    pub(crate) slots: Vec<Slot>,
}

impl Call {
    /// Whether the number leads to something that takes arguments, or could.
    pub(crate) fn has_arguments(&self) -> bool {
        match self.status {
            Status::Implemented | Status::Private => true,
            Status::Unimplemented => false,
        }
    }

    /// Whether it has the argument `call.arg`.
    pub(crate) fn has_argument(&self, arg: &str) -> bool {
        let own = arg.strip_prefix(&self.name).and_then(|rest| rest.strip_prefix('.'));
        own.is_some_and(|name| self.slots.iter().any(|slot| slot.name == name))
    }
}

/// What the calls are made from.
pub(crate) struct Inputs {
    pub(crate) new: Source,
    pub(crate) old: Source,
    pub(crate) stubs: Stubs,
    pub(crate) types: Types,
    pub(crate) parameters: Parameters,
}

/// The calls of all ABIs, in the order of `abis`, each sorted by number.
#[derive(Debug)]
pub(crate) struct Calls {
    /// What the tables say: the first view of each ABI.
    pub(crate) by_abi: Vec<Vec<Call>>,
    /// What the other views of the same ABI say.
    pub(crate) others: Vec<(usize, Vec<Call>)>,
}

/// What came up on the way.
struct Seen {
    /// Every function that a table leads to, for the check of the curated rows.
    entries: BTreeMap<String, Vec<Param>>,
    problems: BTreeSet<String>,
}

impl Inputs {
    /// Reads the calls through every view of every ABI.
    pub(crate) fn calls(&self, abis: &[Abi]) -> Result<Calls, Error> {
        let mut calls = Calls { by_abi: Vec::new(), others: Vec::new() };
        let mut seen = Seen { entries: BTreeMap::new(), problems: BTreeSet::new() };
        for (index, abi) in abis.iter().enumerate() {
            for (position, view) in abi.views.iter().enumerate() {
                let found = self.view(abi, view, &mut seen)?;
                if position == 0 {
                    calls.by_abi.push(found);
                } else {
                    calls.others.push((index, found));
                }
            }
        }
        if !seen.problems.is_empty() {
            let lines: Vec<String> = seen.problems.into_iter().collect();
            return Err(Error::Failed(lines.join("\n")));
        }
        self.parameters.check(&seen.entries)?;
        Ok(calls)
    }

    /// The tree of a view.
    pub(crate) fn source(&self, view: &View) -> &Source {
        if view.old { &self.old } else { &self.new }
    }

    fn view(&self, abi: &Abi, view: &View, seen: &mut Seen) -> Result<Vec<Call>, Error> {
        let source = self.source(view);
        let resolver = Resolver::new(source, &self.stubs, view)?;
        let words: Vec<&str> = view.abis.iter().map(String::as_str).collect();
        let mut calls = Vec::new();
        for line in table::lines(&source.tree, &view.table, &words)? {
            let mut call = Call {
                nr: abi.base + line.nr,
                name: line.name.clone(),
                entry: "sys_ni_syscall".to_owned(),
                status: Status::Unimplemented,
                slots: Vec::new(),
            };
            if let Some(entry) = line.entry(view.column) {
                let function = resolver.renamed(entry);
                let arguments =
                    |entry: &Entry| assign(entry, abi, view, &self.types, &self.parameters);
                match resolver.resolve(function).and_then(|entry| {
                    entry.map(|entry| Ok((arguments(&entry)?, entry))).transpose()
                }) {
                    Ok(Some((slots, entry))) => {
                        call.entry = function.to_owned();
                        call.status = Status::Implemented;
                        call.slots = slots;
                        seen.entries.entry(entry.symbol).or_default().extend(entry.params);
                    }
                    Ok(None) => {}
                    // All that is wrong is told at once.
                    Err(error) => drop(seen.problems.insert(error.to_string())),
                }
            }
            calls.push(call);
        }
        Ok(calls)
    }

    /// Adds the calls that an architecture handles before it looks into its table: curated
    /// rows of ABI, number, name, function, header, macro, arguments.
    pub(crate) fn add_private(
        &self,
        crate_dir: &Path,
        abis: &[Abi],
        calls: &mut Calls,
    ) -> Result<(), Error> {
        for row in Sheet::read(crate_dir, "private", 7)?.rows() {
            let found = abis.iter().zip(&mut calls.by_abi).find(|(abi, _)| abi.name == row.get(0));
            let Some((abi, calls)) = found else { return Err(row.error("no such ABI")) };
            let view = abi.first_view()?;
            let hex = row.get(1).strip_prefix("0x").and_then(|n| u32::from_str_radix(n, 16).ok());
            let nr = hex.ok_or_else(|| row.error("not a number"))?;
            let header = self.source(view).tree.read(row.get(4))?;
            // `#define __ARM_NR_breakpoint (__ARM_NR_BASE+1)`
            let offset = format!("+{})", nr & 0xffff);
            let defined = header.lines().any(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                words.get(1) == Some(&row.get(5)) && words.concat().ends_with(&offset)
            });
            if !defined {
                return Err(row.error("the header does not define it so"));
            }
            let list = row.get(6).trim_matches(['(', ')']);
            let params = plain_params(list).map_err(|what| row.error(&what))?;
            let entry = Entry { symbol: row.get(3).to_owned(), params };
            calls.push(Call {
                nr,
                name: row.get(2).to_owned(),
                entry: row.get(3).to_owned(),
                status: Status::Private,
                slots: assign(&entry, abi, view, &self.types, &self.parameters)?,
            });
            calls.sort_by_key(|call| call.nr);
        }
        Ok(())
    }
}

/// The order of clone's arguments, which Kconfig does not tell of all (sparc).
pub(crate) fn clone_order(calls: &[Call]) -> Option<&'static str> {
    let clone = calls.iter().find(|call| call.name == "clone")?;
    let names: Vec<&str> = clone.slots.iter().map(|slot| slot.name.as_str()).collect();
    match names.as_slice() {
        ["clone_flags", "newsp", "parent_tidptr", "child_tidptr", "tls"] => Some("default"),
        ["clone_flags", "newsp", "parent_tidptr", "tls", "child_tidptr"] => Some("backwards"),
        ["newsp", "clone_flags", "parent_tidptr", "child_tidptr", "tls"] => Some("backwards2"),
        ["clone_flags", "newsp", _, "parent_tidptr", "child_tidptr", "tls"] => Some("backwards3"),
        _ => None,
    }
}
