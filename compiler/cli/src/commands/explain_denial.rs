//! `filterc explain-denial policy.flt audit.log`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use filterc::render;
use filterc_abi::{self as abi, SeccompData};
use filterc_check::Budget;
use filterc_hir::eval::Reason;
use filterc_relate::Condition;
use filterc_review::denial::{Denial, Denials, denials};
use filterc_review::edit::{self, Edit};
use filterc_review::near::passes;
use filterc_review::records::{Became, Reading, Who};
use filterc_review::verdict::Outcome;
use filterc_review::words;
use serde_json::{Value, json};

use crate::console::{self, Console, Failure, stdout};
use crate::options::PolicyArgs;
use crate::reviewed::{self, Reviewed};
use crate::sides::ReadingArgs;
use crate::{explained, input, logs};

/// Arguments of `explain-denial`.
#[derive(Args, Debug)]
#[command(after_help = "\
Reads the kernel's audit records (type=1326, SECCOMP) from logs, dmesg and `journalctl -o json`, \
traces of strace, recorded streams and what `attach --json` writes, mixed as they come. For each \
denied call it says what is certain, and the smallest edit of the policy that allows it; `learn \
--update` makes one edit of all.

Exit status: 0 there is no denied call; 1 there are some; 2 bad input.")]
pub(crate) struct ExplainDenialArgs {
    /// The policy, or a program
    #[arg(value_name = "POLICY")]
    policy: PathBuf,

    /// The records; `-`, or none, is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    records: PathBuf,

    /// Write one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    reading: ReadingArgs,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// Lines and programs that are named before it says how many more there are.
const SHOWN: usize = 3;

/// Explains what is denied; fails if something is.
pub(crate) fn run(args: &ExplainDenialArgs, console: &Console) -> Result<(), Failure> {
    if args.policy == Path::new("-") && args.records == Path::new("-") {
        return Err(Failure::Environment("standard input can be one of both only".to_owned()));
    }
    let options = input::options(&args.policy_args, console)?;
    let reviewed = reviewed::read(&args.policy, &args.reading, &options, console)?;
    let reading = logs::read(&args.records, reviewed.native(&options), console)?;
    let found = denials(reviewed.filter(), &reading.records, &Budget::default())
        .map_err(logs::no_verdict)?;
    let text = if args.json {
        format!("{}\n", as_json(&found, &reading, &reviewed))
    } else {
        as_text(&found, &reviewed)
    };
    stdout(text.as_bytes())?;
    if found.list.is_empty() { Ok(()) } else { Err(Failure::No(String::new())) }
}

fn as_text(found: &Denials, reviewed: &Reviewed) -> String {
    let mut text = String::new();
    for denial in &found.list {
        one(denial, reviewed, &mut text);
        text.push('\n');
    }
    let calls: u64 = found.list.iter().map(|denial| denial.count).sum();
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        text,
        "{calls} denied calls of {} kinds; {} calls were let through",
        found.list.len(),
        found.let_through
    );
    text
}

fn one(denial: &Denial, reviewed: &Reviewed, text: &mut String) {
    let _ = writeln!(text, "{}", words::call(&denial.seen));
    let _ = writeln!(text, "  {}{}", times(denial), by(&denial.who));
    let example = denial.seen.with_zeros();
    let _ = writeln!(text, "  recorded: {}", became(denial.became, &example));
    if !denial.fits {
        let _ = writeln!(
            text,
            "  this policy never does that to the call: another filter decided, or another version"
        );
    }
    match denial.outcomes.as_slice() {
        [outcome] => {
            let open = denial.seen.args.iter().any(|bits| bits.known != u64::MAX);
            let whatever = if open { " whatever the arguments" } else { "" };
            let fate = explained::fate(outcome.action, &example);
            let _ = writeln!(text, "  for certain {fate}{whatever}{}", reasons(outcome, reviewed));
        }
        outcomes => {
            let _ = writeln!(text, "  it depends on arguments that the record does not have:");
            for outcome in outcomes {
                let fate = explained::fate(outcome.action, &example);
                let _ =
                    writeln!(text, "    {fate} {}{}", when(outcome), reasons(outcome, reviewed));
            }
            let fitting = || {
                let fits = |it: &&Outcome| filterc_review::denial::fits(denial.became, it.ret);
                outcomes.iter().filter(fits)
            };
            let said = denial.became != Became::Unsaid;
            if let (true, Some(outcome), 1) = (said, fitting().next(), fitting().count()) {
                let _ = writeln!(text, "  as recorded only {}", when(outcome));
            }
        }
    }
    let Some(edit) = edit(denial, reviewed) else { return };
    let _ = writeln!(text, "\n{}: {}\n\n{}", certainty(denial, &edit), edit.what, edit.patch);
    text.push_str(&explained::effect(&edit.changes));
}

/// The smallest edit of the policy that allows the call, whatever the record lacks of it.
fn edit(denial: &Denial, reviewed: &Reviewed) -> Option<Edit> {
    let Reviewed::Policy(_, written) = reviewed else { return None };
    edit::for_certain(written, &denial.seen, &denial.outcomes, &Budget::default())
}

/// What an edit does for certain.
fn certainty(denial: &Denial, edit: &Edit) -> &'static str {
    let all = edit.changes.iter().all(|change| change.condition == Condition::Always);
    match (denial.seen.is_whole(), all) {
        (true, _) => "to allow it",
        (false, true) => {
            "to allow it for certain, as the record does not have the arguments, whatever they are"
        }
        (false, false) => "to allow it for certain, whatever the record lacks of it",
    }
}

/// For which arguments.
fn when(outcome: &Outcome) -> String {
    match &outcome.extent.condition {
        Condition::Always => "whatever the arguments".to_owned(),
        Condition::If(predicate) => format!("if {predicate}"),
        Condition::Some => {
            format!("for {} of them (no short predicate says which)", outcome.extent.count)
        }
    }
}

/// By what, and where that stands.
fn reasons(outcome: &Outcome, reviewed: &Reviewed) -> String {
    let Reviewed::Policy(_, written) = reviewed else { return String::new() };
    let one = |reason: &Reason| match reason {
        Reason::Rule(rule) => match written.rule(*rule) {
            Some((statement, _)) => {
                let at = render::position(&written.sources, statement.span);
                format!("rule {} ({at})", rule.0 + 1)
            }
            None => format!("rule {}", rule.0 + 1),
        },
        Reason::Default => "the default: no rule holds".to_owned(),
        Reason::Unknown => "`unknown`: the policy's kernel has no such call".to_owned(),
        Reason::Foreign => "`foreign`: the policy does not list this ABI".to_owned(),
    };
    let list: Vec<String> = outcome.reasons.iter().map(one).collect();
    if list.is_empty() { String::new() } else { format!(", by {}", words::list(&list)) }
}

fn times(denial: &Denial) -> String {
    let lines: Vec<String> = denial.lines.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = match denial.lines.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let line = if denial.lines.len() == 1 { "line" } else { "lines" };
    let often = match denial.count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    };
    format!("{often}, {line} {}{more}", lines.join(", "))
}

fn by(who: &[Who]) -> String {
    let one = |who: &Who| {
        let name = who.exe.as_ref().or(who.comm.as_ref()).cloned();
        let pid = who.pid.map(|pid| format!("pid {pid}"));
        [name, pid].into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    let list: Vec<String> = who.iter().take(SHOWN).map(one).collect();
    let more = match who.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if list.is_empty() { String::new() } else { format!(", by {}{more}", list.join(", ")) }
}

fn became(became: Became, call: &SeccompData) -> String {
    match became {
        Became::Unsaid => "the call, not what became of it".to_owned(),
        Became::Action(value) => {
            let action = abi::Action::from_ret(value);
            let name = action.to_string();
            let name = name.split('(').next().unwrap_or_default();
            format!("{name} (the kernel does not log more)")
        }
        Became::Value(value) => console::action(abi::Action::from_ret(value), call),
        Became::Sigsys => "SIGSYS".to_owned(),
        Became::Failed(errno) => {
            let name = console::action(abi::Action::Errno(errno), call);
            format!("{name}: a filter or the kernel")
        }
        Became::Returned => "the call was performed".to_owned(),
    }
}

fn as_json(found: &Denials, reading: &Reading, reviewed: &Reviewed) -> Value {
    let list: Vec<Value> = found.list.iter().map(|denial| denial_json(denial, reviewed)).collect();
    let faults: Vec<Value> = reading
        .faults
        .iter()
        .map(|it| json!({ "line": it.line, "code": it.code, "reason": it.reason }))
        .collect();
    json!({
        "denials": list,
        "let_through": found.let_through,
        "records": reading.records.len(),
        "lost": reading.lost,
        "passed_over": reading.passed_over,
        "faults": faults,
    })
}

fn denial_json(denial: &Denial, reviewed: &Reviewed) -> Value {
    let example = denial.seen.with_zeros();
    let outcomes: Vec<Value> = denial
        .outcomes
        .iter()
        .map(|outcome| {
            let condition = match &outcome.extent.condition {
                Condition::Always => Value::Null,
                Condition::If(predicate) => json!(predicate),
                Condition::Some => json!(false),
            };
            json!({
                "action": console::action(outcome.action, &example),
                "allowed": passes(outcome.action),
                "if": condition,
                "count": outcome.extent.count.to_string(),
                "by": reasons(outcome, reviewed).trim_start_matches(", by "),
                "rules": outcome.reasons.iter().filter_map(|reason| match reason {
                    Reason::Rule(rule) => Some(rule.0 + 1),
                    Reason::Default | Reason::Unknown | Reason::Foreign => None,
                }).collect::<Vec<_>>(),
            })
        })
        .collect();
    let who: Vec<Value> = denial
        .who
        .iter()
        .map(|who| json!({ "pid": who.pid, "comm": who.comm, "exe": who.exe }))
        .collect();
    let known = abi::abi_of_call(denial.seen.arch, denial.seen.nr.cast_unsigned());
    let edit = edit(denial, reviewed);
    json!({
        "call": words::call(&denial.seen),
        "abi": known.map(|abi| abi.name),
        "nr": denial.seen.nr,
        "arch": denial.seen.arch,
        "recorded": became(denial.became, &example),
        "fits": denial.fits,
        "certain": denial.outcomes.len() == 1,
        "count": denial.count,
        "lines": denial.lines,
        "who": who,
        "outcomes": outcomes,
        "edit": edit.as_ref().map(explained::edit_json),
    })
}
