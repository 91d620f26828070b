//! From kernel sources and the curated files to the tables.

pub(crate) mod lists;
pub(crate) mod since;

use std::path::Path;

use clap::{Args, ValueEnum};

use crate::error::Error;

/// Options of this subcommand.
#[derive(Args, Debug)]
pub(crate) struct GenerateArgs {
    /// Make only the tables that need no kernel sources
    #[arg(long, value_enum, value_name = "PART")]
    only: Option<Part>,
}

/// A part of the tables that can be made alone.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Part {
    /// Groups, families, aliases, arguments in memory, multiplexed calls, versions
    Curated,
}

/// Runs it; what it returns is printed.
pub(crate) fn run(args: &GenerateArgs, abi: &Path) -> Result<String, Error> {
    match args.only {
        Some(Part::Curated) => {
            lists::write(abi)?;
            Ok("the curated tables are written\n".to_owned())
        }
        None => Err(Error::Failed("in the making".to_owned())),
    }
}
