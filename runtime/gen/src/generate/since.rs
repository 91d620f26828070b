//! The first kernel that had a call on an ABI, from `curated/since.tsv`.

use std::collections::BTreeMap;
use std::path::Path;

use filterc_abi::KernelVersion;

use crate::error::Error;
use crate::tsv::Sheet;

/// Stands for all ABIs, and in place of a call for the ABI itself.
const ALL: &str = "*";

/// The first kernels, by call and ABI.
#[derive(Debug)]
pub(crate) struct Since {
    versions: BTreeMap<String, BTreeMap<String, KernelVersion>>,
}

impl Since {
    /// Reads `since.tsv`.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let sheet = Sheet::read(path)?;
        let mut versions: BTreeMap<String, BTreeMap<String, KernelVersion>> = BTreeMap::new();
        for row in sheet.rows() {
            let Ok(version) = row.column(2).parse() else {
                return Err(sheet.error(row, "no version"));
            };
            let of_call = versions.entry(row.column(0).to_owned()).or_default();
            let abis = row.column(1).split(',');
            for abi in abis {
                if of_call.insert(abi.to_owned(), version).is_some() {
                    return Err(sheet.error(row, &format!("a second row for {abi}")));
                }
            }
        }
        Ok(Self { versions })
    }

    /// The first kernel with that call on that ABI; `None` where not known.
    pub(crate) fn of(&self, abi: &str, call: &str) -> Option<KernelVersion> {
        let row = |call: &str, abi: &str| self.versions.get(call)?.get(abi).copied();
        let version = row(call, abi).or_else(|| row(call, ALL));
        // Nothing is older than its ABI.
        version.max(row(ALL, abi))
    }

    /// Every call and ABI that a row names.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.versions
            .iter()
            .flat_map(|(call, abis)| abis.keys().map(move |abi| (call.as_str(), abi.as_str())))
            .filter(|(call, _)| *call != ALL)
    }
}
