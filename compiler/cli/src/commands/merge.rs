//! `filterc merge --intersect a.flt b.flt -o both.flt`

use std::path::PathBuf;

use clap::Args;
use filterc_check::precedence;

use crate::console::{Console, Failure};
use crate::sides::{self, SidesArgs};
use crate::written::{self, Written};

/// Arguments of `merge`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit status: 0 the policy was written, and proved; 2 bad input, or there is no policy of that \
meaning.")]
pub(crate) struct MergeArgs {
    #[command(flatten)]
    sides: SidesArgs,

    /// For each call the weaker of both actions
    #[arg(long, required_unless_present = "intersect")]
    union: bool,

    /// For each call the stronger of both actions: what the kernel does with both filters
    #[arg(long, conflicts_with = "union")]
    intersect: bool,

    /// Write one JSON object with the policy in it
    #[arg(long)]
    json: bool,

    /// Where to write the policy (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes the policy that decides as both sides together do, and proves that it does.
pub(crate) fn run(args: &MergeArgs, console: &Console) -> Result<(), Failure> {
    let sides = sides::read(&args.sides, console)?;
    sides.without_params()?;
    let union = args.union;
    let combine = move |values: &[u32]| match values {
        [a, b] => {
            let weaker = precedence(*a) > precedence(*b);
            // Of equal actions the kernel takes the data of the filter that came last.
            if precedence(*a) != precedence(*b) && weaker == union { *a } else { *b }
        }
        _ => 0,
    };
    let how = if union { "allows" } else { "refuses" };
    let written = Written {
        comment: format!(
            "What {} or {} {how}.",
            args.sides.left.display(),
            args.sides.right.display()
        ),
        inputs: vec![(&sides.left, &args.sides.left), (&sides.right, &args.sides.right)],
        orders: &sides.orders,
        combine: &combine,
        json: args.json,
    };
    written::write(&written, args.output.as_deref(), console)
}
