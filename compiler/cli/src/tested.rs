//! Reports of tests: for people, as JSON, TAP and JUnit.

use std::fmt::Write as _;
use std::path::Path;

use filterc::render;
use filterc_grammar::source::{SourceMap, Span};
use filterc_hir::policy::RuleId;
use filterc_review::near::one_line;
use filterc_review::seen::Seen;
use filterc_review::suite::{Held, Judged, Ran, Replay, Report};
use filterc_review::words;
use filterc_review::written::Written;
use serde_json::{Value, json};

use crate::reviewed::Reviewed;

/// Columns of a rule's text.
const WIDTH: usize = 72;

/// Refused calls that are named.
const SHOWN: usize = 20;

/// What was found out.
pub(crate) struct Tested<'t> {
    pub(crate) reviewed: &'t Reviewed,
    pub(crate) report: Report,
    pub(crate) replay: Option<(&'t Path, Replay)>,
    pub(crate) coverage: bool,
}

impl Tested<'_> {
    fn written(&self) -> Option<&Written> {
        match self.reviewed {
            Reviewed::Policy(_, written) => Some(written),
            Reviewed::Program(_) => None,
        }
    }

    fn at(&self, span: Span) -> String {
        self.written().map(|it| render::position(&it.sources, span)).unwrap_or_default()
    }

    /// A rule in a few words: where it stands, and how it begins.
    fn rule(&self, rule: RuleId) -> String {
        let Some(written) = self.written() else { return String::new() };
        let Some((statement, _)) = written.rule(rule) else { return String::new() };
        let text = one_line(written.sources.text(statement.span));
        let text = match text.char_indices().nth(WIDTH) {
            Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
            None => text,
        };
        format!("rule {}, {}: {text}", rule.0 + 1, self.at(statement.span))
    }

    fn untouched(&self) -> Vec<RuleId> {
        self.written().map(|written| self.report.untouched(written)).unwrap_or_default()
    }

    fn rules(&self) -> usize {
        self.written().map_or(0, |written| written.policy.rules().len())
    }
}

/// Why a claim does not hold; nothing if it does.
fn why(claim: &Judged, sources: Option<&SourceMap>) -> Option<String> {
    match &claim.held {
        Held::Yes => None,
        Held::No(why, None) => Some(why.clone()),
        Held::No(why, Some(call)) => Some(format!("{why}: {}", words::call(&Seen::whole(call)))),
        Held::Open(why) => Some(format!("not found out: {why}")),
        Held::Faulty(list) => {
            let one = |it: &filterc_grammar::diagnostic::Diagnostic| {
                let label = it.primary.as_ref();
                let at = sources
                    .zip(label)
                    .map(|(sources, label)| format!("{}: ", render::position(sources, label.span)));
                let said = label.map(|label| label.message.as_str()).unwrap_or_default();
                let code = it.code.0;
                format!("{}[{code}] {}: {said}", at.unwrap_or_default(), it.message)
            };
            Some(list.iter().map(one).collect::<Vec<_>>().join("; "))
        }
    }
}

/// For people.
pub(crate) fn text(tested: &Tested<'_>) -> String {
    let sources = tested.written().map(|written| &written.sources);
    let mut text = String::new();
    let (mut held, mut failed) = (0_usize, 0_usize);
    for test in &tested.report.tests {
        let mark = if test.passed() { "ok  " } else { "FAIL" };
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "{mark}  {}  ({} claims)", test.name, test.claims.len());
        for claim in &test.claims {
            let Some(why) = why(claim, sources) else {
                held += 1;
                continue;
            };
            failed += 1;
            let _ = writeln!(text, "      {}: {}", tested.at(claim.span), claim.text);
            let _ = writeln!(text, "          {why}");
        }
    }
    if !tested.report.tests.is_empty() {
        let tests = tested.report.tests.len();
        let _ = writeln!(text, "{tests} tests: {held} claims hold, {failed} do not");
    }
    if tested.coverage {
        let untouched = tested.untouched();
        let rules = tested.rules();
        let _ = writeln!(text, "{} of {rules} rules decide in a test", rules - untouched.len());
        for rule in untouched {
            let _ = writeln!(text, "  no test touches {}", tested.rule(rule));
        }
    }
    if let Some((path, replay)) = &tested.replay {
        let _ = writeln!(text, "replay of {}", path.display());
        replayed(tested, replay, &mut text);
    }
    text
}

fn replayed(tested: &Tested<'_>, replay: &Replay, text: &mut String) {
    for (rule, count) in &replay.rules {
        let _ = writeln!(text, "{count:9}  {}", tested.rule(*rule));
    }
    let others = [(replay.others, "no rule"), (replay.open, "not certain: arguments are missing")];
    for (count, what) in others.into_iter().filter(|(count, _)| *count > 0) {
        let _ = writeln!(text, "{count:9}  {what}");
    }
    let refused: u64 = replay.refused.values().sum();
    let _ = writeln!(text, "{} calls are let through, {refused} are refused", replay.allowed);
    let mut calls: Vec<(&Seen, &u64)> = replay.refused.iter().collect();
    calls.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (seen, count) in calls.iter().take(SHOWN) {
        let _ = writeln!(text, "{count:9}  refused: {}", words::call(seen));
    }
    if let Some(more) = calls.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(text, "           and {more} more kinds");
    }
}

/// For tools.
pub(crate) fn json(tested: &Tested<'_>) -> Value {
    let sources = tested.written().map(|written| &written.sources);
    let claim = |claim: &Judged| {
        let call = match &claim.held {
            Held::No(_, call) => call.as_ref(),
            Held::Yes | Held::Open(_) | Held::Faulty(_) => None,
        };
        json!({
            "claim": claim.text,
            "at": tested.at(claim.span),
            "holds": matches!(claim.held, Held::Yes),
            "why": why(claim, sources),
            "counterexample": call.map(|call| json!({
                "call": words::call(&Seen::whole(call)),
                "nr": call.nr,
                "arch": call.arch,
                "instruction_pointer": call.instruction_pointer,
                "args": call.args,
            })),
        })
    };
    let test = |test: &Ran| {
        json!({
            "name": test.name,
            "at": tested.at(test.span),
            "passed": test.passed(),
            "claims": test.claims.iter().map(claim).collect::<Vec<_>>(),
        })
    };
    let replay = tested.replay.as_ref().map(|(path, replay)| {
        let rules: Vec<Value> = replay
            .rules
            .iter()
            .map(|(rule, count)| json!({ "rule": rule.0 + 1, "calls": count }))
            .collect();
        let refused: Vec<Value> = replay
            .refused
            .iter()
            .map(|(seen, count)| json!({ "call": words::call(seen), "calls": count }))
            .collect();
        json!({
            "file": path.display().to_string(),
            "rules": rules,
            "others": replay.others,
            "open": replay.open,
            "allowed": replay.allowed,
            "refused": refused,
        })
    });
    let number = |rule: &RuleId| rule.0 + 1;
    json!({
        "passed": tested.report.passed(),
        "tests": tested.report.tests.iter().map(test).collect::<Vec<_>>(),
        "rules": tested.rules(),
        "touched": tested.report.touched.iter().map(number).collect::<Vec<_>>(),
        "untouched": tested.untouched().iter().map(number).collect::<Vec<_>>(),
        "replay": replay,
    })
}

/// Test Anything Protocol: a line for each claim.
pub(crate) fn tap(tested: &Tested<'_>) -> String {
    let sources = tested.written().map(|written| &written.sources);
    let claims: usize = tested.report.tests.iter().map(|test| test.claims.len()).sum();
    let mut text = format!("TAP version 13\n1..{claims}\n");
    let mut number = 0_usize;
    for test in &tested.report.tests {
        for claim in &test.claims {
            number += 1;
            // What follows `#` would be a directive.
            let name = format!("{}: {}", test.name, claim.text).replace('#', "\\#");
            match why(claim, sources) {
                None => {
                    let _ = writeln!(text, "ok {number} - {name}");
                }
                Some(why) => {
                    let _ = writeln!(text, "not ok {number} - {name}");
                    let (at, why) = (json!(tested.at(claim.span)), json!(why));
                    let _ = writeln!(text, "  ---\n  at: {at}\n  message: {why}\n  ...");
                }
            }
        }
    }
    text
}

/// The XML that tools of JUnit read: a suite for each test, a case for each claim.
pub(crate) fn junit(tested: &Tested<'_>) -> String {
    let sources = tested.written().map(|written| &written.sources);
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for test in &tested.report.tests {
        let failed = test.claims.iter().filter(|it| !matches!(it.held, Held::Yes)).count();
        let (name, count) = (escaped(&test.name), test.claims.len());
        let _ = writeln!(
            text,
            "  <testsuite name=\"{name}\" tests=\"{count}\" failures=\"{failed}\" errors=\"0\">"
        );
        for claim in &test.claims {
            let case = escaped(&claim.text);
            let _ = write!(text, "    <testcase classname=\"{name}\" name=\"{case}\"");
            match why(claim, sources) {
                None => text.push_str("/>\n"),
                Some(why) => {
                    let (at, why) = (escaped(&tested.at(claim.span)), escaped(&why));
                    let _ = writeln!(
                        text,
                        ">\n      <failure message=\"{why}\">{at}</failure>\n    </testcase>"
                    );
                }
            }
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// A text in XML; a policy holds no control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
