//! Invariants of the tables, offline: what must hold of them whatever the kernel says.
//!
//! The rows are read anew from the texts, with no code of `filterc-abi` and none of `pack`:
//! a judge of its own. Every finding is reported, not only the first. It says nothing about
//! whether the rows are true; `cross-check` and `verify-live` ask others about that.

mod arguments;
mod calls;
mod constants;
mod curated;
mod findings;
mod lists;
mod order;
mod read;
mod versions;

use std::path::Path;

use clap::Args;

use crate::error::Error;
use findings::Findings;
use read::Tables;

/// Options of this subcommand.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {}

/// Runs it; what it returns is printed.
pub(crate) fn run(_args: &CheckArgs, abi: &Path) -> Result<String, Error> {
    let found = findings(abi)?;
    if found.is_empty() {
        return Ok("the tables hold all invariants\n".to_owned());
    }
    Err(Error::Differs(format!("{} findings\n{}", found.len(), found.join("\n"))))
}

/// All that is wrong with the tables of a crate, a line each.
fn findings(abi: &Path) -> Result<Vec<String>, Error> {
    let mut found = Findings::default();
    let tables = Tables::read(abi, &mut found)?;
    order::check(&tables, &mut found);
    calls::check(&tables, &mut found);
    arguments::check(&tables, &mut found);
    constants::check(&tables, &mut found);
    lists::check(&tables, &mut found);
    versions::check(&tables, &mut found);
    curated::check(abi, &tables, &mut found)?;
    Ok(found.into_lines())
}

#[cfg(test)]
mod tests;
