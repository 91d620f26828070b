//! `filterc fmt policy.flt`

use std::path::{Path, PathBuf};

use clap::Args;
use filterc::Diagnostics;
use filterc_grammar::print;
use filterc_grammar::source::{SourceFile, SourceMap};

use crate::console::{Console, Failure, stdout, write_output};
use crate::input;

/// Arguments of `fmt`.
#[derive(Args, Debug)]
pub(crate) struct FmtArgs {
    /// The policies, rewritten in place; `-` formats standard input to standard output
    #[arg(required = true, value_name = "POLICY")]
    policies: Vec<PathBuf>,

    /// Write nothing; name the files that are not formatted, and fail if there are any
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &FmtArgs, console: &Console) -> Result<(), Failure> {
    let mut unformatted = String::new();
    let mut failed = false;
    for path in &args.policies {
        match one(path, args.check) {
            Ok(true) => (),
            Ok(false) => unformatted.push_str(&format!("{}\n", path.display())),
            // A file with errors does not keep the others from being formatted.
            Err(failure @ Failure::Policy(_)) => {
                console.report(&failure);
                failed = true;
            }
            Err(failure) => return Err(failure),
        }
    }
    stdout(unformatted.as_bytes())?;
    if failed || !unformatted.is_empty() { Err(Failure::No(String::new())) } else { Ok(()) }
}

/// Formats one file; false if it was only to be checked and is not formatted.
fn one(path: &Path, check: bool) -> Result<bool, Failure> {
    let source = input::source(path)?;
    let formatted = print::format(source.contents()).map_err(|list| {
        let mut sources = SourceMap::default();
        let (name, text) = (source.name().to_owned(), source.contents().to_owned());
        sources.add(SourceFile { name, text, included_from: None });
        Failure::from(Diagnostics { sources, list })
    })?;
    let same = formatted == source.contents();
    if check {
        return Ok(same);
    }
    if path == Path::new("-") {
        stdout(formatted.as_bytes())?;
    } else if !same {
        write_output(Some(path), formatted.as_bytes())?;
    }
    Ok(true)
}
