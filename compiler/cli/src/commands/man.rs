//! `filterc man > filterc.1`

use std::path::Path;

use clap::Args;
use clap_mangen::Man;

use crate::console::{Failure, stdout};

/// Arguments of `man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// The subcommand whose page is printed; the tool's own by default
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

pub(crate) fn run(args: &ManArgs, mut root: clap::Command) -> Result<(), Failure> {
    root.build();
    let command = match &args.command {
        None => root,
        Some(name) => match root.find_subcommand(name) {
            Some(command) => command.clone(),
            None => return Err(Failure::Environment(format!("no subcommand `{name}`"))),
        },
    };
    let mut page = Vec::new();
    Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::io(Path::new("manual page"), &error))?;
    stdout(&page)
}
