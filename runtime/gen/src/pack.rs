//! From the tables to the blob that is part of the binary.

use std::path::Path;

use clap::Args;

use crate::error::Error;

/// Options of this subcommand.
#[derive(Args, Debug)]
pub(crate) struct PackArgs {}

/// Runs it; what it returns is printed.
pub(crate) fn run(_args: &PackArgs, _abi: &Path) -> Result<String, Error> {
    Err(Error::Failed("in the making".to_owned()))
}
