//! The tables that are lists of names: from the curated files to groups, families, aliases,
//! arguments in memory, multiplexed calls; and the first kernels of calls.
//!
//! They need no kernel sources, only the tables of calls, which are made before.

mod calls;
mod groups;
mod sub_calls;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub(crate) use calls::Calls;

use super::since::Since;
use crate::error::Error;
use crate::tsv::{Row, Sheet};

/// The columns of a table that are copied as they are, without the evidence behind them.
const COPIED: [(&str, usize); 3] = [("aliases", 3), ("families", 4), ("memory", 5)];

/// Writes the tables, the versions of the calls, and the counts of the MANIFEST.
pub(crate) fn write(abi_dir: &Path) -> Result<(), Error> {
    let tables = abi_dir.join("tables");
    let mut counts = BTreeMap::new();
    for (name, rows) in lists(abi_dir)? {
        counts.insert(name, rows.len());
        write_file(&tables.join(format!("{name}.tsv")), &rows)?;
    }
    write_versions(abi_dir)?;
    let manifest = tables.join("MANIFEST");
    let text = fs::read_to_string(&manifest).map_err(|error| Error::io(&manifest, &error))?;
    write_file(&manifest, &counted(&text, &counts))
}

/// The rows of each table, by its name.
pub(crate) fn lists(abi_dir: &Path) -> Result<BTreeMap<&'static str, Vec<String>>, Error> {
    let curated = abi_dir.join("curated");
    let calls = Calls::read(abi_dir)?;
    let mut lists = BTreeMap::new();
    lists.insert("groups", groups::rows(&curated, &calls)?);
    lists.insert("subcalls", sub_calls::rows(&curated, &calls)?);
    for (name, columns) in COPIED {
        let sheet = Sheet::read(&curated.join(format!("{name}.tsv")))?;
        let copy = |row| copied(row, columns);
        let mut rows: Vec<String> = sheet.rows().iter().map(copy).collect();
        rows.sort();
        lists.insert(name, rows);
    }
    Ok(lists)
}

fn copied(row: &Row, columns: usize) -> String {
    (0..columns).map(|index| row.column(index)).collect::<Vec<_>>().join("\t")
}

/// Puts the versions of `since.tsv` into the last column of the tables of calls.
fn write_versions(abi_dir: &Path) -> Result<(), Error> {
    let since = Since::read(&abi_dir.join("curated/since.tsv"))?;
    for (abi, path) in calls::tables(abi_dir)? {
        let sheet = Sheet::read(&path)?;
        let line = |row: &Row| {
            let version = since.of(&abi, row.column(1));
            let version = version.map_or_else(|| "-".to_owned(), |version| version.to_string());
            format!("{}\t{version}", copied(row, 5))
        };
        let rows: Vec<String> = sheet.rows().iter().map(line).collect();
        write_file(&path, &rows)?;
    }
    Ok(())
}

/// The lines of a MANIFEST with new counts; a table that it lacks comes last.
fn counted(manifest: &str, counts: &BTreeMap<&str, usize>) -> Vec<String> {
    let mut left = counts.clone();
    let mut count = |line: &str| match line.split_once('\t') {
        Some((name, _)) if !line.starts_with('#') => {
            left.remove(name).map(|n| (name.to_owned(), n))
        }
        _ => None,
    };
    let mut lines = Vec::new();
    for line in manifest.lines() {
        lines.push(match count(line) {
            Some((name, rows)) => format!("{name}\t{rows}"),
            None => line.to_owned(),
        });
    }
    lines.extend(left.iter().map(|(name, rows)| format!("{name}\t{rows}")));
    lines
}

fn write_file(path: &Path, lines: &[String]) -> Result<(), Error> {
    let mut text = lines.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    fs::write(path, text).map_err(|error| Error::io(path, &error))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
