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
    /// Bits up to this width are looked at, which is more.
    Wider(u8),
    /// Bits up to this width are looked at, which is less.
    Narrower(u8),
    /// The result changes by itself, or there is none in time.
    Unsteady,
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

/// How often what speaks against a recipe is looked at again: a busy machine can delay a call
/// for longer than a recipe's timer.
const TIMES: usize = 3;

/// Runs a plan. The results are sorted by call and argument.
pub(super) fn measure(plan: &Plan) -> Result<Vec<Measured>, ProbeError> {
    let mut left: Vec<&Compiled> = plan.recipes.iter().collect();
    let mut found = BTreeMap::new();
    for time in 1..=TIMES {
        let mut again = Vec::new();
        for (recipe, findings) in left.iter().zip(findings(&plan.memory, &left)?) {
            let doubtful = |finding: &Finding| matches!(finding, Finding::Wider(_));
            let unsettled = findings.iter().any(doubtful) || findings.contains(&Finding::Unsteady);
            if unsettled && time < TIMES {
                again.push(*recipe);
            } else {
                keep(&mut found, recipe, findings);
            }
        }
        left = again;
    }
    Ok(found.into_values().collect())
}

/// What each recipe says about each of its arguments.
fn findings(memory: &[u8], recipes: &[&Compiled]) -> Result<Vec<Vec<Finding>>, ProbeError> {
    let mut trials = Vec::new();
    for recipe in recipes {
        trials.extend([Trial { script: &recipe.script, flip: None }; 2]);
        for probe in &recipe.probes {
            trials.extend(masks().map(|(_, mask)| Trial {
                script: &recipe.script,
                flip: Some(Flip { step: recipe.step, arg: probe.register, mask }),
            }));
        }
    }
    let outcomes = sandboxed(memory, &trials)?;
    let mut outcomes = outcomes.as_slice();
    let mut take = |count: usize| {
        let (first, rest) = outcomes.split_at_checked(count).unwrap_or((outcomes, &[]));
        outcomes = rest;
        first
    };
    let each = recipes.iter().map(|recipe| {
        let baseline = usable(recipe, take(2));
        let probes = recipe.probes.iter().map(|probe| {
            let flipped = take(masks().count());
            match &baseline {
                Ok(baseline) => judge(recipe, probe, baseline, flipped),
                Err(finding) => finding.clone(),
            }
        });
        probes.collect()
    });
    Ok(each.collect())
}

/// Call, position of the argument, and which half of it.
type Key = (&'static str, usize, usize);

fn keep(found: &mut BTreeMap<Key, Measured>, recipe: &Compiled, findings: Vec<Finding>) {
    for (probe, finding) in recipe.probes.iter().zip(findings) {
        let position = recipe.call.args.iter().position(|arg| std::ptr::eq(arg, probe.arg));
        let half = match probe.arg.regs {
            Regs::Pair { hi, .. } => usize::from(usize::from(hi) == probe.register),
            Regs::One(_) | Regs::Invisible => 0,
        };
        let key = (recipe.call.name, position.unwrap_or(0), half);
        let (call, place) = (recipe.call.name, recipe.place.clone());
        let measured = Measured { call, arg: probe.arg, finding, place };
        match found.get_mut(&key) {
            Some(other) => merge(other, measured),
            None => {
                found.insert(key, measured);
            }
        }
    }
}

/// Of several recipes: what contradicts the table, else the strongest. That some recipe shows
/// less than another does not contradict.
fn merge(one: &mut Measured, other: Measured) {
    let rank = |finding: &Finding| match finding {
        Finding::Wider(_) => 0,
        Finding::Agrees => 1,
        Finding::Narrower(_) => 2,
        Finding::Unused => 3,
        Finding::AtMost => 4,
        Finding::Unsteady => 5,
        Finding::Failed(_) => 6,
    };
    if rank(&other.finding) < rank(&one.finding) {
        *one = other;
    }
}

/// The bits to flip, each with the index of its segment: all of it, its first and last; where bits
/// are most often ignored, every second too.
fn masks() -> impl Iterator<Item = (usize, u64)> {
    const EVERY_SECOND: [u64; 2] = [0xaaaa_aaaa_aaaa_aaaa, 0x5555_5555_5555_5555];
    let segments = BOUNDS.into_iter().zip(BOUNDS.into_iter().skip(1)).enumerate();
    segments.flat_map(|(segment, (lo, hi))| {
        let all = (u64::MAX >> (64 - (hi - lo))) << lo;
        let more = EVERY_SECOND.into_iter().filter(move |_| hi == 64);
        let patterns = [all, 1 << lo, 1 << (hi - 1)].into_iter().chain(more);
        patterns.map(move |pattern| (segment, pattern & all))
    })
}

/// The outcome without flips, if it is one that flips can be compared with.
fn usable<'a>(recipe: &Compiled, outcomes: &'a [Outcome]) -> Result<&'a Outcome, Finding> {
    let [first, second] = outcomes else { return Err(Finding::Unsteady) };
    let failed = |what: String| Err(Finding::Failed(format!("the set-up fails: {what}")));
    let steps = recipe.script.steps.iter().take(recipe.step);
    if let Some((result, step)) = first.results.iter().zip(steps).find(|(one, _)| is_error(**one)) {
        return failed(format!("{:?} returns {result}", step.action));
    }
    if first.results.len() < recipe.step {
        return failed(format!("it ends with {:?}", first.end));
    }
    if seen(recipe, first) != seen(recipe, second) || first.end == Ended::TimedOut {
        return Err(Finding::Unsteady);
    }
    match first.results.get(recipe.step) {
        Some(&ENOSYS) => Err(Finding::Failed("this kernel does not have the call".to_owned())),
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
        Mark::Unused => Finding::Wider(width),
        _ if width == expected => Finding::Agrees,
        _ if width > expected => Finding::Wider(width),
        _ if width == 0 => Finding::Failed("no bit changes the result".to_owned()),
        Mark::AtMost if expected < 64 => Finding::AtMost,
        Mark::AtMost => Finding::Failed("no bit above 31 changes the result".to_owned()),
        Mark::Exact | Mark::None => Finding::Narrower(width),
    }
}

/// Whether an argument is an address: these are counted apart.
pub(super) fn is_address(arg: &Arg) -> bool {
    matches!(arg.kind, ArgKind::Pointer | ArgKind::Address)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests say what they expect")]

    use filterc_loader::probe::Entry;

    use super::super::compile::plan;
    use super::super::recipe::parse;
    use super::*;

    /// The finding for a recipe with one marked argument whose result changes with flips in
    /// these segments.
    fn finding(text: &str, looked_at: &[usize]) -> Finding {
        let lines = parse("test", text).unwrap();
        let plan = plan(filterc_abi::x86_64(), Entry::Native, &[("test", lines)]).unwrap();
        let recipe = &plan.recipes[0];
        let outcome = |result| Outcome { results: vec![result], end: Ended::Completed };
        let flipped: Vec<Outcome> =
            masks().map(|(segment, _)| outcome(i64::from(looked_at.contains(&segment)))).collect();
        judge(recipe, &recipe.probes[0], &outcome(0), &flipped)
    }

    #[test]
    fn findings() {
        // umask.mask has 16 bits, read.count 64.
        assert_eq!(finding("umask(~0)", &[0, 1]), Finding::Agrees);
        assert_eq!(finding("umask(~0)", &[1]), Finding::Agrees);
        assert_eq!(finding("umask(~0)", &[0]), Finding::Narrower(8));
        assert_eq!(finding("umask(<0)", &[0]), Finding::AtMost);
        assert_eq!(finding("umask(<0)", &[0, 2]), Finding::Wider(32));
        assert_eq!(finding("umask(~0)", &[3]), Finding::Wider(64));
        assert_eq!(finding("umask(!0)", &[]), Finding::Unused);
        assert_eq!(finding("umask(!0)", &[0]), Finding::Wider(8));
        assert!(matches!(finding("umask(~0)", &[]), Finding::Failed(_)));
        assert_eq!(finding("read(0, 0, ~0)", &[3]), Finding::Agrees);
        assert_eq!(finding("read(0, 0, ~0)", &[0, 1, 2]), Finding::Narrower(32));
        assert!(matches!(finding("read(0, 0, <0)", &[0, 2]), Finding::Failed(_)));
        // Only success counts with `?`.
        assert!(matches!(finding("?umask(~0)", &[0, 1, 2, 3]), Finding::Failed(_)));
    }

    #[test]
    fn results_that_cannot_be_compared() {
        let lines = parse("test", "sync(); umask(~0)").unwrap();
        let plan = plan(filterc_abi::x86_64(), Entry::Native, &[("test", lines)]).unwrap();
        let with = |results: &[i64], end| Outcome { results: results.to_vec(), end };
        let both =
            |outcome: Outcome| usable(&plan.recipes[0], &[outcome.clone(), outcome]).cloned();
        let done = Ended::Completed;
        assert!(both(with(&[0, -1], done)).is_ok());
        assert_eq!(both(with(&[0], Ended::TimedOut)), Err(Finding::Unsteady));
        assert!(matches!(both(with(&[-1, 0], done)), Err(Finding::Failed(_))));
        assert!(matches!(both(with(&[], Ended::Killed(9))), Err(Finding::Failed(_))));
        assert!(matches!(both(with(&[0, ENOSYS], done)), Err(Finding::Failed(_))));
        let changing = [with(&[0, 1], done), with(&[0, 2], done)];
        assert_eq!(usable(&plan.recipes[0], &changing), Err(Finding::Unsteady));
    }

    #[test]
    fn every_bit_is_flipped_in_its_segment_only() {
        let mut seen = [0_u64; 4];
        for (segment, mask) in masks() {
            seen[segment] |= mask;
        }
        assert_eq!(seen, [0xff, 0xff00, 0xffff_0000, 0xffff_ffff_0000_0000]);
        assert_eq!(masks().count(), 14);
        assert!(masks().any(|mask| mask == (3, 1 << 63)));
    }
}
