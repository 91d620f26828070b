//! What an event filter hardly means: tests that look at more of an argument than the kernel
//! does, and tests that nothing satisfies.

use filterc_abi::Abi;
use filterc_grammar::source::Span;

use super::filter::{CmpOp, Never, Operand, Predicate, Test, TestKind};
use super::layout::event_suffix;
use super::print;
use super::record::{Part, Record};
use crate::event_fault::Fault;
use crate::types::{Kind, Type};

/// What there is to say about the tests of a predicate, in their order.
pub(super) fn lint(
    abi: &'static Abi,
    record: &Record,
    predicate: &Predicate,
) -> Vec<(Span, Fault)> {
    let mut found = Vec::new();
    for test in predicate.tests() {
        let is_pointer = matches!(test.kind, TestKind::Never { why: Never::KernelPointer, .. });
        let never = never_true(test).map(|reason| Fault::NeverTrue { reason, is_pointer });
        found.extend(never.map(|fault| (test.span, fault)));
        found.extend(ignored_bits(abi, record, test).map(|fault| (test.span, fault)));
    }
    found
}

/// What the kernel uses of the argument that an operand is; `None` if it is none.
pub(super) fn used(abi: &'static Abi, record: &Record, operand: &Operand) -> Option<Type> {
    let Part::Arg(position) = operand.field.part else { return None };
    let nr = record.nr?;
    let call = abi.syscall_by_nr(nr).filter(|call| event_suffix(call).is_some())?;
    let arg = call.args.get(usize::from(position))?;
    Type::new(arg.width, arg.signed, Kind::Integer)
}

fn ignored_bits(abi: &'static Abi, record: &Record, test: &Test) -> Option<Fault> {
    let (operand, mask) = match &test.kind {
        TestKind::Compare { operand, mask, .. }
        | TestKind::AnyBit { operand, mask }
        | TestKind::In { operand, mask, .. } => (operand, *mask),
        TestKind::Fields { left, .. } => (left, left.mask()),
        TestKind::Cpus { .. }
        | TestKind::Function { .. }
        | TestKind::Text { .. }
        | TestKind::Never { .. } => return None,
    };
    let ty = used(abi, record, operand)?;
    if mask & operand.mask() & !ty.mask() == 0 {
        return None;
    }
    let mut narrow = test.clone();
    narrow.kind.narrow(ty);
    let instead = print::test(&narrow);
    Some(Fault::IgnoredBits { field: operand.field.name.clone(), ty, instead })
}

impl TestKind {
    /// Makes the test one of the bits of that type, which is narrower.
    fn narrow(&mut self, ty: Type) {
        let narrow = |operand: &mut Operand| {
            (operand.width, operand.signed) = (ty.width(), ty.signed());
        };
        let cut = ty.mask();
        match self {
            Self::Compare { operand, mask, value, .. } => {
                narrow(operand);
                *mask &= cut;
                *value &= cut;
            }
            Self::AnyBit { operand, mask } => {
                narrow(operand);
                *mask &= cut;
            }
            Self::In { operand, mask, ranges } => {
                narrow(operand);
                *mask &= cut;
                for (first, last) in ranges {
                    (*first, *last) = (*first & cut, *last & cut);
                }
            }
            Self::Fields { left, right, .. } => {
                narrow(left);
                narrow(right);
            }
            Self::Cpus { .. } | Self::Function { .. } | Self::Text { .. } | Self::Never { .. } => {}
        }
    }
}

fn never_true(test: &Test) -> Option<&'static str> {
    match &test.kind {
        TestKind::Never { why, .. } => Some(why.reason()),
        TestKind::AnyBit { mask: 0, .. } => Some("the constant has no bit set"),
        TestKind::Compare { operand, mask, op, value } => {
            let ty = Type::new(operand.width, operand.signed, Kind::Integer)?;
            let value = ty.value(*value);
            match op {
                CmpOp::Eq if ty.bits(value)? & !mask != 0 => {
                    Some("the constant has bits that the mask lacks")
                }
                CmpOp::Lt if value == ty.min() => Some("nothing is less than the smallest number"),
                CmpOp::Gt if value == ty.max() => Some("nothing is more than the largest number"),
                CmpOp::Eq | CmpOp::Ne | CmpOp::Lt | CmpOp::Le | CmpOp::Gt | CmpOp::Ge => None,
            }
        }
        TestKind::AnyBit { .. }
        | TestKind::In { .. }
        | TestKind::Fields { .. }
        | TestKind::Cpus { .. }
        | TestKind::Function { .. }
        | TestKind::Text { .. } => None,
    }
}
