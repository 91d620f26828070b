//! Types one test: a field on the left; constants, parameters or another field on the right.

use filterc_abi::Arg;
use filterc_grammar::ast::{self, ConstantKind};
use filterc_grammar::source::Span;

use crate::absent;
use crate::asked;
use crate::comm;
use crate::error::{Blindness, Kind, Limit, Unasked};
use crate::expr::{CmpOp, Predicate, Test, TypeError};
use crate::facts::{self, Special};
use crate::field::{self, Found};
use crate::findings::Subject;
use crate::lints;
use crate::masks::{self, Masked};
use crate::predicate::Reader;
use crate::reason;
use crate::sets;
use crate::types::{self, Field, Place};

/// The left side of a test.
struct Left<'a> {
    field: Field,
    /// The argument that the field is, if it is one.
    arg: Option<&'static Arg>,
    mask: Option<&'a ast::Constant>,
    /// The whole test.
    span: Span,
    subject: Subject,
}

/// The right side of a comparison with a constant: its value and place.
#[derive(Clone, Copy)]
struct Right<'a> {
    value: i128,
    /// The text; `None` for the 0 of `field & constant`.
    constant: Option<&'a ast::Constant>,
    span: Span,
}

impl Left<'_> {
    /// What is known of the argument's constants.
    fn masked(&self) -> Option<Masked<'_>> {
        Masked::new(self.field.name(), self.field.ty(), self.arg?, self.subject)
    }
}

impl<'a> Reader<'_, 'a> {
    /// The test; `None` if something is wrong with it, which is recorded.
    pub(crate) fn test(
        &mut self,
        test: &'a ast::Test,
        span: Span,
        subject: Subject,
    ) -> Option<Predicate> {
        if self.sight.has_answers()
            && let Some(asked) = self.question(test, span, subject)
        {
            return asked;
        }
        match self.special(&test.field, subject) {
            Some(Special::Comm) => return self.comm(test, span, subject),
            Some(Special::Label) => return self.label(test, span, subject),
            None => {}
        }
        let (field, arg) = self.field(&test.field, subject)?;
        let mask = test.mask.as_ref().map(|mask| &mask.constant);
        let left = Left { field, arg, mask, span, subject };
        let one = match &test.relation {
            ast::Relation::AnyBit => self.any_bit(&left),
            ast::Relation::Compare(op, right) => match self.lone_field(right, subject) {
                Some(other) => self.two_fields(&left, *op, other, right.span),
                None => match self.param_named(right) {
                    Some(position) => {
                        self.with_param(&left, CmpOp::from(*op), position, right.span)
                    }
                    None => self.compare(&left, CmpOp::from(*op), right),
                },
            },
            ast::Relation::CompareField(op, right) => {
                let other = self.field(right, subject);
                self.two_fields(&left, *op, other, right.span)
            }
            ast::Relation::In(items) if items.iter().any(ast::Item::is_text) => self.text(&left),
            ast::Relation::In(items) => return self.set(&left, items),
            ast::Relation::CompareString(..) | ast::Relation::Glob(_) => self.text(&left),
            ast::Relation::Function(..) => {
                self.unseen(test.field.span, ".function".to_owned(), subject)
            }
            ast::Relation::Cpus(..) => self.unseen(span, "CPUS{…}".to_owned(), subject),
        };
        one.map(Predicate::Test)
    }

    /// A test of a number that a monitor sees: with constants, and without a mask.
    pub(crate) fn number_test(
        &mut self,
        field: Field,
        test: &'a ast::Test,
        span: Span,
        subject: Subject,
    ) -> Option<Test> {
        let name = field.name().to_owned();
        let left = Left { field, arg: None, mask: None, span, subject };
        let is_constant = |reader: &Self, constant: &'a ast::Constant| {
            reader.param_named(constant).is_none()
                && reader.lone_field(constant, subject).is_none()
                && !reader.is_of_task(constant)
        };
        match &test.relation {
            _ if test.mask.is_some() => {}
            ast::Relation::Compare(op, right) if is_constant(self, right) => {
                return self.compare(&left, CmpOp::from(*op), right);
            }
            ast::Relation::In(items)
                if items.iter().all(|item| match item {
                    ast::Item::One(one) => is_constant(self, one),
                    ast::Item::Range(..) => true,
                    ast::Item::Text(_) => false,
                }) =>
            {
                return self.within(&left, &items.iter().collect::<Vec<_>>());
            }
            ast::Relation::AnyBit
            | ast::Relation::Compare(..)
            | ast::Relation::CompareField(..)
            | ast::Relation::In(_)
            | ast::Relation::CompareString(..)
            | ast::Relation::Glob(_)
            | ast::Relation::Function(..)
            | ast::Relation::Cpus(..) => {}
        }
        self.findings.about(span, Kind::Unasked(Unasked::Number { field: name }), subject);
        None
    }

    /// Whether a lone name is what a monitor knows of a task, and no constant.
    fn is_of_task(&self, constant: &'a ast::Constant) -> bool {
        let ConstantKind::Name(name) = &constant.kind else { return false };
        asked::of_task(name).is_some() && !self.constants.is_known(self.scope, name)
    }

    /// The fact that a field is which is no number.
    fn special(&self, field: &ast::Field, subject: Subject) -> Option<Special> {
        let is_plain = field.index.is_none() && !field.ustring && !field.function;
        let name = &field.name.text;
        let is_own = || field::own(subject, name).is_some();
        facts::special(self.sight, name).filter(|_| is_plain && !is_own())
    }

    /// A test of the command name.
    fn comm(&mut self, test: &'a ast::Test, span: Span, subject: Subject) -> Option<Predicate> {
        let endian = subject.abi.endian;
        let (outcome, holds) = match &test.relation {
            ast::Relation::CompareString(ast::CmpOp::Eq, text) => {
                (comm::is(text.text.as_bytes(), endian), true)
            }
            ast::Relation::CompareString(ast::CmpOp::Ne, text) => {
                (comm::is(text.text.as_bytes(), endian), false)
            }
            ast::Relation::Glob(pattern) => match pattern.text.strip_prefix('!') {
                Some(pattern) => (comm::matches(pattern.as_bytes(), endian), false),
                None => (comm::matches(pattern.text.as_bytes(), endian), true),
            },
            ast::Relation::CompareString(..)
            | ast::Relation::AnyBit
            | ast::Relation::Compare(..)
            | ast::Relation::CompareField(..)
            | ast::Relation::In(_)
            | ast::Relation::Function(..)
            | ast::Relation::Cpus(..) => {
                self.findings.about(span, Kind::TextOperation, subject);
                return None;
            }
        };
        let outcome = if test.mask.is_some() { None } else { Some(outcome) };
        let kind = match outcome {
            None => Kind::TextOperation,
            Some(comm::Outcome::Tests(predicate)) => {
                self.count_more(comm::size(&predicate));
                let opposite = |predicate| Predicate::Not(Box::new(predicate));
                return Some(if holds { predicate } else { opposite(predicate) });
            }
            Some(comm::Outcome::TooLarge) => Kind::TooLarge(Limit::Nodes),
            Some(comm::Outcome::Always) if holds => {
                Kind::NeverFalse { reason: "every name matches".to_owned() }
            }
            Some(comm::Outcome::Never) if !holds => {
                Kind::NeverFalse { reason: "no name has more than 15 bytes".to_owned() }
            }
            Some(comm::Outcome::Always) => {
                Kind::NeverTrue { reason: "every name matches".to_owned() }
            }
            Some(comm::Outcome::Never) => {
                Kind::NeverTrue { reason: "no name has more than 15 bytes".to_owned() }
            }
        };
        self.findings.about(span, kind, subject);
        None
    }

    /// The position of the parameter that a constant is, if it is one and nothing else.
    pub(crate) fn param_named(&self, constant: &ast::Constant) -> Option<usize> {
        let ConstantKind::Name(name) = &constant.kind else { return None };
        let position = self.scope.params.position(name)?;
        (!self.constants.is_defined(name)).then_some(position)
    }

    /// A comparison with a parameter.
    fn with_param(
        &mut self,
        left: &Left<'a>,
        op: CmpOp,
        position: usize,
        span: Span,
    ) -> Option<Test> {
        self.scope.params.get(position)?.mark_used();
        let mask = self.mask(left);
        let Some(param) = self.params.field(left.subject.abi_index, position) else {
            // What is wrong with it was told at its definition.
            self.findings.fail();
            return None;
        };
        let mask = mask?;
        let name = param.name().to_owned();
        if matches!(left.field.place(), Place::Nr | Place::Arch) {
            let kind = Kind::ParamMisplaced { param: name, dispatch: true };
            self.findings.about(span, kind, left.subject);
            return None;
        }
        let param_ty = param.ty();
        match Test::compare_param(left.field.clone(), mask, op, param.clone()) {
            Ok(test) => {
                self.address_constant(left, span);
                Some(test)
            }
            Err(TypeError::MaskedOrder) => {
                self.findings.about(span, Kind::MaskedParam { param: name }, left.subject);
                None
            }
            Err(TypeError::Mismatch(..)) => {
                let field = (left.field.name().to_owned(), left.field.ty());
                let (param, ordered) = ((name, param_ty), op.is_ordered());
                let kind = Kind::ParamMismatch { param, field, ordered };
                self.findings.about(left.span, kind, left.subject);
                None
            }
            Err(error) => {
                let right = Right { value: 0, constant: None, span };
                self.refuse(left, error, mask, op, right);
                None
            }
        }
    }

    /// A set: its constants as one test, and one for each parameter in it.
    fn set(&mut self, left: &Left<'a>, items: &'a [ast::Item]) -> Option<Predicate> {
        let (mut params, mut constants) = (Vec::new(), Vec::with_capacity(items.len()));
        for item in items {
            let param = match item {
                ast::Item::One(one) => self.param_named(one).map(|param| (param, one.span)),
                ast::Item::Range(..) | ast::Item::Text(_) => None,
            };
            match param {
                Some(param) => params.push(param),
                None => constants.push(item),
            }
        }
        let mut tests = Vec::with_capacity(params.len() + 1);
        if !constants.is_empty() {
            tests.push(self.within(left, &constants));
        }
        self.count_more(params.len());
        for (position, span) in params {
            tests.push(self.with_param(left, CmpOp::Eq, position, span));
        }
        // All are read before one that is wrong ends it.
        let tests: Option<Vec<Test>> = tests.into_iter().collect();
        let mut tests: Vec<Predicate> = tests?.into_iter().map(Predicate::Test).collect();
        if tests.len() == 1 { tests.pop() } else { Some(Predicate::Or(tests)) }
    }

    /// The field of a test.
    fn field(&mut self, written: &'a ast::Field, subject: Subject) -> Option<Found> {
        let name = &written.name.text;
        let found = match &written.index {
            Some(index) if name == "args" => {
                let field = self.register(index, subject)?;
                if let Place::Arg(register) = field.place() {
                    self.raw.push((register, written.span));
                }
                Ok((field, None))
            }
            Some(_) => Err(Kind::BadIndex { what: format!("`{name}` is not indexed") }),
            None => match facts::number(self.sight, name) {
                Some(fact) if field::own(subject, name).is_none() => Ok((fact, None)),
                Some(_) | None => field::find(subject, name),
            },
        };
        match found {
            Ok(_) if written.ustring => {
                self.unseen(written.span, format!("{name}.ustring"), subject)
            }
            Ok(_) if written.function => {
                self.unseen(written.span, format!("{name}.function"), subject)
            }
            Ok(found) => Some(found),
            Err(Kind::NoSuchField { .. }) if self.scope.params.position(name).is_some() => {
                let kind = Kind::ParamMisplaced { param: name.clone(), dispatch: false };
                self.findings.about(written.name.span, kind, subject);
                None
            }
            Err(kind) => {
                let missing = matches!(kind, Kind::NoSuchField { .. });
                let hinted = missing || matches!(kind, Kind::InMemory { .. });
                let recorded = self.findings.about(written.name.span, kind, subject);
                if missing {
                    let fields = lints::fields(subject);
                    self.findings.suggest(recorded, name, fields);
                }
                if hinted {
                    let abis = self.constants.abis();
                    self.findings.hint(recorded, || absent::hints(subject, name, abis));
                }
                None
            }
        }
    }

    fn register(&mut self, index: &'a ast::Constant, subject: Subject) -> Option<Field> {
        let value = self.constants.read(self.scope, subject, index, self.findings)?.number();
        let field = field::register(value);
        if field.is_none() {
            let kind = Kind::BadIndex { what: format!("{value} is not 0…5") };
            self.findings.about(index.span, kind, subject);
        }
        field
    }

    /// Refuses a form of the kernel's event filters.
    fn unseen<T>(&mut self, span: Span, what: String, subject: Subject) -> Option<T> {
        let kind = Kind::OutOfSight { what, blindness: Blindness::EventFilter };
        self.findings.about(span, kind, subject);
        None
    }

    /// Refuses a comparison with a string.
    fn text(&mut self, left: &Left<'a>) -> Option<Test> {
        let (field, ty) = (left.field.name().to_owned(), left.field.ty());
        let kind = match ty.kind() {
            types::Kind::Pointer => {
                Kind::OutOfSight { what: format!("*{field}"), blindness: Blindness::Memory }
            }
            types::Kind::Integer => Kind::NotText { field, ty },
        };
        self.findings.about(left.span, kind, left.subject);
        None
    }

    /// The field that a lone name on the right stands for: the call's own argument first,
    /// then a constant (`None`), then what every call has.
    fn lone_field(&self, right: &'a ast::Constant, subject: Subject) -> Option<Option<Found>> {
        let ConstantKind::Name(name) = &right.kind else { return None };
        if let Some(own) = field::own(subject, name) {
            return Some(own.ok());
        }
        let general = field::of_every_call(name).or_else(|| facts::number(self.sight, name))?;
        (!self.constants.is_known(self.scope, name)).then_some(Some((general, None)))
    }

    fn two_fields(
        &mut self,
        left: &Left<'a>,
        op: ast::CmpOp,
        other: Option<Found>,
        right_span: Span,
    ) -> Option<Test> {
        let Some((other, _)) = other else {
            self.findings.fail();
            return None;
        };
        if left.mask.is_some() {
            let kind = Kind::MaskedComparison { right: other.name().to_owned() };
            self.findings.about(right_span, kind, left.subject);
            return None;
        }
        let named = |field: &Field| (field.name().to_owned(), field.ty());
        let pair = (named(&left.field), named(&other));
        Test::compare_field(left.field.clone(), CmpOp::from(op), other)
            .map_err(|error| {
                let kind = match error {
                    TypeError::Mismatch(..) => Kind::Incomparable { left: pair.0, right: pair.1 },
                    TypeError::PointerOperation => Kind::PointerOperation { field: pair.0.0 },
                    TypeError::NeverFalse => Kind::NeverFalse { reason: reason::itself() },
                    TypeError::NeverTrue
                    | TypeError::MaskedOrder
                    | TypeError::DoesNotFit { .. }
                    | TypeError::EmptyRange(..) => Kind::NeverTrue { reason: reason::itself() },
                };
                self.findings.about(left.span, kind, left.subject);
            })
            .ok()
    }

    fn any_bit(&mut self, left: &Left<'a>) -> Option<Test> {
        let mask = left.mask?;
        let value = self.constant(mask, left)?;
        let right = Right { value: 0, constant: None, span: mask.span };
        let test = Test::any_bit(left.field.clone(), value)
            .map_err(|error| self.refuse(left, error, Some(value), CmpOp::Ne, right))
            .ok()?;
        self.masked_by(left, mask);
        Some(test)
    }

    fn compare(&mut self, left: &Left<'a>, op: CmpOp, right: &'a ast::Constant) -> Option<Test> {
        // Both sides are read before either failure ends it.
        let mask = self.mask(left);
        let value = self.constant(right, left)?;
        let mask = mask?;
        let right = Right { value, constant: Some(right), span: right.span };
        let test = Test::compare(left.field.clone(), mask, op, value)
            .map_err(|error| self.refuse(left, error, mask, op, right))
            .ok()?;
        if let (None, false, Some(constant)) = (left.mask, op.is_ordered(), right.constant) {
            self.with_flags(left, constant, op == CmpOp::Eq);
        }
        if value != 0 {
            self.address_constant(left, right.span);
        } else if let (Some(mask), false) = (left.mask, op.is_ordered()) {
            self.masked_by(left, mask);
        }
        Some(test)
    }

    fn within(&mut self, left: &Left<'a>, items: &[&'a ast::Item]) -> Option<Test> {
        let mask = self.mask(left);
        self.count_more(items.len());
        let mut ranges = Vec::with_capacity(items.len());
        for &item in items {
            let (first, last) = match item {
                ast::Item::One(one) => {
                    let value = self.constant(one, left);
                    (value, value)
                }
                ast::Item::Range(first, last) => {
                    (self.constant(first, left), self.constant(last, left))
                }
                // Whoever reads sets has looked for texts before.
                ast::Item::Text(_) => (None, None),
            };
            ranges.extend(first.zip(last));
        }
        let mask = mask?;
        if ranges.len() != items.len() {
            return None;
        }
        let test = Test::within(left.field.clone(), mask, &ranges)
            .map_err(|(error, index)| {
                let range = ranges.get(index).copied().unwrap_or_default();
                self.refuse_item(left, error, mask, range, items.get(index).copied());
            })
            .ok()?;
        for &item in items.iter().filter(|_| left.mask.is_none()) {
            if let ast::Item::One(constant) = item {
                self.with_flags(left, constant, true);
            }
        }
        if ranges.iter().any(|range| *range != (0, 0)) {
            self.address_constant(left, left.span);
        }
        Some(test)
    }

    /// The mask of a test, `Some(None)` if it has none.
    fn mask(&mut self, left: &Left<'a>) -> Option<Option<i128>> {
        left.mask.map_or(Some(None), |mask| self.constant(mask, left).map(Some))
    }

    /// The value of a constant in the type of the field.
    fn constant(&mut self, constant: &'a ast::Constant, left: &Left<'a>) -> Option<i128> {
        self.count(constant);
        let value = self.constants.read(self.scope, left.subject, constant, self.findings)?;
        if let Some(arg) = left.arg {
            sets::warn(self, constant, arg, left.field.ty(), left.subject);
        }
        Some(value.in_type(left.field.ty()))
    }

    /// Looks at the mask of a test for some bit of it.
    fn masked_by(&mut self, left: &Left<'a>, mask: &'a ast::Constant) {
        if let Some(masked) = left.masked() {
            masks::warn(self, mask, masked);
        }
    }

    /// Looks at a value that a whole field is compared with.
    fn with_flags(&mut self, left: &Left<'a>, constant: &'a ast::Constant, equal: bool) {
        if let Some(masked) = left.masked().filter(|_| self.evaded_by_others(equal)) {
            masks::with_flags(self, constant, masked);
        }
    }

    fn address_constant(&mut self, left: &Left<'a>, span: Span) {
        if left.field.ty().kind() == types::Kind::Pointer {
            let kind = Kind::AddressConstant { field: left.field.name().to_owned() };
            self.findings.about(span, kind, left.subject);
        }
    }

    /// Records why a comparison with a constant cannot be made.
    fn refuse(
        &mut self,
        left: &Left<'a>,
        error: TypeError,
        mask: Option<i128>,
        op: CmpOp,
        right: Right<'a>,
    ) {
        let ty = left.field.ty();
        let masked = left.mask.zip(mask);
        let why = || reason::comparison(ty, masked, op, (right.constant, right.value));
        let field = || left.field.name().to_owned();
        let (span, kind) = match error {
            TypeError::DoesNotFit { value, ty } => {
                let (span, ordered) = self.misfit(left, mask, op, right.span);
                (span, Kind::DoesNotFit { value, ty, ordered })
            }
            TypeError::NeverTrue => (left.span, Kind::NeverTrue { reason: why() }),
            TypeError::NeverFalse => (left.span, Kind::NeverFalse { reason: why() }),
            TypeError::PointerOperation | TypeError::Mismatch(..) | TypeError::MaskedOrder => {
                (left.span, Kind::PointerOperation { field: field() })
            }
            TypeError::EmptyRange(first, last) => (right.span, Kind::EmptyRange { first, last }),
        };
        let recorded = self.findings.about(span, kind, left.subject);
        let abis = self.constants.abis();
        self.findings.hint(recorded, || {
            let right = (right.constant, right.value);
            let instead = reason::instead(left.masked(), left.field.name(), ty, masked, right);
            let works = |field| Test::compare(field, mask, op, right.1).is_ok();
            let elsewhere = || absent::where_it_works(left.subject, left.field.name(), abis, works);
            instead.or_else(elsewhere)
        });
    }

    /// Where the constant stands that does not fit, and whether it is ordered.
    fn misfit(&self, left: &Left<'a>, mask: Option<i128>, op: CmpOp, right: Span) -> (Span, bool) {
        match left.mask {
            Some(written) if mask.is_some_and(|m| left.field.ty().pattern(m).is_none()) => {
                (written.span, false)
            }
            Some(_) | None => (right, op.is_ordered()),
        }
    }

    /// Records why an item cannot be in a set.
    fn refuse_item(
        &mut self,
        left: &Left<'a>,
        error: TypeError,
        mask: Option<i128>,
        (first, last): (i128, i128),
        item: Option<&'a ast::Item>,
    ) {
        let ty = left.field.ty();
        let span = item.map_or(left.span, item_span);
        let one = item.and_then(|item| match item {
            ast::Item::One(one) => Some(one),
            ast::Item::Range(..) | ast::Item::Text(_) => None,
        });
        let masked = left.mask.zip(mask);
        if error == TypeError::NeverTrue {
            let reason = reason::item(ty, masked, one, (first, last));
            let recorded = self.findings.about(span, Kind::NeverTrue { reason }, left.subject);
            self.findings.hint(recorded, || {
                reason::instead(left.masked(), left.field.name(), ty, masked, (one, first))
            });
        } else if error == TypeError::NeverFalse {
            let kind = Kind::NeverFalse { reason: reason::whole_set(ty, masked) };
            self.findings.about(left.span, kind, left.subject);
        } else {
            let op = if first == last { CmpOp::Eq } else { CmpOp::Le };
            self.refuse(left, error, mask, op, Right { value: first, constant: one, span });
        }
    }
}

fn item_span(item: &ast::Item) -> Span {
    match item {
        ast::Item::One(one) => one.span,
        ast::Item::Range(first, last) => first.span.to(last.span),
        ast::Item::Text(text) => text.span,
    }
}
