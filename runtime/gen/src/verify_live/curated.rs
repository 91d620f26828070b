//! The curated widths against the tables: what is narrower than declared is so in the tables
//! too, and nothing that is declared with 64 bits was forgotten.

use std::collections::BTreeSet;
use std::path::Path;

use filterc_abi::{Abi, Arg, ArgKind, abis};

use crate::error::Error;

/// A row of `widths.tsv`.
#[derive(Debug)]
struct Row<'a> {
    /// `call.argument`.
    name: &'a str,
    /// Names of ABIs, separated by commas, or `*`.
    abis: &'a str,
    signed: bool,
    width: u8,
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let columns: Vec<&str> = line.split('\t').collect();
        let [name, abis, ty, _evidence] = *columns.as_slice() else { return None };
        let width = ty.get(1..)?.parse().ok()?;
        Some(Self { name, abis, signed: ty.starts_with('s'), width })
    }

    fn is_for(&self, abi: &Abi) -> bool {
        self.abis == "*" || self.abis.split(',').any(|name| name == abi.name)
    }
}

/// What the comparison found.
#[derive(Debug, Default)]
pub(super) struct Curated {
    /// How many rows `widths.tsv` has.
    pub(super) narrower: usize,
    /// How many `widths64.tsv` has.
    pub(super) full: usize,
    /// What is wrong, a line each.
    pub(super) differ: Vec<String>,
}

/// Reads both files and compares.
pub(super) fn compare(abi: &Path) -> Result<Curated, Error> {
    let read = |name: &str| {
        let path = abi.join("curated").join(name);
        std::fs::read_to_string(&path).map_err(|error| Error::io(&path, &error))
    };
    judge(&read("widths.tsv")?, &read("widths64.tsv")?)
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn judge(narrower: &str, full: &str) -> Result<Curated, Error> {
    let row = |line| {
        let malformed = || Error::Failed(format!("widths.tsv: four columns were expected: {line}"));
        Row::parse(line).ok_or_else(malformed)
    };
    let narrower: Vec<Row<'_>> = lines(narrower).map(row).collect::<Result<_, _>>()?;
    let full: BTreeSet<&str> = lines(full).filter_map(|line| line.split('\t').next()).collect();
    let mut differ = BTreeSet::new();
    let mut met = BTreeSet::new();
    for abi in abis() {
        for call in abi.syscalls() {
            for arg in call.args {
                let name = format!("{}.{}", call.name, arg.name);
                met.insert(name.clone());
                let row = narrower.iter().find(|row| row.name == name && row.is_for(abi));
                if let Some(what) = fault(abi, arg, row, full.contains(name.as_str())) {
                    differ.insert(format!("{name} on {}: {what}", abi.name));
                }
            }
        }
    }
    let named = narrower.iter().map(|row| row.name).chain(full.iter().copied());
    differ.extend(
        named.filter(|name| !met.contains(*name)).map(|name| format!("{name}: no such argument")),
    );
    let differ = differ.into_iter().collect();
    Ok(Curated { narrower: narrower.len(), full: full.len(), differ })
}

/// What is wrong with an argument, given its row and whether it is listed as taken in full.
fn fault(abi: &Abi, arg: &Arg, row: Option<&Row<'_>>, full: bool) -> Option<String> {
    if let Some(row) = row {
        // Where the declared type is narrower already, that stays.
        let width = row.width.min(arg.declared);
        let signed = if row.width < arg.declared { row.signed } else { arg.signed };
        let same = arg.width == width && arg.signed == signed;
        return (!same).then(|| {
            let sign = if row.signed { "s" } else { "u" };
            format!("widths.tsv says {sign}{}, the tables {} bits", row.width, arg.width)
        });
    }
    if arg.width < arg.declared {
        return Some(format!("{} of {} bits without a row", arg.width, arg.declared));
    }
    let scalar = arg.kind != ArgKind::Pointer;
    let wide = abi.register == 64 && arg.declared == 64 && scalar;
    (wide && !full).then(|| "64 bits without a row in either file".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests say what they expect")]

    use super::*;

    const NARROWER: &str = include_str!("../../../abi/curated/widths.tsv");
    const FULL: &str = include_str!("../../../abi/curated/widths64.tsv");

    #[test]
    fn every_wide_argument_was_considered() {
        let curated = judge(NARROWER, FULL).unwrap();
        assert_eq!(curated.differ, [] as [String; 0]);
        assert!(curated.narrower > 40 && curated.full > 200, "{curated:?}");
    }

    #[test]
    fn faults_are_found() {
        let without = |text: &str, row: &str| {
            let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with(row)).collect();
            kept.join("\n")
        };
        let differ = |narrower: &str, full: &str| judge(narrower, full).unwrap().differ;
        let found = differ(&without(NARROWER, "readv.fd"), FULL);
        assert!(found.contains(&"readv.fd on x86_64: 32 of 64 bits without a row".to_owned()));
        let found = differ(NARROWER, &without(FULL, "read.count"));
        let wide = "read.count on aarch64: 64 bits without a row in either file".to_owned();
        assert!(found.contains(&wide), "{found:?}");
        let found = differ(&NARROWER.replace("umask.mask\t*\tu16", "umask.mask\t*\ts16"), FULL);
        assert!(found.iter().any(|line| line.starts_with("umask.mask on")), "{found:?}");
        let more = format!("{FULL}read.nosuch\tx\n");
        assert_eq!(differ(NARROWER, &more), ["read.nosuch: no such argument"]);
        assert!(judge("a.b\t*\tu32", FULL).is_err());
    }
}
