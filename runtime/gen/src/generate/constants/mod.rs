//! The constants half of `generate`: values of kernel constants on every ABI, the sets they
//! belong to, and which argument has which set.
//!
//! Every wanted name is compiled in the header that defines it, for every ABI. Names are
//! wanted by the curated sets; values never are curated, except for what a C library names
//! and the kernel does not, and there the value is an expression of the kernel's names.

mod compile;
mod discover;
pub(crate) mod extract;
mod facts;
mod headers;
mod search;
mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use filterc_abi::Abi;

use crate::error::Error;
use crate::generate::masks;
use crate::generate::sets::pattern::glob;
use crate::generate::sets::{self, Members, Sets, bindings};
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
    let curated = Curated::read(&abi_dir.join("curated"))?;
    write_file(&scratch.join(LIBC), &curated.libc)?;
    let abis = filterc_abi::abis();
    let outcome = search::search(linux, libc_dev, &curated.sets, scratch)?;
    holds(broken(&outcome.broken, &curated.unread, abis))?;
    let facts = Facts::collect(outcome.found, &curated.preferred, abis).map_err(Error::Failed)?;
    let members = curated.sets.resolve(&facts.usable()).map_err(Error::Failed)?;
    let names: BTreeSet<String> = members.values().flat_map(names_of).collect();
    let mut lacking = facts.partial(&names, abis.len());
    lacking.extend(facts.unusable_requests().map(|name| (name, (0..abis.len()).collect())));
    holds(partial(&lacking, &curated.partial, abis))?;
    holds(bindings::unknown_sets(&curated.bindings, &members))?;
    let is_constant = |name: &str| names.contains(name);
    let dependents =
        bindings::dependents(&curated.dependents, &members, &is_constant).map_err(Error::Failed)?;
    compare_masks(linux, &curated, &members, &facts)?;
    let lines: Vec<String> = names.iter().filter_map(|name| facts.line(name, abis)).collect();
    let tables = abi_dir.join("tables");
    write_file(&tables.join("consts.tsv"), &(lines.join("\n") + "\n"))?;
    write_file(&tables.join("sets.tsv"), &set_lines(&members))?;
    write_file(&tables.join("dependents.tsv"), &dependents)
}

/// The curated files.
struct Curated {
    sets: Sets,
    /// `call.argument` → set.
    bindings: BTreeMap<String, String>,
    dependents: String,
    /// The header made of `libc_constants.tsv`.
    libc: String,
    /// Name → header.
    preferred: BTreeMap<String, String>,
    /// Header → reason: what does not compile.
    unread: BTreeMap<String, String>,
    /// Pattern → reason: names that are not on all ABIs.
    partial: BTreeMap<String, String>,
    masks: String,
}

impl Curated {
    fn read(folder: &Path) -> Result<Self, Error> {
        let text = |name: &str| read(&folder.join(name));
        Ok(Self {
            sets: Sets::parse(&text("sets.tsv")?).map_err(Error::Failed)?,
            bindings: bindings::bindings(&text("bindings.tsv")?).map_err(Error::Failed)?,
            dependents: text("dependents.tsv")?,
            libc: libc_constants(&text("libc_constants.tsv")?)?,
            preferred: pairs("preferred.tsv", &text("preferred.tsv")?)?,
            unread: pairs("unread.tsv", &text("unread.tsv")?)?,
            partial: pairs("partial.tsv", &text("partial.tsv")?)?,
            masks: text("masks.tsv")?,
        })
    }
}

/// No faults, or an error.
fn holds(faults: String) -> Result<(), Error> {
    if faults.is_empty() { Ok(()) } else { Err(Error::Differs(faults)) }
}

/// Headers that do not compile and are not listed, or are listed and compile.
fn broken(
    found: &[(String, usize, String)],
    listed: &BTreeMap<String, String>,
    abis: &[Abi],
) -> String {
    let mut faults = String::new();
    let mut unused: BTreeSet<&str> = listed.keys().map(String::as_str).collect();
    for (header, abi, message) in found {
        unused.remove(header.as_str());
        if !listed.contains_key(header) {
            let abi = abis.get(*abi).map_or("?", |abi| abi.name);
            let _ = writeln!(faults, "{header} does not compile on {abi}: {message}");
        }
    }
    for header in unused {
        let _ = writeln!(faults, "unread.tsv: {header} compiles everywhere, or is not there");
    }
    faults
}

/// Names that some ABIs lack and are not listed, and what is listed for no name.
fn partial(
    found: &BTreeMap<&str, Vec<usize>>,
    listed: &BTreeMap<String, String>,
    abis: &[Abi],
) -> String {
    let mut faults = String::new();
    let mut unused: BTreeSet<&str> = listed.keys().map(String::as_str).collect();
    for (name, lacking) in found {
        let patterns: Vec<&str> =
            listed.keys().map(String::as_str).filter(|pattern| glob(pattern, name)).collect();
        if patterns.is_empty() {
            let lacking: Vec<&str> =
                lacking.iter().filter_map(|abi| Some(abis.get(*abi)?.name)).collect();
            let _ = writeln!(faults, "{name} is no constant on {}", lacking.join(", "));
        }
        unused.retain(|pattern| !patterns.contains(pattern));
    }
    for pattern in unused {
        let _ = writeln!(faults, "partial.tsv: {pattern}: on all ABIs, or not there");
    }
    faults
}

/// Compares the sets with the masks that the kernel's source tests arguments against, by
/// the values of x86_64.
fn compare_masks(
    linux: &Path,
    curated: &Curated,
    members: &BTreeMap<String, Members>,
    facts: &Facts,
) -> Result<(), Error> {
    let x86_64 = filterc_abi::abis().iter().position(|abi| abi.name == "x86_64").unwrap_or(0);
    let value = |name: &str| facts.value(name, x86_64).map(|found| found.value);
    let of_argument = |place: &str| {
        let set = members.get(curated.bindings.get(place)?)?;
        Some(names_of(set).collect())
    };
    masks::check_with(linux, &curated.masks, &of_argument, &value).map(|_| ())
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

/// A file of names, each with what is said of it, and the evidence: `name, text` or
/// `name, text, evidence`.
fn pairs(file: &str, text: &str) -> Result<BTreeMap<String, String>, Error> {
    let row = |(number, columns): (usize, Vec<&str>)| match columns[..] {
        [name, said] | [name, said, _] if !said.is_empty() => {
            Ok((name.to_owned(), said.to_owned()))
        }
        _ => Err(Error::Failed(format!("{file}:{number}: not two or three columns"))),
    };
    sets::lines(text).map(row).collect()
}
