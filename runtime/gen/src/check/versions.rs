//! First kernels of calls.

use std::collections::BTreeMap;
use std::ops::Range;

use filterc_abi::KernelVersion;

use super::findings::Findings;
use super::read::{Status, Tables};

/// These numbers are given out in the order of time, on all ABIs at once.
const COMMON: Range<u32> = 424..512;

/// Calls that came after a number above theirs: their numbers were kept for them.
const KEPT: [&str; 2] = ["close_range", "quotactl_fd"];

pub(super) fn check(tables: &Tables, found: &mut Findings) {
    let manifest = tables.texts.get("MANIFEST").map_or("", String::as_str);
    let newest = manifest.lines().find_map(|line| line.strip_prefix("kernel\t"));
    let newest: Option<KernelVersion> = newest.and_then(|version| version.parse().ok());
    let mut first: BTreeMap<u32, (&str, KernelVersion)> = BTreeMap::new();
    for abi in &tables.abis {
        let file = format!("syscalls/{}.tsv", abi.name);
        for call in tables.calls.get(&abi.name).into_iter().flatten() {
            let Some(since) = call.since else {
                // What came with the common numbers is young enough to be known.
                let young = call.status == Status::Implemented
                    && COMMON.contains(&call.nr.saturating_sub(abi.nr_base))
                    && abi.name != "alpha";
                found.expect(!young, &file, format_args!("{}: no first kernel", call.name));
                continue;
            };
            let future = newest.is_some_and(|newest| since > newest);
            found.expect(!future, &file, format_args!("{}: {since} is not yet", call.name));
            if abi.nr_base == 0 && abi.name != "alpha" && COMMON.contains(&call.nr) {
                let earliest = first.entry(call.nr).or_insert((&call.name, since));
                earliest.1 = earliest.1.min(since);
            }
        }
    }
    let in_order: Vec<_> = first.values().filter(|(name, _)| !KEPT.contains(name)).collect();
    for ((before, older), (after, newer)) in in_order.iter().zip(in_order.iter().skip(1)) {
        let what = format_args!("{after}: {newer} is before {before}: {older}");
        found.expect(older <= newer, "syscalls", what);
    }
}
