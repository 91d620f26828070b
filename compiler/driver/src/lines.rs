//! Which line of the policy each instruction is there for, as eBPF modules carry it.

use filterc_ebpf::Line;
use filterc_grammar::source::{SourceMap, Span};
use filterc_hir::policy::{Policy, RuleId};

/// Columns beyond are not told.
const MAX_COLUMN: u32 = 1 << 10;

/// The lines of a function that begins at a slot: one where the rule changes. Instructions that
/// are there for no rule have the line of the policy's first, as each needs one.
pub(crate) fn lines(
    sources: &SourceMap,
    policy: &Policy,
    origin: &[Option<RuleId>],
    start: u32,
) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut last: Option<Option<RuleId>> = None;
    for (slot, rule) in (start..).zip(origin) {
        if last == Some(*rule) {
            continue;
        }
        last = Some(*rule);
        lines.push(line(sources, policy, *rule, slot));
    }
    lines
}

/// The line of a rule, or the first one of the policy.
pub(crate) fn line(sources: &SourceMap, policy: &Policy, rule: Option<RuleId>, slot: u32) -> Line {
    let rule = rule.and_then(|rule| policy.rules().get(rule.0 as usize));
    line_at(sources, rule.map(|rule| rule.span), slot)
}

/// The line of a piece of the text, or the first one.
pub(crate) fn line_at(sources: &SourceMap, span: Option<Span>, slot: u32) -> Line {
    let (number, column) = span.map_or((1, 1), |span| sources.line_column(span));
    let file = match span {
        Some(span) => sources.get(span.file),
        None => sources.iter().next().map(|(_, file)| file),
    };
    let text = file.and_then(|file| file.text.lines().nth(number - 1)).unwrap_or_default();
    let column = u32::try_from(column).ok().filter(|column| *column < MAX_COLUMN);
    Line {
        slot,
        file: file.map_or_else(String::new, |file| file.name.clone()),
        line: u32::try_from(number).unwrap_or(u32::MAX),
        column: column.unwrap_or(0),
        text: text.to_owned(),
    }
}
