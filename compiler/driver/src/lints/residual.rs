//! Residuals: the arms that cover one number of one ABI, in rule order. Numbers with equal
//! residuals are one [`Group`], since what is true of one of them is true of all.

use std::collections::HashMap;
use std::hash::Hash;

use filterc_abi::Action;
use filterc_hir::expr::{Predicate, Relation};
use filterc_hir::policy::{AbiPolicy, Arm, Policy, RuleId, Selector};
use filterc_hir::types::Place;

use super::input::Input;
use super::search::{MAX_WANTED, Searches};
use super::table::Table;

/// Entries of residuals that may be looked at, over all numbers: a policy that has more is
/// far from fitting a filter.
const MAX_ENTRIES: usize = 1 << 22;

/// One arm of a residual.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'p> {
    pub(crate) rule: RuleId,
    pub(crate) action: Action,
    pub(crate) predicate: &'p Predicate,
}

/// Numbers of one ABI that have the same residual.
pub(crate) struct Group<'p> {
    pub(crate) part: &'p AbiPolicy,
    /// A call with the first of the numbers, all registers 0.
    pub(crate) call: Input,
    /// All of the numbers.
    pub(crate) numbers: Vec<u32>,
    /// Whether the policy's kernel has the numbers.
    pub(crate) is_known: bool,
    /// The arms that cover them, in rule order. One whose predicate is settled by the number
    /// alone has the constant for a predicate.
    pub(crate) entries: Vec<Entry<'p>>,
}

impl Group<'_> {
    /// Whether the call is one of the group, by its number and token.
    pub(crate) fn has(&self, call: &Input) -> bool {
        (self.call.call.nr, self.call.call.arch) == (call.call.nr, call.call.arch)
    }

    /// The action for a call of the group, without some of the rules.
    pub(crate) fn decide(&self, call: &Input, is_gone: impl Fn(RuleId) -> bool) -> Action {
        let mut entries = self.entries.iter().filter(|entry| !is_gone(entry.rule));
        let decides = entries.find(|entry| call.holds(entry.predicate));
        decides.map_or(self.part.default_action(), |entry| entry.action)
    }

    /// Where the entries of a rule begin and end.
    fn of(&self, rule: RuleId) -> (usize, usize) {
        let begin = self.entries.partition_point(|entry| entry.rule < rule);
        let behind = self.entries.get(begin..).unwrap_or_default();
        (begin, begin + behind.partition_point(|entry| entry.rule == rule))
    }

    /// A call that a rule decides, if a quick search finds one.
    pub(crate) fn find_decided(&self, rule: RuleId, searches: &mut Searches) -> Option<Input> {
        let (begin, end) = self.of(rule);
        // Of several arms of a rule the first is asked for, and may not be the only one.
        let entry = self.entries.get(begin..end)?.first()?;
        find_with(self.entries.get(..begin)?, Some(entry.predicate), &self.call, searches)
    }

    /// A call for which a rule's predicate fails, if a quick search finds one.
    pub(crate) fn find_failing(&self, rule: RuleId, searches: &mut Searches) -> Option<Input> {
        let (begin, end) = self.of(rule);
        find_with(self.entries.get(begin..end)?, None, &self.call, searches)
    }

    /// A call that is not allowed, if a quick search finds one.
    pub(crate) fn find_refused(&self, searches: &mut Searches) -> Option<Input> {
        let default = || find_with(&self.entries, None, &self.call, searches);
        let by_default = (self.part.default_action() != Action::Allow).then(default).flatten();
        by_default.or_else(|| {
            let mut refusing = self.entries.iter().filter(|entry| entry.action != Action::Allow);
            refusing.find_map(|entry| self.find_decided(entry.rule, searches))
        })
    }
}

/// A call for which one predicate holds, and those of other entries fail.
fn find_with<'p>(
    failing: &[Entry<'p>],
    holding: Option<&'p Predicate>,
    call: &Input,
    searches: &mut Searches,
) -> Option<Input> {
    if failing.len() > MAX_WANTED || !searches.spend(failing.len()) {
        return None;
    }
    let mut wanted: Vec<(&Predicate, bool)> = holding.map(|p| (p, true)).into_iter().collect();
    for entry in failing {
        match entry.predicate {
            Predicate::True => return None,
            Predicate::False => {}
            Predicate::Not(_) | Predicate::And(_) | Predicate::Or(_) | Predicate::Test(_) => {
                wanted.push((entry.predicate, false));
            }
        }
    }
    searches.find(&wanted, call)
}

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
    own: Vec<(u32, usize)>,
    /// Arms of every known number.
    any: Vec<usize>,
    /// By arm: its predicate as a number, equal ones alike, and whether it asks for `nr`.
    predicates: Vec<(u32, bool)>,
    by_key: Table<Vec<Key>, usize>,
    /// The key at hand.
    key: Vec<Key>,
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
                Selector::Nr(nr) => own.push((nr, index)),
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
        Self { part, own, any, predicates, by_key: Table::default(), key: Vec::new() }
    }

    fn groups(mut self, groups: &mut Vec<Group<'p>>, left: &mut usize) -> Option<()> {
        let own = std::mem::take(&mut self.own);
        for same in own.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(nr, _)) = same.first() else { continue };
            self.number(nr, self.part.has(nr), same, groups, left)?;
        }
        if self.any.is_empty() {
            return Some(());
        }
        for call in self.part.abi().syscalls() {
            let is_named = || own.binary_search_by_key(&call.nr, |(nr, _)| *nr).is_ok();
            if call.exists_in(self.part.kernel()) && !is_named() {
                self.number(call.nr, true, &[], groups, left)?;
            }
        }
        Some(())
    }

    /// Adds the group of a number, if it is new.
    fn number(
        &mut self,
        nr: u32,
        is_known: bool,
        own: &[(u32, usize)],
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
        let mut key = std::mem::take(&mut self.key);
        let arms = || merged(own, any).filter_map(|index| self.entry(index, &call));
        key.clear();
        key.extend(arms().map(|(key, _)| key));
        // A number that the kernel lacks is a group of its own kind.
        key.extend((!is_known).then_some((RuleId(u32::MAX), FALSE, None)));
        if let Some(group) = self.by_key.get(&key).and_then(|index| groups.get_mut(*index)) {
            group.numbers.push(nr);
            self.key = key;
            return Some(());
        }
        let entries = arms().map(|(_, entry)| entry).collect();
        self.by_key.insert(key, groups.len());
        groups.push(Group { part: self.part, call, numbers: vec![nr], is_known, entries });
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
fn merged(own: &[(u32, usize)], any: &[usize]) -> impl Iterator<Item = usize> {
    let mut own = own.iter().map(|(_, index)| *index).peekable();
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
