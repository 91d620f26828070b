//! `filterc test policy.flt`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use filterc::Options;
use filterc_cbpf as cbpf;
use filterc_check::Budget;
use filterc_review::suite::{self, Other, Subject};
use filterc_review::verdict::Filter;

use crate::console::{Console, Failure, stdout};
use crate::input;
use crate::logs;
use crate::options::PolicyArgs;
use crate::reviewed::{self, Reviewed};
use crate::sides::ReadingArgs;
use crate::sides::{self, Input};
use crate::tested::{self, Tested};

/// Arguments of `test`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit status: 0 all tests pass, and no recorded call is refused; 1 something is not so; 2 bad input, \
or there is nothing to test.")]
pub(crate) struct TestArgs {
    /// The policy, with `test` blocks; `-` is standard input
    #[arg(value_name = "POLICY")]
    policy: PathBuf,

    /// Run the calls of a trace of strace, a recorded stream or a log through the policy
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,

    /// Show the rules that no test touches
    #[arg(long)]
    coverage: bool,

    /// Form of the report
    #[arg(long, value_enum, default_value_t = Form::Text, value_name = "FORMAT")]
    format: Form,

    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,

    #[command(flatten)]
    reading: ReadingArgs,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// Form of a report.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// Test Anything Protocol, version 13
    Tap,
    /// XML of JUnit
    Junit,
}

/// Runs the tests; fails if one does.
pub(crate) fn run(args: &TestArgs, console: &Console) -> Result<(), Failure> {
    if args.policy == Path::new("-") && args.replay.as_deref() == Some(Path::new("-")) {
        return Err(Failure::Environment("standard input can be one of both only".to_owned()));
    }
    let options = input::options(&args.policy_args, console)?;
    let reviewed = reviewed::read(&args.policy, &args.reading, &options, console)?;
    let Reviewed::Policy(compiled, written) = &reviewed else {
        let text = format!("{}: a program has no tests", args.policy.display());
        return Err(Failure::Environment(text));
    };
    let other = |file: &str| other(&args.policy, file, &options, console);
    let report = suite::run(&Subject { written, compiled, other: &other });
    let replay = match &args.replay {
        None => None,
        Some(path) => {
            let native = reviewed.native(&options);
            let reading = logs::read(path, native, console)?;
            let filter = Filter::Policy(&written.policy);
            let replay = suite::replay(filter, &reading.records, &Budget::default());
            Some((path.as_path(), replay.map_err(logs::no_verdict)?))
        }
    };
    if report.tests.is_empty() && replay.is_none() {
        let text = format!("{}: there is no `test` in it", args.policy.display());
        return Err(Failure::Environment(text));
    }
    let refused = replay.as_ref().is_some_and(|(_, replay)| !replay.refused.is_empty());
    let passed = report.passed() && !refused;
    let tested = Tested { reviewed: &reviewed, report, replay, coverage: args.coverage };
    let format = if args.json { Form::Json } else { args.format };
    let text = match format {
        Form::Text => tested::text(&tested),
        Form::Json => format!("{}\n", tested::json(&tested)),
        Form::Tap => tested::tap(&tested),
        Form::Junit => tested::junit(&tested),
    };
    stdout(text.as_bytes())?;
    if passed { Ok(()) } else { Err(Failure::No(String::new())) }
}

/// What `same as` names: a file beside the policy.
fn other(policy: &Path, file: &str, options: &Options, console: &Console) -> Result<Other, String> {
    let path = policy.parent().unwrap_or_else(|| Path::new("")).join(file);
    let text = |failure: Failure| match failure {
        Failure::Environment(text) | Failure::No(text) | Failure::Coded { text, .. } => text,
        Failure::Policy(diagnostics) => diagnostics.to_string(),
    };
    match sides::side(&path, options, console).map_err(text)? {
        Input::Policy(policy, _) => Ok(Other::Policy(policy)),
        Input::Object(..) => {
            Err(format!("{}: `same as` takes policies and programs of seccomp", path.display()))
        }
        Input::Bytes(bytes) => {
            let endian = options
                .abis
                .as_ref()
                .and_then(|abis| abis.first())
                .map_or(filterc_abi::Endian::HOST, |abi| abi.endian);
            let program = cbpf::decode(&bytes, endian).map_err(|error| error.to_string())?;
            cbpf::verify(&program).map(Other::Program).map_err(|error| error.to_string())
        }
    }
}
