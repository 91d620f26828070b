//! Several kernels reach the calls of one ABI: 32-bit ones and the compat entry points of
//! 64-bit ones. What the tables say has to be true on all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use filterc_abi::{Regs, Status};

use super::abis::Abi;
use super::calls::{Call, Calls};
use super::curated::{Row, Sheet};
use super::overlay::Overlay;
use super::registers::Slot;
use crate::error::Error;

/// A call that one kernel of an ABI lacks is there all the same.
pub(crate) fn adopt(calls: &mut Calls) {
    for (index, others) in &calls.others {
        for call in calls.by_abi.get_mut(*index).into_iter().flatten() {
            let there = others.iter().find(|other| other.name == call.name);
            if let Some(other) = there.filter(|_| call.status == Status::Unimplemented) {
                call.clone_from(other);
            }
        }
    }
}

/// Differences that somebody looked at, each with the reason why the tables are right.
pub(crate) struct Accepted {
    rows: Vec<(String, Vec<String>, Row)>,
}

impl Accepted {
    /// Reads `agree.tsv`: `call.arg`, ABIs.
    pub(crate) fn read(crate_dir: &Path) -> Result<Self, Error> {
        Ok(Self::from_rows(Sheet::read(crate_dir, "agree", 2)?.into_rows()))
    }

    fn from_rows(sheet: impl Iterator<Item = Row>) -> Self {
        let mut rows = Vec::new();
        for row in sheet {
            let abis: Vec<String> = row.words(1).into_iter().map(str::to_owned).collect();
            for arg in row.words(0) {
                rows.push((arg.to_owned(), abis.clone(), row.clone()));
            }
        }
        Self { rows }
    }

    /// Whether all kernels of each ABI agree, but for what is accepted; and whether there is
    /// nothing accepted that does not differ.
    pub(crate) fn check(
        &self,
        abis: &[Abi],
        calls: &Calls,
        overlay: &Overlay,
    ) -> Result<(), Error> {
        let mut told = Vec::new();
        let mut used = BTreeSet::new();
        for (abi, arg, text) in differences(abis, calls, overlay) {
            let fits = |(of, on, _): &(String, Vec<String>, Row)| {
                *of == arg && on.iter().any(|name| name == abi)
            };
            match self.rows.iter().position(fits) {
                Some(index) => drop(used.insert((index, abi))),
                None => told.push(format!("{abi}: {arg}: {text}")),
            }
        }
        for (index, (arg, on, row)) in self.rows.iter().enumerate() {
            for abi in on.iter().filter(|abi| !used.contains(&(index, abi))) {
                told.push(row.error(&format!("{arg} does not differ on {abi}")).to_string());
            }
        }
        if told.is_empty() { Ok(()) } else { Err(Error::Failed(told.join("\n"))) }
    }
}

/// Where another kernel of the same ABI has another number, or takes an argument from
/// elsewhere or with other bits: ABI, `call.arg` (or the call), what.
fn differences<'a>(
    abis: &'a [Abi],
    calls: &Calls,
    overlay: &Overlay,
) -> Vec<(&'a str, String, String)> {
    let mut found = Vec::new();
    for (index, others) in &calls.others {
        let (Some(abi), Some(list)) = (abis.get(*index), calls.by_abi.get(*index)) else {
            continue;
        };
        let mut theirs: BTreeMap<&str, &Call> =
            others.iter().map(|call| (call.name.as_str(), call)).collect();
        let mut tell = |what: String, text: String| found.push((abi.name.as_str(), what, text));
        for call in list.iter().filter(|call| call.status != Status::Private) {
            match theirs.remove(call.name.as_str()) {
                None => tell(call.name.clone(), "another kernel has no such line".to_owned()),
                Some(other) if other.nr != call.nr => {
                    tell(call.name.clone(), format!("another kernel has the number {}", other.nr));
                }
                Some(other) if other.status == Status::Unimplemented => {}
                Some(other) => {
                    for (arg, text) in arguments(call, other, abi, overlay) {
                        tell(format!("{}.{arg}", call.name), text);
                    }
                }
            }
        }
        for name in theirs.keys() {
            tell((*name).to_owned(), "only another kernel has it".to_owned());
        }
    }
    found
}

/// The arguments by which two entry points differ, for a filter.
fn arguments(call: &Call, other: &Call, abi: &Abi, overlay: &Overlay) -> Vec<(String, String)> {
    let shown = |call: &Call| -> BTreeMap<String, String> {
        let arg = |slot: &Slot| (slot.name.clone(), shown(call, slot, abi, overlay));
        call.slots.iter().map(arg).collect()
    };
    let (ours, theirs) = (shown(call), shown(other));
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let is = |args: &BTreeMap<String, String>, name: &str| {
        args.get(name).map_or("nothing", String::as_str).to_owned()
    };
    let differ = |name: &&&String| ours.get(**name) != theirs.get(**name);
    let text = |name: &String| {
        let (a, b) = (is(&ours, name), is(&theirs, name));
        (name.clone(), format!("{a} in {}, {b} in {}", call.entry, other.entry))
    };
    names.iter().filter(differ).map(|name| text(name)).collect()
}

/// `type:registers`, the type without the pointer's mark: its bits are what counts.
fn shown(call: &Call, slot: &Slot, abi: &Abi, overlay: &Overlay) -> String {
    let arg = format!("{}.{}", call.name, slot.name);
    let declared = slot.declared.as_ref().map(|(_, ty)| overlay.effective(&arg, &abi.name, *ty));
    let ty = declared.map_or("?".to_owned(), |ty| ty.text().replace('p', "u"));
    let regs = match slot.regs {
        Regs::One(reg) => reg.to_string(),
        Regs::Pair { lo, hi } => format!("{lo},{hi}"),
        Regs::Invisible => "-".to_owned(),
    };
    format!("{ty}:{regs}")
}

#[cfg(test)]
#[path = "agree_tests.rs"]
mod tests;
