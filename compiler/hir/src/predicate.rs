//! Types a predicate for one call on one ABI: every name becomes a field or a constant,
//! every test is made by the constructors of [`crate::expr`].

use filterc_abi::{Abi, Action, KernelVersion};
use filterc_grammar::ast::{self, PredicateKind};
use filterc_grammar::source::Span;

use crate::asking::Asking;
use crate::consteval::{self, Constants};
use crate::error::{Kind, Limit};
use crate::expr::Predicate;
use crate::field;
use crate::findings::{Findings, Subject};
use crate::limits::MAX_NODES;
use crate::memory::Memory;
use crate::outcomes::Outcomes;
use crate::params::Params;
use crate::scope::Scope;
use crate::sight::Sight;
use crate::types::{self, Type};

/// How many parts of conjunctions are looked at for what they fix: `let`s may double.
const MAX_STEPS: usize = 500;

/// Reads predicates, and counts how much they grow.
pub(crate) struct Reader<'s, 'a> {
    pub(crate) scope: &'s Scope<'a>,
    pub(crate) constants: &'s Constants<'a>,
    pub(crate) params: &'s Params,
    pub(crate) findings: &'s mut Findings,
    pub(crate) sight: Sight,
    nodes: usize,
    /// Whether the limit has been told.
    told: bool,
    /// The parts of the conjunctions around the place that is being read.
    around: Vec<&'a [ast::Predicate]>,
    pub(crate) sets: Memory<'a>,
    /// Whether the call has ended, and its result is known.
    pub(crate) ended: bool,
    /// What a monitor is asked.
    pub(crate) questions: Asking,
    pub(crate) outcomes: Outcomes,
    /// What the rule does whose predicate is being read.
    pub(crate) action: Action,
    /// Whether the place that is being read is negated.
    negated: bool,
    /// Tests of `args[N]` in the predicate that is being read, and where they stand.
    pub(crate) raw: Vec<(u8, Span)>,
}

/// A predicate that was read.
struct Read {
    predicate: Predicate,
    /// How the call's number and ABI alone settle it, by a test of `nr` or `arch`.
    settled: Option<bool>,
}

impl<'s, 'a> Reader<'s, 'a> {
    pub(crate) fn new(
        scope: &'s Scope<'a>,
        constants: &'s Constants<'a>,
        params: &'s Params,
        findings: &'s mut Findings,
        (kernel, sight): (KernelVersion, Sight),
    ) -> Self {
        Self {
            scope,
            constants,
            params,
            findings,
            sight,
            nodes: 0,
            told: false,
            around: Vec::new(),
            sets: Memory::default(),
            ended: false,
            questions: Asking::default(),
            outcomes: Outcomes::new(kernel),
            action: Action::KillProcess,
            negated: false,
            raw: Vec::new(),
        }
    }

    /// Whether the predicates so far have reached the limit, which is told once, at the
    /// place that did it.
    pub(crate) fn stops(&mut self, span: Span) -> bool {
        let stops = self.nodes > MAX_NODES;
        if stops && !self.told {
            self.told = true;
            self.findings.add(span, Kind::TooLarge(Limit::Nodes));
        }
        stops
    }

    /// Counts the nodes of a constant expression, which is read anew for each call.
    pub(crate) fn count(&mut self, constant: &ast::Constant) {
        self.count_more(consteval::extra_nodes(constant));
    }

    /// Counts parts of a test.
    pub(crate) fn count_more(&mut self, parts: usize) {
        self.nodes = self.nodes.saturating_add(parts);
    }

    /// The predicate for a call; `None` if something is wrong with it, which is recorded.
    pub(crate) fn read(
        &mut self,
        predicate: &'a ast::Predicate,
        subject: Subject,
    ) -> Option<Predicate> {
        self.raw.clear();
        Some(self.part(predicate, subject)?.predicate)
    }

    fn part(&mut self, predicate: &'a ast::Predicate, subject: Subject) -> Option<Read> {
        self.nodes += 1;
        if self.stops(subject.used_by.unwrap_or(predicate.span)) {
            return None;
        }
        let plain = |predicate| Some(Read { predicate, settled: None });
        match &predicate.kind {
            PredicateKind::Or(parts) => self.parts(parts, true, subject),
            PredicateKind::And(parts) => {
                self.around.push(parts);
                let read = self.parts(parts, false, subject);
                self.around.pop();
                read
            }
            PredicateKind::Not(inner) => {
                self.negated = !self.negated;
                let read = self.part(inner, subject);
                self.negated = !self.negated;
                let Read { predicate, settled } = read?;
                let predicate = Predicate::Not(Box::new(predicate));
                Some(Read { predicate, settled: settled.map(|holds| !holds) })
            }
            PredicateKind::Paren(inner) => self.part(inner, subject),
            PredicateKind::True => plain(Predicate::True),
            PredicateKind::False => plain(Predicate::False),
            PredicateKind::Let(name) => self.written_out(name, subject),
            PredicateKind::Test(test) => {
                let read = self.test(test, predicate.span, subject)?;
                let settled = match &read {
                    Predicate::Test(test) => self.outcomes.note(predicate.span, test, subject),
                    // A set with parameters, which is of no call's number or ABI.
                    Predicate::True
                    | Predicate::False
                    | Predicate::Not(_)
                    | Predicate::And(_)
                    | Predicate::Or(_) => None,
                };
                Some(Read { predicate: read, settled })
            }
            // The parser has told what is wrong here.
            PredicateKind::Error => {
                self.findings.fail();
                None
            }
        }
    }

    /// All parts of a conjunction or disjunction, each read even if another is wrong. The
    /// parts behind one that is settled as `decisive` are passed over: so a test of `arch`
    /// guards fields and constants that not every ABI has.
    fn parts(
        &mut self,
        parts: &'a [ast::Predicate],
        decisive: bool,
        subject: Subject,
    ) -> Option<Read> {
        let mut read = Vec::with_capacity(parts.len());
        let (mut settled, mut failed) = (Some(!decisive), false);
        let mut left = parts.iter();
        for part in left.by_ref() {
            match self.part(part, subject) {
                Some(part) => {
                    read.push(part.predicate);
                    settled = settled.and(part.settled);
                    if part.settled == Some(decisive) {
                        settled = Some(decisive);
                        break;
                    }
                }
                None => failed = true,
            }
            if self.nodes > MAX_NODES {
                return None;
            }
        }
        left.for_each(|part| self.pass_over(part));
        let predicate = if decisive { Predicate::Or(read) } else { Predicate::And(read) };
        (!failed).then_some(Read { predicate, settled })
    }

    /// Marks what a part uses that is not read.
    fn pass_over(&self, predicate: &'a ast::Predicate) {
        match &predicate.kind {
            PredicateKind::Or(parts) | PredicateKind::And(parts) => {
                parts.iter().for_each(|part| self.pass_over(part));
            }
            PredicateKind::Not(inner) | PredicateKind::Paren(inner) => self.pass_over(inner),
            PredicateKind::Let(name) => {
                let lets = &self.scope.lets;
                let position = lets.position(&name.text);
                let Some(defined) = position.and_then(|position| lets.get(position)) else {
                    return;
                };
                // One that is used has been read or passed over itself.
                if !defined.is_used() && position.is_some_and(|at| self.scope.is_sound_let(at)) {
                    defined.mark_used();
                    self.pass_over(defined.value);
                }
            }
            PredicateKind::Test(test) => {
                let mask = test.mask.iter().map(|mask| &mask.constant);
                mask.chain(constants_of(&test.relation)).for_each(|c| self.scope.mark_used(c));
            }
            PredicateKind::True | PredicateKind::False | PredicateKind::Error => {}
        }
    }

    /// Whether callers get round the rule with a value that an equality does not hold for;
    /// `equal` if the test is one, not the contrary.
    pub(crate) fn evaded_by_others(&self, equal: bool) -> bool {
        // What is refused, or told somebody, must not be missed; what is allowed if
        // something is not so, neither.
        let wants_all = self.action != Action::Allow;
        (equal != self.negated) == wants_all
    }

    fn written_out(&mut self, name: &'a ast::Name, subject: Subject) -> Option<Read> {
        let lets = &self.scope.lets;
        let Some(position) = lets.position(&name.text) else {
            let kind = Kind::UnknownLet { name: name.text.clone() };
            let recorded = self.findings.add(name.span, kind);
            self.findings.suggest(recorded, &name.text, lets.names());
            self.findings.hint(recorded, || bare_field(subject.abi, &name.text));
            return None;
        };
        let defined = lets.get(position)?;
        defined.mark_used();
        if !self.scope.is_sound_let(position) {
            self.findings.fail();
            return None;
        }
        let used_by = Some(subject.used_by.unwrap_or(name.span));
        self.part(defined.value, Subject { used_by, ..subject })
    }

    /// The bit patterns to which the conjunctions around the place fix an argument.
    pub(crate) fn fixed(&mut self, arg: &str, ty: Type, subject: Subject) -> Option<Vec<u64>> {
        let (around, mut steps) = (self.around.clone(), MAX_STEPS);
        let mut parts = around.iter().rev().flat_map(|parts| parts.iter());
        parts.find_map(|part| self.fixed_by(part, arg, ty, subject, &mut steps))
    }

    fn fixed_by(
        &mut self,
        predicate: &'a ast::Predicate,
        arg: &str,
        ty: Type,
        subject: Subject,
        steps: &mut usize,
    ) -> Option<Vec<u64>> {
        *steps = steps.checked_sub(1)?;
        match &predicate.kind {
            PredicateKind::And(parts) => {
                parts.iter().find_map(|part| self.fixed_by(part, arg, ty, subject, steps))
            }
            PredicateKind::Paren(inner) => self.fixed_by(inner, arg, ty, subject, steps),
            PredicateKind::Let(name) => {
                let position = self.scope.lets.position(&name.text)?;
                let defined = self.scope.lets.get(position)?;
                if !self.scope.is_sound_let(position) {
                    return None;
                }
                self.fixed_by(defined.value, arg, ty, subject, steps)
            }
            PredicateKind::Test(test) if test.field.name.text == arg && test.mask.is_none() => {
                let values: Vec<&'a ast::Constant> = match &test.relation {
                    ast::Relation::Compare(ast::CmpOp::Eq, value) => vec![value],
                    ast::Relation::In(items) => items.iter().map(single).collect::<Option<_>>()?,
                    ast::Relation::Compare(..)
                    | ast::Relation::AnyBit
                    | ast::Relation::CompareField(..)
                    | ast::Relation::CompareString(..)
                    | ast::Relation::Glob(_)
                    | ast::Relation::Function(..)
                    | ast::Relation::Cpus(..) => return None,
                };
                let is_param = |value: &&ast::Constant| self.param_named(value).is_some();
                if values.iter().any(is_param) {
                    return None;
                }
                let mut bits = |value| {
                    let read = self.constants.read(self.scope, subject, value, self.findings)?;
                    ty.pattern(read.in_type(ty))
                };
                values.into_iter().map(&mut bits).collect()
            }
            PredicateKind::Or(_)
            | PredicateKind::Not(_)
            | PredicateKind::Test(_)
            | PredicateKind::True
            | PredicateKind::False
            | PredicateKind::Error => None,
        }
    }
}

/// The item's one value.
fn single(item: &ast::Item) -> Option<&ast::Constant> {
    match item {
        ast::Item::One(value) => Some(value),
        ast::Item::Range(..) | ast::Item::Text(_) => None,
    }
}

/// The constants behind a test's operator.
fn constants_of(relation: &ast::Relation) -> Vec<&ast::Constant> {
    match relation {
        ast::Relation::Compare(_, constant) => vec![constant],
        ast::Relation::In(items) => items.iter().flat_map(constants_of_item).collect(),
        ast::Relation::AnyBit
        | ast::Relation::CompareField(..)
        | ast::Relation::CompareString(..)
        | ast::Relation::Glob(_)
        | ast::Relation::Function(..)
        | ast::Relation::Cpus(..) => Vec::new(),
    }
}

fn constants_of_item(item: &ast::Item) -> Vec<&ast::Constant> {
    match item {
        ast::Item::One(one) => vec![one],
        ast::Item::Range(first, last) => vec![first, last],
        ast::Item::Text(_) => Vec::new(),
    }
}

/// What to do where a field stands alone, as a condition of C could: some call of the ABI
/// has an argument of that name.
fn bare_field(abi: &'static Abi, name: &str) -> Option<String> {
    let mut named = abi.syscalls().iter().filter_map(|call| call.arg(name)).peekable();
    named.peek()?;
    // Nothing but equality can be asked of an address.
    let mut kinds = named.filter_map(field::of_argument).map(|field| field.ty().kind());
    let masked = kinds.any(|kind| kind == types::Kind::Integer);
    let mask = if masked { format!(" or `{name} & 1`") } else { String::new() };
    Some(format!("`{name}` is a field: compare it, as in `{name} == 0`{mask}"))
}
