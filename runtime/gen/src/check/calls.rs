//! Numbers and names of calls, and their forms.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::read::{Status, Tables};

/// From this number on the kernel gives a call the same number on every ABI.
const COMMON: u32 = 424;

/// How far alpha had run ahead of the others by then.
const ALPHA_AHEAD: u32 = 110;

/// From this number on they are others: those that x32 alone has.
const COMMON_END: u32 = 512;

pub(super) fn check(tables: &Tables, found: &mut Findings) {
    let mut common: BTreeMap<&str, (u32, &str)> = BTreeMap::new();
    let mut used = BTreeSet::new();
    for abi in &tables.abis {
        let file = format!("syscalls/{}.tsv", abi.name);
        let Some(calls) = tables.calls.get(&abi.name) else { continue };
        found.expect(!calls.is_empty(), &file, "no calls");
        let mut names = BTreeSet::new();
        for (call, next) in calls.iter().zip(calls.iter().skip(1)) {
            let what = format_args!("{} {} is not above {}", next.nr, next.name, call.nr);
            found.expect(call.nr < next.nr, &file, what);
        }
        for call in calls {
            let name = call.name.as_str();
            found.expect(names.insert(name), &file, format_args!("{name} stands twice"));
            let private = call.status == Status::Private;
            let low = !private && call.nr < abi.nr_base;
            found.expect(!low, &file, format_args!("{name}: {} is below the base", call.nr));
            let ahead = if abi.name == "alpha" { ALPHA_AHEAD } else { 0 };
            let nr = call.nr.saturating_sub(abi.nr_base + ahead);
            if !private && (COMMON..COMMON_END).contains(&nr) {
                let (other, where_) = *common.entry(name).or_insert((nr, &abi.name));
                let what = format_args!("{name} is {nr} above the base, but {other} on {where_}");
                found.expect(nr == other, &file, what);
            }
            match &call.form {
                Some(form) => {
                    used.insert(form.as_str());
                    let there = tables.forms.contains_key(form);
                    found.expect(there, &file, format_args!("{name}: no form {form}"));
                    let leads = call.status != Status::Unimplemented;
                    found.expect(
                        leads,
                        &file,
                        format_args!("{name}: a form, but it leads nowhere"),
                    );
                }
                None => {
                    let none = call.status != Status::Implemented;
                    found.expect(none, &file, format_args!("{name}: no form"));
                }
            }
        }
    }
    same_name(&common, found);
    for form in tables.forms.keys() {
        found.expect(used.contains(form.as_str()), "forms.tsv", format_args!("{form} is not used"));
    }
}

/// No two calls have the same common number.
fn same_name(common: &BTreeMap<&str, (u32, &str)>, found: &mut Findings) {
    let mut names = BTreeMap::new();
    for (name, (nr, abi)) in common {
        if let Some(other) = names.insert(nr, name) {
            let what = format_args!("{nr} is {name}, but {other} elsewhere");
            found.add(&format!("syscalls/{abi}.tsv"), what);
        }
    }
}
