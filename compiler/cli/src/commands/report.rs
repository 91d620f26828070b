//! `filterc report policy.flt -o report.html`

use std::path::{Path, PathBuf};

use clap::Args;
use filterc::emit::{Format, emit};
use filterc::render::{self, Style};
use filterc::{Compiled, CompiledProgram, Options, Profile, compile};
use filterc_abi::Endian;
use filterc_check::{Budget, Side, outcomes};
use filterc_grammar::ast::StatementKind;
use filterc_grammar::parser::parse;
use filterc_grammar::source::FileId;
use filterc_hir::policy::AbiPolicy;
use filterc_relate::{Said, policy};
use filterc_review::graph::{self, Drawn, NoGraph};

use crate::changes;
use crate::console::{Console, Failure, write_output};
use crate::input;
use crate::options::PolicyArgs;
use crate::page::{Page, Rule};
use crate::sides::{self, Input, ReadingArgs, Sides};

/// Arguments of `report`.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// A policy in any form that `import` reads; `-` is standard input
    #[arg(value_name = "POLICY")]
    policy: PathBuf,

    /// A policy or program: also show what the policy changes in it
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,

    /// Where to write (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    reading: ReadingArgs,

    #[command(flatten)]
    policy_args: PolicyArgs,
}

/// Writes one page about a policy: what becomes of calls, what is to be said about that, what it
/// costs, and what is other than in a base policy.
pub(crate) fn run(args: &ReportArgs, console: &Console) -> Result<(), Failure> {
    let options = input::options(&args.policy_args, console)?;
    let compiled = compiled(args, &options, console)?;
    let base = args.base.as_deref().map(|base| differences(args, base, &compiled, console));
    let base = base.transpose()?;
    let mut page = Page::new(title(&compiled));
    page.facts(&facts(&compiled));
    match decisions(&compiled) {
        Ok((headers, rules)) => page.rules(&headers, &rules),
        Err(why) => page.note("What becomes of calls", &why),
    }
    for program in compiled.programs() {
        draw(&mut page, &compiled, program, options.profile.as_ref())?;
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
        let order = order(program.endian());
        let cost = emit(&compiled, program, Format::Cost, "").unwrap_or_default();
        let title = format!("Cost and bitmap on {order}");
        page.text(&title, String::from_utf8_lossy(&cost).trim_end());
    }
    write_output(args.output.as_deref(), page.finish().as_bytes())
}

const fn order(endian: Endian) -> &'static str {
    match endian {
        Endian::Little => "little-endian machines",
        Endian::Big => "big-endian machines",
    }
}

/// The policy, whatever form it has.
fn compiled(args: &ReportArgs, options: &Options, console: &Console) -> Result<Compiled, Failure> {
    if args.policy.extension().is_some_and(|extension| extension == "flt") {
        return Ok(compile(&input::source(&args.policy)?, options)?);
    }
    match sides::side_as(&args.policy, &args.reading, ("", &[]), options, console)? {
        Input::Policy(policy, sources) => {
            let (source, options) = sides::again(&policy, &sources, options);
            Ok(compile(&source, &options)?)
        }
        Input::Bytes(_) | Input::Object(..) => Err(Failure::Environment(format!(
            "{}: reports are of policies: `filterc lift` makes one of a program",
            args.policy.display()
        ))),
    }
}

/// The drawing of a program, if it can be drawn.
fn draw(
    page: &mut Page,
    compiled: &Compiled,
    program: &CompiledProgram,
    profile: Option<&Profile>,
) -> Result<(), Failure> {
    if !compiled.policy().params().is_empty() {
        return Ok(());
    }
    let endian = program.endian();
    let heading = format!("What is told apart on {}", order(endian));
    let abis = compiled.policy().abis().iter().map(AbiPolicy::abi);
    let abis: Vec<_> = abis.filter(|abi| abi.endian == endian).collect();
    let side = Side::Policy(compiled.policy());
    let drawn = Drawn { title: title(compiled), side, endian, abis: &abis, profile, only: &[] };
    match graph::graph(&drawn, &Budget::default()) {
        Ok(graph) => page.drawing(&heading, &graph::inline(&graph), graph.nodes.len()),
        Err(NoGraph::Unknown(unknown)) => return Err(sides::undecided(&unknown)),
        Err(why) => page.note(&heading, &format!("Not drawn: {why}.")),
    }
    Ok(())
}

/// The name of the policy's file: its folder is of no interest to who reads of it elsewhere.
fn title(compiled: &Compiled) -> &str {
    compiled.name().rsplit_once('/').map_or(compiled.name(), |(_, file)| file)
}

/// What is said, each with what it is about.
type Facts = Vec<(String, String)>;

/// What is said of the policy first.
fn facts(compiled: &Compiled) -> Facts {
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
fn decisions(compiled: &Compiled) -> Result<(Facts, Vec<Rule>), String> {
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
    // ABIs and kernel are among the facts.
    let other = |line: &str| {
        let (what, action) = line.split_once(' ')?;
        let what = match what {
            "default" => "Calls that no row decides",
            "unknown" => "Numbers that no call has",
            "foreign" => "Calls of other architectures",
            _ => return None,
        };
        let action = if action == "default" { "as calls that no row decides" } else { action };
        Some((what.to_owned(), action.to_owned()))
    };
    let headers = headers.lines().filter_map(other).collect();
    let parsed = parse(FileId::default(), rules);
    let rules = parsed.file.statements.iter().filter_map(|statement| {
        if let StatementKind::Rule(rule) = &statement.kind { Rule::of(rule) } else { None }
    });
    Ok((headers, rules.collect()))
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
    let orders = compiled.programs().map(CompiledProgram::endian).collect();
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
