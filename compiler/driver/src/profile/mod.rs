//! What programs were seen to do: the calls that a policy is optimised for (`--profile`).
//!
//! The formats, told apart by the first line that is typical of one:
//!
//! * the table that `strace -c` ends with, also with `-f`, `-U` and for several personalities,
//! * the tables of `perf trace -s`, one a thread,
//! * JSON Lines: recorded calls and audit records, see [`records`],
//! * audit records in their binary form.
//!
//! A profile decides about nothing but cost: a program means the same with any.

mod calls;
mod error;
pub mod records;
mod table;

use filterc_audit::binary::MAGIC;
use filterc_grammar::source::{SourceFile, SourceMap};

pub use calls::{Profile, Which};
pub(crate) use calls::{native, representatives};
pub use error::CODES;
pub(crate) use error::of_other_abis;

use crate::diagnostics::Diagnostics;
use error::Findings;

impl Profile {
    /// Reads a profile, which may be one of bytes: audit records in their binary form. Of text,
    /// what is no UTF-8 is shown as such: programs can write anything between its lines.
    ///
    /// # Errors
    /// As of [`Self::read`].
    pub fn read_bytes(name: &str, bytes: &[u8]) -> Result<(Self, Diagnostics), Diagnostics> {
        if !bytes.starts_with(&MAGIC) {
            return Self::read(name, &String::from_utf8_lossy(bytes));
        }
        Self::read_with(name, "", |profile, _| records::read_stored(bytes, profile))
    }

    /// Reads a profile, with the warnings about it. `name` is how diagnostics call it.
    ///
    /// # Errors
    /// F0720, F0721 and F0723: it cannot be read, or there is nothing in it.
    pub fn read(name: &str, text: &str) -> Result<(Self, Diagnostics), Diagnostics> {
        Self::read_with(name, text, |profile, findings| match format(text) {
            Some(Format::Table) => table::read(text, profile, findings),
            Some(Format::Records) => records::read(text, profile, findings),
            None => findings.unrecognised(),
        })
    }

    fn read_with(
        name: &str,
        text: &str,
        read: impl FnOnce(&mut Self, &mut Findings),
    ) -> Result<(Self, Diagnostics), Diagnostics> {
        let mut sources = SourceMap::default();
        let file = SourceFile { name: name.to_owned(), text: text.to_owned(), included_from: None };
        let mut findings = Findings::new(sources.add(file));
        let mut profile = Self::default();
        read(&mut profile, &mut findings);
        if profile.is_empty() && findings.is_good() {
            findings.empty();
        }
        let is_good = findings.is_good();
        let diagnostics = Diagnostics { sources, list: findings.finish() };
        if is_good { Ok((profile, diagnostics)) } else { Err(diagnostics) }
    }
}

/// How a text is read.
enum Format {
    Table,
    Records,
}

/// The first line that is typical of a format decides.
fn format(text: &str) -> Option<Format> {
    text.lines().find_map(|line| match table::Columns::of(line) {
        Some(_) => Some(Format::Table),
        None => line.trim_start().starts_with('{').then_some(Format::Records),
    })
}
