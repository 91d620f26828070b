//! Differences that read as one: the same change under the same condition, for several calls.

use std::collections::BTreeMap;

use filterc_check::Count;

use crate::difference::{Calls, Change, Condition, Kind};

/// Calls that change alike.
#[derive(Clone, Debug)]
pub struct Group {
    /// What becomes of them.
    pub kind: Kind,
    /// What the left side returns.
    pub left: u32,
    /// What the right side returns.
    pub right: u32,
    /// For which arguments.
    pub condition: Condition,
    /// Which calls: sets of them, each on the same ABIs.
    pub calls: Vec<CallSet>,
    /// How many calls these are.
    pub count: Count,
    /// The first of the changes, for its witness.
    pub example: Change,
}

/// Calls by name on some ABIs, or numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallSet {
    /// Names, sorted, and the ABIs on which they are meant.
    Named {
        /// The ABIs.
        abis: Vec<&'static str>,
        /// The calls.
        names: Vec<&'static str>,
    },
    /// Something else.
    Other(Calls),
}

/// Brings together what changes alike: what is let through first, then what else is weaker,
/// then what is refused, and so on; the largest groups first.
#[must_use]
pub fn groups(changes: &[Change]) -> Vec<Group> {
    let mut found: BTreeMap<(Kind, u32, u32, &Condition), Vec<&Change>> = BTreeMap::new();
    for change in changes {
        let key = (change.kind(), change.left, change.right, &change.condition);
        found.entry(key).or_default().push(change);
    }
    let mut groups: Vec<Group> = found
        .into_iter()
        .filter_map(|((kind, left, right, condition), members)| {
            let mut count = Count::default();
            for change in &members {
                count = count.plus(&change.count);
            }
            Some(Group {
                kind,
                left,
                right,
                condition: condition.clone(),
                calls: sets(&members),
                count,
                example: (*members.first()?).clone(),
            })
        })
        .collect();
    groups.sort_by_key(|group| {
        let size: usize = group
            .calls
            .iter()
            .map(|set| match set {
                CallSet::Named { names, .. } => names.len(),
                CallSet::Other(_) => 1,
            })
            .sum();
        (group.kind, std::cmp::Reverse(size))
    });
    groups
}

fn sets(changes: &[&Change]) -> Vec<CallSet> {
    // The ABIs of each name, then the names of each list of ABIs.
    let mut abis: BTreeMap<&'static str, Vec<&'static str>> = BTreeMap::new();
    let mut others = Vec::new();
    for change in changes {
        match &change.calls {
            Calls::Named { abi, name } => abis.entry(name).or_default().push(abi),
            calls @ (Calls::Numbers { .. } | Calls::Foreign { .. }) => {
                others.push(CallSet::Other(calls.clone()));
            }
        }
    }
    let mut names: BTreeMap<Vec<&'static str>, Vec<&'static str>> = BTreeMap::new();
    for (name, mut abis) in abis {
        abis.dedup();
        names.entry(abis).or_default().push(name);
    }
    let mut sets: Vec<CallSet> =
        names.into_iter().map(|(abis, names)| CallSet::Named { abis, names }).collect();
    sets.extend(others);
    sets
}
