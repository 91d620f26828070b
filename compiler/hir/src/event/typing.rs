//! Types the predicate of an `event` statement: the kernel's rules where the kernel has the form,
//! and ours for what we add to its language.

use filterc_abi::Abi;
use filterc_grammar::ast::{self, PredicateKind};
use filterc_grammar::source::Span;

use super::filter::{
    CmpOp, CpusOp, Matcher, MatcherKind, Never, Operand, Predicate, Test, TestKind, Text,
};
use super::kernel::{Machine, cpus, function, pattern};
use super::record::{Field, Part, Record};
use crate::consteval::{Constants, Value};
use crate::error::{Kind, Limit};
use crate::event_fault::Fault;
use crate::findings::{Calls, Findings, Subject};
use crate::limits::MAX_NODES;
use crate::scope::Scope;
use crate::types::{self, Type};

/// The longest text that the kernel takes between quotes.
const MAX_STRING: usize = 255;

/// Reads predicates over one record.
pub(super) struct Reader<'r, 'a> {
    pub(super) record: &'r Record,
    pub(super) abi: &'static Abi,
    pub(super) machine: &'r Machine<'r>,
    pub(super) scope: &'r Scope<'a>,
    pub(super) constants: &'r Constants<'a>,
    pub(super) findings: &'r mut Findings,
    /// Parts of predicates so far, `let`s written out.
    pub(super) nodes: usize,
}

/// What a test looks at.
enum LookedAt {
    Number(Operand),
    Text(Text),
    /// A pointer to a text, without `.ustring`.
    Pointer(Field),
    Stacktrace(Field),
}

impl<'a> Reader<'_, 'a> {
    /// The predicate; `None` if something is wrong with it, which is recorded.
    pub(super) fn predicate(&mut self, predicate: &'a ast::Predicate) -> Option<Predicate> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.findings.add(predicate.span, Kind::TooLarge(Limit::Nodes));
            return None;
        }
        match &predicate.kind {
            PredicateKind::Or(parts) => self.parts(parts).map(Predicate::Or),
            PredicateKind::And(parts) => self.parts(parts).map(Predicate::And),
            PredicateKind::Not(inner) => self.predicate(inner).map(Predicate::negate),
            PredicateKind::Paren(inner) => self.predicate(inner),
            PredicateKind::True => Some(Predicate::True),
            PredicateKind::False => Some(Predicate::False),
            PredicateKind::Let(name) => self.written_out(name),
            PredicateKind::Test(test) => {
                let kind = self.test(test, predicate.span)?;
                Some(Predicate::Test(Box::new(Test { span: predicate.span, kind })))
            }
            // The parser has told what is wrong here.
            PredicateKind::Error => {
                self.findings.fail();
                None
            }
        }
    }

    fn parts(&mut self, parts: &'a [ast::Predicate]) -> Option<Vec<Predicate>> {
        // All of them, so that all that is wrong is told.
        let read: Vec<_> = parts.iter().map(|part| self.predicate(part)).collect();
        read.into_iter().collect()
    }

    fn written_out(&mut self, name: &'a ast::Name) -> Option<Predicate> {
        let lets = &self.scope.lets;
        let Some(position) = lets.position(&name.text) else {
            let kind = Kind::UnknownLet { name: name.text.clone() };
            let recorded = self.findings.add(name.span, kind);
            self.findings.suggest(recorded, &name.text, lets.names());
            return None;
        };
        let defined = lets.get(position)?;
        defined.mark_used();
        if !self.scope.is_sound_let(position) {
            self.findings.fail();
            return None;
        }
        self.predicate(defined.value)
    }

    fn tell<T>(&mut self, span: Span, fault: Fault) -> Option<T> {
        self.findings.add(span, Kind::Event(Box::new(fault)));
        None
    }

    fn test(&mut self, test: &'a ast::Test, span: Span) -> Option<TestKind> {
        let field = &test.field;
        if let ast::Relation::Function(op, symbol) = &test.relation {
            return self.function(field, *op, symbol);
        }
        if field.function {
            return self.tell(field.span, Fault::Operator { form: "`.function` has == and !=" });
        }
        let looked_at = self.field(field)?;
        match &test.relation {
            ast::Relation::CompareString(op, text) => {
                let negated = match op {
                    ast::CmpOp::Eq => false,
                    ast::CmpOp::Ne => true,
                    ast::CmpOp::Lt | ast::CmpOp::Le | ast::CmpOp::Gt | ast::CmpOp::Ge => {
                        return self
                            .tell(span, Fault::Operator { form: "texts have ==, != and ~" });
                    }
                };
                let kind = MatcherKind::Exact;
                let matcher = Matcher { kind, pattern: text.text.clone().into_bytes() };
                self.text(looked_at, field, text, matcher, negated)
            }
            ast::Relation::Glob(text) => {
                let (matcher, negated) = pattern::classify(text.text.as_bytes());
                let dead = matcher.kind == MatcherKind::Exact
                    && matcher
                        .pattern
                        .iter()
                        .any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'));
                if dead {
                    self.findings.add(text.span, Kind::Event(Box::new(Fault::DeadWildcards)));
                }
                self.text(looked_at, field, text, matcher, negated)
            }
            ast::Relation::Cpus(op, list) => self.cpus(looked_at, field, *op, list),
            ast::Relation::AnyBit
            | ast::Relation::Compare(..)
            | ast::Relation::CompareField(..)
            | ast::Relation::Function(..)
            | ast::Relation::In(_) => self.number(looked_at, test, span),
        }
    }

    /// What a field's name and its modifiers stand for.
    fn field(&mut self, field: &'a ast::Field) -> Option<LookedAt> {
        if let Some(index) = &field.index {
            return self.register(field, index);
        }
        let (base, view) = match field.name.text.rsplit_once('.') {
            Some((base, view)) => (base, Some(view)),
            None => (field.name.text.as_str(), None),
        };
        let Some(found) = self.record.seen(base) else {
            let (name, event) = (field.name.text.clone(), self.record.name.clone());
            let fault = Fault::NoField { name: name.clone(), event };
            let recorded = self.findings.add(field.span, Kind::Event(Box::new(fault)));
            let own = self.record.fields.iter().map(|field| field.name.as_str());
            self.findings.suggest(
                recorded,
                &name,
                own.chain(["comm", "cpu", "pid", "tid", "uid", "gid", "cgroup"]),
            );
            return None;
        };
        if let Some(view) = view {
            return match narrowed(&found, view) {
                Ok(operand) => Some(LookedAt::Number(operand)),
                Err(reason) => self.tell(field.span, Fault::View { reason }),
            };
        }
        Some(match found.part {
            Part::Comm => LookedAt::Text(Text::Comm),
            Part::Text(_) if field.ustring => LookedAt::Text(Text::User(found)),
            Part::Text(_) => LookedAt::Pointer(found),
            Part::Stacktrace => LookedAt::Stacktrace(found),
            Part::Type
            | Part::Flags
            | Part::PreemptCount
            | Part::Pid
            | Part::Nr
            | Part::Arg(_)
            | Part::Ret
            | Part::Process
            | Part::User
            | Part::Group
            | Part::Cgroup
            | Part::Cpu => LookedAt::Number(Operand::whole(found)),
        })
    }

    /// `args[N]`: the register, whatever the type of the argument.
    fn register(&mut self, field: &ast::Field, index: &'a ast::Constant) -> Option<LookedAt> {
        let position = self.constant(index)?.number();
        let has = |part| match part {
            Part::Arg(at) | Part::Text(at) => i128::from(at) == position,
            Part::Type
            | Part::Flags
            | Part::PreemptCount
            | Part::Pid
            | Part::Nr
            | Part::Ret
            | Part::Cpu
            | Part::Comm
            | Part::Process
            | Part::User
            | Part::Group
            | Part::Cgroup
            | Part::Stacktrace => false,
        };
        match self.record.fields.iter().find(|field| has(field.part)) {
            Some(found) => Some(LookedAt::Number(Operand::whole(found.clone()))),
            None => {
                let reason = format!("`{}` has no such argument", self.record.name);
                self.tell(field.span, Fault::View { reason })
            }
        }
    }

    fn constant(&mut self, constant: &'a ast::Constant) -> Option<Value> {
        let subject = Subject { abi: self.abi, abi_index: 0, calls: Calls::None, used_by: None };
        self.constants.read(self.scope, subject, constant, self.findings)
    }

    fn number(&mut self, looked_at: LookedAt, test: &'a ast::Test, span: Span) -> Option<TestKind> {
        let operand = match looked_at {
            LookedAt::Number(operand) => operand,
            LookedAt::Stacktrace(field) => return self.stacktrace(field, test, span),
            LookedAt::Text(Text::Comm) => return self.wrong_sort(&test.field, true, false),
            LookedAt::Text(Text::User(_)) | LookedAt::Pointer(_) => {
                return self.wrong_sort(&test.field, true, true);
            }
        };
        let mask = match &test.mask {
            Some(mask) => self.bits(&operand, &mask.constant, Fit::Kernel(test))?,
            None => operand.mask(),
        };
        match &test.relation {
            // The kernel has the form, and it is always false.
            ast::Relation::AnyBit
                if operand.field.part == Part::Cpu
                    && operand.width == operand.field.width()
                    && !test.field.name.text.contains('.') =>
            {
                Some(TestKind::Never { field: operand.field, why: Never::CpuBits })
            }
            ast::Relation::AnyBit => Some(TestKind::AnyBit { operand, mask }),
            ast::Relation::Compare(op, constant) => {
                if let Some(other) = self.other_field(constant) {
                    return self.fields(operand, *op, other, test, span);
                }
                let fit = if test.mask.is_some() { Fit::Exact } else { Fit::Kernel(test) };
                let value = self.bits(&operand, constant, fit)?;
                Some(TestKind::Compare { operand, mask, op: CmpOp::from(*op), value })
            }
            ast::Relation::CompareField(op, other) => {
                let other = self.field(other)?;
                self.fields(operand, *op, other, test, span)
            }
            ast::Relation::In(items) => {
                let ranges: Vec<_> = items.iter().map(|item| self.item(&operand, item)).collect();
                let ranges = ranges.into_iter().collect::<Option<Vec<_>>>()?;
                Some(TestKind::In { operand, mask, ranges })
            }
            ast::Relation::CompareString(..)
            | ast::Relation::Glob(_)
            | ast::Relation::Function(..)
            | ast::Relation::Cpus(..) => None,
        }
    }

    /// A lone name that is no constant, but a field.
    fn other_field(&self, constant: &'a ast::Constant) -> Option<LookedAt> {
        let ast::ConstantKind::Name(name) = &constant.kind else { return None };
        if self.constants.is_known(self.scope, name) {
            return None;
        }
        let field = self.record.seen(name)?;
        (field.size > 0).then(|| LookedAt::Number(Operand::whole(field)))
    }

    fn fields(
        &mut self,
        left: Operand,
        op: ast::CmpOp,
        right: LookedAt,
        test: &ast::Test,
        span: Span,
    ) -> Option<TestKind> {
        if test.mask.is_some() {
            let form = "a masked field is compared with a constant";
            return self.tell(span, Fault::Operator { form });
        }
        let LookedAt::Number(right) = right else {
            return self.tell(span, Fault::Operator { form: "only numbers are compared so" });
        };
        if (left.width, left.signed) != (right.width, right.signed) {
            let (left, right) = (type_of(&left)?, type_of(&right)?);
            return self.tell(span, Fault::Incomparable { left, right });
        }
        Some(TestKind::Fields { left, op: CmpOp::from(op), right })
    }

    fn stacktrace(&mut self, field: Field, test: &'a ast::Test, span: Span) -> Option<TestKind> {
        let constant = match (&test.relation, &test.mask) {
            (ast::Relation::Compare(_, constant), None) => constant,
            (ast::Relation::AnyBit, Some(mask)) => &mask.constant,
            _ => return self.tell(span, Fault::Operator { form: "a stack trace is no number" }),
        };
        let register = Operand { field: field.clone(), width: 64, signed: false };
        self.bits(&register, constant, Fit::Kernel(test))?;
        Some(TestKind::Never { field, why: Never::Stacktrace })
    }

    fn item(&mut self, operand: &Operand, item: &'a ast::Item) -> Option<(u64, u64)> {
        let (first, last) = match item {
            ast::Item::One(one) => (one, one),
            ast::Item::Range(first, last) => (first, last),
            ast::Item::Text(text) => {
                let form = "only numbers are compared so";
                return self.tell(text.span, Fault::Operator { form });
            }
        };
        let span = first.span.to(last.span);
        let (first, last) =
            (self.bits(operand, first, Fit::Exact), self.bits(operand, last, Fit::Exact));
        let (first, last) = (first?, last?);
        let ty = type_of(operand)?;
        if ty.value(first) > ty.value(last) {
            let (first, last) = (ty.value(first), ty.value(last));
            self.findings.add(span, Kind::EmptyRange { first, last });
            return None;
        }
        Some((first, last))
    }

    /// The bits of a constant in an operand. Where the kernel has the form, its rules: the sign of
    /// the field decides what is a constant, and its width cuts it.
    fn bits(
        &mut self,
        operand: &Operand,
        constant: &'a ast::Constant,
        fit: Fit<'_>,
    ) -> Option<u64> {
        let value = self.constant(constant)?;
        let ty = type_of(operand)?;
        let kernel = match fit {
            Fit::Kernel(test) => !test.field.name.text.contains('.'),
            Fit::Exact => false,
        };
        let widest = Type::new(64, operand.signed, types::Kind::Integer)?;
        let number = value.in_type(if kernel { widest } else { ty });
        let bits = if kernel { widest.bits(number) } else { ty.pattern(number) };
        let Some(bits) = bits else {
            let instead = (number < 0 && !operand.signed)
                .then(|| format!("{}.s32 == {number}", operand.field.name))
                .filter(|_| i32::try_from(number).is_ok());
            let field = operand.field.name.clone();
            let fault = Fault::DoesNotFit { field, value: number, ty, instead };
            return self.tell(constant.span, fault);
        };
        if kernel && ty.bits(number).is_none() {
            let fault = Fault::Cut { ty, left: bits & ty.mask() };
            self.findings.add(constant.span, Kind::Event(Box::new(fault)));
        }
        Some(bits & ty.mask())
    }

    fn wrong_sort<T>(&mut self, field: &ast::Field, is_text: bool, is_pointer: bool) -> Option<T> {
        let fault = Fault::WrongSort { field: field.name.text.clone(), is_text, is_pointer };
        self.tell(field.span, fault)
    }

    fn text(
        &mut self,
        looked_at: LookedAt,
        field: &ast::Field,
        text: &ast::Str,
        matcher: Matcher,
        negated: bool,
    ) -> Option<TestKind> {
        let bytes = text.text.as_bytes();
        let reason = if bytes.len() > MAX_STRING {
            Some("more than 255 bytes")
        } else if bytes.contains(&0) {
            Some("it ends at the NUL")
        } else {
            None
        };
        if let Some(reason) = reason {
            return self.tell(text.span, Fault::Text { reason });
        }
        let source = match looked_at {
            LookedAt::Text(source) => source,
            LookedAt::Pointer(field) => {
                return Some(TestKind::Never { field, why: Never::KernelPointer });
            }
            LookedAt::Number(_) | LookedAt::Stacktrace(_) => {
                return self.wrong_sort(field, false, false);
            }
        };
        let lint = match (&source, matcher.kind) {
            (Text::Comm, MatcherKind::Suffix) if !matcher.pattern.is_empty() => {
                Some(Fault::SuffixOfComm)
            }
            (Text::User(_), _) if negated => Some(Fault::UnreadableDiffers),
            (Text::Comm | Text::User(_), _) => None,
        };
        if let Some(fault) = lint {
            self.findings.add(text.span, Kind::Event(Box::new(fault)));
        }
        Some(TestKind::Text { source, matcher, negated })
    }

    fn cpus(
        &mut self,
        looked_at: LookedAt,
        field: &ast::Field,
        op: Option<ast::CmpOp>,
        list: &ast::Str,
    ) -> Option<TestKind> {
        let LookedAt::Number(operand) = looked_at else {
            return self.wrong_sort(field, true, false);
        };
        let op = match op {
            None => CpusOp::In,
            Some(ast::CmpOp::Eq) => CpusOp::Is,
            Some(ast::CmpOp::Ne) => CpusOp::IsNot,
            Some(ast::CmpOp::Lt | ast::CmpOp::Le | ast::CmpOp::Gt | ast::CmpOp::Ge) => {
                let form = "a set of processors has ==, != and &";
                return self.tell(list.span, Fault::Operator { form });
            }
        };
        match cpus(operand, op, list.text.as_bytes(), self.machine) {
            Some(kind) => Some(kind),
            None => {
                let nr_cpu_ids = self.machine.nr_cpu_ids;
                self.tell(list.span, Fault::Cpus { nr_cpu_ids })
            }
        }
    }

    fn function(
        &mut self,
        field: &'a ast::Field,
        op: ast::CmpOp,
        symbol: &ast::Name,
    ) -> Option<TestKind> {
        let found = match self.field(field)? {
            LookedAt::Number(operand) => operand.field,
            LookedAt::Text(Text::User(field))
            | LookedAt::Pointer(field)
            | LookedAt::Stacktrace(field) => field,
            LookedAt::Text(Text::Comm) => return self.wrong_sort(field, true, false),
        };
        if found.size != 8 {
            let reason = "an address has 8 bytes, and the field fewer";
            return self.tell(field.span, Fault::Function { reason });
        }
        let inside = match op {
            ast::CmpOp::Eq => true,
            ast::CmpOp::Ne => false,
            ast::CmpOp::Lt | ast::CmpOp::Le | ast::CmpOp::Gt | ast::CmpOp::Ge => {
                return self
                    .tell(field.span, Fault::Operator { form: "`.function` has == and !=" });
            }
        };
        match function(symbol.text.as_bytes(), self.machine.symbols) {
            Some((start, end)) => {
                Some(TestKind::Function { operand: Operand::whole(found), inside, start, end })
            }
            None => {
                let reason = "no such function is known";
                self.tell(symbol.span, Fault::Function { reason })
            }
        }
    }
}

/// By whose rules a constant must fit.
enum Fit<'t> {
    /// The kernel's, if the test's field is written as the kernel writes it.
    Kernel(&'t ast::Test),
    /// Ours: as a number of the type or a pattern of its bits.
    Exact,
}

/// `.u32` and its like.
fn narrowed(field: &Field, view: &str) -> Result<Operand, String> {
    let signed = view.starts_with('s');
    let width = view.get(1..).and_then(|width| width.parse::<u8>().ok());
    let width = width.filter(|width| matches!(width, 8 | 16 | 32 | 64));
    let Some(width) = width.filter(|_| signed || view.starts_with('u')) else {
        return Err(format!("no `.{view}`; there are .u8 to .u64 and .s8 to .s64"));
    };
    if width > field.width() {
        return Err(format!("it has {} bits in the event", field.width()));
    }
    Ok(Operand { field: field.clone(), width, signed })
}

fn type_of(operand: &Operand) -> Option<Type> {
    Type::new(operand.width, operand.signed, types::Kind::Integer)
}
