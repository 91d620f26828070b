//! What a filter does with a call of which perhaps not all is known: exact, for all calls that it
//! can have been.

use std::collections::BTreeMap;

use filterc_abi::{self as abi, Action, Endian};
use filterc_cbpf::Verified;
use filterc_check::{Budget, Decision, Part, Side, Unknown, outcomes};
use filterc_hir::eval::Reason;
use filterc_hir::policy::Policy;
use filterc_relate::{Extent, Subject, extent};

use crate::labels;
use crate::seen::Seen;

/// What decides.
#[derive(Clone, Copy, Debug)]
pub enum Filter<'f> {
    /// A policy, its parameters bound.
    Policy(&'f Policy),
    /// A program, of which rules are not known.
    Program(&'f Verified),
}

/// What may become of a call.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The action.
    pub action: Action,
    /// What the filter returns for it.
    pub ret: u32,
    /// For which of the arguments that are not known.
    pub extent: Extent,
    /// What decides so, in the order of the rules; nothing is known of a program's.
    pub reasons: Vec<Reason>,
}

/// Why there is no verdict.
#[derive(Clone, Debug)]
pub enum NoVerdict {
    /// It was not found out within the budget.
    Unknown(Box<Unknown>),
    /// The policy has more rules than can be told apart.
    TooManyRules,
}

/// The byte order of the machine that a call was made on; where that cannot be told, this one's.
#[must_use]
pub fn endian_of(seen: &Seen) -> Endian {
    abi::abi_by_audit_arch(seen.arch).map_or(Endian::HOST, |abi| abi.endian)
}

/// All that may become of a call: one outcome if it is certain. What lets it through comes last.
///
/// # Errors
/// It was not found out.
pub fn verdict(
    filter: Filter<'_>,
    seen: &Seen,
    budget: &Budget,
) -> Result<Vec<Outcome>, NoVerdict> {
    let decision = decision(filter, seen, endian_of(seen), budget)?;
    Ok(of_decision(filter, seen, &decision))
}

/// Verdicts on many calls: what is decided about a number is found out once.
#[derive(Debug)]
pub struct Verdicts<'f> {
    filter: Filter<'f>,
    budget: Budget,
    known: BTreeMap<(u32, i32), Decision>,
}

impl<'f> Verdicts<'f> {
    /// None yet.
    #[must_use]
    pub const fn new(filter: Filter<'f>, budget: Budget) -> Self {
        Self { filter, budget, known: BTreeMap::new() }
    }

    /// The same as [`verdict`].
    ///
    /// # Errors
    /// It was not found out.
    pub fn of(&mut self, seen: &Seen) -> Result<Vec<Outcome>, NoVerdict> {
        let key = (seen.arch, seen.nr);
        if !self.known.contains_key(&key) {
            let made = decision(self.filter, seen, endian_of(seen), &self.budget)?;
            self.known.insert(key, made);
        }
        let decision = self.known.get(&key).ok_or(NoVerdict::TooManyRules)?;
        Ok(of_decision(self.filter, seen, decision))
    }
}

/// What is left of what is decided about a number.
fn of_decision(filter: Filter<'_>, seen: &Seen, decision: &Decision) -> Vec<Outcome> {
    let (endian, nr) = (endian_of(seen), seen.nr.cast_unsigned());
    let decision = decision.given(seen.bit(endian));
    let subject = Subject { arch: seen.arch, nr, endian };
    let abi = abi::abi_of_call(seen.arch, nr);
    let meaning = |value: u32| -> (u32, Option<Reason>) {
        match filter {
            Filter::Policy(policy) => match labels::reason(value) {
                Some(reason) => (labels::action(policy, abi, reason).to_ret(), Some(reason)),
                None => (value, None),
            },
            Filter::Program(_) => (value, None),
        }
    };
    let mut found: Vec<(u32, Vec<Reason>)> = Vec::new();
    for value in decision.said().filter_map(|values| values.first()) {
        let (ret, reason) = meaning(*value);
        match found.iter_mut().find(|(other, _)| *other == ret) {
            Some((_, reasons)) => reasons.extend(reason),
            None => found.push((ret, reason.into_iter().collect())),
        }
    }
    let mut list: Vec<Outcome> = found
        .into_iter()
        .filter_map(|(ret, mut reasons)| {
            reasons.sort_by_key(order);
            let is = |values: &[u32]| values.first().is_some_and(|value| meaning(*value).0 == ret);
            let mut extent = extent(&decision, subject, &is)?;
            extent.witness = seen.completed(&extent.witness);
            Some(Outcome { action: Action::from_ret(ret), ret, extent, reasons })
        })
        .collect();
    list.sort_by_key(|outcome| (filterc_check::precedence(outcome.ret), outcome.ret));
    list
}

/// Rules in their order, then the rest.
fn order(reason: &Reason) -> u32 {
    match reason {
        Reason::Rule(rule) => rule.0,
        Reason::Default | Reason::Unknown | Reason::Foreign => u32::MAX,
    }
}

/// What is said of a number, for all arguments.
fn decision(
    filter: Filter<'_>,
    seen: &Seen,
    endian: Endian,
    budget: &Budget,
) -> Result<Decision, NoVerdict> {
    let (arch, nr) = (seen.arch, seen.nr.cast_unsigned());
    let all = |side: Side<'_>| {
        outcomes(&[side], endian, budget).map_err(|it| NoVerdict::Unknown(Box::new(it)))
    };
    let parts = match filter {
        Filter::Policy(policy) => {
            let policy = labels::labelled(&labels::only(policy, arch, nr));
            let policy = policy.ok_or(NoVerdict::TooManyRules)?.of_order(endian);
            all(Side::Policy(&policy))?
        }
        Filter::Program(program) => all(Side::Program(program))?,
    };
    let holds = |(first, last): (u32, u32), value: u32| first <= value && value <= last;
    let here = |part: &Part| holds(part.arch, arch) && holds(part.nr, nr);
    // The parts cover everything, so one is there.
    let part = parts.into_iter().find(|part| here(part));
    part.map(|part| part.decision).ok_or(NoVerdict::TooManyRules)
}
