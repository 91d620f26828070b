//! Tests of bits, for what is left of a search: a few segments, with gaps between them.
//!
//! A test of bits takes apart what order cannot: odd from even, a marked ABI from the others,
//! a set of numbers from its neighbours. On both sides of it the segments shrink to what is
//! still possible, and those of one target grow together. A test is taken if both sides are
//! then searched by order, by a chain, or by one more test of bits that leaves nothing.

use super::interval::{chain, chain_tree};
use super::segment::{Ask, Costs, Segment, Target, Tree};

/// The most segments that are looked at.
pub(super) const SEGMENTS: usize = 12;

/// Bits that differ in a list whose every mask is tried; of others, those that tell one
/// target from all others.
const DIFFERING: u32 = 5;

/// A search of a list, and what it costs.
pub(super) struct Found {
    pub(super) cost: f64,
    pub(super) depth: u32,
    pub(super) mask: u32,
}

/// The cheapest search that begins with a test of bits, if there is one below a limit of
/// `cost + worst · depth`.
pub(super) fn cheapest(segments: &[Segment], costs: Costs, limit: f64) -> Option<Found> {
    let weight: f64 = segments.iter().map(|segment| segment.weight).sum();
    if weight + costs.size + costs.worst >= limit {
        return None;
    }
    let (mut none, mut some) = (Vec::with_capacity(SEGMENTS), Vec::with_capacity(SEGMENTS));
    let mut best: Option<Found> = None;
    let mut best_key = limit;
    for mask in masks(segments) {
        split(segments, mask, &mut none, &mut some);
        if none.is_empty() || some.is_empty() {
            continue;
        }
        let Some((none, some)) = simple(&none, costs, true).zip(simple(&some, costs, true)) else {
            continue;
        };
        let cost = weight + costs.size + none.cost + some.cost;
        let depth = 1 + none.depth.max(some.depth);
        let key = cost + costs.worst * f64::from(depth);
        if key < best_key {
            best_key = key;
            best = Some(Found { cost, depth, mask });
        }
    }
    best
}

/// The search that begins with a test of these bits.
pub(super) fn tree(segments: &[Segment], mask: u32, costs: Costs) -> Option<Tree> {
    let (mut none, mut some) = (Vec::new(), Vec::new());
    split(segments, mask, &mut none, &mut some);
    Some(Tree::ask(Ask::NoneOf(mask), simple_tree(&none, costs)?, simple_tree(&some, costs)?))
}

/// The masks that are tried, each once.
fn masks(segments: &[Segment]) -> Vec<u32> {
    let mut masks = Vec::new();
    let any = segments.iter().fold(0, |bits, segment| bits | any_of(segment));
    let every = segments.iter().fold(u32::MAX, |bits, segment| bits & every_of(segment));
    let differing = any & !every;
    if differing.count_ones() <= DIFFERING {
        // Every part of the bits, from all of them to the lowest.
        let mut mask = differing;
        while mask != 0 {
            masks.push(mask);
            mask = (mask - 1) & differing;
        }
        return masks;
    }
    let mut targets: Vec<Target> = Vec::with_capacity(4);
    for target in segments.iter().map(|segment| segment.target) {
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    for target in targets {
        let others = segments.iter().filter(|segment| segment.target != target);
        // A number with one of these leads to the target.
        let mask = differing & !others.clone().fold(0, |bits, segment| bits | any_of(segment));
        if mask != 0 && !masks.contains(&mask) {
            masks.push(mask);
        }
        // A number without one of these does.
        let all = differing & others.fold(u32::MAX, |bits, segment| bits & every_of(segment));
        if all != 0 {
            let highest = 1 << all.ilog2();
            if !masks.contains(&highest) {
                masks.push(highest);
            }
        }
    }
    masks
}

/// Bits that differ within a segment, and those below.
const fn varying(segment: &Segment) -> u32 {
    let differing = segment.first ^ segment.last;
    if differing == 0 { 0 } else { u32::MAX >> differing.leading_zeros() }
}

/// Bits that some number of a segment has.
const fn any_of(segment: &Segment) -> u32 {
    segment.last | varying(segment)
}

/// Bits that every number of a segment has.
const fn every_of(segment: &Segment) -> u32 {
    segment.first & !varying(segment)
}

/// The segments among the numbers with no bit of a mask, and among those with one.
fn split(segments: &[Segment], mask: u32, none: &mut Vec<Segment>, some: &mut Vec<Segment>) {
    none.clear();
    some.clear();
    for segment in segments {
        let Segment { first, last, .. } = *segment;
        let without = first_without(first, mask).filter(|number| *number <= last);
        let with = first_with(first, mask).filter(|number| *number <= last);
        // Where both are possible each is taken to be as likely.
        let weight =
            if without.is_some() && with.is_some() { segment.weight / 2.0 } else { segment.weight };
        if let Some(first) = without {
            let last = last_without(last, mask);
            push(none, Segment { first, last, weight, ..*segment });
        }
        if let Some(first) = with {
            let last = last_with(last, mask);
            push(some, Segment { first, last, weight, ..*segment });
        }
    }
}

/// Adds a segment, to the one before it if they lead to the same.
pub(super) fn push(segments: &mut Vec<Segment>, segment: Segment) {
    match segments.last_mut() {
        Some(before) if before.target == segment.target => {
            before.last = segment.last;
            before.weight += segment.weight;
        }
        Some(_) | None => segments.push(segment),
    }
}

/// The first number from this one on that has no bit of a mask.
fn first_without(number: u32, mask: u32) -> Option<u32> {
    let mut number = number;
    while number & mask != 0 {
        // The highest bit that must go takes all below it along, and carries.
        let bit = 1 << (number & mask).ilog2();
        number = (number & !(bit - 1)).checked_add(bit)?;
    }
    Some(number)
}

/// The last number up to this one that has no bit of a mask; 0 has none.
const fn last_without(number: u32, mask: u32) -> u32 {
    if number & mask == 0 {
        return number;
    }
    let bit = 1 << (number & mask).ilog2();
    (number & !(bit | (bit - 1))) | ((bit - 1) & !mask)
}

/// The first number from this one on that has a bit of a mask.
const fn first_with(number: u32, mask: u32) -> Option<u32> {
    if number & mask != 0 {
        return Some(number);
    }
    if mask == 0 {
        return None;
    }
    let bit = 1 << mask.trailing_zeros();
    Some((number & !(bit - 1)) | bit)
}

/// The last number up to this one that has a bit of a mask, if there is one.
const fn last_with(number: u32, mask: u32) -> u32 {
    if number & mask != 0 || mask == 0 {
        return number;
    }
    let bit = 1 << mask.trailing_zeros();
    (number & !(bit - 1)).saturating_sub(1)
}

/// A search of a list without gaps in it that matter.
struct Simple {
    cost: f64,
    depth: u32,
    shape: Shape,
}

enum Shape {
    Found,
    Split(u32),
    Chain,
    Bits(u32),
}

fn simple(segments: &[Segment], costs: Costs, with_bits: bool) -> Option<Simple> {
    let weight = || segments.iter().map(|segment| segment.weight).sum::<f64>();
    match segments {
        [] => None,
        [_] => Some(Simple { cost: 0.0, depth: 0, shape: Shape::Found }),
        [_, above] => {
            let cost = weight() + costs.size;
            Some(Simple { cost, depth: 1, shape: Shape::Split(above.first) })
        }
        _ => {
            let perfect = || {
                let mask = perfect(segments)?;
                let cost = weight() + costs.size;
                Some(Simple { cost, depth: 1, shape: Shape::Bits(mask) })
            };
            let chain = || {
                let chain = chain(segments.iter(), costs)?;
                let (cost, depth) = (chain.cost, u32::from(chain.depth));
                Some(Simple { cost, depth, shape: Shape::Chain })
            };
            with_bits.then(perfect).flatten().or_else(chain)
        }
    }
}

fn simple_tree(segments: &[Segment], costs: Costs) -> Option<Tree> {
    let at = |index: usize| segments.get(index).map(|segment| Tree::Found(segment.target));
    match simple(segments, costs, true)?.shape {
        Shape::Found => at(0),
        Shape::Split(pivot) => Some(Tree::ask(Ask::AtLeast(pivot), at(1)?, at(0)?)),
        Shape::Chain => chain_tree(segments.iter()),
        Shape::Bits(mask) => {
            let (mut none, mut some) = (Vec::new(), Vec::new());
            split(segments, mask, &mut none, &mut some);
            let found = |side: &[Segment]| side.first().map(|first| Tree::Found(first.target));
            Some(Tree::ask(Ask::NoneOf(mask), found(&none)?, found(&some)?))
        }
    }
}

/// The mask that tells two targets apart at once, if there is one.
fn perfect(segments: &[Segment]) -> Option<u32> {
    let one = segments.first()?.target;
    let other = segments.iter().find(|segment| segment.target != one)?.target;
    if segments.iter().any(|segment| segment.target != one && segment.target != other) {
        return None;
    }
    [one, other].into_iter().find_map(|without| {
        let of = segments.iter().filter(|segment| segment.target == without);
        let mask = !of.fold(0, |bits, segment| bits | any_of(segment));
        let has_one = |segment: &Segment| {
            segment.target == without
                || first_without(segment.first, mask).is_none_or(|number| number > segment.last)
        };
        (mask != 0 && segments.iter().all(has_one)).then_some(mask)
    })
}
