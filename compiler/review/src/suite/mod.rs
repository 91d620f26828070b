//! The tests of a policy: single calls by the reference and the program, everything else by proof.
//!
//! `_` in a call is any value: the claim is about all of them.

mod claim;
mod replay;
mod report;

use filterc_grammar::ast::{Statement, StatementKind};
use filterc_grammar::parser;

use crate::near::one_line;

pub use replay::{Replay, replay};
pub use report::{Held, Judged, Other, Ran, Report, Subject};

/// Runs all tests.
#[must_use]
pub fn run(subject: &Subject<'_>) -> Report {
    let mut report = Report::default();
    for Statement { span, kind } in &subject.written.statements {
        let StatementKind::Test(name, body) = kind else { continue };
        let text = subject.written.sources.get(body.file).map_or("", |file| &file.text);
        // What is wrong with them was told when the policy was read.
        let (claims, _) = parser::parse_test(body.file, text, *body);
        let mut judged = Vec::with_capacity(claims.len());
        for claim in &claims {
            let held = claim::judge(subject, claim, &mut report.touched);
            let text = one_line(subject.written.sources.text(claim.span));
            judged.push(Judged { text, span: claim.span, held });
        }
        report.tests.push(Ran { name: name.text.clone(), span: *span, claims: judged });
    }
    report
}
