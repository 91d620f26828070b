//! `filterc eval policy.flt 'openat(AT_FDCWD, 0, O_RDWR)'`

use std::path::{Path, PathBuf};

use clap::Args;
use filterc::evaluate::{Evaluation, evaluate_text, read_call};
use filterc::{Compiled, compile, describe, render};
use filterc_abi::{self as abi, Abi, Action, SeccompData};
use filterc_cbpf::{Verified, interpret_traced};
use filterc_grammar::source::SourceMap;
use filterc_hir::eval::Reason;
use filterc_review::near::passes;
use serde_json::json;

use crate::console::{self, Console, Failure, stdout};
use crate::input;
use crate::options::PolicyArgs;
use crate::reviewed::{self, Reviewed};
use crate::sides::ReadingArgs;

/// Arguments of `eval`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit status: 0 all calls are let through; 1 one is refused, or the policy or a call is at fault; 2 bad \
usage, or input failed.")]
pub(crate) struct EvalArgs {
    /// The policy in any form that `import` reads, or a program; `-` is standard input
    #[arg(value_name = "POLICY")]
    policy: PathBuf,

    /// The calls, such as 'openat(AT_FDCWD, 0, O_RDWR)' or 'syscall(999)(1) on i386', also as
    /// `diff` shows them; `_` stands for any value, taken as 0
    #[arg(required = true, value_name = "CALL")]
    calls: Vec<String>,

    /// Write one JSON object a call
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    reading: ReadingArgs,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// Evaluates the calls; fails if one of them would not be let through.
pub(crate) fn run(args: &EvalArgs, console: &Console) -> Result<(), Failure> {
    let options = input::options(&args.policy_args, console)?;
    let is_policy =
        args.policy == Path::new("-") || args.policy.extension().is_some_and(|it| it == "flt");
    let compiled = if is_policy && !args.reading.is_given() {
        let compiled = compile(&input::source(&args.policy)?, &options)?;
        console.diagnostics(compiled.sources(), compiled.warnings());
        input::is_finished(&compiled)?;
        compiled
    } else {
        let reviewed = reviewed::read(&args.policy, &args.reading, &options, console)?;
        let native = reviewed.native(&options);
        match reviewed {
            Reviewed::Policy(compiled, _) => *compiled,
            Reviewed::Program(program) => return of_program(args, &program, native),
        }
    };
    let abi = one_abi(&compiled);
    let mut out = String::new();
    let mut refused = false;
    for text in &args.calls {
        let evaluation = evaluate_text(&compiled, abi, text)?;
        if !evaluation.agrees() {
            return Err(own_fault(text, &evaluation));
        }
        refused |= !passes(evaluation.decision.action);
        if args.json {
            out.push_str(&as_json(&compiled, abi, text, &evaluation));
        } else {
            out.push_str(&as_text(&compiled, abi, text, &evaluation));
        }
    }
    end(&out, refused)
}

/// What a program makes of the calls.
fn of_program(args: &EvalArgs, program: &Verified, native: &'static Abi) -> Result<(), Failure> {
    let mut out = String::new();
    let mut refused = false;
    for text in &args.calls {
        let call = read_call(&SourceMap::default(), &[], &[], native, text)?;
        let endian = abi::abi_by_audit_arch(call.arch).unwrap_or(native).endian;
        let trace = interpret_traced(program, &call, endian);
        let action = Action::from_ret(trace.outcome.ret);
        let (abi, steps) = (abi_of(&call, native).name, trace.outcome.steps);
        refused |= !passes(action);
        if args.json {
            let object = json!({
                "call": text,
                "abi": abi,
                "nr": call.nr,
                "args": call.args,
                "action": action.to_string(),
                "instructions": steps,
                "path": trace.pcs,
            });
            out.push_str(&format!("{object}\n"));
        } else {
            let (action, path) = (console::action(action, &call), describe::path(&trace.pcs));
            out.push_str(&format!(
                "{text} => {action} by the instructions {path}\n    {abi}, {steps} instructions\n"
            ));
        }
    }
    end(&out, refused)
}

fn end(out: &str, refused: bool) -> Result<(), Failure> {
    stdout(out.as_bytes())?;
    if refused { Err(Failure::No(String::new())) } else { Ok(()) }
}

/// The host's ABI if the policy covers it, else the first that it covers.
fn one_abi(compiled: &Compiled) -> &'static Abi {
    let parts = compiled.policy().abis();
    let host = abi::host().filter(|host| parts.iter().any(|part| part.abi().name == host.name));
    host.or(parts.first().map(|part| part.abi())).unwrap_or(abi::x86_64())
}

/// The ABI that a call is of: on x86_64, a number may be one of x32.
fn abi_of(call: &SeccompData, asked: &'static Abi) -> &'static Abi {
    abi::abi_of_call(call.arch, call.nr.cast_unsigned()).unwrap_or(asked)
}

fn own_fault(text: &str, evaluation: &Evaluation) -> Failure {
    Failure::Environment(format!(
        "{text}: the program returns {:#010x}, the policy says {}: this is a fault of filterc, \
         please report it",
        evaluation.trace.outcome.ret, evaluation.decision.action
    ))
}

fn as_text(compiled: &Compiled, abi: &'static Abi, text: &str, evaluation: &Evaluation) -> String {
    let decision = &evaluation.decision;
    let reason = match decision.reason {
        Reason::Default => "by the default: no rule matches".to_owned(),
        Reason::Unknown => "as unknown: the policy's kernel has no such number".to_owned(),
        Reason::Foreign => "as foreign: the policy does not list this ABI".to_owned(),
        Reason::Rule(rule) => match compiled.policy().rules().get(rule.0 as usize) {
            None => format!("by rule {}", rule.0 + 1),
            Some(origin) => {
                let place = render::position(compiled.sources(), origin.span);
                let line = one_line(compiled.sources().text(origin.span));
                format!("by rule {}, {place}: {line}", rule.0 + 1)
            }
        },
    };
    let steps = evaluation.trace.outcome.steps;
    let action = console::action(decision.action, &evaluation.call);
    let abi = abi_of(&evaluation.call, abi).name;
    format!("{text} => {action} {reason}\n    {abi}, {steps} instructions\n")
}

/// A rule on one line, cut where it would fill the screen.
fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(100) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

fn as_json(compiled: &Compiled, abi: &'static Abi, text: &str, evaluation: &Evaluation) -> String {
    let (reason, rule) = match evaluation.decision.reason {
        Reason::Rule(rule) => ("rule", Some(rule)),
        Reason::Default => ("default", None),
        Reason::Unknown => ("unknown", None),
        Reason::Foreign => ("foreign", None),
    };
    let origin = rule.and_then(|rule| compiled.policy().rules().get(rule.0 as usize));
    let object = json!({
        "call": text,
        "abi": abi_of(&evaluation.call, abi).name,
        "nr": evaluation.call.nr,
        "args": evaluation.call.args,
        "action": evaluation.decision.action.to_string(),
        "reason": reason,
        "rule": rule.map(|rule| rule.0 + 1),
        "at": origin.map(|origin| render::position(compiled.sources(), origin.span)),
        "instructions": evaluation.trace.outcome.steps,
        "path": evaluation.trace.pcs,
    });
    format!("{object}\n")
}
