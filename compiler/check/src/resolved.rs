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
    let mut text = "policy 2\n".to_owned();
    let names: Vec<&str> = policy.params().iter().map(|param| param.name.as_str()).collect();
    // Writing to a string cannot fail, here and below.
    if !names.is_empty() {
        let _ = writeln!(text, "params {:x} # {}", names.len(), names.join(", "));
    }
    let _ = writeln!(text, "foreign {:x}", policy.foreign_action().to_ret());
    for part in policy.abis().iter().filter(|part| part.abi().endian == endian) {
        abi(&mut text, part, endian);
    }
    text
}

fn abi(text: &mut String, part: &AbiPolicy, endian: Endian) {
    let abi = part.abi();
    let (bit, set) = abi.mark.map_or((0, false), |mark| (mark.bit, mark.set));
    let _ = writeln!(
        text,
        "abi {:x} {bit:x} {} {:x} {:x} # {}",
        abi.audit_arch,
        u8::from(set),
        part.default_action().to_ret(),
        part.unknown_action().to_ret(),
        abi.name,
    );
    let known = abi.syscalls().iter().map(|call| call.nr).filter(|nr| part.has(*nr));
    ranges(text, "known", known.map(|nr| (nr, nr)));
    ranges(text, "named", named(part));
    for arm in part.arms() {
        predicate(text, &arm.predicate, endian);
        let action = arm.action.to_ret();
        let _ = match arm.selector {
            Selector::Nr(nr) => writeln!(text, "arm {nr:x} {action:x}"),
            Selector::Range(first, last) => writeln!(text, "range {first:x} {last:x} {action:x}"),
            Selector::Known => writeln!(text, "any {action:x}"),
        };
    }
}

/// The numbers that rules name, alone and in ranges, by where they begin.
fn named(part: &AbiPolicy) -> impl Iterator<Item = (u32, u32)> {
    let alone = part.named().iter().map(|nr| (*nr, *nr));
    let mut all: Vec<(u32, u32)> = alone.chain(part.ranges().iter().copied()).collect();
    all.sort_unstable();
    all.into_iter()
}

/// Sorted ranges of numbers, as runs of them.
fn ranges(text: &mut String, keyword: &str, numbers: impl Iterator<Item = (u32, u32)>) {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for (from, to) in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1).is_none_or(|next| from <= next) => {
                *last = to.max(*last);
            }
            _ => runs.push((from, to)),
        }
    }
    text.push_str(keyword);
    for (first, last) in runs {
        let _ = write!(text, " {first:x} {last:x}");
    }
    text.push('\n');
}

/// The predicate, behind its parts.
fn predicate(text: &mut String, written: &Predicate, endian: Endian) {
    let mut joined = |keyword: &str, parts: &[Predicate]| {
        for part in parts {
            predicate(text, part, endian);
        }
        let _ = writeln!(text, "{keyword} {:x}", parts.len());
    };
    match written {
        Predicate::True => joined("and", &[]),
        Predicate::False => joined("or", &[]),
        Predicate::And(parts) => joined("and", parts),
        Predicate::Or(parts) => joined("or", parts),
        Predicate::Not(inner) => {
            predicate(text, inner, endian);
            text.push_str("not\n");
        }
        Predicate::Test(written) => test(text, written, endian),
    }
}

fn test(text: &mut String, test: &Test, endian: Endian) {
    let (left, signed) = (test.field(), test.field().ty().signed());
    let (words, mask) = (field(left, endian), test.mask());
    let compare =
        |op: CmpOp, right: &str| format!("{} {words} {mask:x} {right}\n", op_name(op, signed));
    match test.relation() {
        Relation::Compare(op, bits) => text.push_str(&compare(*op, &format!("{bits:x}"))),
        Relation::Field(op, other) => text.push_str(&compare(*op, &field(other, endian))),
        Relation::In(ranges) => {
            for range in ranges {
                let [first, last] = [range.first(), range.last()].map(|bits| format!("{bits:x}"));
                if first == last {
                    text.push_str(&compare(CmpOp::Eq, &first));
                } else {
                    text.push_str(&compare(CmpOp::Ge, &first));
                    text.push_str(&compare(CmpOp::Le, &last));
                    text.push_str("and 2\n");
                }
            }
            let _ = writeln!(text, "or {:x}", ranges.len());
        }
    }
}

/// A field's width, and the words that it is in.
fn field(field: &Field, endian: Endian) -> String {
    let (low, high) = words_of(field.place(), endian);
    format!("{:x} {low:x} {:x}", field.ty().width(), high.unwrap_or(low))
}

const fn op_name(op: CmpOp, signed: bool) -> &'static str {
    match (op, signed) {
        (CmpOp::Eq, _) => "eq",
        (CmpOp::Ne, _) => "ne",
        (CmpOp::Lt, false) => "ltu",
        (CmpOp::Le, false) => "leu",
        (CmpOp::Gt, false) => "gtu",
        (CmpOp::Ge, false) => "geu",
        (CmpOp::Lt, true) => "lts",
        (CmpOp::Le, true) => "les",
        (CmpOp::Gt, true) => "gts",
        (CmpOp::Ge, true) => "ges",
    }
}
