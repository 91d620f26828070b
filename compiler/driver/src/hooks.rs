//! Which hooks of security modules a policy needs, and whether they can do what it says.

use filterc_abi::objects::{OBJECT_HOOKS, ObjectHook};
use filterc_abi::{Action, Endian, Fact};
use filterc_codegen::ebpf::lsm::can_do;
use filterc_grammar::diagnostic::{Code, Diagnostic, Label, Severity};
use filterc_hir::expr::{Predicate, Relation};
use filterc_hir::policy::{AbiPolicy, Policy, Selector};
use filterc_hir::types::{Field, Place};

/// The hooks at which calls come to the objects whose labels some rule asks for.
///
/// # Errors
/// F0262 if no rule asks for any, or F0263 if the policy says what no hook can do.
pub(crate) fn hooks(
    policy: &Policy,
    endian: Endian,
) -> Result<Vec<&'static ObjectHook>, Box<Diagnostic>> {
    let parts: Vec<_> = policy.abis().iter().filter(|part| part.abi().endian == endian).collect();
    let needed: Vec<_> =
        OBJECT_HOOKS.iter().filter(|hook| parts.iter().any(|part| needs(part, hook))).collect();
    if needed.is_empty() {
        return Err(Box::new(without_labels()));
    }
    match parts.iter().find_map(|part| beyond(part, policy)) {
        Some(diagnostic) => Err(Box::new(diagnostic)),
        None if !can_do(policy.foreign_action()) => {
            Err(Box::new(not_at_hooks(policy.foreign_action(), "`foreign`")))
        }
        None => Ok(needed),
    }
}

/// Whether a rule asks for the labels of an object that a hook shows.
fn needs(part: &AbiPolicy, hook: &ObjectHook) -> bool {
    part.arms().iter().filter(|arm| asks(&arm.predicate)).any(|arm| match arm.selector {
        Selector::Known | Selector::Range(..) => true,
        Selector::Nr(nr) => {
            // A call that the tables do not have may come to any hook.
            part.abi().syscall_by_nr(nr).is_none_or(|call| hook.calls.contains(&call.name))
        }
    })
}

/// Whether a predicate asks for labels.
fn asks(predicate: &Predicate) -> bool {
    let is_label = |field: &Field| field.place() == Place::Fact(Fact::Label);
    match predicate {
        Predicate::True | Predicate::False => false,
        Predicate::Not(inner) => asks(inner),
        Predicate::And(parts) | Predicate::Or(parts) => parts.iter().any(asks),
        Predicate::Test(test) => match test.relation() {
            Relation::Compare(..) | Relation::In(_) => is_label(test.field()),
            Relation::Field(_, other) => is_label(test.field()) || is_label(other),
        },
    }
}

/// The first action that no hook can do.
fn beyond(part: &AbiPolicy, policy: &Policy) -> Option<Diagnostic> {
    if let Some(arm) = part.arms().iter().find(|arm| !can_do(arm.action)) {
        let mut diagnostic = not_at_hooks(arm.action, "a rule");
        let span = policy.rules().get(arm.rule.0 as usize).map(|rule| rule.span);
        let message = "this rule says so".to_owned();
        diagnostic.primary = span.map(|span| Label { span, message });
        return Some(diagnostic);
    }
    let others = [(part.default_action(), "`default`"), (part.unknown_action(), "`unknown`")];
    let found = others.into_iter().find(|(action, _)| !can_do(*action))?;
    Some(not_at_hooks(found.0, found.1))
}

fn error(code: &'static str, message: String, help: &str) -> Diagnostic {
    Diagnostic {
        code: Code(code),
        severity: Severity::Error,
        message,
        primary: None,
        secondary: Vec::new(),
        help: vec![help.to_owned()],
    }
}

fn without_labels() -> Diagnostic {
    error(
        "F0262",
        "no rule asks for the labels of an object".to_owned(),
        "the target `lsm` is for rules such as `errno(EACCES) openat if label & NAME`; for others, \
         use a seccomp filter",
    )
}

fn not_at_hooks(action: Action, whose: &str) -> Diagnostic {
    error(
        "F0263",
        format!("a hook of security modules cannot do `{action}`, as {whose} says"),
        "it can let a call go on (`allow`, `log`), make it fail (`errno(E)`, E not 0), or kill the \
         process (`kill_process`)",
    )
}
