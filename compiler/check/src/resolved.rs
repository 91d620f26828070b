//! A policy in its resolved form: the text that certificates hold, and that
//! `filterc_certify::policy` reads by itself.

use std::fmt::Write as _;

use filterc_abi::Endian;
use filterc_hir::expr::{CmpOp, Predicate, Relation, Test};
use filterc_hir::policy::{AbiPolicy, Policy, Selector};
use filterc_hir::types::Field;

use crate::layout::words_of;

/// The part of a policy that is for machines of that byte order.
#[must_use]
pub fn resolved(policy: &Policy, endian: Endian) -> String {
    let order = match endian {
        Endian::Little => "little",
        Endian::Big => "big",
    };
    let mut text = format!("policy 1 {order}\nforeign {:x}\n", policy.foreign_action().to_ret());
    for part in policy.abis().iter().filter(|part| part.abi().endian == endian) {
        abi(&mut text, part, endian);
    }
    text
}

fn abi(text: &mut String, part: &AbiPolicy, endian: Endian) {
    let abi = part.abi();
    let mark = match abi.mark {
        None => "-".to_owned(),
        Some(mark) => format!("{:x} {}", mark.bit, if mark.set { "set" } else { "clear" }),
    };
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        text,
        "abi {:x} {} mark {mark} default {:x} unknown {:x}",
        abi.audit_arch,
        abi.name,
        part.default_action().to_ret(),
        part.unknown_action().to_ret()
    );
    let known = abi.syscalls().iter().map(|call| call.nr).filter(|nr| part.has(*nr));
    ranges(text, "known", known);
    ranges(text, "named", part.named().iter().copied());
    for arm in part.arms() {
        let _ = match arm.selector {
            Selector::Nr(nr) => write!(text, "arm {nr:x}"),
            Selector::Known => write!(text, "arm any"),
        };
        let _ = write!(text, " {:x}", arm.action.to_ret());
        predicate(text, &arm.predicate, endian);
        text.push('\n');
    }
}

/// Sorted numbers, runs of them as ranges.
fn ranges(text: &mut String, keyword: &str, numbers: impl Iterator<Item = u32>) {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for nr in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(nr) => *last = nr,
            _ => runs.push((nr, nr)),
        }
    }
    text.push_str(keyword);
    for (first, last) in runs {
        let _ = if first == last {
            write!(text, " {first:x}")
        } else {
            write!(text, " {first:x}-{last:x}")
        };
    }
    text.push('\n');
}

fn predicate(text: &mut String, written: &Predicate, endian: Endian) {
    let mut joined = |keyword: &str, parts: &[Predicate]| {
        let _ = write!(text, " {keyword} {:x}", parts.len());
        for part in parts {
            predicate(text, part, endian);
        }
    };
    match written {
        Predicate::True => text.push_str(" true"),
        Predicate::False => text.push_str(" false"),
        Predicate::Not(inner) => {
            text.push_str(" not");
            predicate(text, inner, endian);
        }
        Predicate::And(parts) => joined("and", parts),
        Predicate::Or(parts) => joined("or", parts),
        Predicate::Test(written) => test(text, written, endian),
    }
}

fn test(text: &mut String, test: &Test, endian: Endian) {
    text.push_str(" test");
    field(text, test.field(), endian);
    let _ = write!(text, " {:x}", test.mask());
    match test.relation() {
        Relation::Compare(op, bits) => {
            let _ = write!(text, " {} {bits:x}", op_name(*op));
        }
        Relation::In(ranges) => {
            let _ = write!(text, " in {:x}", ranges.len());
            for range in ranges {
                let _ = write!(text, " {:x} {:x}", range.first(), range.last());
            }
        }
        Relation::Field(op, other) => {
            let _ = write!(text, " {} field", op_name(*op));
            field(text, other, endian);
        }
    }
}

fn field(text: &mut String, field: &Field, endian: Endian) {
    let (low, high) = words_of(field.place(), endian);
    let high = high.map_or("-".to_owned(), |high| high.to_string());
    let sign = if field.ty().signed() { "signed" } else { "unsigned" };
    let _ = write!(text, " {low} {high} {} {sign}", field.ty().width());
}

const fn op_name(op: CmpOp) -> &'static str {
    match op {
        CmpOp::Eq => "eq",
        CmpOp::Ne => "ne",
        CmpOp::Lt => "lt",
        CmpOp::Le => "le",
        CmpOp::Gt => "gt",
        CmpOp::Ge => "ge",
    }
}
