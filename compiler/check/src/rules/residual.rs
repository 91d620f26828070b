//! Finds the numbers of a policy that have equal residuals.

use std::hash::{Hash, Hasher as _};
use std::ops::Range;

use filterc_hir::expr::{Predicate, Relation};
use filterc_hir::policy::{AbiPolicy, Arm, Policy, Selector};
use filterc_hir::types::Place;
use hashbrown::HashMap;

use super::group::{Entry, Group};
use crate::hash::{Map, Quick};
use crate::input::Input;

/// Entries of residuals that may be looked at, over all numbers: a policy that has more is
/// far from fitting a filter.
const MAX_ENTRIES: usize = 1 << 22;

/// Groups for which there is room from the beginning.
const MAX_ROOM: usize = 1 << 10;

/// All residuals of a policy. A policy has hundreds, most of them of one entry: what they
/// consist of lies in one list each.
#[derive(Default)]
pub(crate) struct Residuals<'p> {
    shapes: Vec<Shape<'p>>,
    entries: Vec<Entry<'p>>,
    /// Of each entry, what its predicate is.
    kinds: Vec<Kind>,
    /// Numbers, with their groups.
    numbers: Vec<(u32, u32)>,
}

/// Numbers with one residual.
struct Shape<'p> {
    part: &'p AbiPolicy,
    /// The first of them.
    nr: u32,
    is_known: bool,
    entries: Range<usize>,
    /// Another group whose residual has the same hash.
    next: Option<u32>,
}

/// What tells predicates of a rule apart: equal ones alike, and the number if the predicate depends on it.
type Kind = (u32, Option<u32>);

impl<'p> Residuals<'p> {
    /// Those of a policy; `None` if it is too large to look at.
    pub(crate) fn of(policy: &'p Policy) -> Option<Self> {
        let mut left = MAX_ENTRIES;
        let mut residuals = Self::default();
        for part in policy.abis() {
            Finder::new(part).groups(&mut residuals, &mut left)?;
        }
        Some(residuals)
    }

    /// How many groups there are.
    pub(crate) const fn len(&self) -> usize {
        self.shapes.len()
    }

    /// One of the groups.
    pub(crate) fn group(&self, index: usize) -> Option<Group<'_>> {
        let Shape { part, nr, is_known, ref entries, next: _ } = *self.shapes.get(index)?;
        Some(Group { part, nr, is_known, entries: self.entries.get(entries.clone())? })
    }

    /// All groups.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        (0..self.len()).filter_map(|index| self.group(index))
    }

    /// The numbers of a group.
    pub(crate) fn numbers(&self, index: usize) -> Vec<u32> {
        let of_group = self.numbers.iter().filter(|(_, group)| *group as usize == index);
        of_group.map(|(nr, _)| *nr).collect()
    }

    /// Whether a group's residual is the one whose entries have just been added.
    fn is_same(&self, index: u32, is_known: bool, from: usize) -> bool {
        let Some(shape) = self.shapes.get(index as usize) else { return false };
        let rules = |range: Range<usize>| {
            self.entries.get(range).unwrap_or_default().iter().map(|entry| entry.rule)
        };
        shape.is_known == is_known
            && self.kinds.get(shape.entries.clone()) == self.kinds.get(from..)
            && rules(shape.entries.clone()).eq(rules(from..self.entries.len()))
    }

    /// The hash of the residual whose entries have just been added.
    fn hash(&self, is_known: bool, from: usize) -> u64 {
        let mut hasher = Quick::default();
        is_known.hash(&mut hasher);
        let entries = self.entries.get(from..).unwrap_or_default().iter();
        for (entry, kind) in entries.zip(self.kinds.get(from..).unwrap_or_default()) {
            (entry.rule, kind).hash(&mut hasher);
        }
        hasher.finish()
    }
}

struct Finder<'p> {
    part: &'p AbiPolicy,
    /// Arms of single numbers, by number.
    own: Vec<Own>,
    /// Arms of ranges of numbers.
    ranges: Vec<(u32, u32, usize)>,
    /// Arms of every known number.
    any: Vec<usize>,
    /// By arm: its predicate as a number, equal ones of a rule alike, and whether it asks for
    /// `nr`.
    predicates: Vec<(u32, bool)>,
    /// By arm: whether its rule has no other.
    is_alone: Vec<bool>,
    /// The first group with each hash.
    by_hash: Map<u64, u32>,
    /// The group of the number before: neighbours are often alike.
    latest: Option<u32>,
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
        let (mut ranges, mut any) = (Vec::new(), Vec::new());
        let mut predicates = Vec::with_capacity(part.arms().len());
        let mut is_alone = Vec::with_capacity(part.arms().len());
        let mut interned = HashMap::new();
        let mut before: Option<&Arm> = None;
        for (index, arm) in part.arms().iter().enumerate() {
            let next = part.arms().get(index + 1);
            let is_of_same =
                |other: Option<&Arm>| other.is_some_and(|other| other.rule == arm.rule);
            let is_first = !is_of_same(before);
            is_alone.push(is_first && !is_of_same(next));
            match arm.selector {
                Selector::Nr(nr) => own.push(Own::new(nr, index)),
                Selector::Range(first, last) => ranges.push((first, last, index)),
                Selector::Known => any.push(index),
            }
            predicates.push(match &arm.predicate {
                Predicate::True => (TRUE, false),
                Predicate::False => (FALSE, false),
                predicate @ (Predicate::Not(_)
                | Predicate::And(_)
                | Predicate::Or(_)
                | Predicate::Test(_)) => {
                    // The arms of a rule stand together, and mostly have one predicate. Those
                    // of different rules are told apart by these.
                    let same = before.filter(|before| !is_first && before.predicate == *predicate);
                    let new = || {
                        let alone = is_first && !is_of_same(next);
                        let id = if alone { FALSE + 1 } else { intern(&mut interned, predicate) };
                        (id, asks_for_nr(predicate))
                    };
                    same.and(predicates.last()).copied().unwrap_or_else(new)
                }
            });
            before = Some(arm);
        }
        own.sort_unstable();
        let by_hash = Map::default();
        Self { part, own, ranges, any, predicates, is_alone, by_hash, latest: None }
    }

    fn groups(mut self, all: &mut Residuals<'p>, left: &mut usize) -> Option<()> {
        let own = std::mem::take(&mut self.own);
        all.entries.reserve(own.len());
        all.kinds.reserve(own.len());
        all.numbers.reserve(own.len());
        all.shapes.reserve(own.len().min(MAX_ROOM));
        let calls = self.part.abi().syscalls().iter();
        let known = calls.filter(|call| call.exists_in(self.part.kernel())).map(|call| call.nr);
        let mut known = known.peekable();
        let is_any = !self.any.is_empty();
        let is_covered = |this: &Self, nr: u32| is_any || this.is_in_range(nr);
        for same in own.chunk_by(|a, b| a.nr() == b.nr()) {
            let Some(nr) = same.first().map(|own| own.nr()) else { continue };
            while let Some(unnamed) = known.next_if(|known| *known < nr) {
                if is_covered(&self, unnamed) {
                    self.number(unnamed, true, &[], all, left)?;
                }
            }
            let is_known = known.next_if_eq(&nr).is_some();
            self.number(nr, is_known, same, all, left)?;
        }
        for unnamed in known {
            if is_covered(&self, unnamed) {
                self.number(unnamed, true, &[], all, left)?;
            }
        }
        self.between(&own, all, left)
    }

    fn is_in_range(&self, nr: u32) -> bool {
        self.ranges.iter().any(|(first, last, _)| *first <= nr && nr <= *last)
    }

    /// Numbers of ranges that are neither known nor named alone: one for all those between which
    /// no range begins or ends.
    fn between(&mut self, own: &[Own], all: &mut Residuals<'p>, left: &mut usize) -> Option<()> {
        let part = self.part;
        let block = part.abi().mark.map(|mark| mark.bit);
        let blocks = block.into_iter().flat_map(|bit| (0..=u32::MAX / bit).map(move |i| i * bit));
        let ends =
            self.ranges.iter().flat_map(|(first, last, _)| [Some(*first), last.checked_add(1)]);
        let mut cuts: Vec<u32> = ends.flatten().collect();
        cuts.extend(blocks.filter(|_| !self.ranges.is_empty()));
        cuts.sort_unstable();
        cuts.dedup();
        for (at, first) in cuts.iter().enumerate() {
            let last = cuts.get(at + 1).map_or(u32::MAX, |next| next - 1);
            let is_own = |nr: u32| own.binary_search_by_key(&nr, |own| own.nr()).is_ok();
            // One after the other until one is neither: there are not many that are.
            let free = (*first..=last).find(|nr| !part.has(*nr) && !is_own(*nr));
            if let Some(nr) = free.filter(|nr| self.is_in_range(*nr)) {
                self.number(nr, false, &[], all, left)?;
            }
        }
        Some(())
    }

    /// Adds the group of a number, if it is new.
    fn number(
        &mut self,
        nr: u32,
        is_known: bool,
        own: &[Own],
        all: &mut Residuals<'p>,
        left: &mut usize,
    ) -> Option<()> {
        if !self.part.abi().admits(nr) {
            return Some(());
        }
        let any = if is_known { self.any.as_slice() } else { &[] };
        *left = left.checked_sub(own.len() + any.len() + self.ranges.len())?;
        let from = all.entries.len();
        let within = |(first, last, _): &&(u32, u32, usize)| *first <= nr && nr <= *last;
        let ranges: Vec<usize> = self.ranges.iter().filter(within).map(|(.., arm)| *arm).collect();
        for index in merged(merged(own.iter().map(|own| own.arm()), ranges), any.iter().copied()) {
            if let Some((kind, entry)) = self.entry(index, nr) {
                all.entries.push(entry);
                all.kinds.push(kind);
            }
        }
        // No other number has the residual if none has one of its arms.
        let is_alone = |own: &Own| self.is_alone.get(own.arm()).is_some_and(|alone| *alone);
        let known = match own.first().is_some_and(is_alone) {
            true => Err(None),
            false => self.known(is_known, from, all),
        };
        let group = match known {
            Ok(group) => {
                all.entries.truncate(from);
                all.kinds.truncate(from);
                group
            }
            Err(next) => self.add(is_known, from, next, all)?,
        };
        // What is a group of its own so far has its first number in the shape.
        if let Some(shape) = all.shapes.get_mut(group as usize) {
            shape.nr = shape.nr.min(nr);
        }
        all.numbers.push((nr, group));
        self.latest = Some(group);
        Some(())
    }

    /// Makes a group of the residual whose entries have just been added.
    fn add(
        &self,
        is_known: bool,
        from: usize,
        next: Option<u32>,
        all: &mut Residuals<'p>,
    ) -> Option<u32> {
        let entries = from..all.entries.len();
        all.shapes.push(Shape { part: self.part, nr: u32::MAX, is_known, entries, next });
        u32::try_from(all.shapes.len() - 1).ok()
    }

    /// The group with the residual whose entries have just been added; if there is none, the
    /// next one is noted as that, and one whose hash is the same is the error.
    fn known(
        &mut self,
        is_known: bool,
        from: usize,
        all: &Residuals<'p>,
    ) -> Result<u32, Option<u32>> {
        if let Some(latest) = self.latest.filter(|latest| all.is_same(*latest, is_known, from)) {
            return Ok(latest);
        }
        let hash = all.hash(is_known, from);
        let first = self.by_hash.get(&hash).copied();
        let mut at = first;
        while let Some(index) = at {
            if all.is_same(index, is_known, from) {
                return Ok(index);
            }
            at = all.shapes.get(index as usize).and_then(|shape| shape.next);
        }
        let new = u32::try_from(all.shapes.len()).unwrap_or(u32::MAX);
        self.by_hash.insert(hash, new);
        Err(first)
    }

    fn entry(&self, index: usize, nr: u32) -> Option<(Kind, Entry<'p>)> {
        let arm: &Arm = self.part.arms().get(index)?;
        let &(id, asks_for_nr) = self.predicates.get(index)?;
        let entry = Entry { rule: arm.rule, action: arm.action, predicate: &arm.predicate };
        if !asks_for_nr {
            return Some(((id, None), entry));
        }
        let call = Input::of(nr.cast_signed(), self.part.abi().audit_arch);
        Some(match settled(&arm.predicate, &call) {
            Some(true) => ((TRUE, None), Entry { predicate: &Predicate::True, ..entry }),
            Some(false) => ((FALSE, None), Entry { predicate: &Predicate::False, ..entry }),
            None => ((id, Some(nr)), entry),
        })
    }
}

fn intern<T: Hash + Eq>(known: &mut HashMap<T, u32>, new: T) -> u32 {
    let next = u32::try_from(known.len()).unwrap_or(u32::MAX).saturating_add(FALSE + 1);
    *known.entry(new).or_insert(next)
}

/// Two sorted lists of arms as one.
fn merged(
    one: impl IntoIterator<Item = usize>,
    other: impl IntoIterator<Item = usize>,
) -> impl Iterator<Item = usize> {
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(a), Some(b)) if a < b => one.next(),
        (Some(_), None) => one.next(),
        (_, Some(_)) => other.next(),
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
