//! What a program costs, as text and as JSON.

use std::fmt::Write as _;

use filterc_grammar::source::Span;

use crate::compiled::{Compiled, CompiledProgram};
use crate::cost::{Cost, RuleCost, cost};
use crate::objective::Shares;
use crate::render::position;

pub(super) fn json(compiled: &Compiled, program: &CompiledProgram) -> String {
    // Strings and numbers only: this cannot fail, and an empty document would be seen.
    let mut text = serde_json::to_string(&cost(compiled, program)).unwrap_or_default();
    text.push('\n');
    text
}

pub(super) fn text(compiled: &Compiled, program: &CompiledProgram) -> String {
    let cost = cost(compiled, program);
    let mut out = String::new();
    let abis = program.abi_names().join(", ");
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(out, "{} on {abis}\n", compiled.name());
    totals(&cost, &mut out);
    bitmap(&cost, &mut out);
    rules(compiled, &cost, &mut out);
    out
}

fn totals(cost: &Cost, out: &mut String) {
    let mut line = |name: &str, value: String, note: String| {
        let _ = writeln!(out, "{}", format!("{name:16} {value:>8}  {note}").trim_end());
    };
    let mean = |value: f64| format!("{value:.2}");
    line("instructions", cost.insns.to_string(), "of 4096".to_owned());
    let chain = "of 32768 for all filters of a thread".to_owned();
    line("  converted", cost.converted.to_string(), chain);
    line("worst path", cost.worst_path.to_string(), String::new());
    let shares = match cost.shares {
        Shares::Ranking => "of all calls, as the shipped ranking has them",
        Shares::Profile => "of all calls, as the profile has them",
    };
    line("expected path", mean(cost.expected_path), shares.to_owned());
    let part = format!("of the {:.1} % that are not in the bitmap", 100.0 * cost.uncached);
    line("", mean(cost.uncached_path), part);
    let install: usize = cost.abis.iter().map(|abi| abi.install).sum();
    let numbers: u32 = cost.abis.iter().map(|abi| abi.emulated).sum();
    line("installation", install.to_string(), format!("emulated, for {numbers} numbers"));
    let dispatch = cost.dispatch;
    let bound = format!(
        "of a call; entropy of outcomes {:.2}, of runs of numbers {:.2}: gap {:.2}",
        dispatch.entropy,
        dispatch.entropy_of_runs,
        dispatch.tests - dispatch.entropy_of_runs
    );
    line("tests of nr", mean(dispatch.tests), bound);
    let weights = cost.objective;
    let parts = [
        (weights.every, "every call"),
        (weights.uncached, "uncached call"),
        (weights.size, "instruction"),
        (weights.install, "emulated instruction"),
    ];
    let parts = parts.map(|(weight, what)| format!("{} per {what}", fraction(weight)));
    line("weighted cost", mean(weights.total), parts.join(", "));
}

/// A weight as it is written in the source: they are fractions of one.
fn fraction(weight: f64) -> String {
    if weight > 0.0 && weight < 1.0 { format!("1/{}", 1.0 / weight) } else { weight.to_string() }
}

fn bitmap(cost: &Cost, out: &mut String) {
    let _ = writeln!(
        out,
        "\n{:16} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "bitmap", "calls", "allowed", "cached", "numbers", "emulated"
    );
    for abi in &cost.abis {
        let line = format!(
            "{:16} {:>8} {:>8} {:>8} {:>8} {:>8}  {}",
            abi.abi,
            abi.calls,
            abi.allowed,
            abi.cached,
            abi.emulated,
            abi.install,
            if abi.foreign { "foreign" } else { "" }
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn rules(compiled: &Compiled, cost: &Cost, out: &mut String) {
    let _ = writeln!(out, "\n{:>8} {:>9} {:>8}  for", "insns", "converted", "executed");
    let mut rules = cost.rules.clone();
    // The dearest first; equal ones stay in the order of the text.
    rules.sort_by(|a, b| b.executed.total_cmp(&a.executed).then(b.insns.cmp(&a.insns)));
    for RuleCost { rule, insns, converted, executed } in rules {
        let origin = rule.and_then(|rule| compiled.policy().rules().get(rule as usize));
        let place = origin.map(|origin| place(compiled, origin.span));
        let place = place.unwrap_or_else(|| "dispatch, defaults, shared returns".to_owned());
        let _ = writeln!(out, "{insns:>8} {converted:>9} {executed:>8.2}  {place}");
    }
}

/// Where a rule stands, and how it begins.
fn place(compiled: &Compiled, span: Span) -> String {
    const SHOWN: usize = 48;
    let text = compiled.sources().text(span);
    let line = text.lines().next().unwrap_or_default();
    let mut shown: String = line.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{}: {shown}", position(compiled.sources(), span))
}
