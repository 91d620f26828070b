//! Actions of the kernel in the words of the language.

use filterc_abi::{Abi, Action};
use filterc_cbpf::errno::errno_name;
use filterc_grammar::ast::{self, ActionKind, Constant};
use filterc_grammar::source::Span;

use crate::arguments::names;

/// An action as a person would write it for calls of some ABIs: an errno by its name.
pub(crate) fn tree(action: Action, abis: &[&'static Abi]) -> ast::Action {
    let errno = match action {
        Action::Errno(number) => of_number(number, abis),
        Action::Allow
        | Action::Log
        | Action::Notify
        | Action::Trace(_)
        | Action::Trap(_)
        | Action::KillThread
        | Action::KillProcess => names::integer(0),
    };
    with_errno(action, errno)
}

/// The same with an errno that is written already.
pub(crate) fn with_errno(action: Action, errno: Constant) -> ast::Action {
    let data = |number: u16| (number != 0).then(|| names::integer(number.into()));
    plain(match action {
        Action::Allow => ActionKind::Allow,
        Action::Log => ActionKind::Log,
        Action::Notify => ActionKind::Notify,
        Action::Trace(number) => ActionKind::Trace(data(number)),
        Action::Trap(number) => ActionKind::Trap(data(number)),
        Action::Errno(_) => ActionKind::Errno(errno),
        Action::KillThread => ActionKind::KillThread,
        Action::KillProcess => ActionKind::KillProcess,
    })
}

/// A number by its name, if that is the name on all ABIs.
pub(crate) fn of_number(number: u16, abis: &[&'static Abi]) -> Constant {
    let is_it = |name: &&str| abis.iter().all(|abi| abi.constant(name) == Some(number.into()));
    errno_name(number).filter(is_it).map_or_else(|| names::integer(number.into()), names::named)
}

/// A kind without a place.
pub(crate) fn plain(kind: ActionKind) -> ast::Action {
    ast::Action { kind, span: Span::default() }
}

/// What calls are that get it, as a group's name.
pub(crate) const fn past(action: Action) -> &'static str {
    match action {
        Action::Allow => "allowed",
        Action::Log => "logged",
        Action::Notify => "asked",
        Action::Trace(_) => "traced",
        Action::Trap(_) => "trapped",
        Action::Errno(_) => "refused",
        Action::KillThread | Action::KillProcess => "killed",
    }
}
