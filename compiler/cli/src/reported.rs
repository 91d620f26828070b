//! Findings about a policy or program, with the place that they are about.

use filterc::describe;
use filterc_abi::{Action, SeccompData};
use filterc_review::audit::Finding;
use serde_json::{Value, json};

use crate::console;

/// Something to report.
pub(crate) struct Reported {
    pub(crate) finding: Finding,
    /// By which rule or instructions the call that shows it is decided.
    pub(crate) why: Option<String>,
    /// File, line and column, from 1.
    pub(crate) place: Option<(String, usize, usize)>,
}

impl Reported {
    /// Adds what was found besides a warning of the compiler, which knows the place: how much it
    /// weighs, and a call that shows it.
    pub(crate) fn shown_by(&mut self, found: Self) {
        let level = self.finding.level.max(found.finding.level);
        let Finding { code, message, .. } = self.finding.clone();
        self.finding = Finding { code, level, message, ..found.finding };
    }
}

/// One finding as an object.
pub(crate) fn object(report: &Reported) -> Value {
    let Reported { finding, why, place } = report;
    let witness = finding.witness.as_ref().map(|(call, value)| witness(call, *value));
    let place = place
        .as_ref()
        .map(|(file, line, column)| json!({ "file": file, "line": line, "column": column }));
    json!({
        "code": finding.code,
        "level": finding.level.to_string(),
        "abis": finding.abis,
        "calls": finding.calls,
        "message": finding.message,
        "help": finding.help,
        "place": place,
        "why": why,
        "witness": witness,
    })
}

fn witness(call: &SeccompData, value: u32) -> Value {
    json!({
        "call": describe::notation(call),
        "nr": call.nr,
        "arch": call.arch,
        "instruction_pointer": call.instruction_pointer,
        "args": call.args,
        "ret": value,
        "action": console::action(Action::from_ret(value), call),
    })
}
