//! `filterc report policy.flt -o report.html`

use std::path::{Path, PathBuf};

use clap::Args;
use filterc::emit::{Format, emit};
use filterc::render::{self, Style};
use filterc::{Compiled, compile};
use filterc_abi::Endian;
use filterc_check::{Budget, Side, outcomes};
use filterc_relate::{Said, policy};

use crate::changes;
use crate::console::{Console, Failure, write_output};
use crate::input;
use crate::options::PolicyArgs;
use crate::page::{Page, Rule};
use crate::sides::{self, Input, Sides};

/// Arguments of `report`.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// The policy; `-` is standard input
    #[arg(value_name = "POLICY")]
    policy: PathBuf,

    /// A policy or program: also show what the policy changes in it
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,

    /// Where to write (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// Writes one page about a policy: what becomes of calls, what is to be said about that, what it
/// costs, and what is other than in a base policy.
pub(crate) fn run(args: &ReportArgs, console: &Console) -> Result<(), Failure> {
    let options = input::options(&args.policy_args, console)?;
    let compiled = compile(&input::source(&args.policy)?, &options)?;
    let base = args.base.as_deref().map(|base| differences(args, base, &compiled, console));
    let base = base.transpose()?;
    let mut page = Page::new(compiled.name());
    page.facts(&facts(&compiled));
    match decisions(&compiled) {
        Ok((headers, rules)) => page.rules(&headers, &rules),
        Err(why) => page.note("What becomes of calls", &why),
    }
    let findings = render::text(compiled.sources(), compiled.warnings(), Style::Plain);
    match findings.trim_end() {
        "" => page.note("Findings", "None."),
        text => page.text("Findings", text),
    }
    if let Some((name, text)) = base {
        page.text(&format!("Differences from {name}"), &text);
    }
    for program in compiled.programs() {
        let order = match program.endian() {
            Endian::Little => "little-endian machines",
            Endian::Big => "big-endian machines",
        };
        let cost = emit(&compiled, program, Format::Cost, "").unwrap_or_default();
        let title = format!("Cost and bitmap on {order}");
        page.text(&title, String::from_utf8_lossy(&cost).trim_end());
    }
    write_output(args.output.as_deref(), page.finish().as_bytes())
}

/// What is said of the policy first.
fn facts(compiled: &Compiled) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let abis = compiled.policy().abis();
    let names: Vec<&str> = abis.iter().map(|part| part.abi().name).collect();
    facts.push(("ABIs".to_owned(), names.join(", ")));
    if let Some(part) = abis.first() {
        facts.push(("Written against".to_owned(), format!("Linux {}", part.kernel())));
    }
    for program in compiled.programs() {
        let proof = if program.proof().is_some() {
            "proved to decide what the policy says, for every call"
        } else {
            "not proved"
        };
        let count = program.insns().len();
        let text = format!("{count} instructions for {}; {proof}", program.abi_names().join(", "));
        facts.push(("Program".to_owned(), text));
    }
    facts
}

/// What becomes of calls, brought together: calls that fare alike stand in one rule, whatever rules
/// of the policy decide them.
fn decisions(compiled: &Compiled) -> Result<(Vec<String>, Vec<Rule>), String> {
    if !compiled.policy().params().is_empty() {
        return Err("It depends on parameters that have no value yet.".to_owned());
    }
    let mut parts = Vec::new();
    for program in compiled.programs() {
        let side = Side::Policy(compiled.policy());
        let of = outcomes(&[side], program.endian(), &Budget::default());
        parts.push((program.endian(), of.map_err(|_| "Not found out within the budget.")?));
    }
    let said: Vec<Said<'_>> =
        parts.iter().map(|(endian, parts)| Said { endian: *endian, parts }).collect();
    let only = |values: &[u32]| values.first().copied().unwrap_or(0);
    let text = policy(&said, &only).map_err(|why| format!("It cannot be told shortly: {why}."))?;
    let (headers, rules) = text.split_once("\n\n").unwrap_or((&text, ""));
    // Those are among the facts.
    let said = |line: &&str| line.starts_with("arch ") || line.starts_with("kernel ");
    let headers = headers.lines().filter(|line| !said(line)).map(str::to_owned).collect();
    Ok((headers, rules.lines().filter_map(Rule::of).collect()))
}

/// What the policy changes in another one, in words.
fn differences(
    args: &ReportArgs,
    base: &Path,
    compiled: &Compiled,
    console: &Console,
) -> Result<(String, String), Failure> {
    let options = input::options(&args.policy_args, console)?;
    let left = sides::side(base, &options, console)?;
    let sources = compiled.sources().clone();
    let right = Input::Policy(Box::new(compiled.policy().clone()), sources);
    let orders = compiled.programs().map(filterc::CompiledProgram::endian).collect();
    let params = compiled.policy().params().to_vec();
    let sides = Sides { left, right, params, orders, replay: None };
    let all = changes::find(&sides, [base, &args.policy], |_| true)?;
    let text = if all.iter().all(changes::Found::is_empty) {
        "None: both decide the same for every call.".to_owned()
    } else {
        let parts: Vec<String> = all.iter().map(|found| found.text(true)).collect();
        format!("{}\n(A is the base, B this policy)\n\n{}", changes::summary(&all), parts.concat())
    };
    Ok((base.display().to_string(), text.trim_end().to_owned()))
}
