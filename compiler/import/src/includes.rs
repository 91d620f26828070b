//! Texts that a text includes: the caller has them.

use filterc_grammar::source::{FileId, Span};

/// Finds the texts that others include.
pub trait Includes {
    /// The text at `path`, which is written at `from`.
    ///
    /// # Errors
    /// Why there is none.
    fn include(&mut self, path: &str, from: Span) -> Result<(FileId, String), String>;
}

/// No texts: nothing can be included.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoIncludes;

impl Includes for NoIncludes {
    fn include(&mut self, _: &str, _: Span) -> Result<(FileId, String), String> {
        Err("nothing can be included here".to_owned())
    }
}
