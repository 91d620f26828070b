//! Calls that a C library asks for first, and what becomes of it where it is refused.

use std::fmt;
use std::str::FromStr;

use filterc_abi::Action;

use crate::audit::finding::{Finding, Level};
use crate::audit::table::rows;
use crate::audit::view::{Fate, OfAbi, fate, only, passes};

pub(crate) const NO_FALLBACK: &str = "F0314";
pub(crate) const NO_RSEQ: &str = "F0387";

const TABLE: &str = include_str!("../../data/fallbacks.tsv");

/// A C library, of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Libc {
    name: &'static str,
    version: (u16, u16, u16),
}

impl Libc {
    /// The libraries that the table knows, each of the last version that was looked at.
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![Self { name: "glibc", version: (2, 41, 0) }, Self { name: "musl", version: (1, 2, 3) }]
    }
}

impl fmt::Display for Libc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            (major, minor, 0) => write!(f, "{} {major}.{minor}", self.name),
            (major, minor, patch) => write!(f, "{} {major}.{minor}.{patch}", self.name),
        }
    }
}

impl FromStr for Libc {
    type Err = String;

    /// Reads `glibc-2.41`, or `musl` for the last version that the table knows.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once('-') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let known = Self::all().into_iter().find(|libc| libc.name == name);
        let known = known.ok_or_else(|| {
            format!("no such library, `{text}`: write `glibc-2.41` or `musl-1.2.3`")
        })?;
        let Some(text) = version else { return Ok(known) };
        let version = parse(text).ok_or_else(|| format!("`{text}` is no version"))?;
        Ok(Self { version, ..known })
    }
}

fn parse(text: &str) -> Option<(u16, u16, u16)> {
    let mut parts = text.split('.').map(str::parse::<u16>);
    let (major, minor) = (parts.next()?.ok()?, parts.next()?.ok()?);
    let patch = parts.next().transpose().ok()?.unwrap_or_default();
    parts.next().is_none().then_some((major, minor, patch))
}

/// A row of the table.
struct Row {
    libc: &'static str,
    since: (u16, u16, u16),
    word: Option<u8>,
    call: &'static str,
    by: &'static str,
    older: Vec<&'static str>,
    effect: &'static str,
}

fn table() -> impl Iterator<Item = Row> {
    rows::<8>(TABLE).map(|[libc, since, word, call, by, older, effect, _]| Row {
        libc,
        since: parse(since).unwrap_or_default(),
        word: word.parse().ok(),
        call,
        by,
        older: older.split(' ').filter(|name| *name != "-").collect(),
        effect,
    })
}

pub(crate) fn look(of_abi: &OfAbi<'_>, libcs: &[Libc], found: &mut Vec<Finding>) {
    for row in table() {
        let asks = |libc: &&Libc| libc.name == row.libc && libc.version >= row.since;
        let Some(libc) = libcs.iter().find(asks) else { continue };
        if row.word.is_some_and(|word| word != of_abi.abi.word) {
            continue;
        }
        let Some((call, decision)) = of_abi.call(row.call) else { continue };
        let Some(answer) = only(decision).filter(|answer| !passes(*answer)) else { continue };
        let works = |name: &str| {
            of_abi.call(name).is_some_and(|(_, decision)| fate(decision) != Fate::Shut)
        };
        let (code, level, message) = if row.older.is_empty() {
            // Refused in any way; told where threads can be made at all.
            if !["clone", "clone3"].into_iter().any(works) {
                continue;
            }
            let effect = row.effect;
            let message = format!("`{}` is refused, which {libc} asks for: {effect}", row.call);
            (NO_RSEQ, Level::Note, message)
        } else {
            let older: Vec<&str> = row.older.iter().copied().filter(|name| works(name)).collect();
            if of_abi.is_enosys(answer) || older.is_empty() {
                continue;
            }
            let got = match Action::from_ret(answer) {
                Action::Errno(errno) => of_abi.errno_name(errno),
                Action::KillProcess | Action::KillThread | Action::Trap(_) => "killed".to_owned(),
                Action::Notify | Action::Trace(_) | Action::Log | Action::Allow => continue,
            };
            let message = format!(
                "{libc} asks for `{}` first ({}) and is content with `{}` if the kernel says ENOSYS; \
                 here it gets {got}, and {}",
                row.call,
                row.by,
                older.join("` or `"),
                row.effect
            );
            (NO_FALLBACK, Level::Warning, message)
        };
        found.push(Finding {
            code,
            level,
            abis: vec![of_abi.abi.name],
            calls: vec![call.name],
            message,
            help: Some("answer it with ENOSYS, or allow it"),
            witness: of_abi.example(call.nr, decision, &|value| !passes(value)),
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

    use super::*;

    #[test]
    fn libraries_and_versions_are_read() {
        assert_eq!("glibc-2.36".parse::<Libc>().unwrap().version, (2, 36, 0));
        assert_eq!("musl".parse::<Libc>().unwrap().to_string(), "musl 1.2.3");
        for bad in ["glibc-", "glibc-2", "glibc-2.x", "uclibc-1.0", "", "glibc-2.3.4.5"] {
            assert!(bad.parse::<Libc>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_table_names_calls_that_there_are() {
        for row in table() {
            let has =
                |name: &str| filterc_abi::abis().iter().any(|abi| abi.syscall(name).is_some());
            assert!(has(row.call) && row.older.iter().all(|older| has(older)), "{}", row.call);
            assert!(row.since > (0, 0, 0), "{}", row.call);
            assert!(Libc::all().iter().any(|libc| libc.name == row.libc), "{}", row.libc);
        }
    }
}
