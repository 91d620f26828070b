//! Calls that a policy names though its `kernel` does not have them yet.
//!
//! That is no mistake: such a call is decided by its rule. It is told, once for a policy,
//! since `any` and `unknown` treat other calls of its age otherwise. Only names in the
//! policy's own file count: a library is written for many kernels.

use filterc_abi::{Abi, KernelVersion};
use filterc_grammar::ast::{Call, Statement, StatementKind};
use filterc_grammar::source::{FileId, Span};

use crate::advice::Advice;
use crate::error::Kind;
use crate::findings::Findings;
use crate::policy::AbiPolicy;

/// How many places are shown.
const MAX_PLACES: usize = 3;

/// Warns at the `kernel` statement, if there is one.
pub(crate) fn warn(
    statements: &[Statement],
    parts: &[AbiPolicy],
    kernel: Option<Span>,
    findings: &mut Findings,
) {
    // Version 0 stands for one that the parser has refused.
    let Some(span) = kernel.filter(|_| parts.iter().all(|part| part.kernel().major > 0)) else {
        return;
    };
    let lacks = |part: &AbiPolicy| {
        let mut newer = part.abi().syscalls().iter().filter(|call| !call.exists_in(part.kernel()));
        newer.any(|call| part.names(call.nr))
    };
    if !parts.iter().any(lacks) {
        return;
    }
    let mut calls: Vec<(&'static str, KernelVersion)> = Vec::new();
    let mut places = Vec::new();
    for name in statements.iter().filter(|s| s.span.file == FileId(0)).flat_map(named) {
        let Some((call, since)) = newer(parts, &name.text) else { continue };
        if !calls.iter().any(|(known, _)| *known == call) {
            calls.push((call, since));
            places.push((name.span, "named here"));
        }
    }
    if let Some(kernel) = parts.first().map(AbiPolicy::kernel).filter(|_| !calls.is_empty()) {
        places.truncate(MAX_PLACES);
        let advice = Advice::NewerCalls { kernel, calls };
        findings.because(span, Kind::Advice(Box::new(advice)), &places);
    }
}

/// The calls that a statement names.
fn named(statement: &Statement) -> impl Iterator<Item = &filterc_grammar::ast::Name> {
    let calls: &[Call] = match &statement.kind {
        StatementKind::Rule(rule) => &rule.calls,
        StatementKind::Group(_, calls) | StatementKind::Racy(calls) => calls,
        StatementKind::Arch(_)
        | StatementKind::Kernel(_)
        | StatementKind::Default(_)
        | StatementKind::Unknown(_)
        | StatementKind::Foreign(_)
        | StatementKind::Include(_)
        | StatementKind::Const(..)
        | StatementKind::Let(..)
        | StatementKind::Label(..)
        | StatementKind::Require(_)
        | StatementKind::Param(..)
        | StatementKind::Test(..)
        | StatementKind::Sequence(..)
        | StatementKind::Event { .. }
        | StatementKind::Error => &[],
    };
    calls.iter().filter_map(|call| match call {
        Call::Name(name) => Some(name),
        Call::Group(_) | Call::Versioned(..) | Call::Any(_) => None,
        Call::Number(..) | Call::Range(..) => None,
    })
}

/// The call, and the first kernel that has it on a listed ABI, if none has it in the policy's.
fn newer(parts: &[AbiPolicy], name: &str) -> Option<(&'static str, KernelVersion)> {
    let on = |abi: &'static Abi| abi.syscall(name);
    let calls: Vec<_> = parts.iter().filter_map(|part| Some((part, on(part.abi())?))).collect();
    if calls.iter().any(|(part, call)| part.has(call.nr)) {
        return None;
    }
    let first = calls.iter().filter_map(|(_, call)| Some((call.name, call.since?)));
    first.min_by_key(|(_, since)| *since)
}
