//! A typed event filter: what is tested, at which width and sign.
//!
//! The forms with which the kernel writes one thing in several ways are one form here; what the
//! kernel accepts and can never hold is [`TestKind::Never`], so that nobody has to guess. A
//! filter means what [`super::eval()`] says.

use filterc_grammar::source::Span;

pub use crate::expr::CmpOp;

use super::record::{Field, Record, mask};

/// A filter of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The event's record.
    pub record: Record,
    /// Which records are kept.
    pub predicate: Predicate,
}

/// A predicate over a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Predicate {
    /// Always.
    True,
    /// Never.
    False,
    /// The opposite.
    Not(Box<Self>),
    /// All parts hold.
    And(Vec<Self>),
    /// Some part holds.
    Or(Vec<Self>),
    /// A test.
    Test(Box<Test>),
}

/// A test, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The text it came from.
    pub span: Span,
    /// What is tested.
    pub kind: TestKind,
}

/// What is tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestKind {
    /// The operand, with the bits outside the mask cleared, compares so with a constant. `==` and
    /// `!=` are of bits, ordering is at the width and sign of the operand.
    Compare {
        /// The left side.
        operand: Operand,
        /// Bits that are looked at; the operand's whole width but for a masked compare.
        mask: u64,
        /// How.
        op: CmpOp,
        /// The right side: the bits of the constant, cut to the operand's width.
        value: u64,
    },
    /// Some bit of the mask, which was cut to the operand's width, is set in the operand.
    AnyBit {
        /// The left side.
        operand: Operand,
        /// The bits.
        mask: u64,
    },
    /// The operand, with the bits outside the mask cleared, lies in one of some ranges, as a
    /// number of its width and sign.
    In {
        /// The left side.
        operand: Operand,
        /// Bits that are looked at.
        mask: u64,
        /// First and last of each range, as bits of the operand's width; not empty.
        ranges: Vec<(u64, u64)>,
    },
    /// Two operands of one width and sign compare so.
    Fields {
        /// The left side.
        left: Operand,
        /// How.
        op: CmpOp,
        /// The right side.
        right: Operand,
    },
    /// The operand's low 32 bits (of fewer, sign-extended) are the number of a processor, and that
    /// stands so to a set of none or of two or more.
    Cpus {
        /// The left side.
        operand: Operand,
        /// How.
        op: CpusOp,
        /// The processors of the set, sorted.
        cpus: Vec<u32>,
        /// How many processors the kernel can have: larger numbers are none, and the test is
        /// false.
        nr_cpu_ids: u32,
    },
    /// The operand, which is 64 bits wide, is an address inside a function of the kernel.
    Function {
        /// The left side.
        operand: Operand,
        /// `false` for `!=`.
        inside: bool,
        /// The function's first address.
        start: u64,
        /// The first address behind it.
        end: u64,
    },
    /// A text matches a pattern.
    Text {
        /// Whose text.
        source: Text,
        /// The pattern.
        matcher: Matcher,
        /// The test is of the opposite (`!=`, or a pattern that begins with `!`). A text that
        /// cannot be read satisfies neither.
        negated: bool,
    },
    /// Accepted by the kernel, and false whatever happens.
    Never {
        /// What is looked at.
        field: Field,
        /// Why.
        why: Never,
    },
}

impl TestKind {
    /// The numbers that it looks at.
    pub fn operands(&self) -> impl Iterator<Item = &Operand> {
        let (first, second) = match self {
            Self::Compare { operand, .. }
            | Self::AnyBit { operand, .. }
            | Self::In { operand, .. }
            | Self::Cpus { operand, .. }
            | Self::Function { operand, .. } => (Some(operand), None),
            Self::Fields { left, right, .. } => (Some(left), Some(right)),
            Self::Text { .. } | Self::Never { .. } => (None, None),
        };
        first.into_iter().chain(second)
    }
}

/// A number that a test looks at: a field, or the low bits of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    /// The field: one whose [`Field::size`] is not 0.
    pub field: Field,
    /// How many of its low bits are looked at: the field's width, except behind `.u32` and its
    /// like.
    pub width: u8,
    /// Whether they are ordered as a signed number.
    pub signed: bool,
}

impl Operand {
    /// The field as the kernel's filters see it.
    #[must_use]
    pub const fn whole(field: Field) -> Self {
        let (width, signed) = (field.width(), field.signed);
        Self { field, width, signed }
    }

    /// The bits of its width.
    #[must_use]
    pub const fn mask(&self) -> u64 {
        mask(self.width)
    }
}

/// How a number stands to a set of processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CpusOp {
    /// `==`: it is the whole set, which no single processor is.
    Is,
    /// `!=`: it is not the whole set, which holds for each processor.
    IsNot,
    /// `&`: it is in the set.
    In,
}

/// Whose text is matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// The thread's name: a buffer of 16 bytes, which ends in at least one NUL.
    Comm,
    /// What lies in the caller's memory where the field points: up to the first NUL, cut behind
    /// [`USER_STRING_MAX`] bytes. If it cannot be read without a page fault up to there, the
    /// test is false.
    User(Field),
}

/// How many bytes of a text in user memory are looked at.
pub const USER_STRING_MAX: usize = 1023;

/// The length of the buffer with a thread's name, its NUL included.
pub const COMM_LEN: usize = 16;

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    /// How it matches.
    pub kind: MatcherKind,
    /// The text, or for [`MatcherKind::Glob`] the pattern; it has no NUL.
    pub pattern: Vec<u8>,
}

/// How a pattern matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatcherKind {
    /// The whole text.
    Exact,
    /// Its beginning.
    Prefix,
    /// Its end. For [`Text::Comm`] the kernel takes that to be the end of the buffer less one
    /// byte, so that only names of 15 bytes match (and each does the empty pattern).
    Suffix,
    /// Any part of it.
    Substring,
    /// `*`, `?`, `[…]`, `\x` over the whole text.
    Glob,
}

/// Why a test is false whatever happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Never {
    /// The text of a pointer argument without `.ustring`: the kernel looks for it in its own
    /// memory, where it is not.
    KernelPointer,
    /// `cpu & N`.
    CpuBits,
    /// A number compared with `stacktrace`.
    Stacktrace,
}

impl Never {
    /// Why the test is never true.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::KernelPointer => {
                "the kernel looks for the text in its own memory, not in the caller's"
            }
            Self::CpuBits => "the kernel has no `&` for `cpu`, and takes it for false",
            Self::Stacktrace => "the kernel compares no stack traces, and takes it for false",
        }
    }
}

impl Predicate {
    /// The opposite, without two negations in a row.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Not(inner) => *inner,
            Self::And(_) | Self::Or(_) | Self::Test(_) => Self::Not(Box::new(self)),
        }
    }

    /// Its tests, from left to right.
    #[must_use]
    pub fn tests(&self) -> Vec<&Test> {
        let mut tests = Vec::new();
        self.collect(&mut tests);
        tests
    }

    fn collect<'p>(&'p self, tests: &mut Vec<&'p Test>) {
        match self {
            Self::True | Self::False => {}
            Self::Not(inner) => inner.collect(tests),
            Self::And(parts) | Self::Or(parts) => {
                parts.iter().for_each(|part| part.collect(tests));
            }
            Self::Test(test) => tests.push(test),
        }
    }
}
