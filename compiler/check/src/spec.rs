//! A policy as what programs are held against: the reference semantics on formulas.

use std::collections::BTreeMap;

use filterc_abi::{Endian, SeccompData};
use filterc_hir::eval::{self, Case};
use filterc_hir::expr::{Predicate, Relation};
use filterc_hir::policy::Policy;

use crate::bits;
use crate::formula::Formula;
use crate::layout::{ARCH, NR, Ties, WordSet, words_of};
use crate::mtbdd::{Node, OverBudget};
use crate::region::{Region, Span};
use crate::term::Head;

/// What a policy says on machines of one byte order, where its other ABIs do not occur:
/// they are foreign there.
#[derive(Debug)]
pub(crate) struct Spec {
    policy: Policy,
    endian: Endian,
    /// By token.
    numbers: BTreeMap<u32, Numbers>,
}

/// Where the case of a number can change, under one token.
#[derive(Debug, Default)]
struct Numbers {
    /// Numbers that may have a case of their own, sorted.
    own: Vec<u32>,
    /// Where ABIs share the token: the bit that tells them apart.
    mark: Option<u32>,
}

impl Spec {
    pub(crate) fn new(policy: &Policy, endian: Endian) -> Self {
        let of_order = |part: &&_| -> bool {
            let part: &filterc_hir::policy::AbiPolicy = part;
            part.abi().endian == endian
        };
        let parts: Vec<_> = policy.abis().iter().filter(of_order).cloned().collect();
        let mut numbers: BTreeMap<u32, Numbers> = BTreeMap::new();
        for part in &parts {
            let entry = numbers.entry(part.abi().audit_arch).or_default();
            entry.own.extend(part.abi().syscalls().iter().map(|call| call.nr));
            entry.own.extend(part.named());
            // A number that a tracer skips is never marked.
            entry.own.push(u32::MAX);
            entry.mark = entry.mark.or(part.abi().mark.map(|mark| mark.bit));
        }
        for entry in numbers.values_mut() {
            entry.own.sort_unstable();
            entry.own.dedup();
        }
        let policy = Policy::new(parts, policy.foreign_action(), policy.rules().to_vec());
        Self { policy, endian, numbers }
    }

    /// The case of a number, and the part around it that has the same one.
    pub(crate) fn case(&self, head: Head, region: &mut Region) -> Case<'_> {
        *region = region.and(self.region(head));
        eval::case(&self.policy, head.arch, head.nr)
    }

    fn region(&self, head: Head) -> Region {
        let Some(numbers) = self.numbers.get(&head.arch) else {
            let below = self.numbers.range(..head.arch).next_back();
            let above = self.numbers.range(head.arch..).next();
            let arch = Span {
                first: below.map_or(0, |(token, _)| token + 1),
                last: above.map_or(u32::MAX, |(token, _)| token - 1),
            };
            return Region { arch, nr: Span::ALL };
        };
        Region { arch: Span::one(head.arch), nr: numbers.around(head.nr) }
    }

    /// Ties the words that predicates compare with each other.
    pub(crate) fn tie(&self, case: &Case<'_>, ties: &mut Ties) {
        for arm in &case.arms {
            self.tie_predicate(&arm.predicate, ties);
        }
    }

    /// Ties the words that any predicate compares with each other.
    pub(crate) fn tie_all(&self, ties: &mut Ties) {
        for arm in self.policy.abis().iter().flat_map(|part| part.arms()) {
            self.tie_predicate(&arm.predicate, ties);
        }
    }

    fn tie_predicate(&self, predicate: &Predicate, ties: &mut Ties) {
        match predicate {
            Predicate::True | Predicate::False => {}
            Predicate::Not(inner) => self.tie_predicate(inner, ties),
            Predicate::And(parts) | Predicate::Or(parts) => {
                for part in parts {
                    self.tie_predicate(part, ties);
                }
            }
            Predicate::Test(test) => {
                let Relation::Field(_, other) = test.relation() else { return };
                let left = words_of(test.field().place(), self.endian);
                let right = words_of(other.place(), self.endian);
                let pairs = [Some(left.0).zip(Some(right.0)), left.1.zip(right.1)];
                for (a, b) in pairs.into_iter().flatten() {
                    // nr and arch are fixed, or in their own place.
                    let pair = WordSet::one(a).union(WordSet::one(b));
                    if !pair.contains(NR) && !pair.contains(ARCH) {
                        ties.tie(pair);
                    }
                }
            }
        }
    }

    /// A case as a function of the bits: the filter's return value.
    ///
    /// # Errors
    /// It has too many nodes.
    pub(crate) fn function(
        &self,
        case: &Case<'_>,
        formula: &mut Formula<'_>,
    ) -> Result<Node, OverBudget> {
        let mut function = formula.mtbdd().value(case.otherwise.action.to_ret())?;
        for arm in case.arms.iter().rev() {
            let holds = eval::truth(formula, &arm.predicate);
            formula.finish()?;
            let value = formula.mtbdd().value(arm.action.to_ret())?;
            function = formula.mtbdd().choose(holds, value, function)?;
        }
        Ok(function)
    }

    /// The whole policy as one function, `nr` and `arch` free.
    ///
    /// # Errors
    /// It has too many nodes.
    pub(crate) fn whole(&self, formula: &mut Formula<'_>) -> Result<Node, OverBudget> {
        let mut function = formula.mtbdd().value(self.policy.foreign_action().to_ret())?;
        for (&arch, numbers) in &self.numbers {
            let is_arch = within(formula, ARCH, Span::one(arch))?;
            let mut nr = Some(0);
            while let Some(first) = nr {
                let span = numbers.around(first);
                let case = eval::case(&self.policy, arch, first);
                let value = self.function(&case, formula)?;
                let is_nr = within(formula, NR, span)?;
                let here = formula.mtbdd().and(is_arch, is_nr)?;
                function = formula.mtbdd().choose(here, value, function)?;
                nr = span.last.checked_add(1);
            }
        }
        Ok(function)
    }

    /// The filter's return value for one call.
    pub(crate) fn value(&self, call: &SeccompData) -> u32 {
        eval::eval(&self.policy, call).to_ret()
    }
}

impl Numbers {
    /// The numbers around one that have the same case.
    fn around(&self, nr: u32) -> Span {
        let above = self.own.partition_point(|own| *own < nr);
        if self.own.get(above) == Some(&nr) {
            return Span::one(nr);
        }
        let below = above.checked_sub(1).and_then(|i| self.own.get(i));
        let gap = Span {
            first: below.map_or(0, |own| own + 1),
            last: self.own.get(above).map_or(u32::MAX, |own| own - 1),
        };
        match self.mark {
            None => gap,
            // Numbers with and without the mark stand in blocks of that size.
            Some(bit) => gap.and(Span { first: nr & !(bit - 1), last: nr | (bit - 1) }),
        }
    }
}

/// Whether a word is in a span.
fn within(formula: &mut Formula<'_>, word: u8, span: Span) -> Result<Node, OverBudget> {
    let word = formula.data(word)?;
    let mtbdd = formula.mtbdd();
    let first = bits::constant(span.first.into(), 32);
    let last = bits::constant(span.last.into(), 32);
    let below = bits::less(mtbdd, &word, &first)?;
    let above = bits::less(mtbdd, &last, &word)?;
    let outside = mtbdd.or(below, above)?;
    mtbdd.not(outside)
}
