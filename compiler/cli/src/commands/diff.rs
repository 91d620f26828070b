//! `filterc diff old.flt new.flt`

use clap::Args;
use serde_json::json;

use crate::changes::{self, Found};
use crate::console::{Console, Failure, stdout};
use crate::sides::{self, ReplayArgs, SidesArgs};

/// Arguments of `diff`.
#[derive(Args, Debug)]
#[command(after_help = "\
Calls are shown as `eval` and `explain-call` read them.

Exit status: 0 both decide the same; 1 they differ; 2 bad input, or it was not found out.")]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    sides: SidesArgs,

    #[command(flatten)]
    replay: ReplayArgs,

    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

/// Shows where two policies or programs differ: for all calls, by the engine of the proof.
pub(crate) fn run(args: &DiffArgs, console: &Console) -> Result<(), Failure> {
    let sides = sides::read_for(&args.sides, &args.replay, console)?;
    let all = changes::find(&sides, [&args.sides.left, &args.sides.right], |_| true)?;
    let differ = all.iter().any(|found| !found.is_empty());
    let text = if args.json {
        let machines: Vec<_> = all.iter().map(Found::json).collect();
        format!("{}\n", json!({ "equal": !differ, "machines": machines }))
    } else if differ {
        let parts: Vec<String> =
            all.iter().map(|found| found.styled(true, console.is_bold())).collect();
        format!("{}\n{}", changes::summary(&all), parts.concat())
    } else {
        format!(
            "{} and {} decide the same for every call\n",
            args.sides.left.display(),
            args.sides.right.display()
        )
    };
    stdout(text.as_bytes())?;
    if differ { Err(Failure::No(String::new())) } else { Ok(()) }
}
