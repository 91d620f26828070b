//! `filterc check policy.flt`

use std::path::PathBuf;

use clap::Args;
use filterc::{Compiled, Options, Target, compile, describe, stages};

use crate::console::{Console, Failure, stdout};
use crate::input;
use crate::options::PolicyArgs;
use crate::program::parse_target;

/// Arguments of `check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The policies; `-` is standard input
    #[arg(required = true, value_name = "POLICY")]
    policies: Vec<PathBuf>,

    /// What the policies are for: by default a filter, or, with `--stages`, a monitor
    #[arg(long, value_parser = parse_target, value_name = "TARGET")]
    target: Option<Target>,

    /// Show where each rule decides: in the kernel, in the monitor, or partly, and what the monitor
    /// is asked
    #[arg(long)]
    stages: bool,

    /// With `--stages`: as JSON, one object for each policy
    #[arg(long, requires = "stages")]
    json: bool,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// Compiles and throws the program away, so that its limits are checked too.
pub(crate) fn run(args: &CheckArgs, console: &Console) -> Result<(), Failure> {
    let options = input::options(&args.policy_args, console)?;
    let target = match args.target {
        Some(Target::Seccomp | Target::Monitor) if !args.stages => args.target,
        Some(Target::Monitor) => args.target,
        None => args.stages.then_some(Target::Monitor),
        Some(_) => {
            let text = "check is for filters (`seccomp`, `monitor`), and --stages for `monitor`";
            return Err(Failure::Environment(text.to_owned()));
        }
    };
    let options = Options { target: target.unwrap_or_default(), ..options };
    let mut failed = false;
    for path in &args.policies {
        match compile(&input::source(path)?, &options) {
            Ok(compiled) => {
                console.diagnostics(compiled.sources(), compiled.warnings());
                if args.stages {
                    stdout(&stages_of(&compiled, &options, args.json)?)?;
                }
            }
            Err(diagnostics) => {
                console.diagnostics(&diagnostics.sources, &diagnostics.list);
                failed = true;
            }
        }
    }
    if failed { Err(Failure::No(String::new())) } else { Ok(()) }
}

/// Where the rules of a policy decide.
fn stages_of(compiled: &Compiled, options: &Options, json: bool) -> Result<Vec<u8>, Failure> {
    let rules = stages::stages(compiled, options.gate.action()).map_err(|unknown| {
        Failure::No(format!("it was not found out: {}", describe::unknown(&unknown).join("; ")))
    })?;
    let text = if json { format!("{}\n", stages::json(&rules)) } else { stages::text(&rules) };
    Ok(text.into_bytes())
}
