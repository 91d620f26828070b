//! `filterc audit-policy policy.flt`

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use filterc::{Compiled, Diagnostics, compile, describe, params};
use filterc_abi::{Action, Endian};
use filterc_check::Budget;
use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::SourceMap;
use filterc_hir::policy::AbiPolicy;
use filterc_review::audit::{Finding, Level, Libc, Subject, audit};
use serde_json::{Value, json};

use crate::console::{self, Console, Failure, stdout};
use crate::options::{ByteOrder, PolicyArgs};
use crate::reported::{Reported, object};
use crate::sides::{self, Input, Judged, ReadingArgs};
use crate::{input, sarif};

/// Arguments of `audit-policy`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit status: 0 nothing of the level of --fail-on was found; 1 something was; 2 bad input.")]
pub(crate) struct AuditPolicyArgs {
    /// A policy, or a program (`.bpf`, or bytes that are one); `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// C libraries that must work under it, as `glibc-2.41` or `musl`; by default all that are
    /// known, of their last versions
    #[arg(long, value_name = "NAME[-VERSION]")]
    libc: Vec<Libc>,

    /// How to write what was found
    #[arg(long, value_enum, default_value_t = AuditFormat::Text)]
    format: AuditFormat,

    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// The least that makes the status 1
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Threshold::Warning)]
    fail_on: Threshold,

    /// Byte order of the machine; by default that of the policy's ABIs, else the host's
    #[arg(long, value_enum)]
    endian: Option<ByteOrder>,

    #[command(flatten)]
    reading: ReadingArgs,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// Forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AuditFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// SARIF 2.1.0, which tools for code review read
    Sarif,
}

/// From which level on findings are a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Threshold {
    /// Anything that was found
    Note,
    /// Warnings and errors
    Warning,
    /// Ways round the policy only
    Error,
    /// Nothing
    Never,
}

impl Threshold {
    fn is_met(self, level: Level) -> bool {
        match self {
            Self::Note => true,
            Self::Warning => level >= Level::Warning,
            Self::Error => level >= Level::Error,
            Self::Never => false,
        }
    }
}

/// Reports what a reviewer would flag. Status 1 is for findings of `--fail-on` and above.
pub(crate) fn run(args: &AuditPolicyArgs, console: &Console) -> Result<(), Failure> {
    let options = input::options(&args.policy_args, console)?;
    let is_policy = args.file.extension().is_some_and(|extension| extension == "flt");
    let is_policy = is_policy && !args.reading.is_given();
    let (input, compiled) = if is_policy {
        let compiled =
            compile(&input::source(&args.file)?, &options).map_err(unread(args, console))?;
        let sources = compiled.sources().clone();
        (Input::Policy(Box::new(compiled.policy().clone()), sources), Some(compiled))
    } else {
        let input = sides::read_as(&args.file, &args.reading, &options, console)?;
        let compiled = match &input {
            Input::Policy(policy, sources) => {
                let (source, options) = sides::again(policy, sources, &options);
                Some(compile(&source, &options).map_err(unread(args, console))?)
            }
            Input::Bytes(_) | Input::Object(..) => None,
        };
        (input, compiled)
    };
    let libcs = if args.libc.is_empty() { Libc::all() } else { args.libc.clone() };
    let mut reports = Vec::new();
    if let Some(compiled) = &compiled {
        if let Some(param) = params::missing(compiled.policy()).first() {
            return Err(Failure::Environment(format!(
                "{}: {}",
                args.file.display(),
                param.message
            )));
        }
        reports.extend(compiled.warnings().iter().map(|lint| of_lint(compiled.sources(), lint)));
    }
    let lints = reports.len();
    for endian in orders(args, &input) {
        let judged = Judged::new(&input, &args.file, endian)?;
        for report in of_order(&judged, endian, compiled.as_ref(), &libcs)? {
            let lint = reports.iter_mut().take(lints).find(|lint| says_the_same(lint, &report));
            match lint {
                Some(lint) => lint.shown_by(report),
                None => reports.push(report),
            }
        }
    }
    reports.sort_by_key(|report| std::cmp::Reverse(report.finding.level));
    let format = if args.json { AuditFormat::Json } else { args.format };
    let text = match format {
        AuditFormat::Text => text(args, &reports),
        AuditFormat::Json => json(args, &reports),
        AuditFormat::Sarif => format!("{:#}\n", sarif::log(&args.file, &reports)),
    };
    stdout(text.as_bytes())?;
    let failed = reports.iter().any(|report| args.fail_on.is_met(report.finding.level));
    if failed { Err(Failure::No(String::new())) } else { Ok(()) }
}

/// What is wrong with the text of a policy is shown; the status is that of bad input.
fn unread(args: &AuditPolicyArgs, console: &Console) -> impl FnOnce(Diagnostics) -> Failure {
    move |diagnostics| {
        console.diagnostics(&diagnostics.sources, &diagnostics.list);
        Failure::Environment(format!("{}: there is nothing to look at", args.file.display()))
    }
}

fn orders(args: &AuditPolicyArgs, input: &Input) -> Vec<Endian> {
    if let Some(order) = args.endian {
        return vec![order.into()];
    }
    let mut orders: Vec<Endian> = match input {
        Input::Policy(policy, _) => policy.abis().iter().map(|part| part.abi().endian).collect(),
        Input::Bytes(_) => vec![Endian::HOST],
        Input::Object(_, endian) => vec![*endian],
    };
    orders.sort();
    orders.dedup();
    orders
}

/// What is found on machines of one byte order.
fn of_order(
    judged: &Judged<'_>,
    endian: Endian,
    compiled: Option<&Compiled>,
    libcs: &[Libc],
) -> Result<Vec<Reported>, Failure> {
    let policy = compiled.map(Compiled::policy);
    let abis: Option<Vec<_>> =
        policy.map(|policy| policy.abis().iter().map(AbiPolicy::abi).collect());
    let program = match judged {
        Judged::Policy(..) => compiled.map(|compiled| compiled.program_for(endian).verified()),
        Judged::Program(program) => Some(program),
        Judged::Ebpf(_) => None,
    };
    let subject = Subject {
        side: judged.side(),
        endian,
        abis: abis.as_deref(),
        kernel: policy.and_then(|policy| policy.abis().iter().map(AbiPolicy::kernel).max()),
        program,
    };
    let found =
        audit(&subject, libcs, &Budget::default()).map_err(|unknown| sides::undecided(&unknown))?;
    found.into_iter().map(|finding| reported(finding, judged, endian)).collect()
}

/// Runs the side on the call that shows a finding: what is shown was seen.
fn reported(finding: Finding, judged: &Judged<'_>, endian: Endian) -> Result<Reported, Failure> {
    let Some((call, value)) = &finding.witness else {
        return Ok(Reported { finding, why: None, place: None });
    };
    if judged.value(call, &[], endian) != *value {
        let text = format!(
            "{}: not what was expected of it, a fault of filterc",
            describe::notation(call)
        );
        return Err(Failure::Environment(text));
    }
    let why = Some(judged.why(call, &[], endian));
    let place = judged.place(call, endian);
    Ok(Reported { finding, why, place })
}

/// A warning of the compiler.
fn of_lint(sources: &SourceMap, lint: &Diagnostic) -> Reported {
    let label = lint.primary.as_ref();
    let message = match label {
        Some(label) if !label.message.is_empty() => format!("{}: {}", lint.message, label.message),
        Some(_) | None => lint.message.clone(),
    };
    let place = label.map(|label| {
        let name = sources.get(label.span.file).map_or("?", |file| file.name.as_str());
        let (line, column) = sources.line_column(label.span);
        (name.to_owned(), line, column)
    });
    let finding = Finding {
        code: lint.code.0,
        level: Level::Warning,
        abis: Vec::new(),
        calls: Vec::new(),
        message,
        help: None,
        witness: None,
    };
    Reported { finding, why: None, place }
}

/// Whether a warning of the compiler is about what was found as well.
fn says_the_same(lint: &Reported, found: &Reported) -> bool {
    let names = |call: &&str| lint.finding.message.contains(&format!("`{call}`"));
    lint.finding.code == found.finding.code
        && (found.finding.calls.is_empty() || found.finding.calls.iter().any(names))
}

fn text(args: &AuditPolicyArgs, reports: &[Reported]) -> String {
    if reports.is_empty() {
        return format!("{}: nothing was found\n", args.file.display());
    }
    let mut text = String::new();
    for Reported { finding, why, place } in reports {
        let on = match finding.abis.as_slice() {
            [] => String::new(),
            abis => format!(" on {}", abis.join(", ")),
        };
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "{}[{}]{on}: {}", finding.level, finding.code, finding.message);
        if let Some((file, line, column)) = place {
            let _ = writeln!(text, "    at {file}:{line}:{column}");
        }
        if let Some((call, value)) = &finding.witness {
            let action = console::action(Action::from_ret(*value), call);
            let _ = writeln!(text, "    such as {}: {action}", describe::notation(call));
        }
        if let Some(why) = why.as_ref().filter(|_| place.is_none()) {
            let _ = writeln!(text, "      {why}");
        }
        if let Some(help) = finding.help {
            let _ = writeln!(text, "    help: {help}");
        }
    }
    let of = |level| reports.iter().filter(|report| report.finding.level == level).count();
    let counts = [(Level::Error, "error"), (Level::Warning, "warning"), (Level::Note, "note")];
    let counts = counts.map(|(level, name)| match of(level) {
        0 => None,
        1 => Some(format!("1 {name}")),
        many => Some(format!("{many} {name}s")),
    });
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    let _ = writeln!(text, "{}; `filterc explain CODE` says more", counts.join(", "));
    text
}

fn json(args: &AuditPolicyArgs, reports: &[Reported]) -> String {
    let findings: Vec<Value> = reports.iter().map(object).collect();
    format!("{}\n", json!({ "file": args.file.display().to_string(), "findings": findings }))
}
