//! `filterc completions bash`

use clap::Args;
use clap_complete::Shell;

use crate::console::{Failure, stdout};

/// Arguments of `completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, mut tool: clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut tool, "filterc", &mut script);
    stdout(&script)
}
