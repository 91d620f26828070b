//! Constants and the sets that they are members of.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::read::{Constant, Set, Tables};

pub(super) fn check(tables: &Tables, found: &mut Findings) {
    for (name, constant) in &tables.constants {
        values(tables, name, constant, found);
    }
    for abi in &tables.abis {
        let constant = tables.constants.get(&abi.token_name);
        let value = constant.and_then(|constant| constant.value(&abi.name));
        let what = format_args!("{}: {} is not the token", abi.name, abi.token_name);
        found.expect(value == Some(abi.token.into()), "abis.tsv", what);
    }
    for (name, set) in &tables.sets {
        one(tables, name, set, found);
    }
}

/// A constant fits its type on every ABI, and exists on one.
fn values(tables: &Tables, name: &str, constant: &Constant, found: &mut Findings) {
    let file = "consts.tsv";
    let Constant { signed, width, .. } = *constant;
    if !matches!(width, 8 | 16 | 32 | 64) {
        found.add(file, format_args!("{name}: a type of {width} bits"));
        return;
    }
    let (low, high) =
        if signed { (-(1 << (width - 1)), (1 << (width - 1)) - 1) } else { (0, (1 << width) - 1) };
    let mut there = false;
    for abi in &tables.abis {
        let Some(value) = constant.value(&abi.name) else { continue };
        there = true;
        let what = format_args!("{name}: {value} on {} does not fit its type", abi.name);
        found.expect((low..=high).contains(&value), file, what);
    }
    found.expect(there, file, format_args!("{name} is on no ABI"));
    for abi in constant.exceptions.keys() {
        let known = tables.abis.iter().any(|other| other.name == *abi);
        found.expect(known, file, format_args!("{name}: no ABI {abi}"));
    }
}

/// The set of an argument that must be 0: the only one without members.
const ZERO: &str = "zero";

fn one(tables: &Tables, name: &str, set: &Set, found: &mut Findings) {
    let file = "sets.tsv";
    let (values, flags) = (!set.values.is_empty(), !set.flags.is_empty());
    let fits = match set.kind.as_str() {
        "flags" => !values && flags == (name != ZERO),
        "enum" => values && !flags,
        // The enumerated part may be a number that has no names.
        "mixed" => values || (flags && set.mask.is_some()),
        _ => false,
    };
    found.expect(fits, file, format_args!("{name}: {} with other members, or none", set.kind));
    let masked = set.mask.is_none() || set.kind == "mixed";
    found.expect(masked, file, format_args!("{name}: {} with a mask", set.kind));
    for member in set.values.iter().chain(&set.flags).chain(&set.mask) {
        let there = tables.constants.contains_key(member);
        found.expect(there, file, format_args!("{name}: {member} is no constant"));
    }
    for flag in &set.flags {
        let twice = set.values.contains(flag);
        found.expect(!twice, file, format_args!("{name}: {flag} is a value and a flag"));
    }
    if let Some(mask) = &set.mask {
        beside(tables, name, set, mask, found);
    }
}

/// Flags lie beside the mask, on every ABI. (Values may have flags set: `PER_SVR4`.)
fn beside(tables: &Tables, name: &str, set: &Set, mask: &str, found: &mut Findings) {
    let mut under: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for abi in &tables.abis {
        let value = |name: &str| tables.constants.get(name)?.value(&abi.name);
        let Some(bits) = value(mask) else { continue };
        let flags =
            set.flags.iter().filter(|flag| value(flag).is_some_and(|flag| flag & bits != 0));
        for flag in flags {
            under.entry(flag).or_default().push(&abi.name);
        }
    }
    for (flag, abis) in under {
        let what = format_args!("{name}: {flag} lies under {mask} on {}", abis.join(" "));
        found.add("sets.tsv", what);
    }
}
