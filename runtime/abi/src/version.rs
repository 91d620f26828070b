//! Kernel versions, as far as the tables know them.

use std::fmt;
use std::str::FromStr;

/// A kernel version, `major.minor`: all that the tables know about ages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KernelVersion {
    /// The number before the first dot.
    pub major: u16,
    /// The number after it.
    pub minor: u16,
}

impl KernelVersion {
    /// The kernel that the tables were made from.
    pub const TABLE: Self = Self { major: 7, minor: 3 };
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for KernelVersion {
    type Err = ();

    /// Reads `6.6` or `2.6.16` (a third part is dropped for 3.0 and later, and
    /// folded for 2.6, where it was the release: all of 2.x counts as 2.x).
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('.');
        let mut part = || parts.next().and_then(|p| p.parse().ok());
        let (Some(major), Some(minor)) = (part(), part()) else { return Err(()) };
        Ok(Self { major, minor })
    }
}
