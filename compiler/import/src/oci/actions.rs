//! Actions: what a profile's words and errnos are for the kernel and in our text.

use filterc_abi::seccomp::MAX_ERRNO;
use filterc_abi::{Abi, Action};
use filterc_grammar::ast;

use crate::Note;
use crate::action;
use crate::arguments::names;
use crate::oci::profile::{Errno, Verdict, VerdictKind};

/// The errno of an action that names none: EPERM, which is 1 on every ABI.
const NONE_GIVEN: u16 = 1;

/// An action of the kernel, and as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) action: Action,
    pub(crate) tree: ast::Action,
}

impl Written {
    /// What calls are that get it, as a group's name.
    pub(crate) const fn past(&self) -> &'static str {
        action::past(self.action)
    }
}

/// What a profile's action is on some ABIs, the host's first.
pub(crate) fn written(verdict: &Verdict, abis: &[&'static Abi], notes: &mut Vec<Note>) -> Written {
    let mut note = |text: &str| {
        notes.push(Note { path: verdict.path.clone(), text: text.to_owned() });
    };
    if verdict.errno.is_some() && !verdict.kind.has_data() {
        note("its errno is not used: this action has none");
    }
    let (data, constant) = match &verdict.errno {
        Some(Errno::Name(name)) => (number(name, abis), names::named(name)),
        Some(Errno::Number(number)) => (*number, action::of_number(*number, abis)),
        None => (NONE_GIVEN, action::of_number(NONE_GIVEN, abis)),
    };
    // The kernel cuts an errno, and so does the policy.
    let (data, constant) = if verdict.kind == VerdictKind::Errno && data > MAX_ERRNO {
        note(&format!("the kernel cuts the errno {data} to {MAX_ERRNO}"));
        (MAX_ERRNO, names::integer(MAX_ERRNO.into()))
    } else {
        (data, constant)
    };
    let action = verdict.kind.action(data);
    Written { action, tree: action::with_errno(action, constant) }
}

fn number(name: &str, abis: &[&'static Abi]) -> u16 {
    let value = abis.first().and_then(|abi| abi.constant(name));
    value.and_then(|value| u16::try_from(value).ok()).unwrap_or(NONE_GIVEN)
}
