//! Conditions of kafel in the terms of a plan: comparisons of bits of one argument with a number,
//! and of two arguments.

use filterc_abi::{Abi, Arg, Regs, Syscall};
use filterc_grammar::ast::CmpOp;
use filterc_grammar::source::Span;

use crate::arguments::conditions::{Condition, Op};
use crate::arguments::values::largest;
use crate::fault::Fault;
use crate::kafel::parser::{Compare, Formula, Term};
use crate::plan::expr::Expr;

type Fallible<T> = Result<T, (Span, Fault)>;

/// The names of a call's arguments.
pub(super) struct Arguments<'a> {
    /// The call; `None` for a number that is no call.
    pub(super) call: Option<&'static Syscall>,
    /// The names that the rule gives them.
    pub(super) own: Option<&'a [String]>,
}

/// What a term is: a number, or bits of one argument with some set.
#[derive(Clone, Copy)]
enum Side {
    Number(u64),
    /// `(argument & and) | or`
    Bits {
        index: u8,
        and: u64,
        or: u64,
    },
}

impl Arguments<'_> {
    pub(super) fn expr(&self, formula: &Formula, abi: &'static Abi) -> Fallible<Expr> {
        let parts = |parts: &[Formula]| -> Fallible<Vec<Expr>> {
            parts.iter().map(|part| self.expr(part, abi)).collect()
        };
        Ok(match formula {
            Formula::Any(any) => Expr::Any(parts(any)?),
            Formula::All(all) => Expr::All(parts(all)?),
            Formula::Not(inner) => Expr::Not(Box::new(self.expr(inner, abi)?)),
            Formula::Compare(op, left, right, span) => {
                let (left, right) = (self.side(left, *span)?, self.side(right, *span)?);
                self.compare(*op, left, right, *span, abi)?
            }
        })
    }

    fn index(&self, name: &str, span: Span) -> Fallible<u8> {
        let call = || self.call.map_or_else(|| "this number".to_owned(), |it| it.name.to_owned());
        let none = || (span, Fault::NoArgument(call(), name.to_owned()));
        if let Some(own) = self.own {
            let at = own.iter().position(|other| other == name).ok_or_else(none)?;
            return u8::try_from(at).map_err(|_| none());
        }
        let args = self.call.map_or(&[][..], |call| call.args);
        match args.iter().find(|arg| arg.name == name) {
            Some(Arg { regs: Regs::One(index), .. }) => Ok(*index),
            Some(_) => {
                let what = format!("the argument `{name}` in two registers");
                let why = "kafel compares one".to_owned();
                Err((span, Fault::Untranslatable(what, why)))
            }
            None => Err(none()),
        }
    }

    fn side(&self, term: &Term, span: Span) -> Fallible<Side> {
        let two = || {
            let what = "a combination of two arguments".to_owned();
            let why = "a test is about bits of one".to_owned();
            (span, Fault::Untranslatable(what, why))
        };
        Ok(match term {
            Term::Number(number) => Side::Number(*number),
            Term::Name(name, span) => {
                Side::Bits { index: self.index(name, *span)?, and: u64::MAX, or: 0 }
            }
            Term::And(left, right) => match (self.side(left, span)?, self.side(right, span)?) {
                (Side::Number(left), Side::Number(right)) => Side::Number(left & right),
                (Side::Bits { index, and, or }, Side::Number(mask))
                | (Side::Number(mask), Side::Bits { index, and, or }) => {
                    Side::Bits { index, and: and & mask, or: or & mask }
                }
                (Side::Bits { .. }, Side::Bits { .. }) => return Err(two()),
            },
            Term::Or(left, right) => match (self.side(left, span)?, self.side(right, span)?) {
                (Side::Number(left), Side::Number(right)) => Side::Number(left | right),
                (Side::Bits { index, and, or }, Side::Number(more))
                | (Side::Number(more), Side::Bits { index, and, or }) => {
                    Side::Bits { index, and, or: or | more }
                }
                (Side::Bits { .. }, Side::Bits { .. }) => return Err(two()),
            },
        })
    }

    fn compare(
        &self,
        op: Compare,
        left: Side,
        right: Side,
        span: Span,
        abi: &'static Abi,
    ) -> Fallible<Expr> {
        Ok(match (left, right) {
            (Side::Number(left), Side::Number(right)) => {
                if holds(op, left, right) {
                    Expr::True
                } else {
                    Expr::False
                }
            }
            (Side::Bits { index, and, or }, Side::Number(number)) => {
                self.bits(op, (index, and, or), number, span, abi)?
            }
            (Side::Number(number), Side::Bits { index, and, or }) => {
                self.bits(turned(op), (index, and, or), number, span, abi)?
            }
            (
                Side::Bits { index: left, and: u64::MAX, or: 0 },
                Side::Bits { index: right, and: u64::MAX, or: 0 },
            ) => self.arguments(op, left, right, span, abi)?,
            (Side::Bits { .. }, Side::Bits { .. }) => {
                let what = "a comparison of bits of two arguments".to_owned();
                let why = "two fields are compared as a whole".to_owned();
                return Err((span, Fault::Untranslatable(what, why)));
            }
        })
    }

    /// `(argument & and) | or` against a number.
    fn bits(
        &self,
        op: Compare,
        (index, and, or): (u8, u64, u64),
        number: u64,
        span: Span,
        abi: &'static Abi,
    ) -> Fallible<Expr> {
        if and == u64::MAX && or == 0 {
            return Ok(Expr::Test(Condition::new(index, plain(op), number)));
        }
        let equal = match op {
            Compare::Eq | Compare::Ne => {
                let mask = and & !or;
                let never = number & or != or || number & !or & !mask != 0;
                let found = match mask {
                    _ if never => Expr::False,
                    0 => Expr::True,
                    _ => Expr::Test(Condition::masked(index, mask, number & mask)),
                };
                Some(if op == Compare::Eq { found } else { Expr::Not(Box::new(found)) })
            }
            Compare::Lt | Compare::Le | Compare::Gt | Compare::Ge => None,
        };
        if let Some(equal) = equal {
            return Ok(equal);
        }
        // What the kernel does not look at is no part of the number.
        let width = self.width(index).unwrap_or(abi.word).min(abi.word);
        let mask = and & largest(width);
        if or != 0 {
            let what = "an order of bits some of which are set".to_owned();
            let why = "the language has masks alone".to_owned();
            return Err((span, Fault::Untranslatable(what, why)));
        }
        Ok(ordered(op, index, mask, number))
    }

    fn width(&self, index: u8) -> Option<u8> {
        let args = self.call.map_or(&[][..], |call| call.args);
        args.iter().find(|arg| arg.regs == Regs::One(index)).map(|arg| arg.width)
    }

    fn arguments(
        &self,
        op: Compare,
        left: u8,
        right: u8,
        span: Span,
        abi: &'static Abi,
    ) -> Fallible<Expr> {
        let width = |index| self.width(index).unwrap_or(abi.word);
        let same = match op {
            Compare::Eq => true,
            Compare::Ne => false,
            Compare::Lt | Compare::Le | Compare::Gt | Compare::Ge => {
                let what = "an order of two arguments".to_owned();
                let why = "kafel's is without sign, whatever their types are".to_owned();
                return Err((span, Fault::Untranslatable(what, why)));
            }
        };
        if width(left) != width(right) {
            let what = "a comparison of arguments of different widths".to_owned();
            let (left, right) = (width(left), width(right));
            let why = format!("one has {left} bits, the other {right}");
            return Err((span, Fault::Untranslatable(what, why)));
        }
        if left == right {
            return Ok(if same { Expr::True } else { Expr::False });
        }
        Ok(Expr::Same { left, right, same })
    }
}

/// An order of masked bits, decided where it always or never holds.
fn ordered(op: Compare, index: u8, mask: u64, number: u64) -> Expr {
    let (below, limit) = match op {
        Compare::Lt => (true, Some(number)),
        Compare::Ge => (false, Some(number)),
        Compare::Le => (true, number.checked_add(1)),
        Compare::Gt | Compare::Eq | Compare::Ne => (false, number.checked_add(1)),
    };
    // Whether the bits are below the limit.
    match limit {
        Some(0) => {
            if below {
                Expr::False
            } else {
                Expr::True
            }
        }
        Some(limit) if limit <= mask => {
            let op = if below { CmpOp::Lt } else { CmpOp::Ge };
            Expr::Order { index, mask, op, value: limit }
        }
        Some(_) | None => {
            if below {
                Expr::True
            } else {
                Expr::False
            }
        }
    }
}

fn holds(op: Compare, left: u64, right: u64) -> bool {
    match op {
        Compare::Eq => left == right,
        Compare::Ne => left != right,
        Compare::Lt => left < right,
        Compare::Le => left <= right,
        Compare::Gt => left > right,
        Compare::Ge => left >= right,
    }
}

/// The same comparison with its sides exchanged.
const fn turned(op: Compare) -> Compare {
    match op {
        Compare::Eq => Compare::Eq,
        Compare::Ne => Compare::Ne,
        Compare::Lt => Compare::Gt,
        Compare::Le => Compare::Ge,
        Compare::Gt => Compare::Lt,
        Compare::Ge => Compare::Le,
    }
}

const fn plain(op: Compare) -> Op {
    match op {
        Compare::Eq => Op::Eq,
        Compare::Ne => Op::Ne,
        Compare::Lt => Op::Lt,
        Compare::Le => Op::Le,
        Compare::Gt => Op::Gt,
        Compare::Ge => Op::Ge,
    }
}
