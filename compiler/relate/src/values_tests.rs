//! Every set of few bits is described exactly, and tests read as people write them.

use super::*;

/// Whether a test holds for a number.
fn holds(test: &Test, x: u64, shape: Shape) -> bool {
    let all = shape.all();
    let inside = |mask: u64, ranges: &[(u64, u64)]| {
        let rank = shape.rank(x & mask & all);
        ranges.iter().any(|(a, b)| shape.rank(*a) <= rank && rank <= shape.rank(*b))
    };
    match test {
        Test::True => true,
        Test::False => false,
        Test::Equal { mask, value } => x & mask & all == *value,
        Test::Differ { mask, value } => x & mask & all != *value,
        Test::Bound { at_least: true, value } => shape.rank(x) >= shape.rank(*value),
        Test::Bound { at_least: false, value } => shape.rank(x) <= shape.rank(*value),
        Test::In { mask, ranges } => inside(*mask, ranges),
        Test::NotIn { mask, ranges } => !inside(*mask, ranges),
        Test::And(parts) => parts.iter().all(|part| holds(part, x, shape)),
        Test::Or(parts) => parts.iter().any(|part| holds(part, x, shape)),
    }
}

/// The numbers as the ends of a reduced decision tree, high bits first.
fn cubes(set: u32, bits: u8, at: (u64, u64), out: &mut Vec<Cube>) {
    let (mask, value) = at;
    let of = |mask: u64, value: u64| {
        (0..1_u64 << bits).filter(move |x| x & mask == value).map(|x| set >> x & 1 == 1)
    };
    if of(mask, value).all(|is| is) {
        out.push(Cube { value, mask });
    } else if of(mask, value).any(|is| is) {
        let bit = (0..bits).rev().find(|bit| mask >> bit & 1 == 0).unwrap();
        // A bit that changes nothing is not asked for.
        let half = |high: u64| {
            (0..1_u64 << bits)
                .filter(|x| x & mask == value && x >> bit & 1 == 0)
                .map(|x| set >> (x | high << bit) & 1)
                .collect::<Vec<_>>()
        };
        if half(0) == half(1) {
            // Skipping it keeps it free: look at the next one as if it were given.
            let mut below = Vec::new();
            cubes(set, bits, (mask | 1 << bit, value), &mut below);
            out.extend(below.iter().map(|c| Cube { mask: c.mask & !(1 << bit), ..*c }));
            return;
        }
        cubes(set, bits, (mask | 1 << bit, value), out);
        cubes(set, bits, (mask | 1 << bit, value | 1 << bit), out);
    }
}

#[test]
fn every_set_of_four_bits_is_described_exactly() {
    for set in 0..1_u32 << 16 {
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        cubes(set, 4, (0, 0), &mut inside);
        cubes(!set & 0xffff, 4, (0, 0), &mut outside);
        for (signed, flags) in [(false, false), (true, false), (false, true)] {
            let shape = Shape { width: 4, signed, flags, names: false, pointer: false };
            let test = describe(&inside, &outside, shape).unwrap();
            for x in 0..16 {
                assert_eq!(holds(&test, x, shape), set >> x & 1 == 1, "{set:#x} {x} {test:?}");
            }
        }
    }
}

#[test]
fn tests_are_those_that_people_write() {
    let cube = |mask, value| Cube { value, mask };
    let shape = Shape { width: 32, signed: true, flags: false, names: false, pointer: false };
    let all = 0xffff_ffff;
    let three = describe(&[cube(all, 3)], &[cube(1, 0)], shape).unwrap();
    assert_eq!(three, Test::Equal { mask: u64::MAX, value: 3 });
    let negative = cube(1 << 31, 1 << 31);
    let natural = cube(1 << 31, 0);
    let test = describe(&[negative], &[natural], shape).unwrap();
    assert_eq!(test, Test::Bound { at_least: false, value: all });
    let flags = Shape { flags: true, signed: false, ..shape };
    let test = describe(&[cube(0x40, 0x40)], &[cube(0x40, 0)], flags).unwrap();
    assert_eq!(test, Test::Equal { mask: 0x40, value: 0x40 });
    let test = describe(&[cube(0x43, 0)], &[cube(1, 1), cube(3, 2), cube(0x43, 0x40)], flags);
    assert_eq!(test.unwrap(), Test::Equal { mask: 0x43, value: 0 });
}
