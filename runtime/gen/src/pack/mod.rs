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
mod lists;
mod rows;

use std::fs;
use std::path::Path;

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
    let folder = abi.join("tables");
    let packed = packed(&folder)?;
    let path = folder.join("tables.bin");
    if packed.len() > MAX_LEN {
        let len = packed.len();
        return Err(Error::Failed(format!("the tables take {len} bytes, more than {MAX_LEN}")));
    }
    if args.check {
        let current = fs::read(&path).map_err(|error| Error::io(&path, &error))?;
        if current != packed {
            let path = path.display();
            return Err(Error::Differs(format!("{path} is not what the tables make: pack them")));
        }
    } else {
        fs::write(&path, &packed).map_err(|error| Error::io(&path, &error))?;
    }
    Ok(format!("{}: {} bytes\n", path.display(), packed.len()))
}

/// The bytes that the tables of a folder make.
fn packed(folder: &Path) -> Result<Vec<u8>, Error> {
    let files = Files::read(folder)?;
    encode::encode(&Tables::parse(&files)?)
}

#[cfg(test)]
mod tests;
