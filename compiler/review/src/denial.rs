//! What records of denied calls mean under a policy.

use std::collections::BTreeMap;

use filterc_abi::seccomp::ret;
use filterc_check::Budget;

use crate::near::passes;
use crate::records::{Became, Record, Who};
use crate::seen::Seen;
use crate::verdict::{Filter, NoVerdict, Outcome, Verdicts};

/// Calls that are told of as one: the same as far as they are known.
#[derive(Clone, Debug)]
pub struct Denial {
    /// The call.
    pub seen: Seen,
    /// What the records say became of it.
    pub became: Became,
    /// How many there are.
    pub count: u64,
    /// Their lines.
    pub lines: Vec<usize>,
    /// Who made them, each once.
    pub who: Vec<Who>,
    /// What the filter does with it: one outcome if that is certain.
    pub outcomes: Vec<Outcome>,
    /// Whether the filter does for some arguments what the records say.
    pub fits: bool,
}

/// What records come to under a filter.
#[derive(Clone, Debug, Default)]
pub struct Denials {
    /// The denied calls, the most frequent first.
    pub list: Vec<Denial>,
    /// Calls that the filter lets through, or that were performed.
    pub let_through: u64,
}

/// How many calls are the same, their lines, and who made them.
type Together = (u64, Vec<usize>, Vec<Who>);

/// Looks the denied calls up among records: those that say so, and, of those that do not say what
/// became of them, those that the filter may refuse.
///
/// # Errors
/// It was not found out.
pub fn denials(
    filter: Filter<'_>,
    records: &[Record],
    budget: &Budget,
) -> Result<Denials, NoVerdict> {
    let mut same: BTreeMap<(Seen, Became), Together> = BTreeMap::new();
    for record in records {
        // Where the call was made tells nothing about which calls are one.
        let instruction_pointer = crate::seen::Bits::UNKNOWN;
        let seen = Seen { instruction_pointer, ..record.seen.clone() };
        let (count, lines, who) = same.entry((seen, record.became)).or_default();
        *count = count.saturating_add(record.count);
        lines.push(record.line);
        if !who.contains(&record.who) && record.who != Who::default() {
            who.push(record.who.clone());
        }
    }
    let mut verdicts = Verdicts::new(filter, *budget);
    let mut denials = Denials::default();
    for ((seen, became), (count, lines, who)) in same {
        let outcomes = verdicts.of(&seen)?;
        let fits = outcomes.iter().any(|outcome| fits(became, outcome.ret));
        let is_denial = match became {
            Became::Action(action) => !matches!(action, ret::ALLOW | ret::LOG),
            Became::Value(value) => !passes(filterc_abi::Action::from_ret(value)),
            Became::Sigsys => true,
            // The kernel may have refused it as well.
            Became::Failed(_) => fits && outcomes.iter().any(|it| fits_error(became, it)),
            Became::Returned => false,
            Became::Unsaid => outcomes.iter().any(|outcome| !passes(outcome.action)),
        };
        if is_denial {
            let denial = Denial { seen, became, count, lines, who, outcomes, fits };
            denials.list.push(denial);
        } else {
            denials.let_through = denials.let_through.saturating_add(count);
        }
    }
    denials.list.sort_by_key(|it| (std::cmp::Reverse(it.count), it.lines.first().copied()));
    Ok(denials)
}

/// Whether an outcome is an error of that number.
fn fits_error(became: Became, outcome: &Outcome) -> bool {
    let Became::Failed(errno) = became else { return false };
    outcome.action == filterc_abi::Action::Errno(errno)
}

/// Whether a filter that returns a value does what a record says.
#[must_use]
pub fn fits(became: Became, value: u32) -> bool {
    let action = value & ret::ACTION_FULL;
    match became {
        Became::Unsaid => true,
        Became::Action(logged) => action == logged & ret::ACTION_FULL,
        Became::Value(returned) => value == returned,
        Became::Sigsys => matches!(action, ret::KILL_PROCESS | ret::KILL_THREAD | ret::TRAP),
        Became::Failed(errno) => match action {
            ret::ERRNO => value & ret::DATA == u32::from(errno),
            // The kernel, a supervisor or a tracer refused it.
            _ => !matches!(action, ret::KILL_PROCESS | ret::KILL_THREAD | ret::TRAP),
        },
        Became::Returned => {
            !matches!(action, ret::KILL_PROCESS | ret::KILL_THREAD | ret::TRAP | ret::ERRNO)
                || value == ret::ERRNO
        }
    }
}
