//! The tables against those of others, which were made in other ways.
//!
//! * [`fetch`]: gets them with the clients of their registries, into a scratch folder.
//! * [`parse`]: reads their data files as data; nothing of theirs is run.
//! * [`compare`]: counts, and finds what contradicts and is not on the reviewed list.
//!
//! Needs a network, unless all three are given as files; so it is not part of CI's checks.

mod compare;
mod fetch;
mod parse;

use std::path::{Path, PathBuf};

use clap::Args;

use self::compare::Comparison;
use crate::error::Error;

/// Options of this subcommand.
#[derive(Args, Debug)]
pub(crate) struct CrossCheckArgs {
    /// The unpacked Python package `system-calls`, instead of a fresh one
    #[arg(long, value_name = "DIR")]
    system_calls: Option<PathBuf>,

    /// The unpacked crate `linux-raw-sys`, instead of a fresh one
    #[arg(long, value_name = "DIR")]
    linux_raw_sys: Option<PathBuf>,

    /// libseccomp's syscalls.csv, instead of a fresh one
    #[arg(long, value_name = "FILE")]
    libseccomp: Option<PathBuf>,

    /// Folder for what is fetched; a temporary one if not given
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

/// Runs it; what it returns is printed.
pub(crate) fn run(args: &CrossCheckArgs, abi: &Path) -> Result<String, Error> {
    let allowed = abi.join("curated/crosscheck.tsv");
    let text = std::fs::read_to_string(&allowed).map_err(|error| Error::io(&allowed, &error))?;
    let mut comparison = Comparison::new(&text)?;
    let temporary = tempfile::tempdir()
        .map_err(|error| Error::Failed(format!("a temporary folder: {error}")))?;
    let scratch = args.scratch.as_deref().unwrap_or(temporary.path());

    let folder = given(args.system_calls.as_ref(), || fetch::system_calls(scratch))?;
    comparison.add("system-calls", &parse::system_calls(&folder)?);
    let folder = given(args.linux_raw_sys.as_ref(), || fetch::linux_raw_sys(scratch))?;
    comparison.add("linux-raw-sys", &parse::linux_raw_sys(&folder)?);
    let file = given(args.libseccomp.as_ref(), || fetch::libseccomp(scratch))?;
    comparison.add("libseccomp", &parse::libseccomp(&file)?);
    comparison.finish()
}

fn given(
    path: Option<&PathBuf>,
    fetch: impl FnOnce() -> Result<PathBuf, Error>,
) -> Result<PathBuf, Error> {
    path.map_or_else(fetch, |path| Ok(path.clone()))
}
