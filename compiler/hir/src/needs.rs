//! Calls that a process or its C library makes unawares, and that the policy refuses only
//! because no rule names them.
//!
//! Asked of policies that have a `default`, and not of those that allow no more than
//! seccomp's strict mode does: they know what they refuse.

use filterc_abi::{Abi, Status};
use filterc_grammar::source::Span;

use crate::advice::{Advice, Need};
use crate::error::Kind;
use crate::fate::{Fates, may_pass};
use crate::findings::{Calls, Findings, Subject};
use crate::policy::{AbiPolicy, Selector};

/// A call that is needed, and by what; without calls, by every process.
const NEEDED: &[(&str, Need, &[&str])] = &[
    ("rt_sigreturn", Need::Handler, &[]),
    // Handlers without SA_SIGINFO, on ABIs that have it.
    ("sigreturn", Need::Handler, &[]),
    ("exit_group", Need::ProcessEnd, &[]),
    ("exit", Need::ThreadEnd, &["clone", "clone3"]),
    (
        "restart_syscall",
        Need::Restart,
        // Those that leave a restart block behind: they wait for some time.
        &[
            "clock_nanosleep",
            "clock_nanosleep_time64",
            "futex",
            "futex_time64",
            "nanosleep",
            "poll",
        ],
    ),
];

/// What strict mode allows.
const STRICT: &[&str] = &["exit", "read", "rt_sigreturn", "sigreturn", "write"];

/// Warns of calls that are missing, at the `default` that refuses them.
pub(crate) fn warn(parts: &[Fates<'_>], default: Option<Span>, findings: &mut Findings) {
    let Some(span) = default else { return };
    for (abi_index, fates) in parts.iter().enumerate() {
        let (part, abi) = (fates.part, fates.part.abi());
        if may_pass(part.default_action()) || is_strict(part) {
            continue;
        }
        let may_be_made = |call: &&str| {
            let call = implemented(abi, call);
            call.is_some_and(|nr| fates.of(nr).may_pass())
        };
        for &(name, need, by) in NEEDED {
            let Some(call) = abi.syscall(name).filter(|c| c.status == Status::Implemented) else {
                continue;
            };
            let fate = fates.of(call.nr);
            let refused = !fate.may_pass() && !fate.is_named();
            if refused && (by.is_empty() || by.iter().any(may_be_made)) {
                let advice = Advice::Missing { call: name, need };
                // The call is in the message.
                let subject = Subject { abi, abi_index, calls: Calls::None, used_by: None };
                findings.about(span, Kind::Advice(Box::new(advice)), subject);
            }
        }
    }
}

fn implemented(abi: &'static Abi, name: &str) -> Option<u32> {
    abi.syscall(name).filter(|call| call.status == Status::Implemented).map(|call| call.nr)
}

/// Whether nothing may pass but what strict mode allows.
fn is_strict(part: &AbiPolicy) -> bool {
    part.arms().iter().filter(|arm| may_pass(arm.action)).all(|arm| match arm.selector {
        Selector::Nr(nr) => {
            part.abi().syscall_by_nr(nr).is_some_and(|call| STRICT.contains(&call.name))
        }
        Selector::Range(..) | Selector::Known => false,
    })
}
