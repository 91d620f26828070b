//! Recorded calls under a policy.

use std::collections::BTreeMap;

use filterc_check::Budget;
use filterc_hir::eval::Reason;
use filterc_hir::policy::RuleId;

use crate::near::passes;
use crate::records::Record;
use crate::seen::Seen;
use crate::verdict::{Filter, NoVerdict, Verdicts};

/// What recorded calls come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// How many calls each rule decides, for certain.
    pub rules: BTreeMap<RuleId, u64>,
    /// How many no rule decides.
    pub others: u64,
    /// How many are decided by one of several, by arguments that were not recorded.
    pub open: u64,
    /// How many are let through for certain.
    pub allowed: u64,
    /// Calls that are refused for certain, their addresses left out, each with how many there are.
    pub refused: BTreeMap<Seen, u64>,
}

/// Runs recorded calls through a filter.
///
/// # Errors
/// What becomes of one was not found out.
pub fn replay(
    filter: Filter<'_>,
    records: &[Record],
    budget: &Budget,
) -> Result<Replay, NoVerdict> {
    let mut same: BTreeMap<&Seen, u64> = BTreeMap::new();
    for record in records {
        *same.entry(&record.seen).or_default() += record.count;
    }
    let mut verdicts = Verdicts::new(filter, *budget);
    let mut replay = Replay::default();
    for (seen, count) in same {
        let outcomes = verdicts.of(seen)?;
        let mut reasons = outcomes.iter().flat_map(|outcome| &outcome.reasons);
        match (reasons.next(), reasons.next()) {
            (Some(Reason::Rule(rule)), None) => *replay.rules.entry(*rule).or_default() += count,
            (Some(_), None) => replay.others += count,
            (_, _) => replay.open += count,
        }
        if outcomes.iter().all(|outcome| passes(outcome.action)) {
            replay.allowed += count;
        } else if !outcomes.iter().any(|outcome| passes(outcome.action)) {
            *replay.refused.entry(seen.without_addresses()).or_default() += count;
        }
    }
    Ok(replay)
}
