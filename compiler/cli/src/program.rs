//! What is made of a policy or of event filters, as the command line says it.

use clap::Args;
use filterc::options::{GATES, TARGETS};
use filterc::{EventOptions, Gate, Monitored, Target};

/// What programs are made for.
#[derive(Args, Debug)]
pub(crate) struct ProgramArgs {
    /// Programs keep or drop the events of all tasks, and not only of those that are watched
    #[arg(long)]
    all_tasks: bool,

    /// The event's number on the kernel that it is for, as its file `id` in tracefs has it:
    /// what `common_type` is
    #[arg(long, value_name = "N")]
    event_id: Option<u16>,
}

impl ProgramArgs {
    /// What they ask for.
    pub(crate) const fn options(&self) -> EventOptions {
        let monitored = if self.all_tasks { Monitored::Everybody } else { Monitored::Tasks };
        EventOptions { monitored, event_id: self.event_id, counted: None }
    }
}

/// A gate by its name.
pub(crate) fn parse_gate(text: &str) -> Result<Gate, String> {
    let known = GATES.iter().find(|(name, _)| *name == text).map(|(_, gate)| *gate);
    let names = || GATES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    known.ok_or_else(|| format!("the gates are {}", names()))
}

/// A target by its name.
pub(crate) fn parse_target(text: &str) -> Result<Target, String> {
    let known = TARGETS.iter().find(|(name, _)| *name == text).map(|(_, target)| *target);
    let names = || TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    known.ok_or_else(|| format!("the targets are {}", names()))
}
