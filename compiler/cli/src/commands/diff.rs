//! `filterc diff old.flt new.flt`

use clap::Args;
use filterc_check::Budget;
use filterc_relate::differences;
use serde_json::json;

use crate::changes::{Found, summary};
use crate::console::{Console, Failure, stdout};
use crate::sides::{self, Judged, SidesArgs};

/// Arguments of `diff`.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    sides: SidesArgs,

    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

/// Shows where two policies or programs differ: for all calls, by the engine of the proof.
pub(crate) fn run(args: &DiffArgs, console: &Console) -> Result<(), Failure> {
    let sides = sides::read(&args.sides, console)?;
    sides.without_params()?;
    let mut all = Vec::new();
    for endian in &sides.orders {
        let [left, right] = [
            Judged::new(&sides.left, &args.sides.left, *endian)?,
            Judged::new(&sides.right, &args.sides.right, *endian)?,
        ];
        let changes = differences(left.side(), right.side(), *endian, &Budget::default())
            .map_err(|unknown| sides::undecided(&unknown))?;
        let found = Found { endian: *endian, sides: [left, right], changes };
        found.run_both()?;
        all.push(found);
    }
    let differ = all.iter().any(|found| !found.changes.is_empty());
    let text = if args.json {
        let machines: Vec<_> = all.iter().map(Found::json).collect();
        format!("{}\n", json!({ "equal": !differ, "machines": machines }))
    } else if differ {
        let parts: Vec<String> = all.iter().map(Found::text).collect();
        format!("{}\n{}", summary(&all), parts.concat())
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
