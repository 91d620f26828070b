//! Calls that every process makes, whether its author knows or not.

use crate::audit::finding::{Finding, Level};
use crate::audit::view::{Fate, OfAbi, fate, passes};

pub(crate) const MISSING: &str = "F0313";

/// The calls and why they are made; the first of a line that the ABI has is meant.
const NEEDED: &[(&[&str], &str)] = &[
    (&["rt_sigreturn", "sigreturn"], "every signal handler returns by it, and crashes without"),
    (&["exit_group", "exit"], "the end of `main` makes it"),
];

/// A policy that lets no more calls through is that of seccomp's strict mode, or near it: whoever
/// writes it knows what is made.
const STRICT: usize = 6;

pub(crate) fn look(of_abi: &OfAbi<'_>, found: &mut Vec<Finding>) {
    let open = of_abi.calls.iter().filter(|(_, decision)| fate(decision) != Fate::Shut);
    if open.count() <= STRICT {
        return;
    }
    for (names, why) in NEEDED {
        let call = names.iter().find_map(|name| of_abi.call(name));
        let Some((call, decision)) = call.filter(|(_, it)| fate(it) == Fate::Shut) else {
            continue;
        };
        found.push(Finding {
            code: MISSING,
            level: Level::Warning,
            abis: vec![of_abi.abi.name],
            calls: vec![call.name],
            message: format!("`{}` is refused: {why}", call.name),
            help: Some("allow it"),
            witness: of_abi.example(call.nr, decision, &|value| !passes(value)),
        });
    }
}
