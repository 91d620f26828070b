//! What was found.

use std::fmt;

use filterc_abi::SeccompData;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Worth knowing.
    Note,
    /// Something will not work, or more is possible than seems to be meant.
    Warning,
    /// A way round the policy.
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Code of the page that explains it.
    pub code: &'static str,
    /// How much it weighs.
    pub level: Level,
    /// The ABIs on which it was found, in the order of the tables; empty if it is about none.
    pub abis: Vec<&'static str>,
    /// The calls that it is about.
    pub calls: Vec<&'static str>,
    /// What was found.
    pub message: String,
    /// What can be done.
    pub help: Option<&'static str>,
    /// A call that shows it, and what is returned for it.
    pub witness: Option<(SeccompData, u32)>,
}

/// Names in a sentence, the first of them if there are many.
pub(crate) fn names(list: &[&str]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = list.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match list.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
