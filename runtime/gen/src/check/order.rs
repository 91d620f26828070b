//! The tables are sorted, no key stands twice, and the MANIFEST counts them.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::read::Tables;

/// The columns that make the key of a row, where it is not the first alone.
const KEYS: [(&str, usize); 4] =
    [("aliases.tsv", 2), ("subcalls.tsv", 2), ("memory.tsv", 2), ("dependents.tsv", 5)];

/// The columns of words, sorted, each once.
const WORDS: [(&str, &[usize]); 3] =
    [("groups.tsv", &[2]), ("families.tsv", &[2, 3]), ("sets.tsv", &[3, 4])];

pub(super) fn check(tables: &Tables, found: &mut Findings) {
    for (file, text) in &tables.texts {
        if file == "MANIFEST" {
            manifest(tables, text, found);
            continue;
        }
        let whole = text.is_empty() || text.ends_with('\n');
        found.expect(whole, file, "the last line has no end");
        if !file.starts_with("syscalls/") {
            sorted(file, text, found);
        }
        words(file, text, found);
    }
}

/// Rows are sorted by their key. Numbers of calls are another matter: see [`super::calls`].
fn sorted(file: &str, text: &str, found: &mut Findings) {
    let columns = KEYS.iter().find(|(name, _)| *name == file).map_or(1, |(_, columns)| *columns);
    let key = |line: &'_ str| line.split('\t').take(columns).map(str::to_owned).collect::<Vec<_>>();
    let keys: Vec<Vec<String>> = text.lines().map(key).collect();
    for (before, after) in keys.iter().zip(keys.iter().skip(1)) {
        let what = format_args!("{} is not sorted after {}", after.join(" "), before.join(" "));
        found.expect(before < after, file, what);
    }
}

fn words(file: &str, text: &str, found: &mut Findings) {
    let Some((_, columns)) = WORDS.iter().find(|(name, _)| *name == file) else { return };
    for line in text.lines() {
        let row: Vec<&str> = line.split('\t').collect();
        let column = |index: usize| row.get(index).copied().unwrap_or_default();
        for &index in *columns {
            let words: Vec<&str> = column(index).split(' ').collect();
            let sorted = words.is_sorted_by(|a, b| a < b);
            let what = format_args!("{}: column {} is not sorted", column(0), index + 1);
            found.expect(sorted, file, what);
        }
    }
}

/// The counts of the MANIFEST are true, and it names every table but that of the ABIs.
fn manifest(tables: &Tables, text: &str, found: &mut Findings) {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let counts: BTreeMap<&str, &str> = lines.filter_map(|line| line.split_once('\t')).collect();
    found.expect(counts.contains_key("kernel"), "MANIFEST", "names no kernel");
    for (file, text) in &tables.texts {
        let Some(name) = file.strip_suffix(".tsv") else { continue };
        let rows = text.lines().count();
        match counts.get(name) {
            Some(count) => {
                let what = format_args!("{name} has {rows} rows, not {count}");
                found.expect(*count == rows.to_string(), "MANIFEST", what);
            }
            // Nothing is lost by an empty table that is not counted.
            None => found.expect(
                name == "abis" || rows == 0,
                "MANIFEST",
                format_args!("does not count {name}"),
            ),
        }
    }
}
