//! What a rule asks of a call: any formula over conditions, made simple for one call of one ABI
//! and written as a predicate.

use filterc_abi::{Abi, Regs, Syscall};
use filterc_grammar::ast::{
    CmpOp, Field as AstField, Mask, Predicate, PredicateKind, Relation, Test as AstTest,
};
use filterc_grammar::source::Span;

use crate::arguments::conditions::{self, All, Condition, Test, Width, simplified};
use crate::arguments::names;
use crate::arguments::predicate::{self, Asked};
use crate::arguments::values::Values;

/// A formula as its author wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expr {
    True,
    False,
    Test(Condition),
    /// An order of some bits of an argument, as a number of their own.
    Order {
        index: u8,
        mask: u64,
        op: CmpOp,
        value: u64,
    },
    /// Whether two arguments of the same width are the same number.
    Same {
        left: u8,
        right: u8,
        same: bool,
    },
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Not(Box<Expr>),
}

/// A formula for one call of one ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Formula {
    /// One of some alternatives; none of them never holds, an empty one always.
    Dnf(Vec<All>),
    /// A test that is written already.
    Written(Predicate),
    /// All of these, of which none is of this kind.
    And(Vec<Formula>),
    /// One of these, of which none is of this kind.
    Or(Vec<Formula>),
    Not(Box<Formula>),
}

impl Formula {
    fn always() -> Self {
        Self::Dnf(vec![Vec::new()])
    }

    const fn never() -> Self {
        Self::Dnf(Vec::new())
    }

    fn is_always(&self) -> bool {
        matches!(self, Self::Dnf(alternatives) if alternatives.iter().any(Vec::is_empty))
    }

    fn is_never(&self) -> bool {
        matches!(self, Self::Dnf(alternatives) if alternatives.is_empty())
    }
}

/// Where a formula is read.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) abi: &'static Abi,
    /// `None` for a number that is no call.
    pub(crate) call: Option<&'static Syscall>,
    pub(crate) width: Width,
}

impl Place {
    /// What a formula asks here, and whether it compares a register though arguments were to be
    /// compared.
    pub(crate) fn asked(&self, expr: &Expr) -> (Asked, bool) {
        let mut unusual = false;
        let formula = self.formula(expr, &mut unusual);
        let asked = if formula.is_always() {
            Asked::Nothing
        } else if formula.is_never() {
            Asked::Never
        } else {
            Asked::This(self.written(&formula))
        };
        (asked, unusual)
    }

    /// Conditions that must all hold, if a formula is that here.
    pub(crate) fn conjunction(&self, expr: &Expr) -> Option<Vec<All>> {
        match self.formula(expr, &mut false) {
            Formula::Dnf(alternatives) => Some(alternatives),
            Formula::Written(_) | Formula::And(_) | Formula::Or(_) | Formula::Not(_) => None,
        }
    }

    fn formula(&self, expr: &Expr, unusual: &mut bool) -> Formula {
        match expr {
            Expr::True => Formula::always(),
            Expr::False => Formula::never(),
            Expr::Test(condition) => {
                let (test, register) = conditions::test(condition, self.abi, self.call, self.width);
                *unusual |= register && self.call.is_some();
                of_test(test)
            }
            Expr::Order { index, mask, op, value } => {
                let mask = Mask { constant: names::integer(*mask), parenthesised: true };
                let relation = Relation::Compare(*op, names::integer(*value));
                Formula::Written(test(register(*index), Some(mask), relation))
            }
            Expr::Same { left, right, same } => Formula::Written(self.same(*left, *right, *same)),
            Expr::All(parts) => all(parts.iter().map(|part| self.formula(part, unusual)).collect()),
            Expr::Any(parts) => any(parts.iter().map(|part| self.formula(part, unusual)).collect()),
            Expr::Not(inner) => not(self.formula(inner, unusual)),
        }
    }

    fn same(&self, left: u8, right: u8, same: bool) -> Predicate {
        let op = if same { CmpOp::Eq } else { CmpOp::Ne };
        let name = |index: u8| {
            let args = self.call.map_or(&[][..], |call| call.args);
            let arg = args.iter().find(|arg| arg.regs == Regs::One(index))?;
            (arg.width < self.abi.word).then_some(arg.name)
        };
        match (name(left), name(right)) {
            (Some(left), Some(right)) => {
                test(named(left), None, Relation::Compare(op, names::named(right)))
            }
            _ => test(register(left), None, Relation::CompareField(op, register(right))),
        }
    }

    fn written(&self, formula: &Formula) -> Predicate {
        match formula {
            Formula::Dnf(alternatives) => match predicate::of(alternatives, self.abi) {
                Asked::This(predicate) => predicate,
                Asked::Nothing => predicate::predicate(PredicateKind::True),
                Asked::Never => predicate::predicate(PredicateKind::False),
            },
            Formula::Written(predicate) => predicate.clone(),
            Formula::And(parts) => {
                predicate::and(parts.iter().map(|it| self.written(it)).collect())
            }
            Formula::Or(parts) => {
                let flat = |part: &Formula| match self.written(part) {
                    Predicate { kind: PredicateKind::Or(inner), .. } => inner,
                    other => vec![other],
                };
                predicate::or(parts.iter().flat_map(flat).collect())
            }
            Formula::Not(inner) => negated(self.written(inner)),
        }
    }
}

fn of_test(test: Test) -> Formula {
    if test.values.is_empty() {
        Formula::never()
    } else if test.values.is_all(test.field.width) {
        Formula::always()
    } else {
        Formula::Dnf(vec![vec![test]])
    }
}

/// One of them: alternatives are put together, so that values of one argument are a set.
fn any(parts: Vec<Formula>) -> Formula {
    let (mut alternatives, mut others) = (Vec::new(), Vec::new());
    let flat = |part| match part {
        Formula::Or(inner) => inner,
        part @ (Formula::Dnf(_) | Formula::Written(_) | Formula::And(_) | Formula::Not(_)) => {
            vec![part]
        }
    };
    for part in parts.into_iter().flat_map(flat) {
        match part {
            Formula::Dnf(more) => alternatives.extend(more),
            part @ (Formula::Written(_) | Formula::And(_) | Formula::Or(_) | Formula::Not(_)) => {
                others.push(part);
            }
        }
    }
    let alternatives = Formula::Dnf(simplified(alternatives));
    if others.is_empty() || alternatives.is_always() {
        return alternatives;
    }
    others.splice(0..0, (!alternatives.is_never()).then_some(alternatives));
    one(others, Formula::Or)
}

/// All of them: conditions on one argument are put together where that is a set.
fn all(parts: Vec<Formula>) -> Formula {
    let (mut tests, mut others) = (All::new(), Vec::new());
    let flat = |part| match part {
        Formula::And(inner) => inner,
        part @ (Formula::Dnf(_) | Formula::Written(_) | Formula::Or(_) | Formula::Not(_)) => {
            vec![part]
        }
    };
    for part in parts.into_iter().flat_map(flat) {
        match part {
            Formula::Dnf(mut alternatives) => match alternatives.pop() {
                None => return Formula::never(),
                Some(only) if alternatives.is_empty() => {
                    for test in only {
                        if !meet(&mut tests, test) {
                            return Formula::never();
                        }
                    }
                }
                Some(last) => {
                    alternatives.push(last);
                    others.push(Formula::Dnf(alternatives));
                }
            },
            part @ (Formula::Written(_) | Formula::And(_) | Formula::Or(_) | Formula::Not(_)) => {
                others.push(part);
            }
        }
    }
    if others.is_empty() {
        return Formula::Dnf(simplified(vec![tests]));
    }
    others.splice(0..0, (!tests.is_empty()).then(|| Formula::Dnf(simplified(vec![tests]))));
    one(others, Formula::And)
}

fn one(mut parts: Vec<Formula>, many: impl Fn(Vec<Formula>) -> Formula) -> Formula {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => Formula::always(),
    }
}

/// Adds a test to those that must hold; whether they can, as far as one sees.
fn meet(tests: &mut All, test: Test) -> bool {
    for other in tests.iter_mut().filter(|other| other.field == test.field) {
        if other.values.is_disjoint(&test.values) {
            return false;
        }
        if other.values == test.values {
            return true;
        }
        if let Some(both) = intersection(&other.values, &test.values, test.field.width) {
            other.values = both;
            return true;
        }
    }
    tests.push(test);
    true
}

/// What is in both sets, where one sees it.
fn intersection(left: &Values, right: &Values, width: u8) -> Option<Values> {
    let (left, right) = (left.clone().complement(width)?, right.clone().complement(width)?);
    left.union(&right)?.complement(width)
}

fn not(formula: Formula) -> Formula {
    match formula {
        Formula::Dnf(alternatives) => {
            let none = |all: All| any(all.into_iter().map(not_test).collect());
            all(alternatives.into_iter().map(none).collect())
        }
        Formula::And(parts) => any(parts.into_iter().map(not).collect()),
        Formula::Or(parts) => all(parts.into_iter().map(not).collect()),
        Formula::Not(inner) => *inner,
        Formula::Written(_) => Formula::Not(Box::new(formula)),
    }
}

/// Not this; what is not not that is that.
fn negated(inner: Predicate) -> Predicate {
    match inner.kind {
        PredicateKind::Not(inside) => match inside.kind {
            PredicateKind::Paren(innermost) => *innermost,
            PredicateKind::Or(_)
            | PredicateKind::And(_)
            | PredicateKind::Not(_)
            | PredicateKind::True
            | PredicateKind::False
            | PredicateKind::Let(_)
            | PredicateKind::Test(_)
            | PredicateKind::Error => *inside,
        },
        PredicateKind::Or(_)
        | PredicateKind::And(_)
        | PredicateKind::Paren(_)
        | PredicateKind::True
        | PredicateKind::False
        | PredicateKind::Let(_)
        | PredicateKind::Test(_)
        | PredicateKind::Error => predicate::not(inner),
    }
}

fn not_test(test: Test) -> Formula {
    let Test { field, values } = test;
    if let Values::Masked { mask, value } = values
        && mask.is_power_of_two()
    {
        return of_test(Test { field, values: Values::Masked { mask, value: value ^ mask } });
    }
    match values.clone().complement(field.width) {
        Some(values) => of_test(Test { field, values }),
        None => Formula::Not(Box::new(Formula::Dnf(vec![vec![Test { field, values }]]))),
    }
}

fn named(name: &str) -> AstField {
    AstField {
        name: predicate::name(name),
        index: None,
        ustring: false,
        function: false,
        span: Span::default(),
    }
}

fn register(index: u8) -> AstField {
    AstField { index: Some(names::integer(index.into())), ..named("args") }
}

fn test(field: AstField, mask: Option<Mask>, relation: Relation) -> Predicate {
    predicate::predicate(PredicateKind::Test(Box::new(AstTest { field, mask, relation })))
}

/// Whether no call satisfies two formulas, as far as one sees.
pub(crate) fn are_disjoint(place: &Place, left: &Expr, right: &Expr) -> bool {
    match (place.conjunction(left), place.conjunction(right)) {
        (Some(left), Some(right)) => {
            left.iter().all(|a| right.iter().all(|b| conditions::are_disjoint(a, b)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use super::*;
    use crate::arguments::conditions::Op;

    fn shown(call: &str, expr: &Expr) -> String {
        let abi = filterc_abi::x86_64();
        let place = Place { abi, call: abi.syscall(call), width: Width::Effective };
        match place.asked(expr).0 {
            Asked::This(found) => filterc_grammar::print::predicate(&found),
            Asked::Nothing => "true".to_owned(),
            Asked::Never => "false".to_owned(),
        }
    }

    fn is(index: u8, value: u64) -> Expr {
        Expr::Test(Condition::new(index, Op::Eq, value))
    }

    #[test]
    fn formulas_are_written_as_a_person_would() {
        let below = |index, value| Expr::Test(Condition::new(index, Op::Lt, value));
        let fds = || Expr::Any(vec![is(0, 1), is(0, 2)]);
        let either = Expr::Any(vec![below(2, 4), is(1, 0)]);
        let both = Expr::All(vec![fds(), either.clone()]);
        assert_eq!(shown("write", &both), "fd in { 1..2 } && (count < 4 || buf == 0)");
        let neither = Expr::Not(Box::new(both));
        assert_eq!(shown("write", &neither), "!(fd in { 1..2 }) || buf != 0 && count >= 4");
        assert_eq!(shown("write", &Expr::All(vec![fds(), is(0, 3)])), "false");
        assert_eq!(shown("write", &Expr::All(vec![fds(), is(0, 2)])), "fd == 2");
        let not_one = Expr::Not(Box::new(is(0, 1)));
        assert_eq!(shown("write", &Expr::Any(vec![not_one, is(0, 1)])), "true");
        let flag = Expr::Test(Condition::masked(2, 4, 0));
        assert_eq!(shown("mmap", &flag), "!(prot & PROT_EXEC)");
        assert_eq!(shown("mmap", &Expr::Not(Box::new(flag))), "prot & PROT_EXEC");
        let some = Expr::Not(Box::new(Expr::Test(Condition::masked(2, 6, 0))));
        assert_eq!(shown("mmap", &some), "prot & (PROT_WRITE | PROT_EXEC)");
    }
}
