//! `filterc explain-call policy.flt 'socket(AF_NETLINK, SOCK_RAW, 0)'`

use std::path::PathBuf;

use clap::Args;
use filterc_abi::Action;
use serde_json::json;

use crate::console::{Console, Failure, stdout};
use crate::explained::{self, Stack};
use crate::input;
use crate::options::PolicyArgs;
use crate::reviewed;
use crate::sides::ReadingArgs;

/// Arguments of `explain-call`.
#[derive(Args, Debug)]
#[command(after_help = "Exit status: 0 all calls are let through; 1 one is refused; 2 bad input.")]
pub(crate) struct ExplainCallArgs {
    /// A policy, or a program; `-` is standard input
    #[arg(value_name = "POLICY")]
    policy: PathBuf,

    /// The calls, such as 'openat(AT_FDCWD, 0, O_RDWR)'; `_` stands for any value, taken as 0
    #[arg(required = true, value_name = "CALL")]
    calls: Vec<String>,

    /// Another filter of the same process, installed after the ones before it
    #[arg(long, value_name = "POLICY")]
    stack: Vec<PathBuf>,

    /// Write one JSON object a call
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    reading: ReadingArgs,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// Explains the calls; fails if one of them is refused.
pub(crate) fn run(args: &ExplainCallArgs, console: &Console) -> Result<(), Failure> {
    let options = input::options(&args.policy_args, console)?;
    let paths = std::iter::once(&args.policy).chain(&args.stack);
    let filters = paths.map(|path| {
        Ok((path.display().to_string(), reviewed::read(path, &args.reading, &options, console)?))
    });
    let stack = Stack { filters: filters.collect::<Result<_, Failure>>()?, options: &options };
    let mut out = String::new();
    let mut refused = false;
    for text in &args.calls {
        let explanation = explained::explain(&stack, text, console)?;
        refused |= !matches!(explanation.action, Action::Allow | Action::Log);
        match args.json {
            true => out.push_str(&format!("{}\n", json!(explanation.json()))),
            false => {
                if !out.is_empty() {
                    out.push('\n');
                }
                out.push_str(&explanation.text(console));
            }
        }
    }
    stdout(out.as_bytes())?;
    if refused { Err(Failure::No(String::new())) } else { Ok(()) }
}
