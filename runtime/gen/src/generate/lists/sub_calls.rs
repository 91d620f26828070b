//! The calls that multiplexers carry, on each ABI that has the multiplexer.

use std::path::Path;

use super::calls::Calls;
use crate::error::Error;
use crate::tsv::Sheet;

/// The rows of `subcalls.tsv`: ABI, call, multiplexer, mask, value.
pub(super) fn rows(curated: &Path, calls: &Calls) -> Result<Vec<String>, Error> {
    let multiplexers = Sheet::read(&curated.join("multiplexers.tsv"))?;
    let mut rows = Vec::new();
    for carried in Sheet::read(&curated.join("subcalls.tsv"))?.rows() {
        let (multiplexer, call, value) = (carried.column(0), carried.column(1), carried.column(2));
        for abi in calls.abis_with(multiplexer) {
            let of_this = || multiplexers.rows().iter().filter(|row| row.column(0) == multiplexer);
            let own = of_this().find(|row| row.words(1).any(|name| name == abi));
            let mask = own.or_else(|| of_this().find(|row| row.column(1) == "*"));
            let Some(mask) = mask.map(|row| row.column(2)) else {
                let what = format!("multiplexers.tsv has no mask for {multiplexer} of {abi}");
                return Err(Error::Failed(what));
            };
            rows.push(format!("{abi}\t{call}\t{multiplexer}\t{mask}\t{value}"));
        }
    }
    rows.sort();
    Ok(rows)
}
