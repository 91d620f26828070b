//! The decision graph of a filter: questions, each with what follows yes and what follows no.
//!
//! The same idea as the DAG of policies (`filterc_ir::dag`), and not the same type: that one
//! has an action at its leaves and asks about the words of a system call, and its passes know
//! what classic BPF can ask. An event asks about texts, names and processors too, and its leaves
//! are two. What holds there holds here: children have smaller ids than their parents, no two
//! nodes are equal, and a question whose answers lead to one place is not asked.

use std::collections::BTreeMap;
use std::rc::Rc;

use filterc_grammar::source::Span;
use filterc_hir::event::filter::{
    CmpOp, CpusOp, Matcher, Operand, Predicate, Test, TestKind, Text,
};
use filterc_hir::event::record::mask;

use super::error::{EmitError, Kind};
use super::question::{Compare, Number, Question, Right};
use super::shape::Shape;
use super::source::{Known, Source, known};

/// A node, by its place in the graph.
pub(super) type Id = usize;

/// The leaves.
pub(super) const DROP: Id = 0;
pub(super) const KEEP: Id = 1;

/// A question, and what follows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Branch {
    pub(super) question: Question,
    pub(super) yes: Id,
    pub(super) no: Id,
}

/// The graph: two leaves, and branches behind them.
#[derive(Debug)]
pub(super) struct Graph {
    branches: Vec<(Branch, Span)>,
    pub(super) root: Id,
}

impl Graph {
    pub(super) fn of(predicate: &Predicate, event_id: Option<u16>) -> Result<Self, EmitError> {
        let mut builder = Builder { branches: Vec::new(), index: BTreeMap::new(), event_id };
        let root = builder.predicate(predicate, Arms { yes: KEEP, no: DROP })?;
        Ok(Self { branches: builder.branches, root })
    }

    pub(super) fn branch(&self, id: Id) -> Option<&(Branch, Span)> {
        self.branches.get(id.checked_sub(2)?)
    }

    /// The branches that the root leads to, parents first.
    pub(super) fn reached(&self) -> Vec<Id> {
        let mut reached = vec![false; self.branches.len() + 2];
        let mut order = Vec::new();
        if let Some(root) = reached.get_mut(self.root) {
            *root = true;
        }
        for id in (2..reached.len()).rev() {
            if reached.get(id) != Some(&true) {
                continue;
            }
            order.push(id);
            let Some((branch, _)) = self.branch(id) else { continue };
            for child in [branch.yes, branch.no] {
                if let Some(child) = reached.get_mut(child) {
                    *child = true;
                }
            }
        }
        order
    }
}

/// What follows.
#[derive(Clone, Copy)]
struct Arms {
    yes: Id,
    no: Id,
}

impl Arms {
    const fn exchanged(self) -> Self {
        Self { yes: self.no, no: self.yes }
    }

    const fn pick(self, answer: bool) -> Id {
        if answer { self.yes } else { self.no }
    }
}

struct Builder {
    branches: Vec<(Branch, Span)>,
    index: BTreeMap<Branch, Id>,
    event_id: Option<u16>,
}

/// Up to this many ranges are asked for one by one; more are searched by halves.
const LINEAR_RANGES: usize = 4;

impl Builder {
    /// The node that asks a predicate. It nests as deep as the text does, which the grammar bounds.
    fn predicate(&mut self, predicate: &Predicate, arms: Arms) -> Result<Id, EmitError> {
        match predicate {
            Predicate::True => Ok(arms.yes),
            Predicate::False => Ok(arms.no),
            Predicate::Not(inner) => self.predicate(inner, arms.exchanged()),
            Predicate::And(parts) => {
                let join = |yes, part| self.predicate(part, Arms { yes, no: arms.no });
                parts.iter().rev().try_fold(arms.yes, join)
            }
            Predicate::Or(parts) => {
                let join = |no, part| self.predicate(part, Arms { yes: arms.yes, no });
                parts.iter().rev().try_fold(arms.no, join)
            }
            Predicate::Test(test) => {
                let at = |kind| EmitError { kind, span: Some(test.span) };
                self.test(test, arms).map_err(at)
            }
        }
    }

    fn ask(&mut self, question: Question, arms: Arms, span: Span) -> Id {
        if arms.yes == arms.no {
            return arms.yes;
        }
        let branch = Branch { question, yes: arms.yes, no: arms.no };
        if let Some(id) = self.index.get(&branch) {
            return *id;
        }
        let id = self.branches.len() + 2;
        self.index.insert(branch.clone(), id);
        self.branches.push((branch, span));
        id
    }

    fn test(&mut self, test: &Test, arms: Arms) -> Result<Id, Kind> {
        let span = test.span;
        match &test.kind {
            TestKind::Compare { operand, mask, op, value } => {
                let subject = self.subject(operand, *mask, span)?;
                Ok(self.compare(subject, *op, *value, arms))
            }
            TestKind::AnyBit { operand, mask } => {
                let subject = self.subject(operand, *mask, span)?;
                Ok(self.compare(subject, CmpOp::Ne, 0, arms))
            }
            TestKind::In { operand, mask, ranges } => {
                let subject = self.subject(operand, *mask, span)?;
                let value = |bits| subject.value(bits);
                let ends = ranges.iter().map(|(first, last)| (value(*first), value(*last)));
                let ranges = merged(ends.collect());
                Ok(self.within(subject, &ranges, arms))
            }
            TestKind::Fields { left, op, right } => self.fields(left, *op, right, arms, span),
            TestKind::Cpus { operand, op, cpus, nr_cpu_ids } => {
                self.cpus(operand, (*op, cpus), *nr_cpu_ids, arms, span)
            }
            TestKind::Function { operand, inside, start, end } => {
                let subject = self.subject(operand, u64::MAX, span)?;
                let arms = if *inside { arms } else { arms.exchanged() };
                let Some(last) = end.checked_sub(1) else { return Ok(arms.no) };
                let range = (i128::from(*start), i128::from(last));
                let unsigned = Subject { signed: false, ..subject };
                Ok(if range.0 > range.1 { arms.no } else { self.within(unsigned, &[range], arms) })
            }
            TestKind::Text { source, matcher, negated } => {
                Ok(self.text(source, matcher, *negated, arms, span))
            }
            TestKind::Never { .. } => Ok(arms.no),
        }
    }

    fn subject(&self, operand: &Operand, mask: u64, span: Span) -> Result<Subject, Kind> {
        let number = known(operand, self.event_id)?;
        let mask = mask & operand.mask();
        Ok(Subject { number, width: operand.width, mask, signed: operand.signed, span })
    }

    /// `(subject & mask) op value`.
    fn compare(&mut self, subject: Subject, op: CmpOp, value: u64, arms: Arms) -> Id {
        let view = match subject.number {
            Known::View(view) => view,
            Known::Constant(bits) => {
                let left = bits & subject.mask;
                let holds = if op.is_ordered() {
                    op.holds(&subject.value(left), &subject.value(value))
                } else {
                    op.holds(&left, &value)
                };
                return arms.pick(holds);
            }
        };
        let (compare, arms) = spelled(op, arms);
        if let Some(answer) = subject.answer(compare, value) {
            return arms.pick(answer);
        }
        let signed = subject.signed && compare != Compare::Equal;
        let right = Right::Constant(value);
        let number = Number { left: view, mask: subject.mask, signed, compare, right };
        self.ask(Question::Number(number), arms, subject.span)
    }

    fn fields(
        &mut self,
        left: &Operand,
        op: CmpOp,
        right: &Operand,
        arms: Arms,
        span: Span,
    ) -> Result<Id, Kind> {
        let (a, b) = (self.subject(left, u64::MAX, span)?, self.subject(right, u64::MAX, span)?);
        match (a.number, b.number) {
            (_, Known::Constant(value)) => Ok(self.compare(a, op, value, arms)),
            (Known::Constant(value), _) => Ok(self.compare(b, mirrored(op), value, arms)),
            (Known::View(left), Known::View(right)) => {
                let (compare, arms) = spelled(op, arms);
                let signed = a.signed && compare != Compare::Equal;
                let number =
                    Number { left, mask: a.mask, signed, compare, right: Right::View(right) };
                Ok(self.ask(Question::Number(number), arms, span))
            }
        }
    }

    /// Membership in sorted ranges of numbers. The recursion halves them, so it is not deep.
    fn within(&mut self, subject: Subject, ranges: &[(i128, i128)], arms: Arms) -> Id {
        if ranges.len() > LINEAR_RANGES {
            let (low, high) = ranges.split_at(ranges.len() / 2);
            let (no, yes) = (self.within(subject, low, arms), self.within(subject, high, arms));
            let Some((pivot, _)) = high.first() else { return no };
            return self.compare(subject, CmpOp::Ge, subject.bits(*pivot), Arms { yes, no });
        }
        let mut node = arms.no;
        for &(first, last) in ranges.iter().rev() {
            let here = Arms { yes: arms.yes, no: node };
            let (first, last) = (subject.bits(first), subject.bits(last));
            node = if first == last {
                self.compare(subject, CmpOp::Eq, first, here)
            } else {
                let yes = self.compare(subject, CmpOp::Le, last, here);
                self.compare(subject, CmpOp::Ge, first, Arms { yes, no: node })
            };
        }
        node
    }

    fn cpus(
        &mut self,
        operand: &Operand,
        (op, cpus): (CpusOp, &[u32]),
        nr_cpu_ids: u32,
        arms: Arms,
        span: Span,
    ) -> Result<Id, Kind> {
        let width = operand.width.min(32);
        let low = Operand { width, signed: false, ..operand.clone() };
        let subject = self.subject(&low, u64::MAX, span)?;
        // What a sign would be extended from is the number of no processor: they are below 2¹⁵.
        let limit =
            if operand.signed && operand.width < 32 { mask(width - 1) } else { mask(width) };
        let last = u64::from(nr_cpu_ids).min(limit.saturating_add(1)).checked_sub(1);
        let Some(last) = last else { return Ok(arms.no) };
        let ranges = match op {
            CpusOp::Is => Vec::new(),
            CpusOp::IsNot => vec![(0, i128::from(last))],
            CpusOp::In => {
                let exist = cpus.iter().filter(|cpu| u64::from(**cpu) <= last);
                merged(exist.map(|cpu| (i128::from(*cpu), i128::from(*cpu))).collect())
            }
        };
        Ok(self.within(subject, &ranges, arms))
    }

    fn text(
        &mut self,
        source: &Text,
        matcher: &Matcher,
        negated: bool,
        arms: Arms,
        span: Span,
    ) -> Id {
        let inner = if negated { arms.exchanged() } else { arms };
        let (text, shape) = match source {
            Text::Comm => (Source::Comm, Shape::of_comm(matcher)),
            Text::User(field) => (Source::User(field.offset), Some(Shape::of(matcher))),
        };
        let matched = match shape {
            None => inner.no,
            Some(shape) if shape.is_nothing() => inner.no,
            Some(shape) if shape.is_everything() => inner.yes,
            Some(shape) => self.ask(Question::Match(text, Rc::new(shape)), inner, span),
        };
        match text {
            Source::User(_) => {
                self.ask(Question::Readable(text), Arms { yes: matched, no: arms.no }, span)
            }
            _ => matched,
        }
    }
}

/// What is compared.
#[derive(Clone, Copy)]
struct Subject {
    number: Known,
    width: u8,
    mask: u64,
    signed: bool,
    span: Span,
}

impl Subject {
    /// The number that bits of its width are.
    fn value(&self, bits: u64) -> i128 {
        let bits = bits & mask(self.width);
        let negative = self.signed && self.width > 0 && (bits >> (self.width - 1)) & 1 == 1;
        i128::from(bits) - if negative { 1 << self.width } else { 0 }
    }

    /// What a comparison comes to for every number of the kind.
    fn answer(&self, compare: Compare, value: u64) -> Option<bool> {
        let positive = self.mask & mask(self.width.saturating_sub(1));
        let sign = self.signed && self.mask & mask(self.width) != positive;
        let (least, most) = if sign {
            (self.value(self.mask & !positive), i128::from(positive))
        } else {
            (0, i128::from(self.mask))
        };
        let right = self.value(value);
        match compare {
            Compare::Equal if value & !self.mask != 0 => Some(false),
            Compare::Equal => (self.mask == 0).then_some(value == 0),
            Compare::Greater if least > right => Some(true),
            Compare::Greater => (most <= right).then_some(false),
            Compare::AtLeast if least >= right => Some(true),
            Compare::AtLeast => (most < right).then_some(false),
        }
    }

    /// The bits of a number of its width.
    fn bits(&self, value: i128) -> u64 {
        u64::try_from(value & i128::from(mask(self.width))).unwrap_or_default()
    }
}

/// The way in which a comparison is asked.
const fn spelled(op: CmpOp, arms: Arms) -> (Compare, Arms) {
    match op {
        CmpOp::Eq => (Compare::Equal, arms),
        CmpOp::Ne => (Compare::Equal, arms.exchanged()),
        CmpOp::Ge => (Compare::AtLeast, arms),
        CmpOp::Lt => (Compare::AtLeast, arms.exchanged()),
        CmpOp::Gt => (Compare::Greater, arms),
        CmpOp::Le => (Compare::Greater, arms.exchanged()),
    }
}

/// The same comparison from the other side.
const fn mirrored(op: CmpOp) -> CmpOp {
    match op {
        CmpOp::Eq | CmpOp::Ne => op,
        CmpOp::Lt => CmpOp::Gt,
        CmpOp::Gt => CmpOp::Lt,
        CmpOp::Le => CmpOp::Ge,
        CmpOp::Ge => CmpOp::Le,
    }
}

/// Ranges in order, with overlapping and adjoining ones made one; those that are empty are none.
fn merged(mut ranges: Vec<(i128, i128)>) -> Vec<(i128, i128)> {
    ranges.retain(|(first, last)| first <= last);
    ranges.sort_unstable();
    let mut merged: Vec<(i128, i128)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}
