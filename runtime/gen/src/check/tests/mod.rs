//! A check that never fails is untested: each invariant is broken once, in a copy of the
//! committed tables, and must be found.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod arguments;
mod constants;
mod curated;
mod lists;
mod rows;

use std::fs;
use std::path::{Path, PathBuf};

use super::{CheckArgs, findings, run};
use crate::error::Error;

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../abi")
}

/// A copy of the committed files, to be damaged.
struct Copy(tempfile::TempDir);

impl Copy {
    fn new() -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        for folder in ["curated", "tables", "tables/syscalls"] {
            fs::create_dir_all(copy.0.path().join(folder)).unwrap();
            for entry in fs::read_dir(committed().join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    let to = copy.0.path().join(folder).join(path.file_name().unwrap());
                    fs::copy(&path, to).unwrap();
                }
            }
        }
        copy
    }

    /// Changes a file, which is made if it is not there; it must not stay as it is.
    fn edit(&self, file: &str, change: impl FnOnce(&str) -> String) {
        let path = self.0.path().join(file);
        let before = fs::read_to_string(&path).unwrap_or_default();
        let after = change(&before);
        assert_ne!(before, after, "{file}: no fault is planted");
        fs::write(&path, after).unwrap();
    }

    fn findings(&self) -> Vec<String> {
        findings(self.0.path()).unwrap()
    }
}

/// Plants a fault into one file and expects a finding with those words.
fn finds(file: &str, change: impl FnOnce(&str) -> String, finding: &str) {
    let copy = Copy::new();
    copy.edit(file, change);
    let found = copy.findings();
    assert!(found.iter().any(|line| line.contains(finding)), "{file}: {finding}: {found:#?}");
}

/// The text with the line of that key changed: the first that begins with it and a tab.
fn line(key: &str, change: impl Fn(&str) -> String) -> impl FnOnce(&str) -> String {
    let key = format!("{key}\t");
    move |text| {
        let mut done = false;
        let lines = text.lines().map(|line| {
            let here = !done && line.starts_with(&key);
            done |= here;
            if here { change(line) } else { line.to_owned() }
        });
        lines.map(|line| line + "\n").collect()
    }
}

/// A line with a column set to another text.
fn with_column(index: usize, text: &str) -> impl Fn(&str) -> String {
    move |line| {
        let mut columns: Vec<&str> = line.split('\t').collect();
        columns[index] = text;
        columns.join("\t")
    }
}

/// The last column of a line, which the evidence is in the curated files.
fn without_evidence(line: &str) -> String {
    line.rsplit_once('\t').unwrap().0.to_owned() + "\t"
}

#[test]
fn the_committed_tables_hold_all_invariants() {
    assert_eq!(findings(&committed()).unwrap(), Vec::<String>::new());
    assert!(run(&CheckArgs {}, &committed()).unwrap().contains("hold"));
}

#[test]
fn all_findings_are_told() {
    let copy = Copy::new();
    copy.edit("tables/abis.tsv", |text| text.replace("0xc000003e", "0xc000003f"));
    copy.edit("tables/sets.tsv", line("prot", with_column(4, "PROT_NONSENSE")));
    let Err(Error::Differs(report)) = run(&CheckArgs {}, copy.0.path()) else {
        panic!("nothing found");
    };
    for part in ["x86_64: AUDIT_ARCH_X86_64", "x32: AUDIT_ARCH_X86_64", "PROT_NONSENSE"] {
        assert!(report.contains(part), "{report}");
    }
}

#[test]
fn a_missing_table_cannot_be_checked() {
    let copy = Copy::new();
    fs::remove_file(copy.0.path().join("tables/forms.tsv")).unwrap();
    assert!(matches!(findings(copy.0.path()), Err(Error::Failed(_))));
}
