//! Values for a policy's parameters: what is asked of them, and what is said where one is
//! wrong.

use filterc_cbpf::{Param, PatchError, Table, Template, fingerprint};
use filterc_grammar::diagnostic::{Code, Diagnostic, Label, Severity};
use filterc_hir::policy::{self, Policy};

/// What a loader goes by, for a program that was made of the policy.
#[must_use]
pub fn table(policy: &Policy, template: &Template) -> Table {
    Table {
        params: params(policy).into(),
        sites: template.sites().to_vec().into(),
        program: fingerprint(template.unpatched().insns()),
    }
}

fn params(policy: &Policy) -> Vec<Param> {
    let param = |param: &policy::Param| Param {
        name: param.name.clone().into(),
        ty: param.ty.clone().into(),
        min: param.min,
        max: param.max,
    };
    policy.params().iter().map(param).collect()
}

/// The values of a policy's parameters, by position: each is given once, and fits.
///
/// # Errors
/// F0816 where one is missing, F0817 where one is surplus, F0818 where one does not fit.
pub fn values(policy: &Policy, given: &[(String, i128)]) -> Result<Vec<u64>, Box<Diagnostic>> {
    let given: Vec<(&str, i128)> =
        given.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let table = Table { params: params(policy).into(), ..Table::default() };
    table.values(&given).map_err(|error| Box::new(diagnostic(policy, &error)))
}

/// A finding for each parameter that has no value: what needs the finished program cannot go on.
#[must_use]
pub fn missing(policy: &Policy) -> Vec<Diagnostic> {
    let missing = |param: &policy::Param| {
        let (name, ty) = (param.name.clone(), param.ty.clone());
        diagnostic(policy, &PatchError::Missing { name, ty })
    };
    policy.params().iter().map(missing).collect()
}

fn diagnostic(policy: &Policy, error: &PatchError) -> Diagnostic {
    let (name, help) = match error {
        PatchError::Missing { name, .. } => {
            (Some(name), Some(format!("give it one: `--param {name}=VALUE`")))
        }
        PatchError::DoesNotFit { name, .. } => (Some(name), None),
        PatchError::Surplus { .. }
        | PatchError::OtherProgram
        | PatchError::BadSite { .. }
        | PatchError::Verify(_) => (None, None),
    };
    let found = name.and_then(|name| policy.params().iter().find(|param| param.name == *name));
    let label = |param: &policy::Param| Label { span: param.span, message: "defined here".into() };
    Diagnostic {
        code: Code(error.code()),
        severity: Severity::Error,
        message: error.to_string(),
        primary: found.map(label),
        secondary: Vec::new(),
        help: help.into_iter().collect(),
    }
}
