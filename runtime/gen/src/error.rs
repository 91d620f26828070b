//! Why a subcommand did not succeed.

use std::fmt;
use std::io;
use std::path::Path;

/// Why a subcommand did not succeed.
#[derive(Debug)]
pub(crate) enum Error {
    /// The tables are not as they should be: the findings, a line each (status 1).
    Differs(String),
    /// Something could not be done (status 2).
    Failed(String),
}

impl Error {
    /// Input or output failed on a file.
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        Self::Failed(format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs(text) | Self::Failed(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}
