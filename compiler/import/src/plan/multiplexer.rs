//! Multiplexers: calls that carry others.
//!
//! In the language a rule on a call is about its part of a multiplexer, too, but not where something
//! is asked, be it the ABI: then the multiplexer has rules of its own.

use std::collections::BTreeSet;

use filterc_abi::{Abi, Action};
use filterc_grammar::ast::Predicate;

use crate::arguments::predicate;
use crate::guard::{guard, selects};
use crate::plan::model::{Callee, Multiplexers, Plan, Said};

/// The multiplexers that are decided before all else: all that carry a call with rules where they
/// are apart; else those with rules of their own, and those that carry a call which is not decided
/// alike everywhere.
pub(super) fn first(plan: &Plan, said: &[(Callee, Said)]) -> BTreeSet<&'static str> {
    let found = |name: &str| said.iter().find(|(callee, _)| is(callee, name)).map(|(_, said)| said);
    let apart = plan.multiplexers == Multiplexers::Apart;
    let subs = plan.abis.iter().flat_map(|abi| abi.sub_calls());
    subs.filter_map(|sub| {
        let carried = found(sub.name)?;
        let own = found(sub.multiplexer).is_some();
        (apart || own || carried.decided().is_none()).then_some(sub.multiplexer)
    })
    .collect()
}

fn is(callee: &Callee, name: &str) -> bool {
    matches!(callee, Callee::Name(other) if other == name)
}

/// The rules of a multiplexer for what it carries; what carries conditions is refused before.
pub(super) fn parts(
    plan: &Plan,
    multiplexer: &str,
    said: &[(Callee, Said)],
) -> Vec<(Action, Predicate)> {
    if plan.multiplexers == Multiplexers::Apart {
        return Vec::new();
    }
    let having: Vec<&'static Abi> =
        plan.abis.iter().copied().filter(|abi| abi.syscall(multiplexer).is_some()).collect();
    let mut parts: Vec<(Action, Predicate, Vec<&'static Abi>)> = Vec::new();
    for (callee, said) in said {
        for abi in &having {
            let mut subs = abi.sub_calls().iter().filter(|sub| sub.multiplexer == multiplexer);
            let Some(sub) = subs.find(|sub| is(callee, sub.name)) else { continue };
            let mut chains = said.chains.iter();
            let chain = chains.find(|(on, _)| on.contains(&abi.name)).map(|(_, chain)| chain);
            let action = match chain.map(Vec::as_slice) {
                Some([(None, action), ..]) => *action,
                Some(_) | None => continue,
            };
            let Some(selects) = selects(sub, abi) else { continue };
            match parts.iter_mut().find(|(a, s, _)| *a == action && *s == selects) {
                Some((.., on)) => on.push(abi),
                None => parts.push((action, selects, vec![abi])),
            }
        }
    }
    let rule = |(action, selects, on): (Action, Predicate, Vec<&'static Abi>)| {
        (action, predicate::and(guard(&on, &having).into_iter().chain([selects]).collect()))
    };
    parts.into_iter().map(rule).collect()
}
