//! `filterc subset base.flt new.flt`

use clap::Args;
use filterc_check::Budget;
use filterc_relate::{Kind, differences};
use serde_json::json;

use crate::changes::Found;
use crate::console::{Console, Failure, stdout};
use crate::sides::{self, Judged, SidesArgs};

/// Arguments of `subset`.
#[derive(Args, Debug)]
pub(crate) struct SubsetArgs {
    #[command(flatten)]
    sides: SidesArgs,

    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

/// Says whether the second side is nowhere weaker than the first, by the kernel's precedence
/// of actions; where it is, what was strengthened is not shown.
pub(crate) fn run(args: &SubsetArgs, console: &Console) -> Result<(), Failure> {
    let sides = sides::read(&args.sides, console)?;
    sides.without_params()?;
    let mut all = Vec::new();
    for endian in &sides.orders {
        let [left, right] = [
            Judged::new(&sides.left, &args.sides.left, *endian)?,
            Judged::new(&sides.right, &args.sides.right, *endian)?,
        ];
        let mut changes = differences(left.side(), right.side(), *endian, &Budget::default())
            .map_err(|unknown| sides::undecided(&unknown))?;
        changes.retain(|change| matches!(change.kind(), Kind::Allowed | Kind::Weaker));
        let found = Found { endian: *endian, sides: [left, right], changes };
        found.run_both()?;
        all.push(found);
    }
    let weaker = all.iter().any(|found| !found.changes.is_empty());
    let (left, right) = (args.sides.left.display(), args.sides.right.display());
    let text = if args.json {
        let machines: Vec<_> = all.iter().map(Found::json).collect();
        format!("{}\n", json!({ "subset": !weaker, "machines": machines }))
    } else if weaker {
        let parts: Vec<String> = all.iter().map(Found::text).collect();
        format!("no: {right} is weaker than {left} here\n{}", parts.concat())
    } else {
        format!("yes: {right} is nowhere weaker than {left}\n")
    };
    stdout(text.as_bytes())?;
    if weaker { Err(Failure::No(String::new())) } else { Ok(()) }
}
