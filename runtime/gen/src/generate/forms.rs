//! The rows of `forms.tsv` and `syscalls/ABI.tsv`: calls with the kinds, widths and sets of
//! their arguments, equal ones written once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use filterc_abi::{Regs, Status};

use super::abis::Abi;
use super::calls::{Call, Calls};
use super::kinds::Kinds;
use super::overlay::Overlay;
use super::registers::Slot;
use super::types::Type;
use crate::error::Error;

/// The text of the tables of calls.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tables {
    /// `forms.tsv`.
    pub(crate) forms: String,
    /// `syscalls/ABI.tsv`, in the order of the ABIs.
    pub(crate) syscalls: Vec<String>,
}

/// Gives halves the type that the same argument has where it is whole. All that is missing
/// is told at once.
pub(crate) fn complete(calls: &mut Calls) -> Result<(), Error> {
    let mut whole: BTreeMap<(String, String), (String, Type)> = BTreeMap::new();
    let lists = calls.by_abi.iter().chain(calls.others.iter().map(|(_, list)| list));
    for call in lists.flatten() {
        for slot in &call.slots {
            // The widest is the whole: a wrapper's `u32` of the same name is not.
            if let Some((ctype, ty)) = slot.declared.as_ref().filter(|(_, ty)| ty.width == 64) {
                let key = (call.name.clone(), slot.name.clone());
                let last = whole.entry(key).or_insert_with(|| (ctype.clone(), *ty));
                // `loff_t` before `unsigned long` of a 64-bit ABI.
                if last.0 != "loff_t" && ctype == "loff_t" {
                    *last = (ctype.clone(), *ty);
                }
            }
        }
    }
    let mut missing = BTreeSet::new();
    let others = calls.others.iter_mut().map(|(_, list)| list);
    for call in calls.by_abi.iter_mut().chain(others).flatten() {
        for slot in call.slots.iter_mut().filter(|slot| slot.declared.is_none()) {
            match whole.get(&(call.name.clone(), slot.name.clone())) {
                Some(declared) => slot.declared = Some(declared.clone()),
                None => drop(missing.insert(format!("{}.{}", call.name, slot.name))),
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = missing.into_iter().collect();
    Err(Error::Failed(format!("halves of what? {}", list.join(" "))))
}

/// Renders the tables.
pub(crate) fn render(
    abis: &[Abi],
    calls: &Calls,
    kinds: &Kinds,
    overlay: &Overlay,
) -> Result<Tables, Error> {
    let mut unknown = BTreeSet::new();
    // For each call, its forms in the order of their first ABI.
    let mut forms: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut syscalls = Vec::new();
    for (abi, list) in abis.iter().zip(&calls.by_abi) {
        let mut text = String::new();
        for call in list {
            let form = match form(call, abi, kinds, overlay) {
                Ok(form) => form,
                Err(args) => {
                    unknown.extend(args);
                    continue;
                }
            };
            let known = forms.entry(&call.name).or_default();
            let number = known.iter().position(|other| *other == form).unwrap_or_else(|| {
                known.push(form);
                known.len() - 1
            });
            text.push_str(&line(call, abi, number + 1, overlay));
        }
        syscalls.push(text);
    }
    if !unknown.is_empty() {
        let list: Vec<String> = unknown.into_iter().collect();
        return Err(Error::Failed(format!("kinds.tsv has no rule for\n{}", list.join("\n"))));
    }
    let mut lines: Vec<(String, String)> = Vec::new();
    for (call, forms) in forms {
        let numbered = forms.into_iter().zip(1..);
        lines.extend(numbered.map(|(form, number)| (format!("{call}/{number}"), form)));
    }
    lines.retain(|(id, _)| syscalls.iter().any(|text| text.contains(&format!("\t{id}\t"))));
    lines.sort();
    let forms = lines.into_iter().map(|(id, form)| format!("{id}{form}\n")).collect();
    Ok(Tables { forms, syscalls })
}

/// `nr, name, entry, form, status, since`
fn line(call: &Call, abi: &Abi, number: usize, overlay: &Overlay) -> String {
    let (status, form) = match call.status {
        Status::Unimplemented => ("ni", "-".to_owned()),
        Status::Implemented => ("ok", format!("{}/{number}", call.name)),
        Status::Private => ("private", format!("{}/{number}", call.name)),
    };
    let since = overlay.since(&call.name, &abi.name);
    let since = since.map_or("-".to_owned(), |version| version.to_string());
    format!("{}\t{}\t{}\t{form}\t{status}\t{since}\n", call.nr, call.name, call.entry)
}

/// A column for each argument; those that no rule gives a kind.
fn form(call: &Call, abi: &Abi, kinds: &Kinds, overlay: &Overlay) -> Result<String, Vec<String>> {
    let mut text = String::new();
    let mut unknown = Vec::new();
    for slot in &call.slots {
        match column(call, slot, abi, kinds, overlay) {
            Some(column) => {
                let _ = write!(text, "\t{column}");
            }
            None => {
                let ctype = slot.declared.as_ref().map_or("?", |(ctype, _)| ctype);
                unknown.push(format!("{}.{} ({ctype})", call.name, slot.name));
            }
        }
    }
    if unknown.is_empty() { Ok(text) } else { Err(unknown) }
}

/// `name:ctype:declared:type:kind:registers[:set]`
fn column(call: &Call, slot: &Slot, abi: &Abi, kinds: &Kinds, overlay: &Overlay) -> Option<String> {
    let (ctype, declared) = slot.declared.as_ref()?;
    let kind = kinds.find(&call.name, slot)?;
    let arg = format!("{}.{}", call.name, slot.name);
    let effective = match slot.regs {
        Regs::One(_) => overlay.effective(&arg, &abi.name, *declared),
        Regs::Pair { .. } | Regs::Invisible => *declared,
    };
    let regs = match slot.regs {
        Regs::One(reg) => reg.to_string(),
        Regs::Pair { lo, hi } => format!("{lo},{hi}"),
        Regs::Invisible => "-".to_owned(),
    };
    let set = overlay.set(&arg).map_or(String::new(), |set| format!(":{set}"));
    Some(format!(
        "{}:{ctype}:{}:{}:{kind}:{regs}{set}",
        slot.name,
        declared.text(),
        effective.text()
    ))
}
