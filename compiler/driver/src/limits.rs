//! Errors of the stages behind the checker, as diagnostics: those stages know rules by
//! number only, so the text that a rule came from is added here.

use std::fmt;

use filterc_codegen::cbpf::TooLong;
use filterc_codegen::ebpf::EmitError;
use filterc_grammar::diagnostic::{Code, Diagnostic, Label, Severity};
use filterc_hir::policy::{Policy, RuleId};
use filterc_ir::LimitError;

fn error(code: &'static str, message: String) -> Diagnostic {
    Diagnostic {
        code: Code(code),
        severity: Severity::Error,
        message,
        primary: None,
        secondary: Vec::new(),
        help: Vec::new(),
    }
}

/// Blames a rule; where the stage knew none, the message stands alone.
fn blame(mut diagnostic: Diagnostic, policy: &Policy, rule: RuleId, label: String) -> Diagnostic {
    if let Some(origin) = policy.rules().get(rule.0 as usize) {
        let label = Label { span: origin.span, message: label };
        if diagnostic.primary.is_none() {
            diagnostic.primary = Some(label);
        } else {
            diagnostic.secondary.push(label);
        }
    }
    diagnostic
}

/// The policy is too large for a decision DAG.
pub(crate) fn too_many_nodes(policy: &Policy, limit: &LimitError) -> Box<Diagnostic> {
    let diagnostic = error(limit.code(), limit.to_string());
    Box::new(match limit.rule {
        Some(rule) => blame(diagnostic, policy, rule, "the limit is reached here".to_owned()),
        None => diagnostic,
    })
}

/// What filterc emitted does not verify: a fault of its own, and nothing is handed out.
pub(crate) fn own_fault(code: &'static str, fault: &dyn fmt::Display) -> Box<Diagnostic> {
    let mut diagnostic = error(code, format!("filterc emitted a wrong program: {fault}"));
    diagnostic.help.push("this is a fault of filterc, not of the policy: please report it".into());
    Box::new(diagnostic)
}

/// Rules that a diagnostic about length names: the first few explain it.
const RULES_SHOWN: usize = 5;

/// The program is longer than the kernel takes; the rules that cost most are named.
pub(crate) fn too_long(policy: &Policy, limit: &TooLong) -> Box<Diagnostic> {
    let mut diagnostic = error(limit.code(), limit.to_string());
    for cost in limit.costs.iter().take(RULES_SHOWN) {
        let label = format!("{} instructions are for this rule", cost.insns);
        diagnostic = blame(diagnostic, policy, cost.rule, label);
    }
    diagnostic.help.push(
        "merge rules, or test fewer values: the kernel takes no filter that is longer, but \
         several filters can be stacked"
            .to_owned(),
    );
    Box::new(diagnostic)
}

/// There is no eBPF function of the policy.
pub(crate) fn no_function(why: &EmitError) -> Box<Diagnostic> {
    let mut diagnostic = error(why.code(), why.to_string());
    diagnostic.help.push("merge rules, or test fewer values".to_owned());
    Box::new(diagnostic)
}

/// The function has more ways through it than a verifier follows.
pub(crate) fn too_complex() -> Box<Diagnostic> {
    let mut diagnostic = error(
        "F0411",
        "the eBPF function has more branches in a row than the kernel's verifier follows".into(),
    );
    diagnostic.help.push("merge rules, or test fewer values".to_owned());
    Box::new(diagnostic)
}
