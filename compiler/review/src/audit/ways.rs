//! What one call refuses and another does.

use filterc_abi::seccomp::offset;
use filterc_abi::{Family, Syscall};
use filterc_check::{Decision, halves};

use crate::audit::finding::{Finding, Level, names};
use crate::audit::view::{Fate, OfAbi, fate, only, passes};
use crate::audit::walk::{Search, Want};

pub(crate) const LEFT_OPEN: &str = "F0311";
pub(crate) const MULTIPLEXED: &str = "F0308";

pub(crate) fn look(of_abi: &OfAbi<'_>, found: &mut Vec<Finding>) {
    for family in filterc_abi::families() {
        found.extend(left_open(of_abi, family));
    }
    multiplexed(of_abi, found);
}

/// A family of which some calls are restricted and one is not.
fn left_open(of_abi: &OfAbi<'_>, family: &'static Family) -> Option<Finding> {
    let calls = |names: &[&'static str]| -> Vec<(&'static Syscall, &Decision)> {
        names.iter().filter_map(|name| of_abi.call(name)).collect()
    };
    let own = calls(&family.calls);
    let restricted: Vec<_> =
        own.iter().filter(|(_, decision)| is_restricted(of_abi, decision)).collect();
    let (first, _) = restricted.first()?;
    let refused = restricted.iter().any(|(_, decision)| fate(decision) == Fate::Shut);
    let others = calls(&family.others);
    let open: Vec<_> = own
        .iter()
        .chain(&others)
        // What has no arguments is no way round a condition on arguments.
        .filter(|(call, it)| fate(it) == Fate::Open && (refused || !call.args.is_empty()))
        .collect();
    let (way, decision) = open.first()?;
    let list: Vec<&'static str> = open.iter().map(|(call, _)| call.name).collect();
    let restricted: Vec<&'static str> = restricted.iter().map(|(call, _)| call.name).collect();
    let how = if refused { "refused or restricted" } else { "let through for some arguments only" };
    Some(Finding {
        code: LEFT_OPEN,
        level: Level::Warning,
        abis: vec![of_abi.abi.name],
        calls: vec![first.name].into_iter().chain(list.iter().copied()).collect(),
        message: format!(
            "{}: {} {how}, but {} open whatever the arguments are",
            family.about,
            are(&restricted),
            are(&list)
        ),
        help: Some("restrict the others too, or answer them with ENOSYS"),
        witness: of_abi.example(way.nr, decision, &passes),
    })
}

fn are(list: &[&str]) -> String {
    format!("{} {}", names(list), if list.len() == 1 { "is" } else { "are" })
}

/// Whether something is said of a call that is not said of all the others, and it is not let
/// through in any case. ENOSYS sends callers to another call, which is then meant to be made.
fn is_restricted(of_abi: &OfAbi<'_>, decision: &Decision) -> bool {
    let sent_back = only(decision).is_some_and(|value| of_abi.is_enosys(value));
    fate(decision) != Fate::Open && !sent_back && of_abi.is_named(decision)
}

/// Calls that are restricted, while one that carries them in memory is not.
fn multiplexed(of_abi: &OfAbi<'_>, found: &mut Vec<Finding>) {
    let mut multiplexers: Vec<&'static str> =
        of_abi.abi.sub_calls().iter().map(|sub| sub.multiplexer).collect();
    multiplexers.dedup();
    for multiplexer in multiplexers {
        let Some((through, decision)) = of_abi.call(multiplexer) else { continue };
        if fate(decision) == Fate::Shut {
            continue;
        }
        let subs = of_abi.abi.sub_calls().iter().filter(|sub| sub.multiplexer == multiplexer);
        let restricted = subs.filter(|sub| {
            let direct = of_abi.call(sub.name);
            direct.is_some_and(|(_, direct)| {
                is_restricted(of_abi, direct) && carries(of_abi, decision, sub.value)
            })
        });
        let list: Vec<&'static str> = restricted.map(|sub| sub.name).collect();
        if list.is_empty() {
            continue;
        }
        found.push(Finding {
            code: MULTIPLEXED,
            level: Level::Error,
            abis: vec![of_abi.abi.name],
            calls: list.clone(),
            message: format!(
                "{} restricted, but `{multiplexer}` makes the same calls, with arguments in memory",
                are(&list)
            ),
            help: Some("refuse what `socketcall` and `ipc` carry as well: filterc does by itself"),
            witness: of_abi.example(through.nr, decision, &passes),
        });
    }
}

/// Whether a multiplexer is let through with a number of a call inside.
fn carries(of_abi: &OfAbi<'_>, decision: &Decision, value: u32) -> bool {
    let (low, high) = halves(offset::ARGS, of_abi.endian);
    let fixed = [(low, u32::MAX, value), (high, u32::MAX, 0)];
    Search::new(decision).find(&Want { fixed: &fixed, is: &passes }).is_some()
}
