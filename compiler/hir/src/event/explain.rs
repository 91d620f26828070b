//! What each test of a filter means, in words.

use filterc_abi::Abi;

use super::filter::{CpusOp, MatcherKind, Operand, Test, TestKind, Text};
use super::lint::used;
use super::record::{Part, Record};
use crate::types::{Kind, Type};

/// What a test of an event's record means: of which bits, and how they are read.
#[must_use]
pub fn meaning(abi: &'static Abi, record: &Record, test: &Test) -> String {
    match &test.kind {
        TestKind::Compare { operand, mask, .. } | TestKind::In { operand, mask, .. } => {
            let masked = if *mask == operand.mask() {
                String::new()
            } else {
                format!(", of which the bits {mask:#x} count")
            };
            format!("{}{masked}", number(abi, record, operand))
        }
        TestKind::AnyBit { operand, mask } => {
            format!("{}; some bit of {mask:#x} is set", number(abi, record, operand))
        }
        TestKind::Fields { left, .. } => format!("{}, both", number(abi, record, left)),
        TestKind::Cpus { op, cpus, nr_cpu_ids, .. } => {
            let how = match op {
                CpusOp::Is => "is all of the set, which no processor is".to_owned(),
                CpusOp::IsNot => "is a processor's number".to_owned(),
                CpusOp::In => {
                    let cpus: Vec<String> = cpus.iter().map(u32::to_string).collect();
                    format!("is one of {}", cpus.join(", "))
                }
            };
            format!("the low 32 bits: true if that, below {nr_cpu_ids}, {how}")
        }
        TestKind::Function { inside, start, end, .. } => {
            let how = if *inside { "inside" } else { "outside" };
            format!("an address {how} {start:#x}…{:#x}", end.saturating_sub(1))
        }
        TestKind::Text { source, matcher, negated } => {
            let whose = match source {
                Text::Comm => "the thread's name",
                Text::User(_) => {
                    "the text in the caller's memory, up to 1023 bytes; false if it cannot be read"
                }
            };
            let how = match matcher.kind {
                MatcherKind::Exact => "all of it",
                MatcherKind::Prefix => "its beginning",
                MatcherKind::Suffix => "its end",
                MatcherKind::Substring => "a part of it",
                MatcherKind::Glob => "all of it, with wildcards",
            };
            let not = if *negated { "not " } else { "" };
            format!("{whose}: {not}{how}")
        }
        TestKind::Never { why, .. } => format!("never: {}", why.reason()),
    }
}

fn number(abi: &'static Abi, record: &Record, operand: &Operand) -> String {
    let ty = Type::new(operand.width, operand.signed, Kind::Integer);
    let ty = ty.map(|ty| ty.to_string()).unwrap_or_default();
    let what = match operand.field.part {
        Part::Arg(_) | Part::Text(_) if operand.width == operand.field.width() => {
            "the whole register"
        }
        Part::Arg(_) | Part::Text(_) => "the low bits of the register",
        Part::Ret => "what the call returned",
        Part::Nr => "the number of the call",
        Part::Pid => "the thread's id in the first pid namespace",
        Part::Process => "the process's id in the first pid namespace",
        Part::User => "the real user id",
        Part::Group => "the real group id",
        Part::Cgroup => "the id of the thread's group",
        Part::Type => "the number of the event",
        Part::Flags => "0, or bits that say that the scheduler wants to run",
        Part::PreemptCount => "0 for all system calls",
        Part::Cpu => "the processor",
        Part::Comm | Part::Stacktrace => "",
    };
    match used(abi, record, operand).filter(|used| used.width() < operand.width) {
        Some(used) => format!("{ty}, {what}; the call uses {used}"),
        None => format!("{ty}, {what}"),
    }
}
