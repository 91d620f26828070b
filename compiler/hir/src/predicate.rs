//! Types a predicate for one call on one ABI: every name becomes a field or a constant,
//! every test is made by the constructors of [`crate::expr`].

use std::collections::HashMap;

use filterc_abi::{Abi, KernelVersion};
use filterc_grammar::ast::{self, PredicateKind};
use filterc_grammar::source::Span;

use crate::consteval::{self, Constants};
use crate::error::{Kind, Limit};
use crate::expr::Predicate;
use crate::field;
use crate::findings::{Findings, Subject};
use crate::limits::MAX_NODES;
use crate::outcomes::Outcomes;
use crate::scope::Scope;
use crate::types;

/// Reads predicates, and counts how much they grow.
pub(crate) struct Reader<'s, 'a> {
    pub(crate) scope: &'s Scope<'a>,
    pub(crate) constants: &'s Constants<'a>,
    pub(crate) findings: &'s mut Findings,
    nodes: usize,
    /// Whether the limit has been told.
    told: bool,
    /// Whether a constant is foreign to a set, by ABI: asked for each call of a rule.
    pub(crate) stray: HashMap<(&'a str, &'static str, usize), bool>,
    pub(crate) outcomes: Outcomes,
}

impl<'s, 'a> Reader<'s, 'a> {
    pub(crate) fn new(
        scope: &'s Scope<'a>,
        constants: &'s Constants<'a>,
        findings: &'s mut Findings,
        kernel: KernelVersion,
    ) -> Self {
        let (stray, outcomes) = (HashMap::new(), Outcomes::new(kernel));
        Self { scope, constants, findings, nodes: 0, told: false, stray, outcomes }
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
        self.nodes += 1;
        if self.stops(subject.used_by.unwrap_or(predicate.span)) {
            return None;
        }
        match &predicate.kind {
            PredicateKind::Or(parts) => Some(Predicate::Or(self.all(parts, subject)?)),
            PredicateKind::And(parts) => Some(Predicate::And(self.all(parts, subject)?)),
            PredicateKind::Not(inner) => Some(Predicate::Not(Box::new(self.read(inner, subject)?))),
            PredicateKind::Paren(inner) => self.read(inner, subject),
            PredicateKind::True => Some(Predicate::True),
            PredicateKind::False => Some(Predicate::False),
            PredicateKind::Let(name) => self.written_out(name, subject),
            PredicateKind::Test(test) => {
                let test = self.test(test, predicate.span, subject)?;
                self.outcomes.note(predicate.span, &test, subject);
                Some(Predicate::Test(test))
            }
            // The parser has told what is wrong here.
            PredicateKind::Error => {
                self.findings.fail();
                None
            }
        }
    }

    /// All parts, each read even if another is wrong.
    fn all(&mut self, parts: &'a [ast::Predicate], subject: Subject) -> Option<Vec<Predicate>> {
        let mut read = Vec::with_capacity(parts.len());
        for part in parts {
            read.extend(self.read(part, subject));
            if self.nodes > MAX_NODES {
                return None;
            }
        }
        (read.len() == parts.len()).then_some(read)
    }

    fn written_out(&mut self, name: &'a ast::Name, subject: Subject) -> Option<Predicate> {
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
        self.read(defined.value, Subject { used_by, ..subject })
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
