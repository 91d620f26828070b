//! Calls that are newer than everything that is named.

use filterc_abi::KernelVersion;

use crate::audit::finding::{Finding, Level, names};
use crate::audit::view::{Fate, OfAbi, errno, fate, only, passes};

pub(crate) const NEWER: &str = "F0384";

pub(crate) fn look(of_abi: &OfAbi<'_>, kernel: Option<KernelVersion>, found: &mut Vec<Finding>) {
    let ages = of_abi.calls.iter().filter(|(_, decision)| of_abi.is_named(decision));
    let newest = ages.filter_map(|(call, _)| call.since).max();
    let Some(known) = newest.max(kernel) else { return };
    // ENOSYS is what a kernel without the call would have said.
    let newer = of_abi.calls.iter().filter(|(call, decision)| {
        call.since.is_some_and(|since| since > known)
            && !of_abi.is_named(decision)
            && !only(decision).is_some_and(|value| of_abi.is_enosys(value))
    });
    let newer: Vec<_> = newer.collect();
    let Some((first, decision)) = newer.first() else { return };
    let list: Vec<&'static str> = newer.iter().map(|(call, _)| call.name).collect();
    let (level, fate) = match only(decision) {
        Some(value) => match errno(value) {
            Some(errno) => (Level::Note, format!("answered with {}", of_abi.errno_name(errno))),
            None if passes(value) => (Level::Warning, "let through".to_owned()),
            None => (Level::Note, "not let through".to_owned()),
        },
        None if fate(decision) == Fate::Shut => (Level::Note, "not let through".to_owned()),
        None => (Level::Warning, "let through for some arguments".to_owned()),
    };
    found.push(Finding {
        code: NEWER,
        level,
        abis: vec![of_abi.abi.name],
        calls: list.clone(),
        message: format!(
            "nothing is said of calls that came after Linux {known}, the newest that is: {} ({fate})",
            names(&list)
        ),
        help: Some("say what becomes of each; what is not needed is best answered with ENOSYS"),
        witness: of_abi.example(first.nr, decision, &|_| true),
    });
}
