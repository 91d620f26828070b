//! Tests of `nr` and `arch` whose outcome the rule's own calls and ABIs settle.
//!
//! Such a test is no error: with several calls or ABIs it picks some of them. It is told
//! where it comes out the same for every call on every ABI. Only the policy's own file
//! is looked at: a library is written for more calls and ABIs than one policy has.

use std::collections::BTreeMap;

use filterc_abi::{Abi, KernelVersion, SeccompData};
use filterc_grammar::source::{FileId, Span};

use crate::error::Kind;
use crate::eval;
use crate::expr::{CmpOp, Predicate, Relation, Test};
use crate::findings::{Calls, Findings, Subject};
use crate::types::{Field, Place};

/// What is known about every call that an arm is about.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    nr: Option<u32>,
    arch: u32,
}

impl Known {
    /// Of the calls with one number on an ABI, or of all its calls.
    pub(crate) fn new(abi: &Abi, nr: Option<u32>) -> Self {
        Self { nr, arch: abi.audit_arch }
    }

    /// Whether the predicate holds, as far as that is known.
    pub(crate) fn predicate(self, predicate: &Predicate) -> Option<bool> {
        match predicate {
            Predicate::True => Some(true),
            Predicate::False => Some(false),
            Predicate::Not(inner) => self.predicate(inner).map(|holds| !holds),
            Predicate::And(parts) => self.parts(parts, false),
            Predicate::Or(parts) => self.parts(parts, true),
            Predicate::Test(test) => self.test(test),
        }
    }

    /// The outcome of parts of which one that is `decisive` decides.
    fn parts(self, parts: &[Predicate], decisive: bool) -> Option<bool> {
        let mut unknown = false;
        for part in parts {
            match self.predicate(part) {
                Some(holds) if holds == decisive => return Some(decisive),
                Some(_) => {}
                None => unknown = true,
            }
        }
        (!unknown).then_some(!decisive)
    }

    fn test(self, test: &Test) -> Option<bool> {
        let other = match test.relation() {
            Relation::Field(_, other) => Some(other),
            Relation::Compare(..) | Relation::In(_) => None,
        };
        let known = self.has(test.field()) && other.is_none_or(|other| self.has(other));
        // What is not known is not read.
        let nr = self.nr.unwrap_or_default().cast_signed();
        let call = SeccompData { nr, arch: self.arch, instruction_pointer: 0, args: [0; 6] };
        known.then(|| eval::test_holds(test, &[], &call))
    }

    fn has(self, field: &Field) -> bool {
        match field.place() {
            Place::Nr => self.nr.is_some(),
            Place::Arch => true,
            Place::InstructionPointer
            | Place::Arg(_)
            | Place::Pair { .. }
            | Place::Fact(_)
            | Place::Answer(_)
            | Place::Param(_) => false,
        }
    }
}

/// The outcomes of each test in the text, over all that it was read for.
pub(crate) struct Outcomes {
    kernel: KernelVersion,
    by_place: BTreeMap<Span, Outcome>,
}

struct Outcome {
    /// The same for all, or `None`.
    holds: Option<bool>,
    /// Whether it asks `any` for numbers that `any` does not stand for.
    of_any: bool,
    used_by: Option<Span>,
}

impl Outcomes {
    pub(crate) fn new(kernel: KernelVersion) -> Self {
        Self { kernel, by_place: BTreeMap::new() }
    }

    /// Notes the outcome of a test for a call on an ABI; returns it, where the call's number
    /// and ABI settle it.
    pub(crate) fn note(&mut self, span: Span, test: &Test, subject: Subject) -> Option<bool> {
        let place = test.field().place();
        if !matches!(place, Place::Nr | Place::Arch) {
            return None;
        }
        let nr = match subject.calls {
            Calls::One(call) => Some(call.nr),
            Calls::Number(nr) => Some(nr),
            Calls::Range(..) | Calls::Named(_) | Calls::Any | Calls::None => None,
        };
        let settled = Known::new(subject.abi, nr).test(test);
        if span.file != FileId(0) {
            return settled;
        }
        let of_any = matches!(subject.calls, Calls::Any) && place == Place::Nr;
        let holds = if of_any { self.outside_any(test, subject.abi) } else { settled };
        let used_by = subject.used_by;
        self.by_place
            .entry(span)
            .and_modify(|outcome| {
                outcome.holds = outcome.holds.filter(|_| outcome.holds == holds);
                outcome.of_any |= of_any;
            })
            .or_insert(Outcome { holds, of_any, used_by });
        settled
    }

    /// The outcome of an equality of `nr` with numbers that the kernel lacks.
    fn outside_any(&self, test: &Test, abi: &'static Abi) -> Option<bool> {
        let lacks = |bits: u64| {
            let call = u32::try_from(bits).ok().and_then(|nr| abi.syscall_by_nr(nr));
            call.is_none_or(|call| !call.exists_in(self.kernel))
        };
        if test.mask() != test.field().ty().mask() {
            return None;
        }
        match test.relation() {
            Relation::Compare(CmpOp::Eq, bits) => lacks(*bits).then_some(false),
            Relation::Compare(CmpOp::Ne, bits) => lacks(*bits).then_some(true),
            Relation::In(ranges) => {
                let mut each = ranges.iter();
                each.all(|r| r.first() == r.last() && lacks(r.first())).then_some(false)
            }
            Relation::Compare(CmpOp::Lt | CmpOp::Le | CmpOp::Gt | CmpOp::Ge, _)
            | Relation::Field(..) => None,
        }
    }

    /// Tells the tests that come out the same for everything they were read for.
    pub(crate) fn tell(&self, findings: &mut Findings) {
        for (&span, outcome) in &self.by_place {
            if let Some(holds) = outcome.holds {
                let kind = Kind::SettledTest { holds, of_any: outcome.of_any };
                let used_by = outcome.used_by.map(|span| (span, "used here"));
                findings.because(span, kind, used_by.as_slice());
            }
        }
    }
}
