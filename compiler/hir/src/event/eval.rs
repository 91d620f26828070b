//! The reference semantics of event filters: which records a filter keeps.
//!
//! This is the specification that the running kernel, and the programs that stand for a filter,
//! are held against. It is one text over an [`Algebra`]: numbers here, formulas in a proof.

use filterc_abi::{Endian, Facts};

use super::filter::{
    COMM_LEN, CmpOp, CpusOp, Filter, Matcher, MatcherKind, Operand, Predicate, Test, TestKind,
    Text, USER_STRING_MAX,
};
use super::glob;
use super::record::{Field, Part, mask};
use crate::algebra::{Logic, Numbers};

/// Words of up to 64 bits, of some representation, and what is true of them and of texts.
pub trait Algebra: Logic {
    /// A word.
    type Word;

    /// The bits of a field that are in `mask`, all others 0.
    fn read(&mut self, field: &Field, mask: u64) -> Self::Word;

    /// The word with these bits.
    fn bits(&mut self, bits: u64) -> Self::Word;

    /// The 32-bit word of a word of `width` bits (at most 32), sign-extended if `signed`.
    fn extend(&mut self, word: Self::Word, width: u8, signed: bool) -> Self::Word;

    /// Whether two words are the same bits.
    fn equal(&mut self, left: &Self::Word, right: &Self::Word) -> Self::Bool;

    /// Whether one word is less than another, both as numbers of that width and sign; bits above
    /// the width are 0 in both.
    fn less(
        &mut self,
        width: u8,
        signed: bool,
        left: &Self::Word,
        right: &Self::Word,
    ) -> Self::Bool;

    /// Whether the text can be read.
    fn readable(&mut self, source: &Text) -> Self::Bool;

    /// Whether the text, which can be read, matches.
    fn text(&mut self, source: &Text, matcher: &Matcher) -> Self::Bool;
}

/// What a record is kept or dropped by.
pub struct Event<'e> {
    /// The bytes of the record.
    pub record: &'e [u8],
    /// Their order.
    pub endian: Endian,
    /// The processor.
    pub cpu: u32,
    /// Who calls: the process, the user, the group, and the control group; the rest of it is the
    /// record's, or stands here beside.
    pub who: Facts,
    /// The thread's name, without NUL.
    pub comm: &'e [u8],
    /// The caller's memory at an address, up to the first NUL, which is not included; `None` if
    /// it cannot be read up to there. It may end behind [`USER_STRING_MAX`] bytes.
    pub memory: &'e dyn Fn(u64) -> Option<Vec<u8>>,
}

/// Whether a filter keeps the record.
#[must_use]
pub fn matches(filter: &Filter, event: &Event<'_>) -> bool {
    eval(&mut Concrete { event }, &filter.predicate)
}

/// Whether a predicate holds, in any algebra.
pub fn eval<A: Algebra>(algebra: &mut A, predicate: &Predicate) -> A::Bool {
    match predicate {
        Predicate::True => algebra.truth(true),
        Predicate::False => algebra.truth(false),
        Predicate::Not(inner) => {
            let inner = eval(algebra, inner);
            algebra.not(inner)
        }
        Predicate::And(parts) => algebra.all(parts, eval),
        Predicate::Or(parts) => algebra.some(parts, eval),
        Predicate::Test(test) => eval_test(algebra, test),
    }
}

/// Whether a test holds, in any algebra.
pub fn eval_test<A: Algebra>(algebra: &mut A, test: &Test) -> A::Bool {
    match &test.kind {
        TestKind::Compare { operand, mask, op, value } => {
            let left = algebra.read(&operand.field, operand.mask() & mask);
            let right = algebra.bits(*value);
            compare(algebra, *op, operand, &left, &right)
        }
        TestKind::AnyBit { operand, mask } => {
            let (left, none) =
                (algebra.read(&operand.field, operand.mask() & mask), algebra.bits(0));
            let clear = algebra.equal(&left, &none);
            algebra.not(clear)
        }
        TestKind::In { operand, mask, ranges } => {
            let left = algebra.read(&operand.field, operand.mask() & mask);
            algebra.some(ranges, |algebra, (first, last)| {
                let (first, last) = (algebra.bits(*first), algebra.bits(*last));
                let from = compare(algebra, CmpOp::Ge, operand, &left, &first);
                let to = compare(algebra, CmpOp::Le, operand, &left, &last);
                algebra.and(from, to)
            })
        }
        TestKind::Fields { left: operand, op, right } => {
            let left = algebra.read(&operand.field, operand.mask());
            let right = algebra.read(&right.field, right.mask());
            compare(algebra, *op, operand, &left, &right)
        }
        TestKind::Cpus { operand, op, cpus, nr_cpu_ids } => {
            eval_cpus(algebra, operand, *op, cpus, *nr_cpu_ids)
        }
        TestKind::Function { operand, inside, start, end } => {
            let left = algebra.read(&operand.field, operand.mask());
            let (start, end) = (algebra.bits(*start), algebra.bits(*end));
            let before = algebra.less(64, false, &left, &start);
            let from = algebra.not(before);
            let to = algebra.less(64, false, &left, &end);
            let within = algebra.and(from, to);
            if *inside { within } else { algebra.not(within) }
        }
        TestKind::Text { source, matcher, negated } => {
            let readable = algebra.readable(source);
            if algebra.known(&readable) == Some(false) {
                return readable;
            }
            let matched = algebra.text(source, matcher);
            let matched = if *negated { algebra.not(matched) } else { matched };
            algebra.and(readable, matched)
        }
        TestKind::Never { .. } => algebra.truth(false),
    }
}

fn eval_cpus<A: Algebra>(
    algebra: &mut A,
    operand: &Operand,
    op: CpusOp,
    cpus: &[u32],
    nr_cpu_ids: u32,
) -> A::Bool {
    let width = operand.width.min(32);
    let low = algebra.read(&operand.field, mask(width));
    let cpu = algebra.extend(low, width, operand.signed && operand.width <= 32);
    let limit = algebra.bits(nr_cpu_ids.into());
    let exists = algebra.less(32, false, &cpu, &limit);
    let holds = match op {
        CpusOp::Is => algebra.truth(false),
        CpusOp::IsNot => algebra.truth(true),
        CpusOp::In => algebra.some(cpus, |algebra, number| {
            let number = algebra.bits((*number).into());
            algebra.equal(&cpu, &number)
        }),
    };
    algebra.and(exists, holds)
}

/// Whether two words compare so; ordering is at the operand's width and sign.
fn compare<A: Algebra>(
    algebra: &mut A,
    op: CmpOp,
    operand: &Operand,
    left: &A::Word,
    right: &A::Word,
) -> A::Bool {
    let (width, signed) = (operand.width, operand.signed);
    match op {
        CmpOp::Eq => algebra.equal(left, right),
        CmpOp::Ne => {
            let equal = algebra.equal(left, right);
            algebra.not(equal)
        }
        CmpOp::Lt => algebra.less(width, signed, left, right),
        CmpOp::Gt => algebra.less(width, signed, right, left),
        CmpOp::Le => {
            let greater = algebra.less(width, signed, right, left);
            algebra.not(greater)
        }
        CmpOp::Ge => {
            let less = algebra.less(width, signed, left, right);
            algebra.not(less)
        }
    }
}

/// The algebra of one event: words are numbers.
pub struct Concrete<'c, 'e> {
    /// The event.
    pub event: &'c Event<'e>,
}

impl Concrete<'_, '_> {
    /// The text up to its NUL, cut as the kernel cuts it; `None` if it cannot be read.
    fn fetch(&self, source: &Text) -> Option<Vec<u8>> {
        let mut text = match source {
            Text::Comm => self.event.comm.iter().copied().take(COMM_LEN - 1).collect(),
            Text::User(field) => {
                let address = field.read(self.event.record, self.event.endian);
                (self.event.memory)(address)?
            }
        };
        text.truncate(USER_STRING_MAX);
        Some(text)
    }
}

impl Numbers for Concrete<'_, '_> {}

impl Algebra for Concrete<'_, '_> {
    type Word = u64;

    fn read(&mut self, field: &Field, mask: u64) -> u64 {
        let Event { record, endian, cpu, who, .. } = self.event;
        let bits = match field.part {
            Part::Cpu => (*cpu).into(),
            Part::Process => who.pid.into(),
            Part::User => who.uid.into(),
            Part::Group => who.gid.into(),
            Part::Cgroup => who.cgroup,
            Part::Type
            | Part::Flags
            | Part::PreemptCount
            | Part::Pid
            | Part::Nr
            | Part::Arg(_)
            | Part::Text(_)
            | Part::Ret
            | Part::Comm
            | Part::Stacktrace => field.read(record, *endian),
        };
        bits & mask
    }

    fn bits(&mut self, bits: u64) -> u64 {
        bits
    }

    fn extend(&mut self, word: u64, width: u8, signed: bool) -> u64 {
        if signed && width > 0 && (word >> (width - 1)) & 1 == 1 {
            (word | !mask(width)) & mask(32)
        } else {
            word
        }
    }

    fn equal(&mut self, left: &u64, right: &u64) -> bool {
        left == right
    }

    fn less(&mut self, width: u8, signed: bool, left: &u64, right: &u64) -> bool {
        // Flipping the sign bit of both makes the order of signed numbers that of unsigned ones.
        let flip = if signed && width > 0 { 1 << (width - 1) } else { 0 };
        (left ^ flip) < (right ^ flip)
    }

    fn readable(&mut self, source: &Text) -> bool {
        self.fetch(source).is_some()
    }

    fn text(&mut self, source: &Text, matcher: &Matcher) -> bool {
        let text = self.fetch(source).unwrap_or_default();
        let pattern = matcher.pattern.as_slice();
        match matcher.kind {
            MatcherKind::Exact => text == pattern,
            MatcherKind::Prefix => text.starts_with(pattern),
            MatcherKind::Suffix => match source {
                Text::Comm => {
                    pattern.is_empty() || (text.len() == COMM_LEN - 1 && text.ends_with(pattern))
                }
                Text::User(_) => text.ends_with(pattern),
            },
            MatcherKind::Substring => {
                pattern.is_empty() || text.windows(pattern.len()).any(|part| part == pattern)
            }
            MatcherKind::Glob => glob::matches(pattern, &text),
        }
    }
}
