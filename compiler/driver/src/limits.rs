//! Errors of the stages behind the checker, as diagnostics: those stages know rules by
//! number only, so the text that a rule came from is added here.

use filterc_cbpf::VerifyError;
use filterc_codegen::cbpf::TooLong;
use filterc_grammar::diagnostic::{Code, Diagnostic, Severity};
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
        let label = filterc_grammar::diagnostic::Label { span: origin.span, message: label };
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
pub(crate) fn own_fault(verify: &VerifyError) -> Box<Diagnostic> {
    let mut diagnostic = error(verify.code(), format!("filterc emitted a wrong program: {verify}"));
    diagnostic.help.push("this is a fault of filterc, not of the policy: please report it".into());
    Box::new(diagnostic)
}
