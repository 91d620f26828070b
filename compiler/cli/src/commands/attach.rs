//! `filterc attach policy.flt --for COMMAND…`

use clap::{Args, ValueEnum};
use filterc_ebpf::audit;

use crate::auditing::SinkArgs;
use crate::console::{Console, Failure};
use crate::ebpf::ModuleArgs;
use crate::watching::{TaskArgs, Telling, attached};

/// Arguments of `attach`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("tasks").required(true).multiple(true))]
pub(crate) struct AttachArgs {
    #[command(flatten)]
    module: ModuleArgs,

    #[command(flatten)]
    tasks: TaskArgs,

    /// When calls are told: as they begin; as they end, with what they returned; or both. Calls that
    /// a seccomp filter denies only end, and `exit` only begins
    #[arg(long, value_enum, default_value_t = When::Enter, value_name = "WHEN")]
    when: When,

    /// Also tell calls that the policy allows
    #[arg(long)]
    all: bool,

    /// Instead of printing, write
    #[command(flatten)]
    sink: SinkArgs,

    /// Print one JSON object for each call, or for the counts of each event
    #[arg(long)]
    json: bool,
}

/// When calls are told.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum When {
    Enter,
    Exit,
    Both,
}

impl AttachArgs {
    /// What of a task is told.
    const fn flags(&self) -> u64 {
        let moments = match self.when {
            When::Enter => audit::ENTER,
            When::Exit => audit::EXIT,
            When::Both => audit::ENTER | audit::EXIT,
        };
        if self.all { moments | audit::ALLOWED } else { moments }
    }
}

/// Attaches the programs until the tasks end or a signal comes.
pub(crate) fn run(args: &AttachArgs, console: &Console) -> Result<(), Failure> {
    args.module.refuse_labels()?;
    let (module, policy) = args.module.counting(console)?;
    let telling = Telling { flags: args.flags(), json: args.json };
    attached(&module, &args.tasks, telling, Some((&args.sink, policy)), console)
}
