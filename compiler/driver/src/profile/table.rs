//! The tables of `strace -c` and `perf trace -s`: a heading that names the columns, a row a call.

use super::calls::{Profile, Side, Which, is_known};
use super::error::{Findings, Line, lines};

/// Where in a row things stand, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// The call's name.
    name: usize,
    /// How often it was made.
    calls: usize,
    /// How often it failed: `strace` leaves it blank where that is never.
    errors: Option<usize>,
    /// How many there are.
    count: usize,
}

/// The name of strace's last row.
const SUM: &str = "total";

impl Columns {
    /// Of a heading: `% time … calls errors syscall`, or `syscall calls errors total …`.
    pub(super) fn of(line: &str) -> Option<Self> {
        let line = line.replace("% time", "%time");
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = |name: &str| words.iter().position(|word| *word == name);
        Some(Self {
            name: at("syscall")?,
            calls: at("calls")?,
            errors: at("errors"),
            count: words.len(),
        })
    }

    /// The call and how often it was made.
    fn row<'t>(&self, words: &[&'t str]) -> Option<(&'t str, u64)> {
        let blank = match self.errors {
            Some(errors) if words.len() + 1 == self.count => Some(errors),
            Some(_) | None if words.len() == self.count => None,
            Some(_) | None => return None,
        };
        let get = |column: usize| {
            let is_after = blank.is_some_and(|blank| column > blank);
            words.get(column - usize::from(is_after)).copied()
        };
        Some((get(self.name)?, get(self.calls)?.parse().ok()?))
    }
}

/// Reads all tables of a text: what stands between them, such as a program's own output, is
/// passed over.
pub(super) fn read(text: &str, profile: &mut Profile, findings: &mut Findings) {
    let mut side = Side::Native;
    let mut table: Option<Columns> = None;
    for line in lines(text) {
        let words: Vec<&str> = line.text.split_whitespace().collect();
        if let Some(columns) = Columns::of(line.text) {
            table = Some(columns);
        } else if let Some(mode) = line.text.strip_prefix("System call usage summary for ") {
            side = personality(mode);
        } else if words.is_empty() {
            table = None;
        } else if let Some(columns) = table.filter(|_| !is_rule(&words)) {
            match columns.row(&words) {
                Some((SUM, _)) => table = None,
                Some((name, calls)) => row(line, (name, calls), side, profile, findings),
                None => findings.malformed(line, "this is no row of the table above it"),
            }
        }
    }
}

/// A line of dashes, or of units.
fn is_rule(words: &[&str]) -> bool {
    words.iter().all(|word| word.starts_with("---") || word.starts_with('('))
}

/// strace's name for the ABI of the table that follows.
fn personality(mode: &str) -> Side {
    match mode.split_whitespace().next() {
        Some("32") => Side::Compat,
        Some("x32") => Side::Abi("x32"),
        Some(_) | None => Side::Native,
    }
}

fn row(
    line: Line<'_>,
    (name, calls): (&str, u64),
    side: Side,
    profile: &mut Profile,
    findings: &mut Findings,
) {
    if !is_known(name) {
        findings.unknown(line, "system call", name);
    } else if calls > 0 {
        profile.add(side, Which::Name(name.to_owned()), None, calls as f64);
    }
}
