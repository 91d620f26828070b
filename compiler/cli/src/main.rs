//! `filterc`, the command-line tool. One file for each subcommand under `commands`.

mod args;
mod auditing;
mod changes;
mod commands;
mod console;
mod decide;
mod ebpf;
mod explained;
mod foreign;
mod input;
mod kernel_audit;
mod logs;
mod naming;
mod options;
mod page;
mod program;
mod record;
mod reference;
mod reported;
mod reviewed;
mod sarif;
mod sides;
mod symbols;
mod tested;
mod timing;
mod tracefs;
mod watching;
mod written;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::args::{Cli, Command};
use crate::commands::{
    asm, attach, audit, audit_policy, check, compile, completions, diff, disasm, doc, equiv, eval,
    event, explain, explain_call, explain_denial, fmt, import, learn, lift, list, load, man, merge,
    report, run, subset, test, verify,
};
use crate::console::{Console, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let console = Console::new(cli.color, cli.message_format);
    let result = match &cli.command {
        None => compile::run(&cli.compile, &console),
        Some(Command::Check(args)) => check::run(args, &console),
        Some(Command::Fmt(args)) => fmt::run(args, &console),
        Some(Command::Disasm(args)) => disasm::run(args, &console),
        Some(Command::Asm(args)) => asm::run(args, &console),
        Some(Command::Verify(args)) => verify::run(args, &console),
        Some(Command::Equiv(args)) => equiv::run(args, &console),
        Some(Command::Subset(args)) => subset::run(args, &console),
        Some(Command::Diff(args)) => diff::run(args, &console),
        Some(Command::Merge(args)) => merge::run(args, &console),
        Some(Command::Report(args)) => report::run(args, &console),
        Some(Command::Learn(args)) => learn::run(args, &console),
        Some(Command::Lift(args)) => lift::run(args, &console),
        Some(Command::Audit(args)) => audit::run(args, &console),
        Some(Command::AuditPolicy(args)) => audit_policy::run(args, &console),
        Some(Command::Eval(args)) => eval::run(args, &console),
        Some(Command::ExplainCall(args)) => explain_call::run(args, &console),
        Some(Command::ExplainDenial(args)) => explain_denial::run(args, &console),
        Some(Command::Test(args)) => test::run(args, &console),
        Some(Command::Event(args)) => event::run(args, &console),
        Some(Command::Import(args)) => import::run(args, &console),
        Some(Command::Run(args)) => run::run(args, &console),
        Some(Command::Load(args)) => load::run(args, &console),
        Some(Command::Attach(args)) => attach::run(args, &console),
        Some(Command::Doc(args)) => doc::run(args, &console),
        Some(Command::List(args)) => list::run(args, &console),
        Some(Command::Explain(args)) => explain::run(args, &console),
        Some(Command::Completions(args)) => completions::run(args, Cli::command()),
        Some(Command::Man(args)) => man::run(args, Cli::command()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console.report(&failure);
            match failure {
                Failure::Policy(_) | Failure::Coded { .. } | Failure::No(_) => ExitCode::from(1),
                Failure::Environment(_) => ExitCode::from(2),
            }
        }
    }
}
