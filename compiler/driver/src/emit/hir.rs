//! The resolved and typed policy as text: what each rule came to mean on each ABI.

use std::fmt::Write as _;

use filterc_abi::Abi;
use filterc_hir::expr::{Predicate, Relation, Test};
use filterc_hir::policy::{AbiPolicy, Arm, Selector};
use filterc_hir::types::{Field, Place};

use crate::compiled::Compiled;
use crate::render::position;

pub(super) fn emit(compiled: &Compiled) -> String {
    let policy = compiled.policy();
    let mut out = format!("foreign {}\n", policy.foreign_action());
    for param in policy.params() {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(out, "param {}: {} {}..{}", param.name, param.ty, param.min, param.max);
    }
    for part in policy.abis() {
        let _ = writeln!(out, "\nabi {} kernel {}", part.abi().name, part.kernel());
        let _ = writeln!(out, "unknown {}", part.unknown_action());
        let mut arms = part.arms();
        while let Some(first) = arms.first() {
            // The arms of one rule that mean the same go onto one line.
            let same = |arm: &&Arm| arm.rule == first.rule && arm.predicate == first.predicate;
            let (group, rest) = arms.split_at(arms.iter().take_while(same).count());
            line(compiled, part, group, &mut out);
            arms = rest;
        }
        let _ = writeln!(out, "default {}", part.default_action());
    }
    out
}

fn line(compiled: &Compiled, part: &AbiPolicy, group: &[Arm], out: &mut String) {
    let Some(first) = group.first() else { return };
    let calls: Vec<_> = group.iter().map(|arm| selector(part.abi(), arm.selector)).collect();
    let origin = compiled.policy().rules().get(first.rule.0 as usize);
    let place = origin.map(|rule| position(compiled.sources(), rule.span)).unwrap_or_default();
    let _ = write!(out, "{} {}", first.action, calls.join(", "));
    if first.predicate != Predicate::True {
        let _ = write!(out, " if {}", predicate(&first.predicate));
    }
    let _ = writeln!(out, "  # rule {}, {place}", first.rule.0);
}

fn selector(abi: &'static Abi, selector: Selector) -> String {
    match selector {
        Selector::Known => "any".to_owned(),
        Selector::Range(first, last) => format!("syscall({first:#x}..{last:#x})"),
        Selector::Nr(nr) => match abi.syscall_by_nr(nr) {
            Some(call) => format!("{}[{nr}]", call.name),
            None => format!("syscall({nr})"),
        },
    }
}

/// A predicate with the type of every field spelt out, as `flags:s32@args[2]`.
fn predicate(expr: &Predicate) -> String {
    let list = |parts: &[Predicate], op: &str| {
        let parts: Vec<_> = parts.iter().map(predicate).collect();
        format!("({})", parts.join(op))
    };
    match expr {
        Predicate::True => "true".to_owned(),
        Predicate::False => "false".to_owned(),
        Predicate::Not(inner) => format!("!{}", predicate(inner)),
        Predicate::And(parts) if parts.is_empty() => "true".to_owned(),
        Predicate::Or(parts) if parts.is_empty() => "false".to_owned(),
        Predicate::And(parts) => list(parts, " && "),
        Predicate::Or(parts) => list(parts, " || "),
        Predicate::Test(test) => format!("({})", self::test(test)),
    }
}

fn test(test: &Test) -> String {
    let ty = test.field().ty();
    let mut left = field(test.field());
    if test.mask() != ty.mask() {
        left = format!("({left} & {:#x})", test.mask());
    }
    match test.relation() {
        Relation::Compare(op, bits) => format!("{left} {} {:#x}", op.symbol(), bits),
        Relation::Field(op, other) => format!("{left} {} {}", op.symbol(), field(other)),
        Relation::In(ranges) => {
            let items: Vec<_> = ranges
                .iter()
                .map(|range| match (range.first(), range.last()) {
                    (first, last) if first == last => format!("{first:#x}"),
                    (first, last) => format!("{first:#x}..{last:#x}"),
                })
                .collect();
            format!("{left} in {{ {} }}", items.join(", "))
        }
    }
}

fn field(field: &Field) -> String {
    let place = match field.place() {
        Place::Nr => "nr".to_owned(),
        Place::Arch => "arch".to_owned(),
        Place::InstructionPointer => "instruction_pointer".to_owned(),
        Place::Arg(i) => format!("args[{i}]"),
        Place::Pair { lo, hi } => format!("args[{hi}]:args[{lo}]"),
        Place::Fact(_) => "fact".to_owned(),
        Place::Answer(_) => "answer".to_owned(),
        Place::Param(_) => "param".to_owned(),
    };
    format!("{}:{}@{place}", field.name(), field.ty())
}
