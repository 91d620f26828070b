//! Sets of calls by the names of groups.

use std::collections::BTreeSet;

use filterc_abi as abi;

/// No smaller group is worth its name.
const SMALLEST: usize = 4;

/// Takes from a set of calls those of groups that are in it as a whole, the largest first, and
/// returns the groups. Of a group, what counts are the calls that exist.
pub fn named(names: &mut BTreeSet<String>, exists: &dyn Fn(&str) -> bool) -> Vec<&'static str> {
    let mut known: Vec<(&str, Vec<&str>)> = abi::groups()
        .iter()
        .map(|group| (group.name, group.calls.iter().copied().filter(|it| exists(it)).collect()))
        .collect();
    known.sort_by_key(|(name, calls): &(&str, Vec<&str>)| (std::cmp::Reverse(calls.len()), *name));
    let mut found = Vec::new();
    for (name, calls) in known {
        if calls.len() >= SMALLEST && calls.iter().all(|call| names.contains(*call)) {
            names.retain(|own| !calls.contains(&own.as_str()));
            found.push(name);
        }
    }
    found
}
