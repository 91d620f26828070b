//! Checks `event` statements, and single predicates of events: from syntax trees to filters, or to
//! everything that is wrong with them.

use filterc_abi::Abi;
use filterc_grammar::ast::{self, Statement, StatementKind};
use filterc_grammar::diagnostic::{Diagnostic, Severity};

use super::filter::{Filter, Predicate};
use super::kernel::Machine;
use super::layout::{SUBSYSTEM, events};
use super::record::Record;
use super::{lint, typing};
use crate::consteval::Constants;
use crate::error::Kind;
use crate::event_fault::Fault;
use crate::findings::Findings;
use crate::scope::Scope;

/// What was found.
#[derive(Clone, Debug)]
pub struct Checked<T> {
    /// The result; there is one if, and only if, nothing is an error.
    pub result: Option<T>,
    /// What was found, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// What is known from outside the text.
pub struct Context<'c> {
    /// The ABI of the machine whose events they are.
    pub abi: &'static Abi,
    /// Constants that win over those of the text and the kernel.
    pub defines: &'c [(String, i128)],
    /// The machine.
    pub machine: &'c Machine<'c>,
}

/// The filters of all `event` statements, includes already put in their places.
#[must_use]
pub fn statements(statements: &[Statement], context: &Context<'_>) -> Checked<Vec<Filter>> {
    let mut findings = Findings::default();
    let scope = Scope::collect(statements, &mut findings);
    let abis = [context.abi];
    let constants = Constants::evaluate(&scope, &abis, context.defines, &mut findings);
    let filters = read_all(statements, &scope, &constants, context, &mut findings);
    let result = Some(filters).filter(|_| !findings.failed());
    Checked { result, diagnostics: findings.into_diagnostics(1) }
}

/// Reads the statements of events; what is wrong is recorded.
pub(crate) fn read_all<'a>(
    statements: &'a [Statement],
    scope: &Scope<'a>,
    constants: &Constants<'a>,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Vec<Filter> {
    let mut filters = Vec::new();
    for Statement { kind, .. } in statements {
        let StatementKind::Event { subsystem, name, predicate } = kind else { continue };
        let known = Some(&name.text).filter(|_| subsystem.text == SUBSYSTEM);
        let Some(record) = known.and_then(|name| Record::of_event(context.abi, name)) else {
            let fault = Fault::UnknownEvent { name: format!("{}:{}", subsystem.text, name.text) };
            let span = subsystem.span.to(name.span);
            let recorded = findings.add(span, Kind::Event(Box::new(fault)));
            findings.suggest(recorded, &name.text, events(context.abi));
            continue;
        };
        let read = match predicate {
            Some(predicate) => one(&record, predicate, scope, constants, context, findings),
            None => Some(Predicate::True),
        };
        filters.extend(read.map(|predicate| Filter { record, predicate }));
    }
    filters
}

fn one<'a>(
    record: &Record,
    predicate: &'a ast::Predicate,
    scope: &Scope<'a>,
    constants: &Constants<'a>,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<Predicate> {
    let (abi, machine) = (context.abi, context.machine);
    let mut reader = typing::Reader { record, abi, machine, scope, constants, findings, nodes: 0 };
    let read = reader.predicate(predicate)?;
    for (span, fault) in lint::lint(abi, record, &read) {
        findings.add(span, Kind::Event(Box::new(fault)));
    }
    Some(read)
}

/// The filter that one predicate is for the event of a record.
#[must_use]
pub fn predicate(
    record: &Record,
    predicate: &ast::Predicate,
    context: &Context<'_>,
) -> Checked<Filter> {
    let mut findings = Findings::default();
    let scope = Scope::collect(&[], &mut findings);
    let abis = [context.abi];
    let constants = Constants::evaluate(&scope, &abis, context.defines, &mut findings);
    let read = one(record, predicate, &scope, &constants, context, &mut findings);
    let diagnostics = findings.into_diagnostics(1);
    let sound = diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error);
    let result = read.filter(|_| sound);
    Checked {
        result: result.map(|predicate| Filter { record: record.clone(), predicate }),
        diagnostics,
    }
}

/// What there is to say about a filter that was read by the kernel's own rules.
#[must_use]
pub fn lints(abi: &'static Abi, filter: &Filter) -> Vec<Diagnostic> {
    let mut findings = Findings::default();
    for (span, fault) in lint::lint(abi, &filter.record, &filter.predicate) {
        findings.add(span, Kind::Event(Box::new(fault)));
    }
    findings.into_diagnostics(1)
}
