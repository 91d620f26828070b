//! The calls at which a policy's decision can change, and their neighbours.
//!
//! For every constant c of a policy: c − 1, c and c + 1 in the field it is compared with,
//! with the bits above the field's width all zero, one, and all one, and with the sign bit
//! flipped; for every mask, each of its bits and its complement; every system-call number
//! that the policy tells apart and the numbers around it, the x32 and skipped ones; a foreign
//! ABI. Values of several arguments are combined at random, with a fixed seed.

use std::collections::{BTreeMap, BTreeSet};

use filterc_abi::SeccompData;
use filterc_hir::expr::{Predicate, Relation, Test};
use filterc_hir::policy::{AbiPolicy, Policy, Selector};
use filterc_hir::types::{Field, Place};

use crate::rng::Rng;

/// Words of a call that a value can be put into: six arguments and the instruction pointer.
type Candidates = [BTreeSet<u64>; 7];

const IP: usize = 6;

/// Numbers around which ABIs keep their own kinds of calls.
const LANDMARKS: [u32; 12] = [
    0,
    511,
    547,
    0x3fff_ffff,
    0x4000_0000,
    0x4000_0001,
    0x7fff_ffff,
    0x8000_0000,
    0xbfff_ffff,
    0xc000_0000,
    0xffff_fffe,
    0xffff_ffff,
];

/// Of the numbers that have no tests but those of `any`, one in so many gets all its calls…
const ALL_OF_ANY: usize = 16;

/// … and the others one call for so many: they have the same residual, mostly.
const LESS_OF_ANY: usize = 64;

/// Calls worth trying on a policy. At most about `per_number` calls for each number that
/// has tests of arguments, one for the others.
#[must_use]
pub fn calls(policy: &Policy, per_number: usize) -> Vec<SeccompData> {
    let mut rng = Rng::new(1);
    let mut calls = Vec::new();
    for part in policy.abis() {
        let tests = Tests::of(part);
        for (position, nr) in numbers(part).into_iter().enumerate() {
            let at = SeccompData {
                nr: nr.cast_signed(),
                arch: part.abi().audit_arch,
                ..SeccompData::default()
            };
            let sampled = !tests.by_number.contains_key(&nr) && position % ALL_OF_ANY != 0;
            if sampled {
                tests.sample(part, at, per_number.div_ceil(LESS_OF_ANY), &mut rng, &mut calls);
            } else {
                tests.around(part, at, per_number, &mut rng, &mut calls);
            }
        }
    }
    calls.extend(foreign(policy));
    calls
}

/// The numbers that a policy tells apart, and their neighbours.
#[must_use]
pub fn numbers(part: &AbiPolicy) -> BTreeSet<u32> {
    let known = part.abi().syscalls().iter().map(|call| call.nr);
    let ends = part.arms().iter().filter_map(|arm| match arm.selector {
        Selector::Range(first, last) => Some([first, last]),
        Selector::Nr(_) | Selector::Known => None,
    });
    let named = part.named().iter().copied().chain(ends.flatten());
    let known = known.chain(named).chain(LANDMARKS);
    let mut numbers: BTreeSet<u32> =
        known.flat_map(|nr| [nr.wrapping_sub(1), nr, nr.wrapping_add(1)]).collect();
    if let Some(mark) = part.abi().mark {
        // The numbers of the ABI that shares its token.
        let others: Vec<u32> = numbers.iter().map(|nr| nr ^ mark.bit).collect();
        numbers.extend(others);
    }
    numbers
}

/// Calls with a foreign token, at most about so many.
const MAX_FOREIGN: usize = 4096;

/// Numbers of every listed ABI under tokens that the policy does not list.
fn foreign(policy: &Policy) -> Vec<SeccompData> {
    let listed: BTreeSet<u32> = policy.abis().iter().map(|part| part.abi().audit_arch).collect();
    let mut tokens: BTreeSet<u32> = filterc_abi::abis().iter().map(|abi| abi.audit_arch).collect();
    tokens.extend([0, u32::MAX]);
    tokens.extend(listed.iter().flat_map(|token| [token ^ 1, token ^ 0x4000_0000, token + 1]));
    let numbers: BTreeSet<u32> = policy.abis().iter().flat_map(numbers).collect();
    let stride = (numbers.len() * tokens.len()).div_ceil(MAX_FOREIGN).max(1);
    let calls = tokens.difference(&listed).zip(0..).flat_map(|(&arch, position)| {
        // Each token with other numbers.
        let numbers = numbers.iter().skip(position % stride).step_by(stride);
        numbers.map(move |nr| SeccompData { nr: nr.cast_signed(), arch, ..SeccompData::default() })
    });
    calls.collect()
}

/// Interesting values by number; those of `any` arms count for every number.
struct Tests {
    any: Candidates,
    by_number: BTreeMap<u32, Candidates>,
    by_range: Vec<(u32, u32, Candidates)>,
}

impl Tests {
    fn of(part: &AbiPolicy) -> Self {
        let (by_number, by_range) = (BTreeMap::new(), Vec::new());
        let mut tests = Self { any: Candidates::default(), by_number, by_range };
        for arm in part.arms() {
            match arm.selector {
                Selector::Known => collect(&arm.predicate, &mut tests.any),
                Selector::Nr(nr) => {
                    collect(&arm.predicate, tests.by_number.entry(nr).or_default());
                }
                Selector::Range(first, last) => {
                    let mut candidates = Candidates::default();
                    collect(&arm.predicate, &mut candidates);
                    tests.by_range.push((first, last, candidates));
                }
            }
        }
        tests
    }

    fn around(
        &self,
        part: &AbiPolicy,
        at: SeccompData,
        limit: usize,
        rng: &mut Rng,
        calls: &mut Vec<SeccompData>,
    ) {
        calls.push(at);
        let words = self.words(part, at);
        // One word at a time, the others 0 …
        for (index, values) in words.iter().enumerate() {
            calls.extend(values.iter().map(|&value| with(at, index, value)));
        }
        // … and all words at random.
        combine(&words, at, limit, rng, calls);
    }

    /// The call alone, and some with all words at random.
    fn sample(
        &self,
        part: &AbiPolicy,
        at: SeccompData,
        limit: usize,
        rng: &mut Rng,
        calls: &mut Vec<SeccompData>,
    ) {
        calls.push(at);
        combine(&self.words(part, at), at, limit, rng, calls);
    }

    /// For each word, its interesting values in calls with that number.
    fn words(&self, part: &AbiPolicy, at: SeccompData) -> Vec<Vec<u64>> {
        let nr = at.nr.cast_unsigned();
        let mut own = self.by_number.get(&nr).cloned().unwrap_or_default();
        for (first, last, candidates) in &self.by_range {
            if *first <= nr && nr <= *last {
                own.iter_mut().zip(candidates).for_each(|(own, more)| own.extend(more));
            }
        }
        let any = if part.has(nr) { self.any.clone() } else { Candidates::default() };
        own.iter().zip(&any).map(|(own, any)| own.union(any).copied().collect()).collect()
    }
}

/// Calls with all words at random; those that the policy does not look at hold anything.
fn combine(
    words: &[Vec<u64>],
    at: SeccompData,
    limit: usize,
    rng: &mut Rng,
    calls: &mut Vec<SeccompData>,
) {
    let total: usize = words.iter().map(Vec::len).sum();
    for _ in 0..limit.min(total * 16) {
        let mut call = at;
        for (index, values) in words.iter().enumerate() {
            let value = rng.pick(values).copied().unwrap_or_else(|| rng.next());
            call = with(call, index, value);
        }
        calls.push(call);
    }
}

fn with(mut call: SeccompData, index: usize, value: u64) -> SeccompData {
    match call.args.get_mut(index) {
        Some(arg) => *arg = value,
        None => call.instruction_pointer = value,
    }
    call
}

fn collect(predicate: &Predicate, candidates: &mut Candidates) {
    match predicate {
        Predicate::True | Predicate::False => (),
        Predicate::Not(inner) => collect(inner, candidates),
        Predicate::And(parts) | Predicate::Or(parts) => {
            for part in parts {
                collect(part, candidates);
            }
        }
        Predicate::Test(test) => collect_test(test, candidates),
    }
}

fn collect_test(test: &Test, candidates: &mut Candidates) {
    let mut constants = BTreeSet::from([0, u64::MAX]);
    match test.relation() {
        Relation::Compare(_, value) => constants.extend([*value]),
        Relation::In(ranges) => {
            constants.extend(ranges.iter().flat_map(|range| [range.first(), range.last()]));
        }
        Relation::Field(_, other) => {
            constants.extend([1, 2, 0x7fff_ffff, 0x8000_0000, 1 << 63]);
            put(other, &constants, candidates);
        }
    }
    if test.mask() != test.field().ty().mask() {
        let values: Vec<u64> = constants.iter().copied().collect();
        constants.extend([test.mask(), !test.mask()]);
        constants.extend(values.iter().flat_map(|value| [value | !test.mask()]));
        constants.extend((0..64).map(|bit| 1 << bit).filter(|bit| bit & test.mask() != 0));
    }
    put(test.field(), &constants, candidates);
}

/// Puts the constants and their neighbours into the words that carry a field.
fn put(field: &Field, constants: &BTreeSet<u64>, candidates: &mut Candidates) {
    let width = field.ty().width();
    let sign = 1 << (width - 1);
    let near = constants.iter().flat_map(|&c| [c, c.wrapping_sub(1), c.wrapping_add(1), c ^ sign]);
    for value in near.map(|value| value & field.ty().mask()) {
        match field.place() {
            // What is given with the call is not the call's.
            Place::Nr | Place::Arch | Place::Fact(_) | Place::Answer(_) | Place::Param(_) => (),
            Place::InstructionPointer => insert(candidates, IP, value),
            Place::Arg(i) => {
                let i = usize::from(i);
                insert(candidates, i, value);
                if width < 64 {
                    // The kernel ignores what is above; a filter that looks is wrong.
                    for above in [1, 1 << (32 - width.min(32)), u64::MAX >> width] {
                        insert(candidates, i, value | (above << width));
                    }
                }
            }
            Place::Pair { lo, hi } => {
                for above in [0, 1 << 32, u64::MAX << 32] {
                    insert(candidates, usize::from(lo), (value & 0xffff_ffff) | above);
                    insert(candidates, usize::from(hi), (value >> 32) | above);
                }
            }
        }
    }
}

fn insert(candidates: &mut Candidates, index: usize, value: u64) {
    if let Some(values) = candidates.get_mut(index) {
        values.insert(value);
    }
}
