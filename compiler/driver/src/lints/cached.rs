//! Calls that are allowed whatever their arguments are, but for which the program looks at
//! something that the kernel's cache does not know.
//!
//! When a filter is attached, the kernel finds out which calls it always allows, and does
//! not run it for those any more (Linux 5.11 and later, see `cbpf::const_allow`). A call
//! that several tests allow between them is allowed as well, but only if the compiler sees
//! through them does the cache know.

use std::collections::BTreeMap;

use filterc_abi::Status;
use filterc_cbpf::const_allow;
use filterc_check::rules::Facts;
use filterc_grammar::diagnostic::{Code, Diagnostic};
use filterc_hir::policy::{Policy, RuleId};

use super::codes::CODES;
use super::warn::is_within;
use crate::compiled::CompiledProgram;

const UNCACHED: Code = Code("F0323");

/// Calls that one warning names; the others are counted.
const MAX_SHOWN: usize = 8;

/// The warnings about a program. A rule about which there is a warning already gets none:
/// the one is mostly the cause of the other.
pub(crate) fn uncached(
    policy: &Policy,
    facts: &Facts,
    program: &CompiledProgram,
    told: &[Diagnostic],
) -> Vec<Diagnostic> {
    let mut by_rule: BTreeMap<RuleId, Vec<Call>> = BTreeMap::new();
    for allowed in &facts.allowed {
        let abi = allowed.abi;
        if !program.abi_names().contains(&abi.name) || abi.bitmap_len() == 0 {
            continue;
        }
        for &nr in &allowed.numbers {
            let call = abi.syscall_by_nr(nr).filter(|call| call.status == Status::Implemented);
            let Some(call) = call else { continue };
            if const_allow(program.verified(), nr.cast_signed(), abi.audit_arch) {
                continue;
            }
            let calls = by_rule.entry(allowed.asks).or_default();
            calls.push(Call { name: call.name, abi: abi.name });
        }
    }
    let mut warnings = Vec::with_capacity(by_rule.len());
    for (rule, calls) in by_rule {
        let Some(span) = policy.rules().get(rule.0 as usize).map(|origin| origin.span) else {
            continue;
        };
        let mut own = told.iter().filter(|warning| CODES.contains(&warning.code.0));
        if own.any(|told| told.primary.as_ref().is_some_and(|label| is_within(label.span, span))) {
            continue;
        }
        let message = "calls that are always allowed miss the kernel's cache";
        let calls = list(&calls, policy.abis().len() > 1);
        let label = format!("asked first, though the answer is `allow` in any case: {calls}");
        let help = "allow them in a rule without a predicate, before this one";
        warnings.push(Diagnostic::warning(UNCACHED, span, message, label).with_help(help));
    }
    warnings
}

/// A call of an ABI.
struct Call {
    name: &'static str,
    abi: &'static str,
}

/// Names of calls, with those of their ABIs if there are several.
fn list(calls: &[Call], with_abi: bool) -> String {
    let name = |call: &Call| match with_abi {
        true => format!("`{}` on `{}`", call.name, call.abi),
        false => format!("`{}`", call.name),
    };
    let shown = calls.iter().take(MAX_SHOWN).map(name).collect::<Vec<_>>().join(", ");
    match calls.len().saturating_sub(MAX_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
