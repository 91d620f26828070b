//! What is wrong, in the order in which it was found.

use std::fmt::Display;

/// The findings.
#[derive(Debug, Default)]
pub(super) struct Findings {
    lines: Vec<String>,
}

impl Findings {
    /// Adds one about a file.
    pub(super) fn add(&mut self, file: &str, what: impl Display) {
        self.lines.push(format!("{file}: {what}"));
    }

    /// Adds one if something does not hold.
    pub(super) fn expect(&mut self, holds: bool, file: &str, what: impl Display) {
        if !holds {
            self.add(file, what);
        }
    }

    /// A line for each.
    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines
    }
}
