//! `filterc subset base.flt new.flt`

use clap::Args;
use filterc_relate::Kind;
use serde_json::json;

use crate::changes::{self, Found};
use crate::console::{Console, Failure, stdout};
use crate::sides::{self, ReplayArgs, SidesArgs};

/// Arguments of `subset`.
#[derive(Args, Debug)]
#[command(after_help = "\
Calls are shown as `eval` and `explain-call` read them.

Exit status: 0 B is nowhere weaker; 1 it is somewhere; 2 bad input, or it was not found out.")]
pub(crate) struct SubsetArgs {
    #[command(flatten)]
    sides: SidesArgs,

    #[command(flatten)]
    replay: ReplayArgs,

    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

/// Says whether the second side is nowhere weaker than the first, by the kernel's precedence
/// of actions; where it is, what was strengthened is not shown.
pub(crate) fn run(args: &SubsetArgs, console: &Console) -> Result<(), Failure> {
    let sides = sides::read_for(&args.sides, &args.replay, console)?;
    let all = changes::find(&sides, [&args.sides.left, &args.sides.right], |kind| {
        matches!(kind, Kind::Allowed | Kind::Weaker)
    })?;
    let weaker = all.iter().any(|found| !found.is_empty());
    let (left, right) = (args.sides.left.display(), args.sides.right.display());
    let text = if args.json {
        let machines: Vec<_> = all.iter().map(Found::json).collect();
        format!("{}\n", json!({ "subset": !weaker, "machines": machines }))
    } else if weaker {
        let parts: Vec<String> =
            all.iter().map(|found| found.styled(false, console.is_bold())).collect();
        format!("no: {right} is weaker than {left} here\n{}", parts.concat())
    } else {
        format!("yes: {right} is nowhere weaker than {left}\n")
    };
    stdout(text.as_bytes())?;
    if weaker { Err(Failure::No(String::new())) } else { Ok(()) }
}
