//! Finds the numbers of a policy that have equal residuals.

use std::collections::HashMap;
use std::hash::Hash;

use filterc_hir::expr::{Predicate, Relation};
use filterc_hir::policy::{AbiPolicy, Arm, Policy, RuleId, Selector};
use filterc_hir::types::Place;

use super::group::{Entry, Group};
use crate::hash::Map;
use crate::input::Input;

/// Entries of residuals that may be looked at, over all numbers: a policy that has more is
/// far from fitting a filter.
const MAX_ENTRIES: usize = 1 << 22;

/// The groups of a policy; `None` if it is too large to look at.
pub(crate) fn groups(policy: &Policy) -> Option<Vec<Group<'_>>> {
    let mut left = MAX_ENTRIES;
    let mut groups = Vec::new();
    for part in policy.abis() {
        Finder::new(part).groups(&mut groups, &mut left)?;
    }
    Some(groups)
}

/// What of an entry tells residuals apart: the rule, the predicate, and the number if the
/// predicate depends on it.
type Key = (RuleId, u32, Option<u32>);

struct Finder<'p> {
    part: &'p AbiPolicy,
    /// Arms of single numbers, by number.
    own: Vec<Own>,
    /// Arms of every known number.
    any: Vec<usize>,
    /// By arm: its predicate as a number, equal ones alike, and whether it asks for `nr`.
    predicates: Vec<(u32, bool)>,
    by_key: Map<Vec<Key>, usize>,
    /// The key at hand, and the group of the one before: neighbours are often alike.
    key: Vec<Key>,
    latest: Option<usize>,
}

/// An arm of a single number: that, and where the arm stands. In one word they are sorted
/// quickly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Own(u64);

impl Own {
    fn new(nr: u32, arm: usize) -> Self {
        Self(u64::from(nr) << 32 | arm as u64 & 0xffff_ffff)
    }

    fn nr(self) -> u32 {
        u32::try_from(self.0 >> 32).unwrap_or_default()
    }

    fn arm(self) -> usize {
        usize::try_from(self.0 & 0xffff_ffff).unwrap_or_default()
    }
}

const TRUE: u32 = 0;
const FALSE: u32 = 1;

impl<'p> Finder<'p> {
    fn new(part: &'p AbiPolicy) -> Self {
        let mut own = Vec::with_capacity(part.arms().len());
        let mut any = Vec::new();
        let mut predicates = Vec::with_capacity(part.arms().len());
        let mut interned = HashMap::new();
        for (index, arm) in part.arms().iter().enumerate() {
            match arm.selector {
                Selector::Nr(nr) => own.push(Own::new(nr, index)),
                Selector::Known => any.push(index),
            }
            predicates.push(match &arm.predicate {
                Predicate::True => (TRUE, false),
                Predicate::False => (FALSE, false),
                predicate @ (Predicate::Not(_)
                | Predicate::And(_)
                | Predicate::Or(_)
                | Predicate::Test(_)) => (intern(&mut interned, predicate), asks_for_nr(predicate)),
            });
        }
        own.sort_unstable();
        let (by_key, key) = (Map::default(), Vec::new());
        Self { part, own, any, predicates, by_key, key, latest: None }
    }

    fn groups(mut self, groups: &mut Vec<Group<'p>>, left: &mut usize) -> Option<()> {
        let own = std::mem::take(&mut self.own);
        let calls = self.part.abi().syscalls().iter();
        let known = calls.filter(|call| call.exists_in(self.part.kernel())).map(|call| call.nr);
        let mut known = known.peekable();
        let is_any = !self.any.is_empty();
        for same in own.chunk_by(|a, b| a.nr() == b.nr()) {
            let Some(nr) = same.first().map(|own| own.nr()) else { continue };
            while let Some(unnamed) = known.next_if(|known| *known < nr) {
                if is_any {
                    self.number(unnamed, true, &[], groups, left)?;
                }
            }
            let is_known = known.next_if_eq(&nr).is_some();
            self.number(nr, is_known, same, groups, left)?;
        }
        for unnamed in known.filter(|_| is_any) {
            self.number(unnamed, true, &[], groups, left)?;
        }
        Some(())
    }

    /// Adds the group of a number, if it is new.
    fn number(
        &mut self,
        nr: u32,
        is_known: bool,
        own: &[Own],
        groups: &mut Vec<Group<'p>>,
        left: &mut usize,
    ) -> Option<()> {
        if !self.part.abi().admits(nr) {
            return Some(());
        }
        let any = if is_known { self.any.as_slice() } else { &[] };
        *left = left.checked_sub(own.len() + any.len())?;
        let arch = self.part.abi().audit_arch;
        let call = Input::of(nr.cast_signed(), arch);
        let before = std::mem::take(&mut self.key);
        let arms = || merged(own, any).filter_map(|index| self.entry(index, &call));
        // A number that the kernel lacks is a group of its own kind.
        let unknown = (!is_known).then_some((RuleId(u32::MAX), FALSE, None));
        let keys = || arms().map(|(key, _)| key).chain(unknown);
        let (key, found) = if self.latest.is_some() && keys().eq(before.iter().copied()) {
            (before, self.latest)
        } else {
            let key: Vec<Key> = keys().collect();
            let found = self.by_key.get(&key).copied();
            (key, found)
        };
        match found.and_then(|index| Some((index, groups.get_mut(index)?))) {
            Some((index, group)) => {
                group.numbers.push(nr);
                self.latest = Some(index);
            }
            None => {
                let entries = arms().map(|(_, entry)| entry).collect();
                self.latest = Some(groups.len());
                self.by_key.insert(key.clone(), groups.len());
                groups.push(Group { part: self.part, call, numbers: vec![nr], is_known, entries });
            }
        }
        self.key = key;
        Some(())
    }

    fn entry(&self, index: usize, call: &Input) -> Option<(Key, Entry<'p>)> {
        let arm: &Arm = self.part.arms().get(index)?;
        let &(id, asks_for_nr) = self.predicates.get(index)?;
        let entry = Entry { rule: arm.rule, action: arm.action, predicate: &arm.predicate };
        if !asks_for_nr {
            return Some(((arm.rule, id, None), entry));
        }
        Some(match settled(&arm.predicate, call) {
            Some(true) => ((arm.rule, TRUE, None), Entry { predicate: &Predicate::True, ..entry }),
            Some(false) => {
                ((arm.rule, FALSE, None), Entry { predicate: &Predicate::False, ..entry })
            }
            None => ((arm.rule, id, Some(call.call.nr.cast_unsigned())), entry),
        })
    }
}

fn intern<T: Hash + Eq>(known: &mut HashMap<T, u32>, new: T) -> u32 {
    let next = u32::try_from(known.len()).unwrap_or(u32::MAX).saturating_add(FALSE + 1);
    *known.entry(new).or_insert(next)
}

/// Two sorted lists of arms as one.
fn merged(own: &[Own], any: &[usize]) -> impl Iterator<Item = usize> {
    let mut own = own.iter().map(|own| own.arm()).peekable();
    let mut any = any.iter().copied().peekable();
    std::iter::from_fn(move || match (own.peek(), any.peek()) {
        (Some(a), Some(b)) if a < b => own.next(),
        (Some(_), None) => own.next(),
        (_, Some(_)) => any.next(),
        (None, None) => None,
    })
}

/// Whether a place is the same for all calls with one number on one ABI.
const fn is_fixed(place: Place) -> bool {
    matches!(place, Place::Nr | Place::Arch)
}

fn asks_for_nr(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::True | Predicate::False => false,
        Predicate::Not(inner) => asks_for_nr(inner),
        Predicate::And(parts) | Predicate::Or(parts) => parts.iter().any(asks_for_nr),
        Predicate::Test(test) => {
            let other = match test.relation() {
                Relation::Field(_, other) => Some(other.place()),
                Relation::Compare(..) | Relation::In(_) => None,
            };
            is_fixed(test.field().place()) || other.is_some_and(is_fixed)
        }
    }
}

/// What a predicate comes to, if the number and the token of a call settle it.
fn settled(predicate: &Predicate, call: &Input) -> Option<bool> {
    match predicate {
        Predicate::True => Some(true),
        Predicate::False => Some(false),
        Predicate::Not(inner) => settled(inner, call).map(|holds| !holds),
        Predicate::And(parts) => settled_parts(parts, call, false),
        Predicate::Or(parts) => settled_parts(parts, call, true),
        Predicate::Test(test) => {
            let other_is_fixed = match test.relation() {
                Relation::Field(_, other) => is_fixed(other.place()),
                Relation::Compare(..) | Relation::In(_) => true,
            };
            let is_settled = is_fixed(test.field().place()) && other_is_fixed;
            is_settled.then(|| call.holds(predicate))
        }
    }
}

/// The outcome of parts of which one that is `decisive` decides.
fn settled_parts(parts: &[Predicate], call: &Input, decisive: bool) -> Option<bool> {
    let mut all = Some(!decisive);
    for part in parts {
        match settled(part, call) {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => all = None,
        }
    }
    all
}
