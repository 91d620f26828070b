//! `filterc graph policy.flt -o policy.svg`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use filterc::{Diagnostics, params};
use filterc_abi::{Abi, Endian};
use filterc_check::Budget;
use filterc_hir::policy::AbiPolicy;
use filterc_review::graph::{self, Drawn, Graph, NoGraph};
use serde_json::json;

use crate::console::{Console, Failure, write_output};
use crate::input;
use crate::options::{ByteOrder, PolicyArgs};
use crate::sides::{self, Input, Judged, ReadingArgs};

/// Arguments of `graph`.
#[derive(Args, Debug)]
pub(crate) struct GraphArgs {
    /// A policy in any form that `import` reads, a program, or an eBPF object file; `-` is standard
    /// input
    #[arg(value_name = "POLICY")]
    policy: PathBuf,

    /// Where to write (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// What to write; by default what the name of the output ends with, else `svg`
    #[arg(long, value_enum)]
    format: Option<GraphFormat>,

    /// Draw these calls only
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    call: Vec<String>,

    /// Byte order of the machine; by default that of the policy's ABIs, else the host's
    #[arg(long, value_enum)]
    endian: Option<ByteOrder>,

    #[command(flatten)]
    reading: ReadingArgs,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// Forms of a drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum GraphFormat {
    /// A drawing for browsers
    Svg,
    /// Text for Graphviz
    Dot,
    /// Nodes and edges as one JSON object
    Json,
}

/// Draws which calls are told apart, what is asked about their arguments, and what they come to. What
/// is wrong with the input is of status 2, what cannot be drawn of status 1.
pub(crate) fn run(args: &GraphArgs, console: &Console) -> Result<(), Failure> {
    let format = format(args)?;
    let options = input::options(&args.policy_args, console)?;
    let input = sides::side_as(&args.policy, &args.reading, ("", &[]), &options, console)?;
    let (endian, abis) = machine(args, &input, options.abis.as_deref(), console)?;
    let input = bound(input, &options.params)?;
    let judged = Judged::new(&input, &args.policy, endian)?;
    let title = if args.policy == Path::new("-") {
        "standard input".to_owned()
    } else {
        args.policy.file_name().unwrap_or_default().to_string_lossy().into_owned()
    };
    let drawn = Drawn {
        title: &title,
        side: judged.side(),
        endian,
        abis: &abis,
        profile: options.profile.as_ref(),
        only: &args.call,
    };
    let graph = graph::graph(&drawn, &Budget::default()).map_err(|why| failed(&why))?;
    write_output(args.output.as_deref(), &written(&graph, format))
}

/// The input with values for its parameters: without them, there is nothing to draw.
fn bound(input: Input, given: &[(String, i128)]) -> Result<Input, Failure> {
    let Input::Policy(policy, sources) = input else { return Ok(input) };
    if given.is_empty() {
        let list = params::missing(&policy);
        return match list.is_empty() {
            true => Ok(Input::Policy(policy, sources)),
            false => Err(Failure::from(Diagnostics { sources, list })),
        };
    }
    let values = params::values(&policy, given);
    let values = values.map_err(|error| Failure::Environment(error.message))?;
    Ok(Input::Policy(Box::new(policy.bound(&values)), sources))
}

fn written(graph: &Graph, format: GraphFormat) -> Vec<u8> {
    match format {
        GraphFormat::Svg => graph::svg(graph),
        GraphFormat::Dot => graph::dot(graph),
        GraphFormat::Json => format!("{}\n", graph::json(graph)),
    }
    .into_bytes()
}

/// The form that is asked for, or that the output is named for.
fn format(args: &GraphArgs) -> Result<GraphFormat, Failure> {
    if let Some(format) = args.format {
        return Ok(format);
    }
    let Some(output) = &args.output else { return Ok(GraphFormat::Svg) };
    match output.extension().and_then(|it| it.to_str()) {
        Some("svg") => Ok(GraphFormat::Svg),
        Some("dot" | "gv") => Ok(GraphFormat::Dot),
        Some("json") => Ok(GraphFormat::Json),
        Some(_) | None => Err(Failure::Environment(format!(
            "{}: the name does not say what to write: say it with --format svg, dot or json",
            output.display()
        ))),
    }
}

/// Why nothing was drawn, with its code.
fn failed(why: &NoGraph) -> Failure {
    let (code, details) = match (why, why.code()) {
        (NoGraph::Unknown(unknown), _) => return sides::undecided(unknown),
        (NoGraph::TooLarge { limit }, code) => (code, json!({ "limit": limit })),
        (NoGraph::NoCall { name }, code) => (code, json!({ "call": name })),
    };
    Failure::Coded { code: code.unwrap_or_default(), text: why.to_string(), details }
}

/// The byte order of the machine, and the ABIs that are drawn.
fn machine(
    args: &GraphArgs,
    input: &Input,
    given: Option<&[&'static Abi]>,
    console: &Console,
) -> Result<(Endian, Vec<&'static Abi>), Failure> {
    let all: Vec<&'static Abi> = match (input, given) {
        (Input::Policy(policy, _), _) => policy.abis().iter().map(AbiPolicy::abi).collect(),
        (Input::Bytes(_) | Input::Object(..), Some(given)) => given.to_vec(),
        (Input::Bytes(_) | Input::Object(..), None) => Vec::new(),
    };
    let asked = args.endian.map(Endian::from).or(match input {
        Input::Object(_, endian) => Some(*endian),
        Input::Policy(..) | Input::Bytes(_) => None,
    });
    let has = |endian: Endian| all.iter().any(|abi| abi.endian == endian);
    let first = all.first().map(|abi| abi.endian);
    let own = if has(Endian::HOST) { Endian::HOST } else { first.unwrap_or(Endian::HOST) };
    let endian = asked.unwrap_or(own);
    let (here, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|abi| abi.endian == endian);
    if here.is_empty() && !others.is_empty() {
        return Err(Failure::Environment("no ABI of the policy has that byte order".to_owned()));
    }
    if !others.is_empty() && asked.is_none() {
        let names: Vec<&str> = others.iter().map(|abi| abi.name).collect();
        console.note(&format!(
            "not drawn, being of the other byte order (--endian): {}",
            names.join(", ")
        ));
    }
    Ok((endian, here))
}
