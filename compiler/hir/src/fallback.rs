//! Newer calls that callers give up for an older one if the kernel says ENOSYS, and only
//! then. Refused with another errno they take the function away with them.

use filterc_abi::Abi;
use filterc_grammar::source::Span;

use crate::advice::Advice;
use crate::arms::Rule;
use crate::error::Kind;
use crate::fate::{Fates, is_enosys, may_pass};
use crate::findings::{Calls, Findings, Subject};

/// A call and the ones that callers fall back on.
struct Fallback {
    call: &'static str,
    /// In order of preference; the first that the ABI has counts.
    older: &'static [&'static str],
    /// Whether the C library itself asks for it first, so that programs meet it unawares.
    of_libc: bool,
}

/// What glibc's `clone-internal.c`, `faccessat.c` and `statx.c` do: they look for ENOSYS and
/// pass every other error on.
const FALLBACKS: &[Fallback] = &[
    // posix_spawn and pthread_create. The flags are in memory, so that filters must refuse it.
    Fallback { call: "clone3", older: &["clone"], of_libc: true },
    // faccessat, whatever its flags are.
    Fallback { call: "faccessat2", older: &["faccessat"], of_libc: true },
    // Container runtimes and sandboxing libraries make it; its flags are in memory, too.
    Fallback { call: "openat2", older: &["openat"], of_libc: false },
    // statx and, with 32 bits, all of stat.
    Fallback { call: "statx", older: &["newfstatat", "fstatat64"], of_libc: false },
];

/// The call that callers fall back on, if the ABI has it.
pub(crate) fn older(abi: &'static Abi, call: &str) -> Option<&'static str> {
    let fallback = FALLBACKS.iter().find(|fallback| fallback.call == call)?;
    fallback.older.iter().copied().find(|older| abi.syscall(older).is_some())
}

/// Warns of errnos on which nobody falls back, though the older call may be made.
pub(crate) fn warn(
    rules: &[Rule<'_, '_>],
    parts: &[Fates<'_>],
    default: Option<Span>,
    findings: &mut Findings,
) {
    for (abi_index, fates) in parts.iter().enumerate() {
        let abi = fates.part.abi();
        for &Fallback { call, of_libc, .. } in FALLBACKS {
            let Some((refused, older)) = abi.syscall(call).zip(older(abi, call)) else { continue };
            let Some(step) = fates.of(refused.nr).only() else { continue };
            if !matches!(step.action, filterc_abi::Action::Errno(_)) || is_enosys(step.action, abi)
            {
                continue;
            }
            let rule = step.rule.and_then(|rule| rules.get(rule.0 as usize));
            let span = match rule {
                Some(rule) => Some(rule.action.span),
                None => default.filter(|_| of_libc),
            };
            let wanted = abi.syscall(older).map(|older| fates.of(older.nr));
            // By default: only if a rule shows that the older one is meant to work.
            let wanted = wanted.is_some_and(|fate| {
                let mut steps = fate.steps.iter();
                steps.any(|step| may_pass(step.action) && (rule.is_some() || step.named))
            });
            if let Some(span) = span.filter(|_| wanted) {
                let advice = Advice::NoFallback { call, older, by_default: rule.is_none() };
                let subject = Subject { abi, abi_index, calls: Calls::One(refused), used_by: None };
                findings.about(span, Kind::Advice(Box::new(advice)), subject);
            }
        }
    }
}
