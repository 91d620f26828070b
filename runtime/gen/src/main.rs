//! `filterc-gen`: makes the tables of `filterc-abi` from kernel sources, and checks them.
//!
//! One file or folder for each subcommand and each stage of `generate`.

mod check;
mod cross_check;
mod error;
mod generate;
mod pack;
mod tsv;
mod verify_live;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Error;

/// Make the kernel tables of filterc-abi, and check them.
#[derive(Debug, Parser)]
#[command(name = "filterc-gen", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Folder of the crate whose tables are meant
    #[arg(long, global = true, default_value = "runtime/abi", value_name = "DIR")]
    abi: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the tables from Debian's kernel packages and the curated files
    Generate(generate::GenerateArgs),
    /// Pack the tables into the form that is part of the binary
    Pack(pack::PackArgs),
    /// Check the invariants of the tables, offline
    Check(check::CheckArgs),
    /// Compare the tables with other people's
    CrossCheck(cross_check::CrossCheckArgs),
    /// Compare the tables with the running kernel
    VerifyLive(verify_live::VerifyLiveArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Generate(args) => generate::run(args, &cli.abi),
        Command::Pack(args) => pack::run(args, &cli.abi),
        Command::Check(args) => check::run(args, &cli.abi),
        Command::CrossCheck(args) => cross_check::run(args, &cli.abi),
        Command::VerifyLive(args) => verify_live::run(args, &cli.abi),
    };
    match result {
        Ok(report) => {
            // Whoever closed the pipe has read enough.
            let _ = std::io::stdout().write_all(report.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "filterc-gen: {error}");
            match error {
                Error::Differs(_) => ExitCode::from(1),
                Error::Failed(_) => ExitCode::from(2),
            }
        }
    }
}
