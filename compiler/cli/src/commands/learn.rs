//! `filterc learn run.strace -o policy.flt`

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use filterc::{Options, Source, analyse};
use filterc_abi::{self as abi, Endian};
use filterc_check::{Budget, Side};
use filterc_hir::eval::decide_with;
use filterc_relate::differences;
use filterc_review::learn::{self, Detail, INCOMPLETE, Learned, Run};
use filterc_review::near::passes;
use filterc_review::patch::unified;
use filterc_review::seen::Seen;
use filterc_review::verdict::{NoVerdict, endian_of, verdict};
use filterc_review::written::Written;
use serde_json::json;

use crate::console::{Console, Failure, stdout, write_output};
use crate::options::PolicyArgs;
use crate::reviewed::{self, Reviewed};
use crate::sides::ReadingArgs;
use crate::{explained, input, logs, sides};

/// Arguments of `learn`.
#[derive(Args, Debug)]
#[command(after_help = "\
Reads traces of strace, audit logs, recorded streams and what `attach --json` writes. Flags, choices \
and descriptors are generalised to what was seen: no other flags, one of the values, the standard \
descriptors; more than 16 values, and numbers of other kinds, are not asked for.

Exit status: 0 done; 1 records are missing, so that the policy is not even complete for these runs; \
2 bad input.")]
pub(crate) struct LearnArgs {
    /// The records of each run; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    records: Vec<PathBuf>,

    /// A policy to add to: shows what would be added, and what that lets through; with `-o`, writes
    /// the new text
    #[arg(long, value_name = "POLICY")]
    update: Option<PathBuf>,

    /// How much of the arguments the rules ask for
    #[arg(long, value_enum, default_value_t = LearnDetail::Arguments)]
    detail: LearnDetail,

    /// What becomes of calls that were not seen
    #[arg(long, value_name = "ACTION", default_value = "errno(EPERM)")]
    default: String,

    /// Where to write the policy (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write one JSON object: the text, and what was seen
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// How much a policy keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LearnDetail {
    /// Nothing: calls alone
    Calls,
    /// Flags, choices, descriptors
    Arguments,
    /// All values that are no addresses, up to 16 for each argument
    Exact,
}

impl From<LearnDetail> for Detail {
    fn from(detail: LearnDetail) -> Self {
        match detail {
            LearnDetail::Calls => Self::Calls,
            LearnDetail::Arguments => Self::Arguments,
            LearnDetail::Exact => Self::Exact,
        }
    }
}

/// Makes a policy of records, or adds to one.
pub(crate) fn run(args: &LearnArgs, console: &Console) -> Result<(), Failure> {
    match &args.update {
        None => new(args, console),
        Some(policy) => update(args, policy, console),
    }
}

fn new(args: &LearnArgs, console: &Console) -> Result<(), Failure> {
    let options = input::options(&args.policy_args, console)?;
    let asked = options.abis.as_ref().and_then(|abis| abis.first()).copied();
    let runs = runs(args, asked.or_else(abi::host).unwrap_or(abi::x86_64()), console)?;
    let learned = learn::learn(&runs, args.detail.into(), &args.default);
    let learned = learned.map_err(Failure::Environment)?;
    let text = if args.json { as_json(&learned, None) } else { learned.text.clone() };
    write_output(args.output.as_deref(), text.as_bytes())?;
    finish(&learned, console)
}

fn runs(
    args: &LearnArgs,
    native: &'static abi::Abi,
    console: &Console,
) -> Result<Vec<Run>, Failure> {
    let one = |path: &PathBuf| -> Result<Run, Failure> {
        Ok(Run { name: path.display().to_string(), reading: logs::read(path, native, console)? })
    };
    args.records.iter().map(one).collect()
}

fn update(args: &LearnArgs, policy: &Path, console: &Console) -> Result<(), Failure> {
    let options = input::options(&args.policy_args, console)?;
    let source = input::source(policy)?;
    let reviewed = reviewed::read(policy, &ReadingArgs::default(), &options, console)?;
    let Reviewed::Policy(_, written) = &reviewed else {
        return Err(Failure::Environment("only a policy's text can be added to".to_owned()));
    };
    let runs = runs(args, reviewed.native(&options), console)?;
    let failed: Cell<Option<NoVerdict>> = Cell::new(None);
    let known: RefCell<HashMap<Seen, bool>> = RefCell::new(HashMap::new());
    let lets_through = |seen: &Seen| {
        if let Some(known) = known.borrow().get(seen) {
            return *known;
        }
        let through = if seen.is_whole() {
            let policy = written.policy.of_order(endian_of(seen));
            passes(decide_with(&policy, &[], &seen.with_zeros()).action)
        } else {
            match verdict(reviewed.filter(), seen, &Budget::default()) {
                Ok(outcomes) => outcomes.iter().all(|outcome| passes(outcome.action)),
                Err(none) => {
                    failed.set(Some(none));
                    true
                }
            }
        };
        known.borrow_mut().insert(seen.clone(), through);
        through
    };
    let learned = learn::update(&source, &options, &runs, args.detail.into(), &lets_through);
    if let Some(verdict) = failed.take() {
        return Err(logs::no_verdict(verdict));
    }
    let Some(learned) = learned.map_err(Failure::Environment)? else {
        return stdout(b"nothing to add: the policy lets through all that was seen\n");
    };
    let old = written.text();
    let patch = unified(source.name(), old, &learned.text);
    if let Some(output) = &args.output {
        write_output(Some(output), learned.text.as_bytes())?;
    }
    let text = match args.json {
        true => as_json(&learned, Some(&patch)),
        false => format!("{patch}\n{}", effect(&source, &learned, &options, written)?),
    };
    stdout(text.as_bytes())?;
    finish(&learned, console)
}

/// What the added rules change, on the machines of the policy's ABIs.
fn effect(
    source: &Source,
    learned: &Learned,
    options: &Options,
    written: &Written,
) -> Result<String, Failure> {
    let text = Source::text(source.name(), learned.text.clone());
    let Some(new) = analyse(&text, options).policy else { return Ok(String::new()) };
    let mut orders: Vec<Endian> = new.abis().iter().map(|part| part.abi().endian).collect();
    orders.sort();
    orders.dedup();
    let mut text = String::new();
    for endian in orders {
        let (old, new) = (Side::Policy(&written.policy), Side::Policy(&new));
        let changes = differences(old, new, endian, &Budget::default());
        text.push_str(&explained::effect(&changes.map_err(|it| sides::undecided(&it))?));
    }
    Ok(text)
}

fn as_json(learned: &Learned, patch: Option<&str>) -> String {
    let object = json!({
        "text": learned.text,
        "patch": patch,
        "calls": learned.seen,
        "rules": learned.rules,
        "complete": learned.missing.is_empty(),
        "missing": learned.missing,
    });
    format!("{object}\n")
}

fn finish(learned: &Learned, console: &Console) -> Result<(), Failure> {
    if learned.missing.is_empty() {
        return Ok(());
    }
    for line in &learned.missing {
        console.note(&format!("[{INCOMPLETE}] {line}"));
    }
    Err(Failure::No("not complete: calls that were made are missing from the policy".to_owned()))
}
