//! One call has one list of argument names on all ABIs, but for calls that differ in truth.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::abis::Abi;
use super::calls::Calls;
use super::curated::Sheet;
use crate::error::Error;

/// Checks that against `variants.tsv`, the calls that differ: both ways, so that a name of a
/// new kernel is looked at by somebody.
pub(crate) fn check(crate_dir: &Path, abis: &[Abi], calls: &Calls) -> Result<(), Error> {
    check_against(&Sheet::read(crate_dir, "variants", 1)?, abis, calls)
}

fn check_against(variants: &Sheet, abis: &[Abi], calls: &Calls) -> Result<(), Error> {
    let mut lists: BTreeMap<&str, BTreeMap<Vec<&str>, Vec<&str>>> = BTreeMap::new();
    for (abi, list) in abis.iter().zip(&calls.by_abi) {
        for call in list.iter().filter(|call| call.has_arguments()) {
            let names = call.slots.iter().map(|slot| slot.name.as_str()).collect();
            let lists = lists.entry(&call.name).or_default();
            lists.entry(names).or_default().push(&abi.name);
        }
    }
    lists.retain(|_, lists| lists.len() > 1);
    let mut told = Vec::new();
    let mut known = BTreeSet::new();
    for row in variants.rows() {
        for call in row.words(0) {
            known.insert(call);
            if !lists.contains_key(call) {
                told.push(row.error(&format!("{call} has one list of names")).to_string());
            }
        }
    }
    for (call, lists) in lists.iter().filter(|(call, _)| !known.contains(**call)) {
        for (names, abis) in lists {
            told.push(format!("{call}({}) on {}", names.join(", "), abis.join(", ")));
        }
    }
    if told.is_empty() { Ok(()) } else { Err(Error::Failed(told.join("\n"))) }
}

#[cfg(test)]
mod tests {
    use filterc_abi::{Endian, Pairs, Regs, Status};

    use super::*;
    use crate::generate::abis::toy;
    use crate::generate::calls::Call;
    use crate::generate::registers::Slot;

    fn check_names(of_abis: &[&[&str]], variants: &str) -> Result<(), String> {
        let call = |names: &&[&str]| {
            let slot =
                |name: &&str| Slot { name: (*name).to_owned(), declared: None, regs: Regs::One(0) };
            let (name, entry) = ("f".to_owned(), "sys_f".to_owned());
            let slots = names.iter().map(slot).collect();
            vec![Call { nr: 0, name, entry, status: Status::Implemented, slots }]
        };
        let calls = Calls { by_abi: of_abis.iter().map(call).collect(), others: Vec::new() };
        let toys = || toy::abi(Endian::Little, 32, Pairs::Any);
        let abis: Vec<Abi> = of_abis.iter().map(|_| toys()).collect();
        let sheet = Sheet::parse(Path::new("variants.tsv"), variants, 1).unwrap();
        check_against(&sheet, &abis, &calls).map_err(|error| error.to_string())
    }

    #[test]
    fn names_differ_where_it_is_said() {
        let (a, b): (&[&str], &[&str]) = (&["x", "y"], &["x", "z"]);
        assert!(check_names(&[a, a], "").is_ok());
        assert!(check_names(&[a, b], "f\te\n").is_ok());
        assert_eq!(check_names(&[a, b], "").unwrap_err(), "f(x, y) on toy\nf(x, z) on toy");
        assert!(check_names(&[a, a], "f\te\n").is_err());
    }
}
