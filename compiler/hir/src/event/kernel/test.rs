//! One test: a field, an operator, a value.

use filterc_grammar::source::{FileId, Span};

use super::bytes::{at, is_alnum, is_space, skip};
use super::error::{Errno, Message, Rejection};
use super::machine::{Machine, Symbols};
use super::{cpulist, number, pattern};
use crate::event::filter::{
    CmpOp, CpusOp, Matcher, MatcherKind, Never, Operand, Predicate, Test, TestKind, Text,
};
use crate::event::record::{Field, Part, Record};

/// Longest number, with sign and prefix.
const MAX_NUMBER: usize = 23;

/// Longest text between quotes.
const MAX_STRING: usize = 255;

/// What a test is read from.
pub(super) struct Reader<'r> {
    pub(super) record: &'r Record,
    pub(super) file: FileId,
    pub(super) text: &'r [u8],
    pub(super) machine: &'r Machine<'r>,
}

/// The operators, in the order in which the kernel tries them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Glob,
    Compare(CmpOp),
    Bits,
}

const OPS: [(&[u8], Op); 8] = [
    (b"~", Op::Glob),
    (b"!=", Op::Compare(CmpOp::Ne)),
    (b"==", Op::Compare(CmpOp::Eq)),
    (b"<=", Op::Compare(CmpOp::Le)),
    (b"<", Op::Compare(CmpOp::Lt)),
    (b">=", Op::Compare(CmpOp::Ge)),
    (b">", Op::Compare(CmpOp::Gt)),
    (b"&", Op::Bits),
];

/// What stands before the value.
struct Head {
    field: Field,
    ustring: bool,
    op: Op,
    /// First byte of the value.
    value: usize,
}

type Parsed = Result<(TestKind, usize), Rejection>;

impl Reader<'_> {
    /// The test at a place that is no white space, and where it ends.
    pub(super) fn test(&self, start: usize) -> Result<(Predicate, usize), Rejection> {
        let name_end = skip(self.text, start, |byte| is_alnum(byte) || byte == b'_');
        if name_end == start {
            return Err(Rejection { errno: Errno::Eperm, message: Message::Error, position: 0 });
        }
        // A name with a byte that is no ASCII is no field's.
        let name = std::str::from_utf8(self.slice(start, name_end)).ok();
        let field = name.and_then(|name| self.record.field(name));
        let field = field.ok_or(invalid(Message::FieldNotFound, name_end))?;
        let (ustring, index) = self.modifier(name_end, b".ustring");
        let (function, index) = self.modifier(index, b".function");
        let index = skip(self.text, index, is_space);
        let rest = self.text.get(index..).unwrap_or_default();
        let (spelling, op) = *OPS
            .iter()
            .find(|(spelling, _)| rest.starts_with(spelling))
            .ok_or(invalid(Message::InvalidOperator, index))?;
        let value = skip(self.text, index + spelling.len(), is_space);
        let head = Head { field, ustring, op, value };
        let (kind, end) = if function {
            self.function(head)?
        } else if self.slice(value, value + 4) == b"CPUS" {
            self.cpus(head)?
        } else if matches!(at(self.text, value), b'"' | b'\'') {
            self.string(head)?
        } else if at(self.text, value).is_ascii_digit() || at(self.text, value) == b'-' {
            self.number(head)?
        } else {
            return Err(invalid(Message::InvalidValue, value));
        };
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let span = Span { file: self.file, start: offset(start), end: offset(end) };
        Ok((Predicate::Test(Box::new(Test { span, kind })), end))
    }

    fn slice(&self, start: usize, end: usize) -> &[u8] {
        let rest = self.text.get(start..).unwrap_or_default();
        rest.get(..end.saturating_sub(start)).unwrap_or(rest)
    }

    fn modifier(&self, index: usize, word: &[u8]) -> (bool, usize) {
        let found = self.slice(index, index + word.len()) == word;
        (found, if found { index + word.len() } else { index })
    }

    fn function(&self, head: Head) -> Parsed {
        let Head { field, op, value, .. } = head;
        if field.size != 8 {
            return Err(invalid(Message::IllegalOperation, value));
        }
        let inside = match op {
            Op::Compare(CmpOp::Eq) => true,
            Op::Compare(CmpOp::Ne) => false,
            Op::Compare(CmpOp::Lt | CmpOp::Le | CmpOp::Gt | CmpOp::Ge) | Op::Glob | Op::Bits => {
                return Err(invalid(Message::InvalidOperator, value));
            }
        };
        let symbols = self.machine.symbols;
        let (address, end) = if at(self.text, value).is_ascii_digit() {
            let end = skip(self.text, value, is_alnum);
            if end - value > MAX_NUMBER {
                return Err(invalid(Message::OperandTooLong, end));
            }
            let address = number::unsigned(self.slice(value, end));
            (address.ok_or(invalid(Message::InvalidValue, end))?, end)
        } else {
            // The symbol goes on to the next white space, through parentheses and operators.
            let end = skip(self.text, value, |byte| !is_space(byte));
            let address = symbols.address(self.slice(value, end));
            (address.ok_or(invalid(Message::FunctionNotFound, end))?, end)
        };
        let (start, behind) =
            symbols.range(address).ok_or(invalid(Message::FunctionNotFound, end))?;
        let operand = Operand::whole(field);
        Ok((TestKind::Function { operand, inside, start, end: behind }, end))
    }

    fn cpus(&self, head: Head) -> Parsed {
        let Head { field, op, value, .. } = head;
        let op = match op {
            Op::Compare(CmpOp::Eq) => CpusOp::Is,
            Op::Compare(CmpOp::Ne) => CpusOp::IsNot,
            Op::Bits => CpusOp::In,
            Op::Compare(CmpOp::Lt | CmpOp::Le | CmpOp::Gt | CmpOp::Ge) | Op::Glob => {
                return Err(invalid(Message::IllegalOperation, value));
            }
        };
        if !is_number(&field) || field.part == Part::Stacktrace {
            return Err(invalid(Message::IllegalOperation, value));
        }
        let brace = value + 4;
        if at(self.text, brace) != b'{' {
            return Err(invalid(Message::MissingBraceOpen, brace + 1));
        }
        let list = brace + 1;
        let close = skip(self.text, list, |byte| byte != b'}');
        if at(self.text, close) != b'}' {
            return Err(invalid(Message::MissingBraceClose, close));
        }
        let kind = cpus(Operand::whole(field), op, self.slice(list, close), self.machine);
        let kind = kind.ok_or(invalid(Message::InvalidCpulist, close))?;
        Ok((kind, close + 1))
    }

    fn string(&self, head: Head) -> Parsed {
        let Head { field, op, value, ustring, .. } = head;
        match op {
            Op::Glob | Op::Compare(CmpOp::Eq | CmpOp::Ne) => {}
            Op::Compare(CmpOp::Lt | CmpOp::Le | CmpOp::Gt | CmpOp::Ge) | Op::Bits => {
                return Err(invalid(Message::IllegalOperation, value));
            }
        }
        if is_number(&field) {
            return Err(invalid(Message::ExpectingNumber, value));
        }
        let quote = at(self.text, value);
        let close = skip(self.text, value + 1, |byte| byte != quote);
        if close >= self.text.len() {
            return Err(invalid(Message::MissingQuote, close));
        }
        let body = self.slice(value + 1, close);
        if body.len() > MAX_STRING {
            return Err(invalid(Message::OperandTooLong, close));
        }
        let (matcher, negated) = match op {
            Op::Glob => pattern::classify(body),
            Op::Compare(op) => {
                let matcher = Matcher { kind: MatcherKind::Exact, pattern: body.to_vec() };
                (matcher, op == CmpOp::Ne)
            }
            Op::Bits => return Err(invalid(Message::IllegalOperation, value)),
        };
        let source = if field.part == Part::Comm {
            Text::Comm
        } else if ustring {
            Text::User(field)
        } else {
            return Ok((TestKind::Never { field, why: Never::KernelPointer }, close + 1));
        };
        Ok((TestKind::Text { source, matcher, negated }, close + 1))
    }

    fn number(&self, head: Head) -> Parsed {
        let Head { field, op, value, .. } = head;
        if !is_number(&field) {
            return Err(invalid(Message::ExpectingString, value));
        }
        if op == Op::Glob {
            return Err(invalid(Message::IllegalOperation, value));
        }
        let digits = value + usize::from(at(self.text, value) == b'-');
        let end = skip(self.text, digits, is_alnum);
        if end - value > MAX_NUMBER {
            return Err(invalid(Message::OperandTooLong, end));
        }
        let bits = number::read(self.slice(value, end), field.signed)
            .ok_or(invalid(Message::IllegalInteger, value))?;
        if field.part == Part::Stacktrace {
            return Ok((TestKind::Never { field, why: Never::Stacktrace }, end));
        }
        if field.part == Part::Cpu && op == Op::Bits {
            return Ok((TestKind::Never { field, why: Never::CpuBits }, end));
        }
        let operand = Operand::whole(field);
        let mask = operand.mask();
        let kind = match op {
            Op::Bits => TestKind::AnyBit { operand, mask: bits & mask },
            Op::Compare(op) => TestKind::Compare { operand, mask, op, value: bits & mask },
            Op::Glob => return Err(invalid(Message::IllegalOperation, value)),
        };
        Ok((kind, end))
    }
}

/// The test of an operand against a list of processors; `None` if the kernel refuses the list.
pub(in crate::event) fn cpus(
    operand: Operand,
    op: CpusOp,
    list: &[u8],
    machine: &Machine<'_>,
) -> Option<TestKind> {
    let nr_cpu_ids = machine.nr_cpu_ids;
    let cpus = Some(list).filter(|list| !list.is_empty())?;
    let cpus = cpulist::read(cpus, nr_cpu_ids)?;
    Some(match cpus.as_slice() {
        // One processor is a plain number.
        [one] => {
            let op = if op == CpusOp::IsNot { CmpOp::Ne } else { CmpOp::Eq };
            let (mask, value) = (operand.mask(), u64::from(*one) & operand.mask());
            TestKind::Compare { operand, mask, op, value }
        }
        _ => TestKind::Cpus { operand, op, cpus, nr_cpu_ids },
    })
}

/// The function that a symbol, or an address in digits, is of; `None` if there is none.
pub(in crate::event) fn function(symbol: &[u8], symbols: &dyn Symbols) -> Option<(u64, u64)> {
    let is_number = symbol.first().is_some_and(u8::is_ascii_digit);
    let address = if is_number { number::unsigned(symbol) } else { symbols.address(symbol) };
    symbols.range(address?)
}

/// Whether the kernel takes it for a number, not for a text.
const fn is_number(field: &Field) -> bool {
    !matches!(field.part, Part::Text(_) | Part::Comm)
}

/// EINVAL at a place, which the kernel counts from 1.
const fn invalid(message: Message, index: usize) -> Rejection {
    Rejection { errno: Errno::Einval, message, position: index + 1 }
}
