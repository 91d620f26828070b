//! A policy as what programs are held against: the reference semantics on formulas.

use std::collections::BTreeMap;

use filterc_abi::{Action, Endian, SeccompData};
use filterc_hir::eval::{self, Case};
use filterc_hir::expr::{Predicate, Relation, Test};
use filterc_hir::policy::{Policy, Selector};
use filterc_hir::settled::{Settled, settled};
use filterc_hir::types::Place;

use crate::Params;
use crate::bits;
use crate::formula::Formula;
use crate::gates::{FALSE, Form, Gates, Node, Result};
use crate::layout::{ARCH, NR, Ties, WORD_BITS, WordSet, words_of};
use crate::region::{Head, Region, Span};
use crate::sample::Candidates;

/// What a policy says on machines of one byte order, where its other ABIs do not occur:
/// they are foreign there.
#[derive(Debug)]
pub(crate) struct Spec {
    policy: Policy,
    endian: Endian,
    /// What is said instead where answers to questions matter, if it is not the policy alone.
    gate: Option<Action>,
    /// By token.
    numbers: BTreeMap<u32, Numbers>,
}

/// Where the case of a number can change, under one token.
#[derive(Debug, Default)]
struct Numbers {
    /// Numbers that may have a case of their own, sorted.
    own: Vec<u32>,
    /// Where a range that a rule names begins or has ended, sorted: between numbers that have
    /// no case of their own, too, the case changes there.
    cuts: Vec<u32>,
    /// Where ABIs share the token: the bit that tells them apart.
    mark: Option<u32>,
}

impl Spec {
    pub(crate) fn new(policy: &Policy, endian: Endian) -> Self {
        let policy = policy.of_order(endian);
        let mut numbers: BTreeMap<u32, Numbers> = BTreeMap::new();
        for part in policy.abis() {
            let entry = numbers.entry(part.abi().audit_arch).or_default();
            entry.own.extend(part.abi().syscalls().iter().map(|call| call.nr));
            entry.own.extend(part.named());
            // Ranges that touch are one in `ranges`, but may be of different rules.
            for arm in part.arms() {
                if let Selector::Range(first, last) = arm.selector {
                    entry.cuts.push(first);
                    entry.cuts.extend(last.checked_add(1));
                }
            }
            // A number that a tracer skips is never marked.
            entry.own.push(u32::MAX);
            entry.mark = entry.mark.or(part.abi().mark.map(|mark| mark.bit));
        }
        for entry in numbers.values_mut() {
            entry.own.sort_unstable();
            entry.own.dedup();
            entry.cuts.sort_unstable();
            entry.cuts.dedup();
        }
        Self { policy, endian, gate: None, numbers }
    }

    /// What the kernel's part of a monitor says: what the policy does where that is the same for
    /// all answers to its questions, and everywhere else the gate.
    pub(crate) fn staged(policy: &Policy, gate: Action, endian: Endian) -> Self {
        Self { gate: Some(gate), ..Self::new(policy, endian) }
    }

    /// What is said, of what the policy says.
    fn gated(
        &self,
        functions: Vec<Node>,
        formula: &mut Formula<impl Gates>,
        form: Form,
    ) -> Result<Vec<Node>> {
        let Some(gate) = self.gate else { return Ok(functions) };
        let gates = formula.gates();
        let (mut depends, mut settled) = (FALSE, Vec::with_capacity(functions.len()));
        for function in functions {
            let (here, otherwise) = gates.unanswered(function)?;
            depends = gates.or(depends, here)?;
            settled.push(otherwise);
        }
        let gate = gates.value(gate.to_ret(), form)?;
        bits::choose(gates, depends, &gate, &settled)
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

    /// Calls back for every test of a case.
    pub(crate) fn tests<'c>(case: &'c Case<'_>, visit: &mut impl FnMut(&'c Test)) {
        for arm in &case.arms {
            each_test(&arm.predicate, visit);
        }
    }

    /// Calls back for every test of the policy.
    pub(crate) fn all_tests<'s>(&'s self, visit: &mut impl FnMut(&'s Test)) {
        for arm in self.policy.abis().iter().flat_map(|part| part.arms()) {
            each_test(&arm.predicate, visit);
        }
    }

    /// Ties the words that a test compares with each other.
    pub(crate) fn tie(&self, test: &Test, ties: &mut Ties) {
        tie(test, self.endian, ties);
    }

    /// Notes the constants that a test compares words with.
    pub(crate) fn note(&self, test: &Test, candidates: &mut Candidates) {
        let (low, high) = words_of(test.field().place(), self.endian);
        let mut note = |bits: u64| {
            let [lower, upper] =
                [bits & 0xffff_ffff, bits >> 32].map(|half| u32::try_from(half).unwrap_or(0));
            candidates.note(WordSet::one(low), lower);
            if let Some(high) = high {
                candidates.note(WordSet::one(high), upper);
            }
        };
        note(test.mask());
        match test.relation() {
            Relation::Compare(_, bits) => note(*bits),
            Relation::In(ranges) => {
                for range in ranges {
                    note(range.first());
                    note(range.last());
                }
            }
            Relation::Field(..) => {}
        }
    }

    /// A case as functions of the bits, in that form: the filter's return value.
    ///
    /// # Errors
    /// They are too large.
    pub(crate) fn functions(
        &self,
        case: &Case<'_>,
        formula: &mut Formula<impl Gates>,
        form: Form,
    ) -> Result<Vec<Node>> {
        let functions = Self::said(case, formula, form)?;
        self.gated(functions, formula, form)
    }

    /// What the policy says.
    fn said(case: &Case<'_>, formula: &mut Formula<impl Gates>, form: Form) -> Result<Vec<Node>> {
        let mut functions = formula.gates().value(case.otherwise.action.to_ret(), form)?;
        for arm in case.arms.iter().rev() {
            let holds = eval::truth(formula, &arm.predicate);
            formula.finish()?;
            let gates = formula.gates();
            let value = gates.value(arm.action.to_ret(), form)?;
            functions = bits::choose(gates, holds, &value, &functions)?;
        }
        Ok(functions)
    }

    /// The whole policy, `nr` and `arch` free.
    ///
    /// # Errors
    /// It is too large.
    pub(crate) fn whole(&self, formula: &mut Formula<impl Gates>, form: Form) -> Result<Vec<Node>> {
        let foreign = self.policy.foreign_action().to_ret();
        let mut functions = formula.gates().value(foreign, form)?;
        for (&arch, numbers) in &self.numbers {
            let is_arch = within(formula, ARCH, Span::one(arch))?;
            let mut nr = Some(0);
            while let Some(first) = nr {
                let span = numbers.around(first);
                let case = eval::case(&self.policy, arch, first);
                let values = self.functions(&case, formula, form)?;
                let is_nr = within(formula, NR, span)?;
                let gates = formula.gates();
                let here = gates.and(is_arch, is_nr)?;
                functions = bits::choose(gates, here, &values, &functions)?;
                nr = span.last.checked_add(1);
            }
        }
        Ok(functions)
    }

    /// The filter's return value for one call, the parameters having these values; `None` if it
    /// would take too long to find out.
    pub(crate) fn value(&self, call: &SeccompData, params: &Params) -> Option<u32> {
        let Some(gate) = self.gate else {
            return Some(eval::eval_with(&self.policy, params, call).to_ret());
        };
        match settled(&self.policy, params, call) {
            Settled::Always(action) => Some(action.to_ret()),
            Settled::Depends => Some(gate.to_ret()),
            Settled::Unknown => None,
        }
    }

    /// How many parameters are looked at: the position of the last, and one.
    pub(crate) fn params(&self) -> usize {
        params(&self.policy)
    }
}

/// How many parameters are looked at: the position of the last, and one.
fn params(policy: &Policy) -> usize {
    let mut count = 0;
    let mut note = |test: &Test| {
        if let Relation::Field(_, other) = test.relation()
            && let Place::Param(i) = other.place()
        {
            count = count.max(usize::from(i) + 1);
        }
    };
    for arm in policy.abis().iter().flat_map(|part| part.arms()) {
        each_test(&arm.predicate, &mut note);
    }
    count
}

/// Ties the words that a test compares with each other.
pub(crate) fn tie(test: &Test, endian: Endian, ties: &mut Ties) {
    let Relation::Field(_, other) = test.relation() else { return };
    let left = words_of(test.field().place(), endian);
    let right = words_of(other.place(), endian);
    let pairs = [Some(left.0).zip(Some(right.0)), left.1.zip(right.1)];
    for (a, b) in pairs.into_iter().flatten() {
        // nr and arch are fixed, or have their own place.
        let pair = WordSet::one(a).union(WordSet::one(b));
        if !pair.contains(NR) && !pair.contains(ARCH) {
            ties.tie(pair);
        }
    }
}

/// Calls back for every test of a predicate.
pub(crate) fn each_test<'p>(predicate: &'p Predicate, visit: &mut impl FnMut(&'p Test)) {
    match predicate {
        Predicate::True | Predicate::False => {}
        Predicate::Not(inner) => each_test(inner, visit),
        Predicate::And(parts) | Predicate::Or(parts) => {
            for part in parts {
                each_test(part, visit);
            }
        }
        Predicate::Test(test) => visit(test),
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
        let next = self.cuts.partition_point(|cut| *cut <= nr);
        let before = next.checked_sub(1).and_then(|i| self.cuts.get(i));
        let gap = gap.and(Span {
            first: before.copied().unwrap_or(0),
            last: self.cuts.get(next).map_or(u32::MAX, |cut| cut - 1),
        });
        match self.mark {
            None => gap,
            // Numbers with and without the mark stand in blocks of that size.
            Some(bit) => gap.and(Span { first: nr & !(bit - 1), last: nr | (bit - 1) }),
        }
    }
}

/// Whether a word is in a span.
fn within(formula: &mut Formula<impl Gates>, word: u8, span: Span) -> Result<Node> {
    let word = formula.data(word)?;
    let gates = formula.gates();
    let first = bits::constant(span.first.into(), WORD_BITS);
    let last = bits::constant(span.last.into(), WORD_BITS);
    let below = bits::less(gates, &word, &first)?;
    let above = bits::less(gates, &last, &word)?;
    let outside = gates.or(below, above)?;
    gates.not(outside)
}
