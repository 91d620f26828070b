//! `filterc lift filter.bpf -o filter.flt`

use std::path::PathBuf;

use clap::Args;
use filterc_abi::Endian;
use filterc_check::precedence;

use crate::console::{Console, Failure};
use crate::options::{ByteOrder, PolicyArgs};
use crate::written::{self, Written};
use crate::{input, sides};

/// Arguments of `lift`.
#[derive(Args, Debug)]
pub(crate) struct LiftArgs {
    /// Programs, oldest first: the kernel runs them all, and the strongest action counts
    #[arg(value_name = "PROGRAM", required = true)]
    programs: Vec<PathBuf>,

    /// Byte order of the machine; by default the host's
    #[arg(long, value_enum)]
    endian: Option<ByteOrder>,

    /// Where to write the policy (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// Writes a policy that decides as the programs do together, and proves that it does.
pub(crate) fn run(args: &LiftArgs, console: &Console) -> Result<(), Failure> {
    let options = input::options(&args.policy_args, console)?;
    let mut inputs = Vec::new();
    for path in &args.programs {
        inputs.push(sides::side(path, &options, console)?);
    }
    // Of equal actions the data of the filter that came last counts.
    let combine =
        |values: &[u32]| values.iter().copied().rev().min_by_key(|it| precedence(*it)).unwrap_or(0);
    let names: Vec<String> = args.programs.iter().map(|it| it.display().to_string()).collect();
    let written = Written {
        comment: format!("What {} decides.", names.join(" and ")),
        inputs: inputs.iter().zip(&args.programs).collect(),
        orders: &[args.endian.map_or(Endian::HOST, Endian::from)],
        combine: &combine,
    };
    written::write(&written, args.output.as_deref(), console)
}
