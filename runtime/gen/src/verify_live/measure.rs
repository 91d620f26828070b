//! Scripts run with bits flipped, and the widths that follow.

use std::collections::BTreeMap;

use filterc_abi::{Arg, ArgKind, Regs};
use filterc_loader::probe::ProbeError;
use filterc_loader::probe::script::{Ended, Flip, Outcome, Trial, sandboxed};

use super::compile::{Compiled, Plan, Probe};
use super::recipe::Mark;

/// The widths that can be told apart: bits from one bound to the next are flipped together and
/// singly.
const BOUNDS: [u8; 5] = [0, 8, 16, 32, 64];

/// What a probe says about its argument.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finding {
    /// Bits up to the table's width are looked at, none above.
    Agrees,
    /// No bit above the table's width is looked at; the recipe cannot show that those below are.
    AtMost,
    /// No bit is looked at, as the recipe claims.
    Unused,
    /// Bits up to this width are looked at, which is another.
    Differs(u8),
    /// Nothing could be told.
    Failed(String),
}

/// What is known of one argument, from all its recipes.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) call: &'static str,
    pub(super) arg: &'static Arg,
    pub(super) finding: Finding,
    /// Where the recipe is.
    pub(super) place: String,
}

/// Runs a plan. The results are sorted by call and argument.
pub(super) fn measure(plan: &Plan) -> Result<Vec<Measured>, ProbeError> {
    let mut trials = Vec::new();
    for recipe in &plan.recipes {
        trials.extend([Trial { script: &recipe.script, flip: None }; 2]);
        for probe in &recipe.probes {
            trials.extend(masks().map(|(_, mask)| Trial {
                script: &recipe.script,
                flip: Some(Flip { step: recipe.step, arg: probe.register, mask }),
            }));
        }
    }
    let outcomes = sandboxed(&plan.memory, &trials)?;
    let mut outcomes = outcomes.as_slice();
    let mut take = |count: usize| {
        let (first, rest) = outcomes.split_at_checked(count).unwrap_or((outcomes, &[]));
        outcomes = rest;
        first
    };
    let mut found: BTreeMap<(&str, usize, usize), Measured> = BTreeMap::new();
    for recipe in &plan.recipes {
        let baseline = usable(recipe, take(2));
        for probe in &recipe.probes {
            let flipped = take(masks().count());
            let finding = match &baseline {
                Ok(baseline) => judge(recipe, probe, baseline, flipped),
                Err(reason) => Finding::Failed(reason.clone()),
            };
            let position = recipe.call.args.iter().position(|arg| std::ptr::eq(arg, probe.arg));
            let half = match probe.arg.regs {
                Regs::Pair { hi, .. } => usize::from(usize::from(hi) == probe.register),
                Regs::One(_) | Regs::Invisible => 0,
            };
            let key = (recipe.call.name, position.unwrap_or(0), half);
            let result = Measured {
                call: recipe.call.name,
                arg: probe.arg,
                finding,
                place: recipe.place.clone(),
            };
            match found.get_mut(&key) {
                Some(other) => merge(other, result),
                None => {
                    found.insert(key, result);
                }
            }
        }
    }
    Ok(found.into_values().collect())
}

/// Of several recipes: what differs, else the strongest.
fn merge(one: &mut Measured, other: Measured) {
    let rank = |finding: &Finding| match finding {
        Finding::Differs(_) => 0,
        Finding::Agrees => 1,
        Finding::Unused => 2,
        Finding::AtMost => 3,
        Finding::Failed(_) => 4,
    };
    if rank(&other.finding) < rank(&one.finding) {
        *one = other;
    }
}

/// The bits to flip, each with the index of its segment.
fn masks() -> impl Iterator<Item = (usize, u64)> {
    BOUNDS.into_iter().zip(BOUNDS.into_iter().skip(1)).enumerate().flat_map(
        |(segment, (lo, hi))| {
            let all = (u64::MAX >> (64 - (hi - lo))) << lo;
            let patterns =
                [u64::MAX, 0xaaaa_aaaa_aaaa_aaaa, 0x5555_5555_5555_5555, 1 << lo, 1 << (hi - 1)];
            patterns.into_iter().map(move |pattern| (segment, pattern & all))
        },
    )
}

/// The outcome without flips, if it is one that flips can be compared with.
fn usable<'a>(recipe: &Compiled, outcomes: &'a [Outcome]) -> Result<&'a Outcome, String> {
    let [first, second] = outcomes else { return Err("it was not run".to_owned()) };
    let before = first.results.iter().take(recipe.step);
    if let Some(failed) =
        before.clone().zip(&recipe.script.steps).find(|(result, _)| is_error(**result))
    {
        return Err(format!("the set-up fails: {:?} returns {}", failed.1.action, failed.0));
    }
    if first.results.len() < recipe.step {
        return Err(format!("the set-up ends early: {:?}", first.end));
    }
    if seen(recipe, first) != seen(recipe, second) {
        return Err(format!("the result changes by itself: {first:?}, {second:?}"));
    }
    match (first.results.get(recipe.step), first.end) {
        (Some(&ENOSYS), _) => Err("this kernel does not have the call".to_owned()),
        (_, Ended::TimedOut) => Err("it does not return".to_owned()),
        _ => Ok(first),
    }
}

const ENOSYS: i64 = -38;

fn is_error(result: i64) -> bool {
    (-4095..0).contains(&result)
}

/// What counts of an outcome: the results from the probed step on, and the end.
fn seen(recipe: &Compiled, outcome: &Outcome) -> (Vec<i64>, Ended) {
    let results = outcome.results.iter().zip(&recipe.success).skip(recipe.step);
    let results = results.map(|(result, success)| match success {
        true if !is_error(*result) => 0,
        _ => *result,
    });
    (results.collect(), outcome.end)
}

fn judge(recipe: &Compiled, probe: &Probe, baseline: &Outcome, flipped: &[Outcome]) -> Finding {
    let baseline = seen(recipe, baseline);
    let changing = masks().zip(flipped).filter(|(_, outcome)| seen(recipe, outcome) != baseline);
    let last = changing.map(|((segment, _), _)| segment).max();
    let width = last.and_then(|segment| BOUNDS.get(segment + 1)).copied().unwrap_or(0);
    // Of a pair, each register carries half.
    let expected = match probe.arg.regs {
        Regs::Pair { .. } => 32,
        Regs::One(_) | Regs::Invisible => probe.arg.width,
    };
    match probe.mark {
        Mark::Unused if width == 0 => Finding::Unused,
        Mark::Unused => Finding::Differs(width),
        _ if width == expected => Finding::Agrees,
        _ if width > expected => Finding::Differs(width),
        _ if width == 0 => Finding::Failed("no bit changes the result".to_owned()),
        Mark::AtMost if expected < 64 => Finding::AtMost,
        Mark::AtMost => Finding::Failed("no bit above 31 changes the result".to_owned()),
        Mark::Exact | Mark::None => Finding::Differs(width),
    }
}

/// Whether an argument is an address: these are counted apart.
pub(super) fn is_address(arg: &Arg) -> bool {
    matches!(arg.kind, ArgKind::Pointer | ArgKind::Address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_flipped_in_its_segment_only() {
        let mut seen = [0_u64; 4];
        for (segment, mask) in masks() {
            seen[segment] |= mask;
        }
        assert_eq!(seen, [0xff, 0xff00, 0xffff_0000, 0xffff_ffff_0000_0000]);
        assert_eq!(masks().count(), 20);
        assert!(masks().any(|mask| mask == (3, 1 << 63)));
    }
}
