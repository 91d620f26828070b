//! Which calls there are: `tables/syscalls/*.tsv`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::tsv::Sheet;

/// Names of the calls, for each the ABIs that have its number and whether it is implemented
/// there.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    calls: BTreeMap<String, BTreeMap<String, bool>>,
}

impl Calls {
    /// Reads the tables.
    pub(crate) fn read(abi_dir: &Path) -> Result<Self, Error> {
        let mut calls = Self::default();
        for (abi, path) in tables(abi_dir)? {
            for row in Sheet::read(&path)?.rows() {
                calls.add(row.column(1), &abi, row.column(4) != "ni");
            }
        }
        Ok(calls)
    }

    /// Adds a number of an ABI.
    pub(super) fn add(&mut self, call: &str, abi: &str, implemented: bool) {
        self.calls.entry(call.to_owned()).or_default().insert(abi.to_owned(), implemented);
    }

    /// Whether an ABI has a call of that name.
    pub(crate) fn contains(&self, call: &str) -> bool {
        self.calls.contains_key(call)
    }

    /// The ABIs where the call leads somewhere.
    pub(crate) fn abis_with(&self, call: &str) -> impl Iterator<Item = &str> {
        let abis = self.calls.get(call).into_iter().flatten();
        abis.filter(|(_, implemented)| **implemented).map(|(abi, _)| abi.as_str())
    }

    /// The calls that lead nowhere on every ABI.
    pub(crate) fn unimplemented(&self) -> impl Iterator<Item = &str> {
        let nowhere = self.calls.iter().filter(|(_, abis)| abis.values().all(|there| !there));
        nowhere.map(|(call, _)| call.as_str())
    }
}

/// Name and table of each ABI, sorted by name.
pub(super) fn tables(abi_dir: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let folder = abi_dir.join("tables/syscalls");
    let entries = fs::read_dir(&folder).map_err(|error| Error::io(&folder, &error))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Error::io(&folder, &error))?.path();
        if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
            found.push((name.to_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}
