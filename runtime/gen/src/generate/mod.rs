//! From kernel sources and the curated files to the tables.

use std::path::Path;

use clap::Args;

use crate::error::Error;

/// Options of this subcommand.
#[derive(Args, Debug)]
pub(crate) struct GenerateArgs {}

/// Runs it; what it returns is printed.
pub(crate) fn run(_args: &GenerateArgs, _abi: &Path) -> Result<String, Error> {
    Err(Error::Failed("in the making".to_owned()))
}
