//! Tests of bits, for what is left of a search: a few segments, with gaps between them.
//!
//! A test of bits takes apart what order cannot: odd from even, a marked ABI from the others,
//! a set of numbers from its neighbours. On both sides of it the segments shrink to what is
//! still possible, and those of one target grow together. A test is taken if both sides are
//! then searched by order, by a chain, or by one more test of bits that leaves nothing.

use super::chain::{chain, chain_tree};
use super::segment::{
    Ask, Costs, MARK, Segment, Target, Tree, boundary, merge, merge_all, quarter_of,
};

/// The most segments that are looked at.
pub(super) const SEGMENTS: usize = 12;

/// Bits that differ in a list whose every mask is tried; of others, those that tell one
/// target from all others.
const DIFFERING: u32 = 4;

/// Segments that are searched in all ways; where there are more, in a chain.
const FEW: usize = 4;

/// A number lighter than this part of a list is not asked for first.
const HEAVY: f64 = 0.2;

/// The bits that differ within segments that are not long.
const LONG: u32 = 0x3f;

/// A search of a list, and what it costs.
pub(super) struct Found {
    pub(super) cost: f64,
    pub(super) depth: u16,
    pub(super) mask: u32,
}

/// The cheapest search that begins with a test of bits, if there is one below a limit of
/// `cost + worst · depth`; `solve` says what the search of a side costs, and how deep it is, if
/// that is below a limit too, and may merge what leads to one target.
pub(super) fn cheapest(
    segments: &[Segment],
    costs: Costs,
    limit: f64,
    solve: impl Fn(&mut Vec<Segment>, f64) -> Option<(f64, u16)>,
) -> Option<Found> {
    let weight: f64 = segments.iter().map(|segment| segment.weight).sum();
    let here = weight + costs.size;
    if here + costs.worst >= limit {
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
        // What is left costs a question at least, if it is not one target's.
        let least = |side: &[Segment]| {
            if is_one(side) {
                return 0.0;
            }
            side.iter().map(|segment| segment.weight).sum::<f64>() + costs.size
        };
        let rest = best_key - here - costs.worst;
        let (least_none, least_some) = (least(&none), least(&some));
        if least_none + least_some >= rest {
            continue;
        }
        let Some(none) = solve(&mut none, rest - least_some) else { continue };
        let Some(some) = solve(&mut some, rest - none.0) else { continue };
        let cost = here + none.0 + some.0;
        let depth = 1 + none.1.max(some.1);
        let key = cost + costs.worst * f64::from(depth);
        if key < best_key {
            best_key = key;
            best = Some(Found { cost, depth, mask });
        }
    }
    best
}

/// Whether all lead to one target.
fn is_one(segments: &[Segment]) -> bool {
    let first = segments.first().map(|segment| segment.target);
    segments.iter().all(|segment| Some(segment.target) == first)
}

/// The masks that are tried, each once.
fn masks(segments: &[Segment]) -> Vec<u32> {
    let mut masks = Vec::new();
    let differing = differing(segments.iter());
    // A long segment has numbers with all kinds of low bits, so what those could tell of it is
    // nothing; its high bits may tell it from all others.
    let short = || segments.iter().filter(|segment| varying(segment) <= LONG);
    let low = self::differing(short());
    if low.count_ones() <= DIFFERING {
        // Every part of the bits, from all of them to none.
        let mut mask = low;
        // What all short ones have tells none of them from a long one.
        let any = short().fold(0, |bits, segment| bits | any_of(segment));
        let high = differing & !low & !any;
        loop {
            let both = [mask, mask | high];
            let count = if high == 0 { 1 } else { 2 };
            masks.extend(both.into_iter().take(count).filter(|mask| *mask != 0));
            if mask == 0 {
                return masks;
            }
            mask = (mask - 1) & low;
        }
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

/// Bits that some numbers have and others have not.
fn differing<'s>(segments: impl Iterator<Item = &'s Segment>) -> u32 {
    let all = segments.fold((0, u32::MAX), |(any, every), segment| {
        (any | any_of(segment), every & every_of(segment))
    });
    all.0 & !all.1
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
pub(super) fn split(
    segments: &[Segment],
    mask: u32,
    none: &mut Vec<Segment>,
    some: &mut Vec<Segment>,
) {
    none.clear();
    some.clear();
    for segment in segments {
        if segment.is_single() {
            (if segment.first & mask == 0 { &mut *none } else { &mut *some }).push(*segment);
            continue;
        }
        let (without, with) = if segment.crosses {
            let low = Segment { last: MARK - 1, ..*segment };
            let high = Segment { first: 2 * MARK, ..*segment };
            let both = |of: &dyn Fn(&Segment) -> Option<(u32, u32)>| match (of(&low), of(&high)) {
                (Some((first, _)), Some((_, last))) => Some((first, last)),
                (one, other) => one.or(other),
            };
            (both(&|part| without(part, mask)), both(&|part| with(part, mask)))
        } else {
            (without(segment, mask), with(segment, mask))
        };
        // Where both are possible each is taken to be as likely.
        let weight =
            if without.is_some() && with.is_some() { segment.weight / 2.0 } else { segment.weight };
        let part = |(first, last)| {
            let crosses = segment.crosses && quarter_of(first) < quarter_of(last);
            Segment { first, last, weight, crosses, ..*segment }
        };
        none.extend(without.map(part));
        some.extend(with.map(part));
    }
}

/// The first and the last number of a segment that has no bit of a mask.
fn without(segment: &Segment, mask: u32) -> Option<(u32, u32)> {
    let first = first_without(segment.first, mask).filter(|number| *number <= segment.last);
    first.map(|first| (first, last_without(segment.last, mask)))
}

/// The first and the last number of a segment that has a bit of a mask.
fn with(segment: &Segment, mask: u32) -> Option<(u32, u32)> {
    let first = first_with(segment.first, mask).filter(|number| *number <= segment.last);
    first.map(|first| (first, last_with(segment.last, mask)))
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

/// A search of what is left on one side.
struct Simple {
    cost: f64,
    depth: u16,
    shape: Shape,
}

enum Shape {
    Found,
    /// At the start of this segment.
    Split(usize),
    /// By this segment's number.
    Is(usize),
    Chain,
    Bits(u32),
}

/// What the best search of a few segments costs that asks for bits at most once, and then knows;
/// of more, a chain. Merges what leads to one target; what is not below the limit is not found.
pub(super) fn quickly(segments: &mut Vec<Segment>, costs: Costs, limit: f64) -> Option<(f64, u16)> {
    merge_all(segments);
    simple(segments, costs, limit).map(|simple| (simple.cost, simple.depth))
}

/// The search that [`quickly`] speaks of.
pub(super) fn quick_tree(segments: &mut Vec<Segment>, costs: Costs) -> Option<Tree> {
    merge_all(segments);
    simple_tree(segments, costs)
}

/// The best of these searches, if it is below a limit of `cost + worst · depth`.
fn simple(segments: &[Segment], costs: Costs, limit: f64) -> Option<Simple> {
    match segments {
        [] => return None,
        [_] => return Some(Simple { cost: 0.0, depth: 0, shape: Shape::Found }),
        _ => {}
    }
    let weight = segments.iter().map(|segment| segment.weight).sum::<f64>();
    let here = weight + costs.size;
    if here + costs.worst >= limit {
        return None;
    }
    if segments.len() > 2 {
        if let Some(mask) = perfect(segments) {
            return Some(Simple { cost: here, depth: 1, shape: Shape::Bits(mask) });
        }
        // No more than one of them is found by the first question.
        let heaviest = segments.iter().map(|segment| segment.weight).fold(0.0, f64::max);
        if here + weight - heaviest + costs.size + 2.0 * costs.worst >= limit {
            return None;
        }
    }
    let mut best: Option<Simple> = None;
    let mut best_key = limit;
    let mut consider = |cost: f64, depth: u16, shape: Shape| {
        let key = cost + costs.worst * f64::from(depth);
        if key < best_key {
            best_key = key;
            best = Some(Simple { cost, depth, shape });
        }
        best_key
    };
    let mut limit = limit;
    if let Some((cost, depth)) = chain(segments.iter(), costs) {
        limit = consider(cost, depth, Shape::Chain);
    }
    if segments.len() <= FEW {
        for at in 1..segments.len() {
            let (below, above) = segments.split_at(at);
            if boundary(segments, at).is_none() {
                continue;
            }
            let rest = limit - here - costs.worst;
            let Some(below) = simple(below, costs, rest) else { continue };
            let Some(above) = simple(above, costs, rest - below.cost) else { continue };
            let depth = below.depth.max(above.depth) + 1;
            limit = consider(below.cost + above.cost + here, depth, Shape::Split(at));
        }
        let heavy = |segment: &Segment| segment.is_single() && segment.weight > here * HEAVY;
        for (index, _) in segments.iter().enumerate().filter(|(_, segment)| heavy(segment)) {
            let rest = all_but(segments, index);
            if let Some(rest) = simple(&rest, costs, limit - here - costs.worst) {
                limit = consider(rest.cost + here, rest.depth + 1, Shape::Is(index));
            }
        }
    }
    best
}

/// The segments but one.
fn all_but(segments: &[Segment], index: usize) -> Vec<Segment> {
    let mut rest = Vec::with_capacity(segments.len());
    let others = segments.iter().enumerate().filter(|(other, _)| *other != index);
    merge(others.map(|(_, segment)| segment), &mut rest);
    rest
}

fn simple_tree(segments: &[Segment], costs: Costs) -> Option<Tree> {
    let found = |segments: &[Segment]| segments.first().map(|first| Tree::Found(first.target));
    match simple(segments, costs, f64::INFINITY)?.shape {
        Shape::Found => found(segments),
        Shape::Split(at) => {
            let (below, above) = segments.split_at_checked(at)?;
            let (ask, above_is_yes) = boundary(segments, at)?;
            let (above, below) = (simple_tree(above, costs)?, simple_tree(below, costs)?);
            let (yes, no) = if above_is_yes { (above, below) } else { (below, above) };
            Some(Tree::ask(ask, yes, no))
        }
        Shape::Is(index) => {
            let one = segments.get(index)?;
            let rest = simple_tree(&all_but(segments, index), costs)?;
            Some(Tree::ask(Ask::Is(one.first), Tree::Found(one.target), rest))
        }
        Shape::Chain => chain_tree(segments.iter()),
        Shape::Bits(mask) => {
            let (mut none, mut some) = (Vec::new(), Vec::new());
            split(segments, mask, &mut none, &mut some);
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
