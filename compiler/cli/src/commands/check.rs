//! `filterc check policy.flt`

use std::path::PathBuf;

use clap::Args;
use filterc::compile;

use crate::console::{Console, Failure};
use crate::input;
use crate::options::PolicyArgs;

/// Arguments of `check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The policies; `-` is standard input
    #[arg(required = true, value_name = "POLICY")]
    policies: Vec<PathBuf>,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// Compiles and throws the program away, so that its limits are checked too.
pub(crate) fn run(args: &CheckArgs, console: &Console) -> Result<(), Failure> {
    let options = input::options(&args.policy_args, console)?;
    let mut failed = false;
    for path in &args.policies {
        match compile(&input::source(path)?, &options) {
            Ok(compiled) => console.diagnostics(compiled.sources(), compiled.warnings()),
            Err(diagnostics) => {
                console.diagnostics(&diagnostics.sources, &diagnostics.list);
                failed = true;
            }
        }
    }
    if failed { Err(Failure::No(String::new())) } else { Ok(()) }
}
