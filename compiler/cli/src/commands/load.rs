//! `filterc load policy.bpf.o`

use clap::Args;
use filterc_loader::bpf::Log;
use serde_json::json;

use crate::console::{Console, Failure, stdout};
use crate::ebpf::{self, ModuleArgs};

/// Arguments of `load`.
#[derive(Args, Debug)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    module: ModuleArgs,

    /// Also print what the kernel's verifier says of the programs that it accepts
    #[arg(long)]
    log: bool,

    /// Print one JSON object for each program
    #[arg(long)]
    json: bool,
}

/// Nothing stays in the kernel: what is loaded goes with this process.
pub(crate) fn run(args: &LoadArgs, console: &Console) -> Result<(), Failure> {
    let module = args.module.module(console)?;
    let log = if args.log { Log::Instructions } else { Log::Statistics };
    let loaded = match ebpf::load(&module, log) {
        Err(Failure::Coded { code, text, details }) if args.log && !args.json => {
            let log = details.get("log").and_then(|log| log.as_str()).unwrap_or_default();
            stdout(log.as_bytes())?;
            return Err(Failure::Coded { code, text, details });
        }
        other => other?,
    };
    for ((name, hook, program), unit) in loaded.programs().zip(&module.units) {
        let (section, slots) = (hook.section(), unit.insns.len());
        let cost = program.log().lines().rfind(|line| line.starts_with("processed "));
        let cost = cost.unwrap_or_default();
        let text = if args.json {
            let log = args.log.then(|| program.log());
            let object = json!({
                "program": name, "hook": section, "slots": slots, "verifier": cost, "log": log,
            });
            format!("{object}\n")
        } else {
            let log = if args.log { program.log() } else { "" };
            format!("{log}{name}: accepted at {section}, {slots} slots; {cost}\n")
        };
        stdout(text.as_bytes())?;
    }
    Ok(())
}
