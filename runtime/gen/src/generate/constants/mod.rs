//! The constants half of `generate`: values of kernel constants on every ABI, the sets they
//! belong to, and which argument has which set.
//!
//! Every wanted name is compiled in the header that defines it, for every ABI. Names are
//! wanted by the curated sets; values never are curated, except for what a C library names
//! and the kernel does not, and there the value is an expression of the kernel's names.

mod compile;
mod discover;
mod extract;
mod facts;
mod headers;
mod search;
mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use crate::error::Error;
use crate::generate::sets::{self, Members, Sets};
use facts::Facts;
use headers::{LIBC, read, write as write_file};

/// Writes `consts.tsv`, `sets.tsv` and `dependents.tsv` under `abi_dir/tables`, from the
/// kernel's source, the unpacked `linux-libc-dev` and the files under `abi_dir/curated`.
pub(crate) fn write(
    linux: &Path,
    libc_dev: &Path,
    abi_dir: &Path,
    scratch: &Path,
) -> Result<(), Error> {
    let curated = |name: &str| read(&abi_dir.join("curated").join(name));
    let sets = Sets::parse(&curated("sets.tsv")?).map_err(Error::Failed)?;
    let libc = libc_constants(&curated("libc_constants.tsv")?)?;
    let preferred = preferred(&curated("preferred.tsv")?)?;
    write_file(&scratch.join(LIBC), &libc)?;
    let abis = filterc_abi::abis();
    let findings = search::search(linux, libc_dev, &sets, scratch)?;
    let facts = Facts::collect(findings, &preferred, abis).map_err(Error::Failed)?;
    if std::env::var("DUMP").is_ok() {
        let mut out = String::new();
        for (name, fact) in &facts.by_name {
            let v = facts.value(name, 27).or_else(|| (0..29).find_map(|a| facts.value(name, a)));
            let _ = writeln!(out, "{name}\t{}\t{}", v.map_or("?".into(), |v| format!("{:?} {:#x}", v.ty, v.value)), fact.origins());
        }
        write_file(&scratch.join("dump.tsv"), &out)?;
    }
    let members = sets.resolve(&facts.usable()).map_err(Error::Failed)?;
    let names: BTreeSet<String> = members.values().flat_map(names_of).collect();
    let partial = facts.partial(&names, abis.len());
    for (name, lacking) in partial {
        let lacking: Vec<&str> =
            lacking.iter().filter_map(|at| Some(abis.get(*at)?.name)).collect();
        eprintln!("{name}\t{}", lacking.join(","));
    }
    let lines: Vec<String> = names.iter().filter_map(|name| facts.line(name, abis)).collect();
    let tables = abi_dir.join("tables");
    write_file(&tables.join("consts.tsv"), &(lines.join("\n") + "\n"))?;
    write_file(&tables.join("sets.tsv"), &set_lines(&members))?;
    Ok(())
}

fn names_of(members: &Members) -> impl Iterator<Item = String> + '_ {
    let mask = Some(&members.mask).filter(|mask| *mask != "-");
    members.values.iter().chain(&members.flags).chain(mask).cloned()
}

fn set_lines(sets: &BTreeMap<String, Members>) -> String {
    let mut text = String::new();
    let join = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(" ");
    for (name, set) in sets {
        let (values, flags) = (join(&set.values), join(&set.flags));
        let _ = writeln!(text, "{name}\t{}\t{}\t{values}\t{flags}", set.kind, set.mask);
    }
    text
}

/// A header with the names that only C libraries have: `name, expression, evidence`.
fn libc_constants(text: &str) -> Result<String, Error> {
    let headers = ["fcntl", "mman", "stat", "sched", "errno", "resource", "signal", "socket"];
    let mut header: String =
        headers.iter().map(|name| format!("#include <linux/{name}.h>\n")).collect();
    // Of the others, only the kernel's inside knows it.
    header.push_str("#ifndef _NSIG\n#define _NSIG 64\n#endif\n");
    for (number, columns) in sets::lines(text) {
        let &[name, expression, _] = &columns[..] else {
            let fault = format!("libc_constants.tsv:{number}: {} columns, not 3", columns.len());
            return Err(Error::Failed(fault));
        };
        let _ = writeln!(header, "#define {name} ({expression})");
    }
    Ok(header)
}

/// `name, header, evidence`
fn preferred(text: &str) -> Result<BTreeMap<String, String>, Error> {
    let row = |(number, columns): (usize, Vec<&str>)| match columns[..] {
        [name, header, _] => Ok((name.to_owned(), header.to_owned())),
        _ => Err(Error::Failed(format!("preferred.tsv:{number}: not 3 columns"))),
    };
    sets::lines(text).map(row).collect()
}
