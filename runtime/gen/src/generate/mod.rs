//! From kernel sources and the curated files to the tables.

pub(crate) mod constants;
pub(crate) mod masks;
pub(crate) mod sets;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::error::Error;

/// Options of this subcommand.
#[derive(Args, Debug)]
pub(crate) struct GenerateArgs {
    /// Make these tables only
    #[arg(long, value_enum)]
    only: Option<Part>,

    /// The kernel's source, unpacked
    #[arg(long, value_name = "DIR")]
    linux: PathBuf,

    /// The package linux-libc-dev, unpacked
    #[arg(long, value_name = "DIR")]
    libc_dev: PathBuf,

    /// Folder for files on the way
    #[arg(long, value_name = "DIR")]
    scratch: PathBuf,
}

/// A part of the tables.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Part {
    /// Constants, sets and dependent sets
    Constants,
    /// None: compare the sets with the masks of the source
    Masks,
}

/// Runs it; what it returns is printed.
pub(crate) fn run(args: &GenerateArgs, abi: &Path) -> Result<String, Error> {
    match args.only {
        Some(Part::Constants) => {
            constants::write(&args.linux, &args.libc_dev, abi, &args.scratch)?;
            Ok(String::new())
        }
        Some(Part::Masks) => masks::check(&args.linux, abi),
        None => Err(Error::Failed("in the making".to_owned())),
    }
}
