//! Policies that are made of what others decide: written, read again, and proved to be that.

use std::path::{Path, PathBuf};

use filterc::{Options, Source, analyse};
use filterc_abi::{Action, Endian};
use filterc_check::{Budget, Part, Side, outcomes};
use filterc_grammar::print;
use filterc_relate::{Said, policy};
use serde_json::json;

use crate::console::{Console, Failure, write_output};
use crate::sides::{self, Input, Judged};

/// What is to be written.
pub(crate) struct Written<'w> {
    /// What stands above it.
    pub(crate) comment: String,
    /// What it is made of.
    pub(crate) inputs: Vec<(&'w Input, &'w PathBuf)>,
    /// The machines that it is for.
    pub(crate) orders: &'w [Endian],
    /// What is made of the values that the inputs return.
    pub(crate) combine: &'w dyn Fn(&[u32]) -> u32,
    /// Whether the policy is written as a member of an object.
    pub(crate) json: bool,
}

/// Writes the policy. It is not believed before what its text says has been proved to be that.
pub(crate) fn write(
    written: &Written<'_>,
    output: Option<&Path>,
    console: &Console,
) -> Result<(), Failure> {
    let mut parts: Vec<(Endian, Vec<Part>)> = Vec::new();
    for endian in written.orders {
        parts.push((*endian, all(written, None, *endian)?));
    }
    let said: Vec<Said<'_>> =
        parts.iter().map(|(endian, parts)| Said { endian: *endian, parts }).collect();
    let text = policy(&said, written.combine).map_err(|error| {
        Failure::Environment(format!("the policy language cannot say this: {error}"))
    })?;
    let text = format!("# {}\n\n{text}", written.comment);
    let text = print::format(&text).unwrap_or(text);
    let source = Source::text("<written>", text.clone());
    let analysis = analyse(&source, &Options::default());
    let Some(result) = analysis.policy else {
        console.diagnostics(&analysis.sources, &analysis.diagnostics);
        let text = "what was written is no policy, so nothing is; a fault of filterc, or a call \
                    that can be gone round by another";
        return Err(Failure::Environment(text.to_owned()));
    };
    for endian in written.orders {
        for part in all(written, Some(Side::Policy(&result)), *endian)? {
            for values in &part.decision.values {
                let Some((ours, theirs)) = values.split_last() else { continue };
                let meant = Action::from_ret((written.combine)(theirs));
                if Action::from_ret(*ours) != meant {
                    let text = format!(
                        "what was written says {} where {meant} is meant, for numbers from {:#x} \
                         under the architecture {:#x}, so nothing is written",
                        Action::from_ret(*ours),
                        part.nr.0,
                        part.arch.0
                    );
                    return Err(Failure::Environment(text));
                }
            }
        }
    }
    let text = match written.json {
        false => text,
        true => {
            let inputs: Vec<String> =
                written.inputs.iter().map(|(_, path)| path.display().to_string()).collect();
            format!("{}\n", json!({ "policy": text, "of": inputs, "proved": true }))
        }
    };
    write_output(output, text.as_bytes())
}

fn all(
    written: &Written<'_>,
    more: Option<Side<'_>>,
    endian: Endian,
) -> Result<Vec<Part>, Failure> {
    let judged = written.inputs.iter().map(|(input, path)| Judged::new(input, path, endian));
    let judged = judged.collect::<Result<Vec<_>, _>>()?;
    let mut sides: Vec<Side<'_>> = judged.iter().map(Judged::side).collect();
    sides.extend(more);
    outcomes(&sides, endian, &Budget::default()).map_err(|unknown| sides::undecided(&unknown))
}
