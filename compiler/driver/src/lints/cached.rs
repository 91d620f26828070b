//! Calls that are allowed whatever their arguments are, but for which the program looks at
//! something that the kernel's cache does not know.
//!
//! When a filter is attached, the kernel finds out which calls it always allows, and does
//! not run it for those any more (Linux 5.11 and later, see `cbpf::const_allow`). A call
//! that several tests allow between them is allowed as well, but only if the compiler sees
//! through them does the cache know.

use std::collections::BTreeMap;

use filterc_abi::{Abi, Status};
use filterc_cbpf::{const_allow, const_allow::const_stop};
use filterc_grammar::diagnostic::{Code, Diagnostic};
use filterc_hir::policy::{Policy, RuleId};

use super::CODES;
use super::facts::Facts;
use super::warn::is_within;
use crate::pipeline::CompiledProgram;

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
    let mut by_rule: BTreeMap<RuleId, Vec<String>> = BTreeMap::new();
    for allowed in &facts.allowed {
        let abi = allowed.abi;
        if !program.abi_names().contains(&abi.name) || !has_cache(abi) {
            continue;
        }
        for &nr in &allowed.numbers {
            let call = abi.syscall_by_nr(nr).filter(|call| call.status == Status::Implemented);
            let Some(call) = call else { continue };
            if const_allow(program.verified(), nr.cast_signed(), abi.audit_arch) {
                continue;
            }
            // The rule that the instruction is there for at which the kernel gives up.
            let stop = const_stop(program.verified(), nr.cast_signed(), abi.audit_arch);
            let origin = stop.and_then(|pc| program.origin().get(pc).copied().flatten());
            let name = if policy.abis().len() > 1 {
                format!("`{}` on `{}`", call.name, abi.name)
            } else {
                format!("`{}`", call.name)
            };
            by_rule.entry(origin.unwrap_or(allowed.asks)).or_default().push(name);
        }
    }
    let warnings = by_rule.into_iter().filter_map(|(rule, calls)| {
        let span = policy.rules().get(rule.0 as usize)?.span;
        let mut own = told.iter().filter(|warning| CODES.contains(&warning.code.0));
        if own.any(|told| told.primary.as_ref().is_some_and(|label| is_within(label.span, span))) {
            return None;
        }
        let message = format!("always allowed, but not in the kernel's cache: {}", list(&calls));
        let label = "what this rule asks is asked in vain: the answer is `allow` in any case";
        let help = "allow such calls in a rule without a predicate, before this one";
        Some(Diagnostic::warning(UNCACHED, span, message, label).with_help(help))
    });
    warnings.collect()
}

fn list(calls: &[String]) -> String {
    let shown = calls.iter().take(MAX_SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match calls.len().saturating_sub(MAX_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Whether kernels keep a cache for the ABI: where `arch/*/include/asm/seccomp.h` says which
/// is native, or compat, which is everywhere but on mips. Marked numbers (x32) are beyond it.
fn has_cache(abi: &Abi) -> bool {
    let is_marked = abi.mark.is_some_and(|mark| mark.set);
    abi.filters_since.is_some() && abi.kernel_arch != "mips" && !is_marked
}
