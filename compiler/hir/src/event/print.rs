//! A filter as text, in our language. Of a filter without our additions the text is the kernel's
//! too, and means the same there.

use super::filter::{
    CpusOp, Matcher, MatcherKind, Never, Operand, Predicate, Test, TestKind, Text,
};
use super::record::{Field, Part};
use crate::types::{Kind, Type};

/// A test that every event of every kind fails, in the kernel's language.
const FALSE: &str = "common_pid & 0";

/// The predicate, as bytes: texts in it may be no UTF-8.
#[must_use]
pub fn predicate(predicate: &Predicate) -> Vec<u8> {
    let mut out = Vec::new();
    write(predicate, Place::Alone, &mut out);
    out
}

/// One test; what is no UTF-8 is shown by replacement characters.
#[must_use]
pub fn test(test: &Test) -> String {
    let mut out = Vec::new();
    write_test(&test.kind, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// An operand, as it is written.
#[must_use]
pub fn operand(operand: &Operand) -> String {
    if is_whole(operand) {
        return operand.field.name.clone();
    }
    let sign = if operand.signed { 's' } else { 'u' };
    format!("{}.{sign}{}", operand.field.name, operand.width)
}

/// Whether it is the field as the kernel's filters see it.
pub(super) fn is_whole(operand: &Operand) -> bool {
    let Operand { field, width, signed } = operand;
    *width == field.width() && *signed == field.signed && !matches!(field.part, Part::Text(_))
}

/// What stands around a predicate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Alone,
    InOr,
    InAnd,
}

fn write(predicate: &Predicate, place: Place, out: &mut Vec<u8>) {
    match predicate {
        Predicate::True => push(out, &format!("!({FALSE})")),
        Predicate::False => push(out, FALSE),
        Predicate::Not(inner) => {
            push(out, "!(");
            write(inner, Place::Alone, out);
            push(out, ")");
        }
        Predicate::And(parts) => list(parts, Place::InAnd, place == Place::InAnd, out),
        Predicate::Or(parts) => list(parts, Place::InOr, place != Place::Alone, out),
        Predicate::Test(test) => write_test(&test.kind, out),
    }
}

fn list(parts: &[Predicate], inside: Place, parentheses: bool, out: &mut Vec<u8>) {
    if parts.is_empty() {
        let nothing = if inside == Place::InAnd { Predicate::True } else { Predicate::False };
        return write(&nothing, Place::Alone, out);
    }
    if parentheses {
        push(out, "(");
    }
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            push(out, if inside == Place::InAnd { " && " } else { " || " });
        }
        write(part, inside, out);
    }
    if parentheses {
        push(out, ")");
    }
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn write_test(kind: &TestKind, out: &mut Vec<u8>) {
    match kind {
        TestKind::Compare { operand: left, mask, op, value } => {
            let number = number(left, *value);
            let left_text = operand(left);
            let op = op.symbol();
            if *mask == left.mask() {
                push(out, &format!("{left_text} {op} {number}"));
            } else {
                push(out, &format!("({left_text} & {mask:#x}) {op} {number}"));
            }
        }
        TestKind::AnyBit { operand: left, mask } => {
            let Operand { field, width, signed } = left;
            // `cpu & 1` is another thing, which is false.
            let left = if field.part == Part::Cpu {
                format!("{}.{}{width}", field.name, if *signed { 's' } else { 'u' })
            } else {
                operand(left)
            };
            push(out, &format!("{left} & {}", bits(*signed, *mask)));
        }
        TestKind::In { operand: left, mask, ranges } => {
            let item = |(first, last): &(u64, u64)| {
                let (from, to) = (number(left, *first), number(left, *last));
                if first == last { from } else { format!("{from}..{to}") }
            };
            let items: Vec<String> = ranges.iter().map(item).collect();
            let masked = if *mask == left.mask() { String::new() } else { format!(" & {mask:#x}") };
            push(out, &format!("{}{masked} in {{{}}}", operand(left), items.join(", ")));
        }
        TestKind::Fields { left, op, right } => {
            push(out, &format!("{} {} {}", operand(left), op.symbol(), operand(right)));
        }
        TestKind::Cpus { operand: left, op, cpus, .. } => {
            let op = match op {
                CpusOp::Is => "==",
                CpusOp::IsNot => "!=",
                CpusOp::In => "&",
            };
            push(out, &format!("{} {op} CPUS{{{}}}", operand(left), cpulist(cpus)));
        }
        TestKind::Function { operand: left, inside, start, .. } => {
            let op = if *inside { "==" } else { "!=" };
            push(out, &format!("{}.function {op} {start:#x}", left.field.name));
        }
        TestKind::Text { source, matcher, negated } => {
            match source {
                Text::Comm => push(out, "comm"),
                Text::User(field) => push(out, &format!("{}.ustring", field.name)),
            }
            write_pattern(matcher, *negated, out);
        }
        TestKind::Never { field, why } => push(out, &never(field, *why)),
    }
}

fn never(field: &Field, why: Never) -> String {
    match why {
        Never::KernelPointer => format!("{} == \"\"", field.name),
        Never::CpuBits => format!("{} & 1", field.name),
        Never::Stacktrace => format!("{} == 0", field.name),
    }
}

/// The number that bits of an operand are; large ones in hexadecimal, where that can be.
fn number(operand: &Operand, bits: u64) -> String {
    let ty = Type::new(operand.width, operand.signed, Kind::Integer);
    let value = ty.map_or(bits.into(), |ty| ty.value(bits));
    if value > 4095 { format!("{value:#x}") } else { value.to_string() }
}

/// A mask. The kernel reads it by the sign of the field, and cuts it.
fn bits(signed: bool, mask: u64) -> String {
    if signed && mask >> 63 == 1 { mask.cast_signed().to_string() } else { format!("{mask:#x}") }
}

fn cpulist(cpus: &[u32]) -> String {
    // An empty list is refused, one of nothing but commas is not.
    if cpus.is_empty() {
        return ",".to_owned();
    }
    cpus.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

fn write_pattern(matcher: &Matcher, negated: bool, out: &mut Vec<u8>) {
    let Matcher { kind, pattern } = matcher;
    let (before, behind) = match kind {
        MatcherKind::Exact => {
            push(out, if negated { " != " } else { " == " });
            return quote(pattern, "", "", out);
        }
        MatcherKind::Glob => ("", ""),
        MatcherKind::Prefix => ("", "*"),
        MatcherKind::Suffix => ("*", ""),
        MatcherKind::Substring => ("*", "*"),
    };
    push(out, " ~ ");
    let before = if negated { format!("!{before}") } else { before.to_owned() };
    quote(pattern, &before, behind, out);
}

fn quote(text: &[u8], before: &str, behind: &str, out: &mut Vec<u8>) {
    let mark = if text.contains(&b'"') { "'" } else { "\"" };
    push(out, mark);
    push(out, before);
    out.extend_from_slice(text);
    push(out, behind);
    push(out, mark);
}
