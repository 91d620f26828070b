//! The tables as they are part of the binary, read where they lie.
//!
//! [`crate::layout`] says how they lie. Every read is checked: from damaged bytes comes
//! `None`, an empty table or a wrong row, never a panic, and a table of which one row is
//! damaged is none at all. What the committed bytes hold is tested row by row in
//! `filterc-gen`, which made them.

mod abis;
mod bytes;
mod calls;
mod constants;
mod lists;
mod reader;
mod sets;

use std::sync::OnceLock;

pub(crate) use bytes::Blob;
pub(crate) use calls::{CallTable, RawCalls};
pub(crate) use constants::Record;
pub(crate) use sets::{Names, contains};

/// The committed bytes.
pub(crate) static BYTES: &[u8] = include_bytes!("../../tables/tables.bin");

/// The committed tables.
pub(crate) fn blob() -> Option<&'static Blob> {
    static BLOB: OnceLock<Option<Blob>> = OnceLock::new();
    BLOB.get_or_init(|| Blob::parse(BYTES)).as_ref()
}

#[cfg(test)]
mod tests;
