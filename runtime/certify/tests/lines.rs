//! How much has to be trusted: what the crate's documentation says of it is so.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of code: no blank ones, no comments, no tests.
fn count(path: &Path) -> usize {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    let counts = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    code.lines().filter(counts).count()
}

/// The files of the library, by module.
fn files() -> BTreeMap<String, Vec<PathBuf>> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let root = folders[0].clone();
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            let module = name.split(['/', '.']).next().unwrap().to_owned();
            if !module.ends_with("_tests") && name != "main.rs" {
                files.entry(module).or_default().push(path);
            }
        }
    }
    files
}

#[test]
fn the_documentation_says_how_many_lines_there_are() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let mut files = files();
    let mut rows = 0;
    for line in text.lines().filter(|line| line.starts_with("//! | [`")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let said: usize = cells[2].parse().unwrap();
        let names = cells[1].split(", ").map(|name| name.trim_matches(['[', ']', '`']));
        let mut lines = 0;
        for name in names {
            let name = if name == "this file" { "lib" } else { name };
            let own = files.remove(name).unwrap_or_else(|| panic!("{name} stands there twice"));
            lines += own.iter().map(|path| count(path)).sum::<usize>();
        }
        assert_eq!(said, lines, "{}", cells[1]);
        rows += 1;
    }
    assert!(rows > 5);
    // Digests and messages.
    let rest: Vec<String> = files.into_keys().collect();
    assert_eq!(rest, ["rejected", "sha256"]);
}
