//! The tables against the running kernel.

use std::path::Path;

use clap::Args;

use crate::error::Error;

/// Options of this subcommand.
#[derive(Args, Debug)]
pub(crate) struct VerifyLiveArgs {}

/// Runs it; what it returns is printed.
pub(crate) fn run(_args: &VerifyLiveArgs, _abi: &Path) -> Result<String, Error> {
    Err(Error::Failed("in the making".to_owned()))
}
