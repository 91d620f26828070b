//! Types a predicate for records: every name becomes a column or an argument.

use std::collections::BTreeSet;

use filterc_abi::{Abi, ArgKind, Regs};
use filterc_grammar::ast::{self, ConstantKind, PredicateKind, Relation};
use filterc_grammar::diagnostic::{Code, Diagnostic, Severity};
use filterc_grammar::source::Span;

use super::model::{Column, Pattern, Query, Shape, Source, Test, Texts, register_type};
use crate::consteval::{Constants, Value};
use crate::event::check::Checked;
use crate::expr::CmpOp;
use crate::findings::{Calls, Findings, Subject, similar};
use crate::scope::Scope;
use crate::types::{Kind, Type};
use crate::wording;

/// Arguments are also known by their name behind this: `arg.pid`.
const ARGUMENT: &str = "arg.";

/// Types a predicate for the records of an ABI.
#[must_use]
pub fn check(
    predicate: &ast::Predicate,
    abi: &'static Abi,
    columns: &[Column],
    defines: &[(String, i128)],
) -> Checked<Query> {
    let mut findings = Findings::default();
    let scope = Scope::collect(&[], &mut findings);
    let abis = [abi];
    let constants = Constants::evaluate(&scope, &abis, defines, &mut findings);
    let (told, findings) = (Vec::new(), &mut findings);
    let mut reader = Reader { abi, columns, scope: &scope, constants: &constants, findings, told };
    let result = reader.predicate(predicate);
    let mut diagnostics = reader.told;
    diagnostics.extend(std::mem::take(findings).into_diagnostics(1));
    let sound = diagnostics.iter().all(|it| it.severity != Severity::Error);
    Checked { result: result.filter(|_| sound), diagnostics }
}

struct Reader<'r, 'a> {
    abi: &'static Abi,
    columns: &'r [Column],
    scope: &'r Scope<'a>,
    constants: &'r Constants<'a>,
    findings: &'r mut Findings,
    told: Vec<Diagnostic>,
}

/// What a field is.
#[derive(Clone)]
enum Found {
    Number(Source),
    Text(usize),
    /// A pointer: its address, and what may have been read there.
    Pointer(Source, Texts),
}

impl<'a> Reader<'_, 'a> {
    fn predicate(&mut self, predicate: &'a ast::Predicate) -> Option<Query> {
        match &predicate.kind {
            PredicateKind::Or(parts) => self.parts(parts).map(Query::Or),
            PredicateKind::And(parts) => self.parts(parts).map(Query::And),
            PredicateKind::Not(inner) => Some(Query::Not(Box::new(self.predicate(inner)?))),
            PredicateKind::Paren(inner) => self.predicate(inner),
            PredicateKind::True => Some(Query::True),
            PredicateKind::False => Some(Query::False),
            PredicateKind::Let(name) => {
                let text = "a name alone is no test: compare it with something";
                self.tell("F0951", name.span, format!("`{}` is no test", name.text), text)
            }
            PredicateKind::Test(test) => self.test(test, predicate.span),
            // The parser has told what is wrong here.
            PredicateKind::Error => {
                self.findings.fail();
                None
            }
        }
    }

    fn parts(&mut self, parts: &'a [ast::Predicate]) -> Option<Vec<Query>> {
        // All of them, so that all that is wrong is told.
        let read: Vec<_> = parts.iter().map(|part| self.predicate(part)).collect();
        read.into_iter().collect()
    }

    fn tell<T>(&mut self, code: &'static str, span: Span, text: String, label: &str) -> Option<T> {
        self.told.push(Diagnostic::error(Code(code), span, text, label));
        None
    }

    fn operator<T>(&mut self, span: Span, label: &str) -> Option<T> {
        self.tell("F0951", span, "this is no test of a record".to_owned(), label)
    }

    fn test(&mut self, test: &'a ast::Test, span: Span) -> Option<Query> {
        let found = self.field(&test.field)?;
        match &test.relation {
            Relation::CompareString(op, text) => {
                let negated = match op {
                    ast::CmpOp::Eq => false,
                    ast::CmpOp::Ne => true,
                    ast::CmpOp::Lt | ast::CmpOp::Le | ast::CmpOp::Gt | ast::CmpOp::Ge => {
                        return self.operator(span, "texts have `==`, `!=` and `~`");
                    }
                };
                let pattern = Pattern::Exact(text.text.clone().into_bytes());
                self.text(found, test, span, pattern, negated)
            }
            Relation::Glob(text) => {
                // As the kernel has it, `!` before a pattern is of the opposite.
                let (negated, pattern) = match text.text.strip_prefix('!') {
                    Some(rest) => (true, rest),
                    None => (false, text.text.as_str()),
                };
                let pattern = Pattern::Glob(pattern.as_bytes().to_vec());
                self.text(found, test, span, pattern, negated)
            }
            Relation::Function(..) | Relation::Cpus(..) => {
                self.operator(span, "only filters of the kernel's own events have this form")
            }
            Relation::In(items) if items.iter().any(|item| matches!(item, ast::Item::Text(_))) => {
                self.texts(&found, test, items, span)
            }
            Relation::AnyBit | Relation::Compare(..) | Relation::In(_) => {
                self.number(found, test, span)
            }
            Relation::CompareField(op, other) => {
                let other = self.field(other)?;
                self.numbers(found, *op, other, test, span)
            }
        }
    }

    /// That a text is one of several.
    fn texts(
        &mut self,
        found: &Found,
        test: &ast::Test,
        items: &[ast::Item],
        span: Span,
    ) -> Option<Query> {
        let mut parts = Vec::with_capacity(items.len());
        for item in items {
            let ast::Item::Text(text) = item else {
                return self.operator(span, "a set is of texts or of numbers");
            };
            let pattern = Pattern::Exact(text.text.clone().into_bytes());
            parts.push(self.text(found.clone(), test, span, pattern, false)?);
        }
        Some(Query::Or(parts))
    }

    fn text(
        &mut self,
        found: Found,
        test: &ast::Test,
        span: Span,
        pattern: Pattern,
        negated: bool,
    ) -> Option<Query> {
        if test.mask.is_some() {
            return self.operator(span, "a text has no bits");
        }
        let source = match found {
            Found::Text(column) => Texts::Column(column),
            Found::Pointer(_, texts) => texts,
            Found::Number(_) => return self.operator(span, "a number is no text"),
        };
        Some(Query::Text { source, pattern, negated })
    }

    fn field(&mut self, field: &'a ast::Field) -> Option<Found> {
        if field.function || (field.ustring && field.index.is_some()) {
            return self.operator(field.span, "only filters of the kernel's own events have this");
        }
        if let Some(index) = &field.index {
            return self.register(field, index);
        }
        let name = field.name.text.as_str();
        if let Some(at) = self.columns.iter().position(|column| column.name == name) {
            return self.columns.get(at).and_then(|column| match column.shape {
                Shape::Text => Some(Found::Text(at)),
                Shape::Number(width, signed) => Type::new(width, signed, Kind::Integer)
                    .map(|ty| Found::Number(Source::Column(at, ty))),
            });
        }
        let name = name.strip_prefix(ARGUMENT).unwrap_or(name);
        if let Some(found) = self.argument(name) {
            return Some(found);
        }
        self.unknown(field)
    }

    fn argument(&self, name: &str) -> Option<Found> {
        let mut numbers = Vec::new();
        let mut texts = Vec::new();
        for call in self.abi.syscalls() {
            let Some(arg) = call.args.iter().find(|arg| arg.name == name) else { continue };
            let is_pointer = arg.kind == ArgKind::Pointer;
            if let (true, Regs::One(index)) = (is_pointer, arg.regs) {
                texts.push((call.nr, index));
            }
            if arg.regs != Regs::Invisible
                && let Some(ty) = Type::new(arg.width, arg.signed, Kind::Integer)
            {
                numbers.push((call.nr, arg.regs, ty));
            }
        }
        if numbers.is_empty() {
            return None;
        }
        let source = Source::Argument(numbers);
        Some(if texts.is_empty() {
            Found::Number(source)
        } else {
            Found::Pointer(source, Texts::Argument(texts))
        })
    }

    fn register(&mut self, field: &'a ast::Field, index: &'a ast::Constant) -> Option<Found> {
        if field.name.text != "args" {
            return self.unknown(field);
        }
        let value = self.constant(index)?.number();
        match u8::try_from(value).ok().filter(|index| *index < 6) {
            Some(index) => Some(Found::Pointer(
                Source::Register(index),
                Texts::Argument(self.abi.syscalls().iter().map(|it| (it.nr, index)).collect()),
            )),
            None => self.tell(
                "F0952",
                index.span,
                format!("there is no register {value}"),
                "they are `args[0]` to `args[5]`",
            ),
        }
    }

    fn unknown<T>(&mut self, field: &ast::Field) -> Option<T> {
        let name = field.name.text.clone();
        let of_calls = self.abi.syscalls().iter().flat_map(|call| call.args).map(|arg| arg.name);
        let known: BTreeSet<&str> =
            self.columns.iter().map(|column| column.name).chain(of_calls).collect();
        let near = similar(&name, known);
        let text = format!("records have no field `{name}`");
        let label = "neither a column, nor an argument of a call";
        let mut diagnostic = Diagnostic::error(Code("F0950"), field.span, text, label);
        if !near.is_empty() {
            let near: Vec<&str> = near.iter().map(String::as_str).collect();
            diagnostic = diagnostic.with_help(format!("did you mean {}?", wording::list(&near)));
        }
        self.told.push(diagnostic);
        None
    }

    fn constant(&mut self, constant: &'a ast::Constant) -> Option<Value> {
        let subject = Subject { abi: self.abi, abi_index: 0, calls: Calls::None, used_by: None };
        self.constants.read(self.scope, subject, constant, self.findings)
    }

    fn number(&mut self, found: Found, test: &'a ast::Test, span: Span) -> Option<Query> {
        if let Relation::Compare(op, constant) = &test.relation
            && let ConstantKind::Name(name) = &constant.kind
            && !self.constants.is_known(self.scope, name)
            && let Some(at) = self.columns.iter().position(|column| column.name == name)
            && let Some(Column { shape: Shape::Number(width, signed), .. }) = self.columns.get(at)
            && let Some(ty) = Type::new(*width, *signed, Kind::Integer)
        {
            return self.numbers(found, *op, Found::Number(Source::Column(at, ty)), test, span);
        }
        let source = match found {
            Found::Number(source) | Found::Pointer(source, _) => source,
            Found::Text(_) => {
                return self
                    .operator(span, "a text is compared with a text: `== \"…\"` or `~ \"…\"`");
            }
        };
        let types: Vec<Type> = match &source {
            Source::Column(_, ty) => vec![*ty],
            Source::Register(_) => vec![register_type()?],
            Source::Argument(calls) => {
                let mut types = Vec::new();
                for (_, _, ty) in calls {
                    if !types.contains(ty) {
                        types.push(*ty);
                    }
                }
                types
            }
        };
        let read = Constant::read(self, test)?;
        let tests: Vec<(Type, Test)> =
            types.iter().filter_map(|ty| Some((*ty, read.typed(*ty)?))).collect();
        if tests.is_empty() {
            let names: Vec<String> = types.iter().map(ToString::to_string).collect();
            let label = format!("it is of type {}", names.join(" or "));
            let text = "the constant is no value of the field".to_owned();
            return self.tell("F0952", span, text, &label);
        }
        Some(Query::Number { source, tests })
    }

    fn numbers(
        &mut self,
        left: Found,
        op: ast::CmpOp,
        right: Found,
        test: &ast::Test,
        span: Span,
    ) -> Option<Query> {
        let number = |found| match found {
            Found::Number(source) | Found::Pointer(source, _) => Some(source),
            Found::Text(_) => None,
        };
        match (number(left), number(right), &test.mask) {
            (Some(left), Some(right), None) => Some(Query::Numbers(left, CmpOp::from(op), right)),
            _ => self.operator(span, "two fields compare if both are numbers, and whole"),
        }
    }
}

/// The constants of a test.
struct Constant {
    mask: Option<Value>,
    kind: ConstantOf,
}

enum ConstantOf {
    AnyBit,
    Compare(CmpOp, Value),
    In(Vec<(Value, Value)>),
}

impl Constant {
    fn read<'a>(reader: &mut Reader<'_, 'a>, test: &'a ast::Test) -> Option<Self> {
        let mask = match &test.mask {
            Some(mask) => Some(reader.constant(&mask.constant)?),
            None => None,
        };
        let kind = match &test.relation {
            Relation::Compare(op, constant) => {
                ConstantOf::Compare(CmpOp::from(*op), reader.constant(constant)?)
            }
            Relation::In(items) => {
                let mut ranges = Vec::new();
                for item in items {
                    let (first, last) = match item {
                        ast::Item::One(one) => (one, one),
                        ast::Item::Range(first, last) => (first, last),
                        // Such sets are of texts.
                        ast::Item::Text(_) => continue,
                    };
                    ranges.push((reader.constant(first)?, reader.constant(last)?));
                }
                ConstantOf::In(ranges)
            }
            Relation::AnyBit
            | Relation::CompareField(..)
            | Relation::CompareString(..)
            | Relation::Glob(_)
            | Relation::Function(..)
            | Relation::Cpus(..) => ConstantOf::AnyBit,
        };
        Some(Self { mask, kind })
    }

    /// The test at a type; `None` if a constant is no value of it.
    fn typed(&self, ty: Type) -> Option<Test> {
        let bits = |value: Value| ty.pattern(value.in_type(ty));
        let mask = match self.mask {
            Some(mask) => bits(mask)?,
            None => ty.mask(),
        };
        let value = |value: Value| bits(value).map(|bits| ty.value(bits));
        Some(match &self.kind {
            ConstantOf::AnyBit => Test::AnyBit(mask),
            ConstantOf::Compare(op @ (CmpOp::Eq | CmpOp::Ne), constant) => {
                Test::Compare(mask, *op, value(*constant)?)
            }
            // An order is of numbers, not of bits.
            ConstantOf::Compare(op, constant) => {
                let number = constant.in_type(ty);
                ty.bits(number)?;
                Test::Compare(mask, *op, number)
            }
            ConstantOf::In(ranges) => {
                let ranges =
                    ranges.iter().map(|(first, last)| Some((value(*first)?, value(*last)?)));
                Test::In(mask, ranges.collect::<Option<_>>()?)
            }
        })
    }
}
