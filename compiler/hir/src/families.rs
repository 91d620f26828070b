//! Families of calls of which a policy restricts some and leaves another one open.
//!
//! A call is restricted if a rule names it and it is not simply allowed. Refused with
//! ENOSYS it is not: that tells callers to take another call. Nor is a newer call that is
//! refused in favour of an older one. One that only `default` refuses says nothing about what
//! the policy wants of the family.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use filterc_abi::{Abi, Family, Status, Syscall};
use filterc_grammar::source::Span;
use hashbrown::HashMap;

use crate::advice::Advice;
use crate::error::Kind;
use crate::expr::Predicate;
use crate::fallback;
use crate::fate::{Fate, Fates, Step, is_enosys, is_open, may_pass};
use crate::findings::Findings;
use crate::policy::{AbiPolicy, RuleId, Selector};

/// What was found of one family, over all ABIs.
#[derive(Default)]
struct Leak {
    restricted: Vec<&'static str>,
    open: Vec<&'static str>,
    /// The first rule that restricts.
    by: Option<RuleId>,
    /// What lets the others through; `None` is `default` or `unknown`.
    through: Vec<Option<RuleId>>,
}

/// Warns of families with a call that is restricted and one that is open, once for each.
pub(crate) fn warn(
    parts: &[Fates<'_>],
    spans: &[Span],
    default: Option<Span>,
    findings: &mut Findings,
) {
    let mut leaks: BTreeMap<&str, (&'static Family, Leak)> = BTreeMap::new();
    for fates in parts {
        for family in touched(fates.part) {
            let (_, leak) = leaks.entry(family.name).or_insert_with(|| (family, Leak::default()));
            leak.look(fates, family);
        }
    }
    let span = |rule: RuleId| spans.get(rule.0 as usize).copied();
    for (family, leak) in leaks.into_values() {
        let Some(by) = leak.by.and_then(span).filter(|_| !leak.open.is_empty()) else { continue };
        let through = leak.through.into_iter().filter_map(|rule| rule.map_or(default, span));
        let secondary: Vec<_> =
            through.filter(|span| *span != by).map(|span| (span, "this leaves it open")).collect();
        let Leak { restricted, open, .. } = leak;
        let advice = Advice::LeftOpen { about: family.about, restricted, open };
        findings.because(by, Kind::Advice(Box::new(advice)), &secondary);
    }
}

/// Families of calls that some rule names and does not simply allow.
fn touched(part: &AbiPolicy) -> Vec<&'static Family> {
    let mut families: Vec<&'static Family> = Vec::new();
    let mut last = None;
    for arm in part.arms() {
        let plain = is_open(arm.action) && arm.predicate == Predicate::True;
        if plain || last == Some(arm.selector) {
            continue;
        }
        last = Some(arm.selector);
        let mut touch = |call: &Syscall| {
            for &family in by_call().get(call.name).into_iter().flatten() {
                if !families.iter().any(|known| known.name == family.name) {
                    families.push(family);
                }
            }
        };
        match arm.selector {
            Selector::Nr(nr) => part.abi().syscall_by_nr(nr).into_iter().for_each(touch),
            Selector::Range(first, last) => {
                let within = |call: &&Syscall| first <= call.nr && call.nr <= last;
                part.abi().syscalls().iter().filter(within).for_each(&mut touch);
            }
            Selector::Known => {}
        }
    }
    families
}

/// The families by their calls.
fn by_call() -> &'static HashMap<&'static str, Vec<&'static Family>> {
    static BY_CALL: OnceLock<HashMap<&'static str, Vec<&'static Family>>> = OnceLock::new();
    BY_CALL.get_or_init(|| {
        let mut by_call: HashMap<_, Vec<&'static Family>> = HashMap::new();
        for family in filterc_abi::families() {
            for call in &family.calls {
                by_call.entry(*call).or_default().push(family);
            }
        }
        by_call
    })
}

impl Leak {
    fn look(&mut self, of: &Fates<'_>, family: &'static Family) {
        let abi = of.part.abi();
        let fates = |names: &[&'static str]| -> Vec<(&'static Syscall, Fate)> {
            let calls = names.iter().filter_map(|name| abi.syscall(name));
            let calls = calls.filter(|call| call.status == Status::Implemented);
            calls.map(|call| (call, of.of(call.nr))).collect()
        };
        let calls = fates(&family.calls);
        let restricted: Vec<_> =
            calls.iter().filter(|(call, fate)| is_restricted(call, fate, abi)).collect();
        if restricted.is_empty() {
            return;
        }
        let others = fates(&family.others);
        let refused = restricted.iter().any(|(_, fate)| fate.only().is_some());
        // What has no arguments is no way round a condition on arguments (`vfork` for
        // `clone` without namespaces).
        let is_way = |call: &Syscall| refused || !call.args.is_empty();
        let all = calls.iter().chain(&others);
        let open: Vec<_> = all.filter(|(call, fate)| fate.is_open() && is_way(call)).collect();
        if open.is_empty() {
            return;
        }
        let rules = restricted.iter().flat_map(|(_, fate)| &fate.steps).filter(|step| step.named);
        let first = rules.filter_map(|step| step.rule).min();
        self.by = self.by.into_iter().chain(first).min();
        for (call, _) in restricted {
            add(&mut self.restricted, call.name);
        }
        for (call, fate) in open {
            add(&mut self.open, call.name);
            if let Some(Step { rule, .. }) = fate.steps.last() {
                add(&mut self.through, *rule);
            }
        }
    }
}

fn is_restricted(call: &Syscall, fate: &Fate, abi: &'static Abi) -> bool {
    // Whoever refuses a newer call, often since its arguments are out of sight,
    // wants the older one made.
    let sent_back = |Step { action, .. }: Step| {
        is_enosys(action, abi) || (!may_pass(action) && fallback::older(abi, call.name).is_some())
    };
    fate.is_named() && !fate.is_open() && !fate.only().is_some_and(sent_back)
}

fn add<T: PartialEq>(list: &mut Vec<T>, new: T) {
    if !list.contains(&new) {
        list.push(new);
    }
}
