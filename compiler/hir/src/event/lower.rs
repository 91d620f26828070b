//! Our additions in the kernel's own language: masked compares, views of fewer bits, sets and
//! ranges become tests of single bits, of which the kernel has `field & constant`.

use filterc_grammar::diagnostic::{Code, Diagnostic, Label, Severity};
use filterc_grammar::source::Span;

use super::filter::{CmpOp, Filter, Operand, Predicate, Test, TestKind};
use super::kernel::MAX_LEN;
use super::print::{self, is_whole};
use super::record::Part;

/// The codes of this stage, sorted.
pub const CODES: &[&str] = &["F0280", "F0281"];

/// Why the kernel cannot be told a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsayable {
    /// F0280: a test that its language has no form for.
    Form {
        /// The test.
        span: Span,
        /// Why not.
        reason: &'static str,
    },
    /// F0281: more than 4095 bytes.
    TooLong {
        /// How many.
        length: usize,
    },
}

impl Unsayable {
    /// The finding.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let (code, message, primary) = match self {
            Self::Form { span, reason } => {
                let label = Label { span: *span, message: (*reason).to_owned() };
                ("F0280", "the kernel's filters have no such test".to_owned(), Some(label))
            }
            Self::TooLong { length } => {
                let message =
                    format!("{length} bytes of filter, of which the kernel takes {MAX_LEN}");
                ("F0281", message, None)
            }
        };
        Diagnostic {
            code: Code(code),
            severity: Severity::Error,
            message,
            primary,
            secondary: Vec::new(),
            help: vec!["an eBPF program can do it".to_owned()],
        }
    }
}

/// The text for the event's `filter` file, which means what the filter means.
///
/// # Errors
/// The kernel's language has no form for a test, or the text is too long.
pub fn kernel_text(filter: &Filter) -> Result<Vec<u8>, Unsayable> {
    let text = print::predicate(&lower(&filter.predicate)?);
    let length = text.len();
    if length > MAX_LEN { Err(Unsayable::TooLong { length }) } else { Ok(text) }
}

fn lower(predicate: &Predicate) -> Result<Predicate, Unsayable> {
    Ok(match predicate {
        Predicate::True => Predicate::True,
        Predicate::False => Predicate::False,
        Predicate::Not(inner) => lower(inner)?.negate(),
        Predicate::And(parts) => all(parts.iter().map(lower).collect::<Result<Vec<_>, _>>()?),
        Predicate::Or(parts) => some(parts.iter().map(lower).collect::<Result<Vec<_>, _>>()?),
        Predicate::Test(test) => lower_test(test)?,
    })
}

/// A conjunction, without parts that say nothing.
fn all(parts: Vec<Predicate>) -> Predicate {
    let mut list: Vec<Predicate> = Vec::new();
    for part in parts {
        match part {
            Predicate::False => return Predicate::False,
            Predicate::True => {}
            Predicate::And(inner) => inner.into_iter().for_each(|part| push(&mut list, part)),
            Predicate::Not(_) | Predicate::Or(_) | Predicate::Test(_) => push(&mut list, part),
        }
    }
    if list.len() > 1 { Predicate::And(list) } else { list.pop().unwrap_or(Predicate::True) }
}

/// A disjunction, without parts that say nothing.
fn some(parts: Vec<Predicate>) -> Predicate {
    let mut list: Vec<Predicate> = Vec::new();
    for part in parts {
        match part {
            Predicate::True => return Predicate::True,
            Predicate::False => {}
            Predicate::Or(inner) => list.extend(inner),
            Predicate::Not(_) | Predicate::And(_) | Predicate::Test(_) => list.push(part),
        }
    }
    if list.len() > 1 { Predicate::Or(list) } else { list.pop().unwrap_or(Predicate::False) }
}

/// Appends a part of a conjunction. None of some bits and none of others is none of all.
fn push(list: &mut Vec<Predicate>, part: Predicate) {
    if let Some(Predicate::Not(last)) = list.last_mut()
        && let Some((field, mask)) = bits_of(last)
        && let Predicate::Not(next) = &part
        && let Some((other, more)) = bits_of(next)
        && field == other
    {
        let both = mask | more;
        if let Predicate::Test(test) = last.as_mut()
            && let TestKind::AnyBit { mask, .. } = &mut test.kind
        {
            *mask = both;
        }
        return;
    }
    list.push(part);
}

/// The field and the bits of a test of bits.
fn bits_of(predicate: &Predicate) -> Option<(&str, u64)> {
    let Predicate::Test(test) = predicate else { return None };
    let TestKind::AnyBit { operand, mask } = &test.kind else { return None };
    Some((&operand.field.name, *mask))
}

fn lower_test(test: &Test) -> Result<Predicate, Unsayable> {
    let same = || Predicate::Test(Box::new(test.clone()));
    if test.kind.operands().any(|operand| operand.field.part.is_who()) {
        let reason = "it knows of the caller the thread's id, name and processor, and no more";
        return Err(Unsayable::Form { span: test.span, reason });
    }
    match &test.kind {
        TestKind::Text { .. }
        | TestKind::Never { .. }
        | TestKind::Function { .. }
        | TestKind::Cpus { .. } => Ok(same()),
        TestKind::Fields { .. } => {
            let reason = "it compares a field with a constant, not with another field";
            Err(Unsayable::Form { span: test.span, reason })
        }
        TestKind::AnyBit { operand, mask } => {
            let bits = Bits::new(test.span, operand)?;
            Ok(bits.any(mask & operand.mask()))
        }
        TestKind::Compare { operand, mask, op, value } => {
            Side::new(test.span, operand, *mask).compare(*op, *value)
        }
        TestKind::In { operand, mask, ranges } => {
            let side = Side::new(test.span, operand, *mask);
            let mut alternatives = Vec::new();
            for (first, last) in ranges {
                alternatives.push(if first == last {
                    side.compare(CmpOp::Eq, *first)?
                } else {
                    all(vec![side.compare(CmpOp::Ge, *first)?, side.compare(CmpOp::Le, *last)?])
                });
            }
            Ok(some(alternatives))
        }
    }
}

/// The left side of a comparison with constants.
struct Side<'o> {
    span: Span,
    operand: &'o Operand,
    mask: u64,
}

impl<'o> Side<'o> {
    const fn new(span: Span, operand: &'o Operand, mask: u64) -> Self {
        Self { span, operand, mask }
    }

    fn compare(&self, op: CmpOp, value: u64) -> Result<Predicate, Unsayable> {
        let equality = !op.is_ordered() && self.operand.width == self.operand.field.width();
        let whole = Operand::whole(self.operand.field.clone());
        let sayable = is_whole(self.operand) || (equality && is_whole(&whole));
        if self.mask == self.operand.mask() && sayable {
            let kind = TestKind::Compare { mask: whole.mask(), operand: whole, op, value };
            return Ok(Predicate::Test(Box::new(Test { span: self.span, kind })));
        }
        let bits = Bits::new(self.span, self.operand)?;
        Ok(match op {
            CmpOp::Eq => self.equal(&bits, value),
            CmpOp::Ne => self.equal(&bits, value).negate(),
            CmpOp::Lt => self.less(&bits, value, false),
            CmpOp::Le => self.less(&bits, value, true),
            CmpOp::Gt => self.less(&bits, value, true).negate(),
            CmpOp::Ge => self.less(&bits, value, false).negate(),
        })
    }

    /// Each bit of the constant is set, and no other one of the mask.
    fn equal(&self, bits: &Bits<'_>, value: u64) -> Predicate {
        let mask = self.mask & self.operand.mask();
        if value & !mask != 0 {
            return Predicate::False;
        }
        let set = (0..64).map(|bit| 1 << bit).filter(|bit| value & bit != 0);
        let mut parts: Vec<_> = set.map(|bit| bits.any(bit)).collect();
        parts.push(bits.any(mask & !value).negate());
        all(parts)
    }

    /// Less than the constant, or equal to it if `or_equal`: from the lowest bit to the highest,
    /// each of which decides if it differs, and else leaves it to those below.
    fn less(&self, bits: &Bits<'_>, value: u64, or_equal: bool) -> Predicate {
        let mut below = if or_equal { Predicate::True } else { Predicate::False };
        for position in 0..self.operand.width {
            let bit = 1_u64 << position;
            let set = bits.any(bit & self.mask);
            // With the sign bit set a number is less than without it.
            let is_sign = self.operand.signed && position + 1 == self.operand.width;
            let lesser = if is_sign { set } else { set.negate() };
            let constant_is_lesser = (value & bit != 0) == is_sign;
            below = if constant_is_lesser {
                all(vec![lesser, below])
            } else {
                some(vec![lesser, below])
            };
        }
        below
    }
}

/// Tests of bits of a field.
struct Bits<'o> {
    span: Span,
    operand: &'o Operand,
}

impl<'o> Bits<'o> {
    fn new(span: Span, operand: &'o Operand) -> Result<Self, Unsayable> {
        let reason = match operand.field.part {
            Part::Cpu => "it compares the number of the processor, but not bits of it",
            Part::Text(_) => "it takes the argument for a text, and not for a number",
            Part::Comm | Part::Stacktrace => "it is no number",
            Part::Type
            | Part::Flags
            | Part::PreemptCount
            | Part::Pid
            | Part::Nr
            | Part::Arg(_)
            | Part::Process
            | Part::User
            | Part::Group
            | Part::Cgroup
            | Part::Ret => return Ok(Self { span, operand }),
        };
        Err(Unsayable::Form { span, reason })
    }

    /// Some of these bits is set.
    fn any(&self, mask: u64) -> Predicate {
        if mask == 0 {
            return Predicate::False;
        }
        let operand = Operand::whole(self.operand.field.clone());
        Predicate::Test(Box::new(Test {
            span: self.span,
            kind: TestKind::AnyBit { operand, mask },
        }))
    }
}
