//! The findings of one run, with the sources that they point into.

use std::fmt;

use filterc_grammar::diagnostic::{Diagnostic, Severity};
use filterc_grammar::source::SourceMap;

use crate::render;

/// Why a compilation failed. `Display` renders all of it, without colours.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    /// The files that spans point into.
    pub sources: SourceMap,
    /// The findings, in the order of the text.
    pub list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Whether one of them is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render::text(&self.sources, &self.list, render::Style::Plain))
    }
}

impl std::error::Error for Diagnostics {}
