//! From the tables to the file that is part of the binary, `tables/tables.bin`.
//!
//! [`filterc_abi::layout`] says how it lies. The file is a function of the tables alone; the
//! tests here hold that it is current, and that what `filterc-abi` reads in it is what the
//! tables say, row by row.

mod bytes;
mod calls;
mod columns;
mod constants;
mod encode;
mod ids;
mod lists;
mod rows;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use filterc_abi::layout::MAX_LEN;

use crate::error::Error;
use rows::{Files, Tables};

/// Options of this subcommand.
#[derive(Args, Debug)]
pub(crate) struct PackArgs {
    /// Write nothing: say whether the file is what the tables make
    #[arg(long)]
    check: bool,
}

/// Runs it; what it returns is printed.
pub(crate) fn run(args: &PackArgs, abi: &Path) -> Result<String, Error> {
    if args.check { check(abi) } else { write(abi) }
}

/// Makes the file; what it returns can be printed.
pub(crate) fn write(abi: &Path) -> Result<String, Error> {
    let (path, packed) = made(abi)?;
    fs::write(&path, &packed).map_err(|error| Error::io(&path, &error))?;
    Ok(report(&path, &packed))
}

/// Whether the file is what the tables make.
fn check(abi: &Path) -> Result<String, Error> {
    let (path, packed) = made(abi)?;
    let current = fs::read(&path).map_err(|error| Error::io(&path, &error))?;
    if current != packed {
        let path = path.display();
        return Err(Error::Differs(format!("{path} is not what the tables make: pack them")));
    }
    Ok(report(&path, &packed))
}

fn report(path: &Path, packed: &[u8]) -> String {
    format!("{}: {} bytes\n", path.display(), packed.len())
}

/// The file's path, and what it should hold.
fn made(abi: &Path) -> Result<(PathBuf, Vec<u8>), Error> {
    let folder = abi.join("tables");
    let packed = packed(&folder)?;
    if packed.len() > MAX_LEN {
        let len = packed.len();
        return Err(Error::Failed(format!("the tables take {len} bytes, more than {MAX_LEN}")));
    }
    Ok((folder.join("tables.bin"), packed))
}

/// The bytes that the tables of a folder make.
fn packed(folder: &Path) -> Result<Vec<u8>, Error> {
    let files = Files::read(folder)?;
    encode::encode(&Tables::parse(&files)?)
}

#[cfg(test)]
mod tests;
