//! `filterc equiv old.flt new.flt`

use std::collections::BTreeMap;

use clap::Args;
use filterc::describe;
use filterc_abi::Endian;
use filterc_check::{Budget, Counterexample, Proof, Verdict, equivalent};
use filterc_hir::policy::Param;
use filterc_hir::types::facts_of;
use serde_json::json;

use crate::console::{Console, Failure, stdout};
use crate::replay::{Replay, replay};
use crate::sides::{self, Judged, ReplayArgs, Sides, SidesArgs};

/// Arguments of `equiv`.
#[derive(Args, Debug)]
#[command(after_help = "\
The call that is shown is written as `eval` and `explain-call` read it; `diff` shows them all.

Exit status: 0 both decide the same; 1 they do not; 2 bad input, or it was not found out.")]
pub(crate) struct EquivArgs {
    #[command(flatten)]
    sides: SidesArgs,

    #[command(flatten)]
    replay: ReplayArgs,

    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

/// Says whether two policies or programs decide the same for every call. Status 1 is for sides
/// that do not: what is wrong with one of them is of status 2 here.
pub(crate) fn run(args: &EquivArgs, console: &Console) -> Result<(), Failure> {
    let Sides { left, right, params, orders, replay: asked } =
        sides::read_for(&args.sides, &args.replay, console)?;
    let mut proofs = Vec::new();
    for endian in orders {
        let sides = [
            Judged::new(&left, &args.sides.left, endian)?,
            Judged::new(&right, &args.sides.right, endian)?,
        ];
        let [left, right] = sides.each_ref().map(Judged::side);
        match equivalent(left, right, endian, &Budget::default()) {
            Verdict::Equal(proof) => proofs.push(proof),
            Verdict::Differ(found) => {
                let why = sides.each_ref().map(|side| side.why(&found.call, &found.params, endian));
                let shown = [(&found.call, [found.left, found.right])];
                let asked = match (&asked, params.is_empty()) {
                    (Some(options), true) => Some(replay(&sides, &shown, endian, options)?),
                    (Some(_), false) | (None, _) => None,
                };
                let text = match args.json {
                    true => differ_json(&found, &params, &why, asked.as_ref()),
                    false => differ_text(args, &found, &params, &why, endian),
                };
                let kernel = asked.filter(|_| !args.json).map(|it| it.text()).unwrap_or_default();
                stdout(format!("{text}{kernel}").as_bytes())?;
                return Err(Failure::No(String::new()));
            }
            Verdict::Unknown(unknown) => return Err(sides::undecided(&unknown)),
        }
    }
    let text = if args.json { equal_json(&proofs) } else { equal_text(args, &proofs) };
    stdout(text.as_bytes())
}

fn differ_text(
    args: &EquivArgs,
    found: &Counterexample,
    params: &[Param],
    why: &[String; 2],
    endian: Endian,
) -> String {
    let [left, right] = why;
    format!(
        "different: {}{}{}\n    {}: {:#010x}, {left}\n    {}: {:#010x}, {right}\n",
        describe::notation(&found.call),
        describe::params(params, &found.params),
        describe::facts(&facts_of(&found.params, endian)),
        args.sides.left.display(),
        found.left,
        args.sides.right.display(),
        found.right
    )
}

fn differ_json(
    found: &Counterexample,
    params: &[Param],
    why: &[String; 2],
    asked: Option<&Replay>,
) -> String {
    let [left, right] = why;
    let named = params.iter().zip(found.params);
    let named: BTreeMap<&str, u64> =
        named.map(|(param, value)| (param.name.as_str(), value)).collect();
    let mut object = json!({
        "equal": false,
        "call": describe::notation(&found.call),
        "nr": found.call.nr,
        "arch": found.call.arch,
        "instruction_pointer": found.call.instruction_pointer,
        "args": found.call.args,
        "left": found.left,
        "left_why": left,
        "right": found.right,
        "right_why": right,
        "replay": asked.map(Replay::json),
    });
    if let (false, Some(fields)) = (named.is_empty(), object.as_object_mut()) {
        fields.insert("params".to_owned(), json!(named));
    }
    format!("{object}\n")
}

fn equal_text(args: &EquivArgs, proofs: &[Proof]) -> String {
    let rectangles: u64 = proofs.iter().map(|proof| proof.rectangles).sum();
    let nodes = proofs.iter().map(|proof| proof.nodes).max().unwrap_or_default();
    format!(
        "equal: {} and {} decide the same for every call\n    proved in {rectangles} parts, the \
         largest decision diagram with {nodes} nodes\n",
        args.sides.left.display(),
        args.sides.right.display()
    )
}

fn equal_json(proofs: &[Proof]) -> String {
    let parts: u64 = proofs.iter().map(|proof| proof.rectangles).sum();
    let nodes = proofs.iter().map(|proof| proof.nodes).max().unwrap_or_default();
    format!("{}\n", json!({ "equal": true, "parts": parts, "nodes": nodes }))
}
