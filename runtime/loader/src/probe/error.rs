//! Why the kernel gave no answer.

use std::{fmt, io};

/// Why there is no answer.
#[derive(Debug)]
pub enum ProbeError {
    /// The kernel, the architecture or the permissions do not let the question be asked.
    Unavailable(String),
    /// The question makes no sense.
    Invalid(&'static str),
    /// A system call failed that should not have.
    Io(io::Error),
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(reason) => f.write_str(reason),
            Self::Invalid(reason) => f.write_str(reason),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ProbeError {}

impl From<io::Error> for ProbeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
