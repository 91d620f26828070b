//! The tables against the running kernel.
//!
//! * [`tracefs`]: names and C types of the arguments of every call that the kernel traces.
//! * [`recipe`], [`compile`], [`measure`]: probes that call with flipped bits and so establish
//!   which bits of an argument the kernel looks at. The recipes are the files under `recipes/`.
//! * [`curated`]: the evidence for narrower widths, row by row.
//! * [`report`]: what came of it, and what has no recipe.
//!
//! What a kernel or its permissions lack is skipped, and said.

mod compile;
mod curated;
mod measure;
mod recipe;
mod report;
mod tracefs;

use std::path::Path;

use clap::Args;
use filterc_abi::Abi;
use filterc_loader::probe::{Entry, ProbeError};

use self::measure::Measured;
use self::report::Report;
use crate::error::Error;

/// Options of this subcommand.
#[derive(Args, Debug)]
pub(crate) struct VerifyLiveArgs {
    /// Print every argument that was probed, not only those that differ
    #[arg(long)]
    all: bool,
}

/// The recipes, by subject.
const RECIPES: [(&str, &str); 6] = [
    ("setup", include_str!("recipes/setup.txt")),
    ("files", include_str!("recipes/files.txt")),
    ("memory", include_str!("recipes/memory.txt")),
    ("process", include_str!("recipes/process.txt")),
    ("ipc", include_str!("recipes/ipc.txt")),
    ("i386", include_str!("recipes/i386.txt")),
];

/// Runs it; what it returns is printed.
pub(crate) fn run(args: &VerifyLiveArgs, abi: &Path) -> Result<String, Error> {
    let mut report = Report::new(args.all);
    report.curated(&curated::compare(abi)?);
    let allowed = abi.join("curated/tracefs.tsv");
    let text = std::fs::read_to_string(&allowed).map_err(|error| Error::io(&allowed, &error))?;
    match tracefs::compare(&text)? {
        Ok(comparison) => report.tracefs(&comparison),
        Err(reason) => report.skipped("tracefs", &reason),
    }
    for (name, entry) in [("x86_64", Entry::Native), ("i386", Entry::Int80)] {
        let Some(abi) = filterc_abi::abi(name) else { continue };
        match probe(abi, entry)? {
            Ok((plan, measured)) => report.probes(&plan, &measured),
            Err(reason) => report.skipped(name, &reason),
        }
    }
    report.finish()
}

type Probed = Result<(compile::Plan, Vec<Measured>), String>;

/// Makes the probes of an ABI; the inner error is why it cannot be done here.
fn probe(abi: &'static Abi, entry: Entry) -> Result<Probed, Error> {
    let mut files = Vec::new();
    for (name, text) in RECIPES {
        files.push((name, recipe::parse(name, text)?));
    }
    let plan = compile::plan(abi, entry, &files)?;
    match measure::measure(&plan) {
        Ok(measured) => Ok(Ok((plan, measured))),
        Err(ProbeError::Unavailable(reason)) => Ok(Err(reason)),
        Err(error) => Err(Error::Failed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::panic,
        clippy::print_stdout,
        reason = "tests say what they expect"
    )]

    use super::measure::{Finding, is_address};
    use super::*;

    #[track_caller]
    fn probed(name: &str, entry: Entry) -> Option<Vec<Measured>> {
        match probe(filterc_abi::abi(name).unwrap(), entry).unwrap() {
            Ok((_, measured)) => Some(measured),
            Err(reason) => {
                println!("skipped: {reason}");
                None
            }
        }
    }

    #[track_caller]
    fn none_differs(measured: &[Measured]) {
        for one in measured {
            if let Finding::Wider(width) | Finding::Narrower(width) = one.finding {
                panic!(
                    "{}.{}: {width} bits, {} ({})",
                    one.call, one.arg.name, one.arg.width, one.place
                );
            }
        }
    }

    fn succeeded(measured: &[Measured]) -> impl Iterator<Item = &Measured> {
        measured.iter().filter(|one| !matches!(one.finding, Finding::Failed(_) | Finding::Unsteady))
    }

    #[test]
    fn the_kernel_uses_the_widths_of_the_tables() {
        let Some(measured) = probed("x86_64", Entry::Native) else { return };
        none_differs(&measured);
        let all = succeeded(&measured).count();
        let numbers = succeeded(&measured).filter(|one| !is_address(one.arg)).count();
        println!("{all} arguments agree, {numbers} of them no addresses");
        assert!(all >= 250 && numbers >= 150, "{all} {numbers}");
    }

    #[test]
    fn and_those_of_i386() {
        let Some(measured) = probed("i386", Entry::Int80) else { return };
        none_differs(&measured);
        let all = succeeded(&measured).count();
        println!("{all} arguments agree");
        assert!(all == 0 || all >= 150, "{all}");
    }

    #[test]
    fn the_kernel_traces_the_arguments_of_the_tables() {
        let allowed = include_str!("../../../abi/curated/tracefs.tsv");
        match tracefs::compare(allowed).unwrap() {
            Ok(comparison) => {
                assert_eq!(comparison.differ, [] as [String; 0]);
                println!("{} calls agree", comparison.agree);
                assert!(comparison.agree > 300);
            }
            Err(reason) => println!("skipped: {reason}"),
        }
    }
}
