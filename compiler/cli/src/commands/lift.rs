//! `filterc lift filter.bpf -o filter.flt`

use std::path::PathBuf;

use clap::Args;
use filterc_abi::Endian;
use filterc_cbpf::encode;
use filterc_check::precedence;
use filterc_loader::live;
use serde_json::json;

use crate::console::{Console, Failure};
use crate::options::{ByteOrder, PolicyArgs};
use crate::sides::{Input, ReadingArgs};
use crate::written::{self, Written};
use crate::{input, sides};

/// Arguments of `lift`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit status: 0 the policy was written, and proved; 1 the kernel does not show the process's filters; \
2 bad input, or there is no policy of that meaning.")]
pub(crate) struct LiftArgs {
    /// Programs, oldest first: the kernel runs them all, and the strongest action counts
    #[arg(value_name = "PROGRAM", required_unless_present = "pid")]
    programs: Vec<PathBuf>,

    /// The filters of this process (or thread), which is stopped for a moment; needs CAP_SYS_ADMIN
    #[arg(long, value_name = "PID", conflicts_with_all = ["programs", "endian"])]
    pid: Option<i32>,

    /// Byte order of the machine; by default the host's
    #[arg(long, value_enum)]
    endian: Option<ByteOrder>,

    /// Write one JSON object with the policy in it
    #[arg(long)]
    json: bool,

    /// Where to write the policy (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    reading: ReadingArgs,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// Writes a policy that decides as the programs do together, and proves that it does.
pub(crate) fn run(args: &LiftArgs, console: &Console) -> Result<(), Failure> {
    let (names, inputs) = match args.pid {
        Some(pid) => of_process(pid)?,
        None => {
            let options = input::options(&args.policy_args, console)?;
            let of = |path: &PathBuf| sides::read_as(path, &args.reading, &options, console);
            let inputs = args.programs.iter().map(of);
            (args.programs.clone(), inputs.collect::<Result<_, _>>()?)
        }
    };
    // Of equal actions the data of the filter that came last counts.
    let combine =
        |values: &[u32]| values.iter().copied().rev().min_by_key(|it| precedence(*it)).unwrap_or(0);
    let listed: Vec<String> = names.iter().map(|it| it.display().to_string()).collect();
    let decide = if listed.len() == 1 { "decides" } else { "decide together" };
    let written = Written {
        comment: format!("What {} {decide}.", listed.join(" and ")),
        inputs: inputs.iter().zip(&names).collect(),
        orders: &[args.endian.map_or(Endian::HOST, Endian::from)],
        combine: &combine,
        json: args.json,
    };
    written::write(&written, args.output.as_deref(), console)
}

/// The filters of a process, with names for them.
fn of_process(pid: i32) -> Result<(Vec<PathBuf>, Vec<Input>), Failure> {
    let filters = live::filters(pid).map_err(|error| Failure::Coded {
        code: error.code(),
        text: format!("process {pid}: {error}"),
        details: json!({ "pid": pid }),
    })?;
    let of = |(at, filter): (usize, Vec<_>)| {
        let name = PathBuf::from(format!("filter {at} of process {pid}"));
        (name, Input::Bytes(encode(&filter, Endian::HOST)))
    };
    Ok(filters.into_iter().enumerate().map(of).unzip())
}
