//! Searches find what is there, and cost hardly more than the best of all.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it found"
)]

use std::collections::HashMap;

use super::interval::{Effort, Table};
use super::segment::{Ask, Costs, Segment, Target, Tree};
use super::tree;

/// A xorshift generator (Marsaglia 2003).
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    /// A weight: a few are heavy, most are light, some are nothing.
    fn weight(&mut self) -> f64 {
        let power = self.below(16);
        if power == 15 { 0.0 } else { (1 + self.below(99)) as f64 / f64::from(1 << power) }
    }
}

fn target(index: u64) -> Target {
    Target::new(index as u32)
}

const fn holds(ask: Ask, nr: u32) -> bool {
    match ask {
        Ask::AtLeast(pivot) => nr >= pivot,
        Ask::Is(value) => nr == value,
        Ask::NoneOf(mask) => nr & mask == 0,
    }
}

/// Where a search leads, and by how many questions.
fn find(tree: &Tree, nr: u32) -> (Target, u32) {
    match tree {
        Tree::Found(target) => (*target, 0),
        Tree::Ask { ask, yes, no } => {
            let (target, depth) = find(if holds(*ask, nr) { yes } else { no }, nr);
            (target, depth + 1)
        }
    }
}

fn questions(tree: &Tree) -> u32 {
    match tree {
        Tree::Found(_) => 0,
        Tree::Ask { ask: _, yes, no } => 1 + questions(yes) + questions(no),
    }
}

/// What a search costs if all the weight of a segment is on its first and last number.
fn cost(tree: &Tree, segments: &[Segment], costs: Costs) -> f64 {
    let of = |segment: &Segment| {
        let depth = |nr| f64::from(find(tree, nr).1);
        segment.weight * f64::midpoint(depth(segment.first), depth(segment.last))
    };
    segments.iter().map(of).sum::<f64>() + costs.size * f64::from(questions(tree))
}

/// Segments, one in three a hole, between a few targets, over all numbers.
fn random_segments(rng: &mut Rng, count: usize) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut first = 0_u32;
    for index in 0..count {
        let length = if rng.below(3) == 0 { 1 } else { 1 + rng.below(12) as u32 };
        let last = if index + 1 == count { u32::MAX } else { first + length - 1 };
        let mut next = target(rng.below(3));
        while segments.last().is_some_and(|before| before.target == next) && rng.below(8) > 0 {
            next = target(rng.below(3));
        }
        segments.push(Segment { first, last, target: next, weight: rng.weight(), crosses: false });
        first = last.wrapping_add(1);
    }
    segments
}

#[test]
fn a_search_finds_every_number() {
    let mut rng = Rng(0x5eed);
    for round in 0..600 {
        let count = 1 + rng.below(if round % 10 == 0 { 300 } else { 30 }) as usize;
        let segments = random_segments(&mut rng, count);
        let costs = Costs { size: rng.weight(), worst: rng.weight() / 64.0 };
        let tree = tree(&segments, costs);
        for segment in &segments {
            let length = segment.last - segment.first;
            let inside = (0..4).map(|_| segment.first + rng.below(u64::from(length) + 1) as u32);
            for nr in inside.chain([segment.first, segment.last]) {
                assert_eq!(
                    find(&tree, nr).0,
                    segment.target,
                    "{round}: {nr} {segments:?} {tree:?}"
                );
            }
        }
    }
}

/// Segments low and high, as where ABIs are told apart by bits of the number.
fn marked_segments(rng: &mut Rng, count: usize) -> Vec<Segment> {
    let mut firsts: Vec<u32> = (0..count)
        .map(|_| {
            let high = [0, 0, 1, 1, 2, 3][rng.below(6) as usize] << 30;
            high + [0, 0, rng.below(40) as u32, 0x3fff_ffff][rng.below(4) as usize]
        })
        .chain([0])
        .collect();
    firsts.sort_unstable();
    firsts.dedup();
    let lasts = firsts.iter().skip(1).map(|first| first - 1).chain([u32::MAX]);
    let segment = |(first, last): (&u32, u32)| {
        let weight = if *first < 1 << 31 { rng.weight() } else { 0.0 };
        Segment { first: *first, last, target: target(rng.below(3)), weight, crosses: false }
    };
    firsts.iter().zip(lasts).map(segment).collect()
}

#[test]
fn a_search_by_the_mark_finds_every_number() {
    let mut rng = Rng(0x32);
    let mut sorted = 0;
    for round in 0..4000 {
        let count = 1 + rng.below(if round % 10 == 0 { 150 } else { 16 }) as usize;
        let segments = marked_segments(&mut rng, count);
        sorted += usize::from(super::segment::by_mark(&segments).is_some());
        let costs = Costs { size: rng.weight() / 8.0, worst: rng.weight() / 64.0 };
        let tree = tree(&segments, costs);
        for segment in &segments {
            let bits = (0..32).map(|bit| segment.first | 1 << bit);
            let near =
                [segment.first, segment.last, segment.first + (segment.last - segment.first) / 2];
            for nr in bits.chain(near).filter(|nr| (segment.first..=segment.last).contains(nr)) {
                assert_eq!(
                    find(&tree, nr).0,
                    segment.target,
                    "{round}: {nr:#x} {segments:x?} {tree:x?}"
                );
            }
        }
    }
    assert!(sorted > 100, "{sorted}");
}

#[test]
fn no_path_is_long_however_the_weights_are() {
    let mut rng = Rng(0xdee9);
    for count in [2, 5, 12, 26, 70, 150, 400, 1000] {
        for skew in [1.0, 0.9, 0.5, 0.1, 0.0] {
            let mut segments = random_segments(&mut rng, count);
            let mut weight = skew;
            for segment in &mut segments {
                segment.weight = weight;
                weight *= skew;
            }
            let costs = Costs { size: 1.0 / 64.0, worst: 0.0 };
            let depth = tree(&segments, costs).depth();
            assert!(depth <= super::bound(count), "{count} {skew}: {depth}");
        }
    }
}

#[test]
fn a_long_list_costs_hardly_more_than_the_best() {
    let mut rng = Rng(0x10f6);
    let (mut sum, mut most) = (0.0, 0.0_f64);
    const ROUNDS: u32 = 60;
    for round in 0..ROUNDS {
        let segments = random_segments(&mut rng, 40 + round as usize);
        let total: f64 = segments.iter().map(|segment| segment.weight).sum();
        let costs = Costs { size: total / 64.0, worst: total / 512.0 };
        let table = Table::new(&segments, costs, Effort { bits: false, holes: false });
        let best = table.state(&table.all());
        let found = tree(&segments, costs);
        let key = |cost: f64, depth: u32| cost + costs.worst * f64::from(depth);
        let ratio = key(cost(&found, &segments, costs), found.depth())
            / key(best.cost, u32::from(best.depth));
        sum += ratio;
        most = most.max(ratio);
    }
    println!("{:.4} of the best on average, {most:.4} at worst", sum / f64::from(ROUNDS));
    assert!(sum / f64::from(ROUNDS) < 1.02);
    assert!(most < 1.08);
}

/// The best search there is: of all trees of all tests, over a few numbers and what is above.
struct Exhaustive {
    /// Where each number leads; the last element is all numbers from there on, of no weight.
    targets: Vec<Target>,
    weights: Vec<f64>,
    costs: Costs,
    known: HashMap<u32, f64>,
}

impl Exhaustive {
    fn best(&mut self, set: u32) -> f64 {
        let members = || (0..self.targets.len()).filter(move |i| set >> i & 1 == 1);
        let first = self.targets[set.trailing_zeros() as usize];
        if members().all(|i| self.targets[i] == first) {
            return 0.0;
        }
        if let Some(known) = self.known.get(&set) {
            return *known;
        }
        let here = members().map(|i| self.weights[i]).sum::<f64>() + self.costs.size;
        let above = self.targets.len() as u32 - 1;
        let mut best = f64::INFINITY;
        let mut splits = Vec::new();
        for nr in 0..=above {
            let below = (1 << nr) - 1;
            splits.push((set & below, set & !below));
            if nr < above {
                splits.push((set & (1 << nr), set & !(1 << nr)));
            }
        }
        // Bits of the small numbers, and with all higher ones: of the numbers above there are then
        // none without, unless those before the next power of two are.
        for mask in 1..above.next_power_of_two() {
            let some: u32 = (0..above).filter(|nr| nr & mask != 0).map(|nr| 1 << nr).sum();
            let rest = set & (1 << above);
            splits.push((set & some | rest, set & !some | rest));
            if (above..above.next_power_of_two()).all(|nr| nr & mask != 0) {
                splits.push((set & some | rest, set & !some & !rest));
            }
        }
        for (one, other) in splits {
            if one != 0 && other != 0 && one != set && other != set {
                best = best.min(here + self.best(one) + self.best(other));
            }
        }
        self.known.insert(set, best);
        best
    }
}

#[test]
fn short_lists_cost_hardly_more_than_the_best_of_all_trees() {
    let mut rng = Rng(0xbe57);
    const ROUNDS: u32 = 10_000;
    let (mut sum, mut most, mut worst) = (0.0, 0.0_f64, String::new());
    for _ in 0..ROUNDS {
        let numbers = 3 + rng.below(6) as usize;
        let kinds = 2 + rng.below(2);
        let targets: Vec<Target> = (0..=numbers).map(|_| target(rng.below(kinds))).collect();
        let mut weights: Vec<f64> = (0..numbers).map(|_| rng.weight()).collect();
        weights.push(0.0);
        let total: f64 = weights.iter().sum::<f64>() + 1e-6;
        let costs = Costs { size: total / f64::from(1 << rng.below(10)), worst: 0.0 };
        let segments: Vec<Segment> = (0..=numbers)
            .map(|i| Segment {
                first: i as u32,
                last: if i == numbers { u32::MAX } else { i as u32 },
                target: targets[i],
                weight: weights[i],
                crosses: false,
            })
            .collect();
        let tree = tree(&segments, costs);
        let found = cost(&tree, &segments, costs);
        let set = (1 << (numbers + 1)) - 1;
        let mut exhaustive =
            Exhaustive { targets: targets.clone(), weights, costs, known: HashMap::new() };
        let best = exhaustive.best(set);
        if best == 0.0 {
            assert_eq!(tree, Tree::Found(targets[0]));
            sum += 1.0;
            continue;
        }
        let ratio = found / best;
        assert!(ratio > 0.999_999, "{ratio}: better than the best of all, {segments:?} {tree:?}");
        if ratio > most {
            worst = format!("{segments:?} {tree:?} {best}");
        }
        sum += ratio;
        most = most.max(ratio);
    }
    println!("{:.4} of the best on average, {most:.4} at worst", sum / f64::from(ROUNDS));
    assert!(sum / f64::from(ROUNDS) < 1.05);
    assert!(most < 1.15, "{worst}");
}
