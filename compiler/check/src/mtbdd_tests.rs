//! Every function of three bits, built in every way, against its table of truth; differences,
//! values and budgets.

use super::*;
use crate::layout::Ties;

fn gates(mtbdd: &mut Mtbdd) -> Ordered<'_> {
    Ordered { order: Order::new(&Ties::none(), filterc_abi::Endian::Little), mtbdd }
}

/// The value of a function where bit `i` of `bits` is the state of level `i`.
fn at(mtbdd: &Mtbdd, node: Node, bits: u32) -> u32 {
    mtbdd.value_at(node, |level| bits >> level & 1 == 1)
}

/// The function whose value for the bits `i` is bit `i` of the table, by Shannon's expansion.
fn of_table(mtbdd: &mut Mtbdd, table: u8, order: [Level; 3]) -> Node {
    let mut function = FALSE;
    for input in (0..8_u32).filter(|input| table >> input & 1 == 1) {
        let mut minterm = TRUE;
        for level in order {
            let bit = mtbdd.bit(level).unwrap();
            minterm = if input >> level & 1 == 1 {
                mtbdd.choose(bit, minterm, FALSE).unwrap()
            } else {
                mtbdd.choose(bit, FALSE, minterm).unwrap()
            };
        }
        function = gates(mtbdd).or(function, minterm).unwrap();
    }
    function
}

/// Every function of three bits; the place in the list is its table.
fn all_functions(mtbdd: &mut Mtbdd) -> Vec<Node> {
    (0..=255).map(|table| of_table(mtbdd, table, [0, 1, 2])).collect()
}

#[test]
fn every_function_of_three_bits_has_one_node() {
    let mut mtbdd = Mtbdd::new(10_000, Meter::free());
    let all = all_functions(&mut mtbdd);
    for (table, &function) in (0..=255_u8).zip(&all) {
        // In any order of construction, and by the opposite.
        assert_eq!(of_table(&mut mtbdd, table, [2, 0, 1]), function);
        let opposite = of_table(&mut mtbdd, !table, [1, 2, 0]);
        assert_eq!(gates(&mut mtbdd).not(opposite), Ok(function));
        assert!((0..8).all(|state| at(&mtbdd, function, state) == u32::from(table >> state & 1)));
    }
    assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 256);
}

#[test]
fn operations_are_those_of_the_tables() {
    let mut mtbdd = Mtbdd::new(10_000, Meter::free());
    mtbdd.allot(u64::MAX);
    let all = all_functions(&mut mtbdd);
    for (a, &left) in (0..=255_u8).zip(&all) {
        for (b, &right) in (0..=255_u8).zip(&all) {
            let mut gates = gates(&mut mtbdd);
            assert_eq!(gates.and(left, right), Ok(all[usize::from(a & b)]));
            assert_eq!(gates.or(left, right), Ok(all[usize::from(a | b)]));
            assert_eq!(gates.xor(left, right), Ok(all[usize::from(a ^ b)]));
            // A bit, the opposite of one, and anything.
            for c in [0xaa, 0xcc, 0xf0, 0x55, 0x33, 0x0f, a.rotate_left(3) ^ b] {
                let chosen = gates.choose(all[usize::from(c)], left, right);
                assert_eq!(chosen, Ok(all[usize::from(c & a | !c & b)]));
            }
        }
    }
}

#[test]
fn values_are_reached_on_the_ways_that_are_said() {
    let mut mtbdd = Mtbdd::new(10_000, Meter::free());
    mtbdd.allot(u64::MAX);
    let all = all_functions(&mut mtbdd);
    for (a, &left) in (0..=255_u8).zip(&all) {
        for (b, &right) in (0..=255_u8).zip(&all).step_by(5) {
            // 9 where the first holds, else 8 where the second does, else 7.
            let [nine, eight, seven] = [9, 8, 7].map(|value| mtbdd.value(value).unwrap());
            let second = mtbdd.choose(right, eight, seven).unwrap();
            let function = mtbdd.choose(left, nine, second).unwrap();
            let reached = mtbdd.reached(function).unwrap();
            let there = [(9, a), (8, !a & b), (7, !a & !b)];
            for (value, table) in there {
                let way = reached.get(&value);
                assert_eq!(way.is_some(), table != 0);
                if let Some(way) = way {
                    // Bits that are not named may be anything.
                    let named = way.iter().fold(0, |all, (level, _)| all | 1_u32 << level);
                    let state = way.iter().fold(0, |all, (level, s)| all | u32::from(*s) << level);
                    let mut states = (0..8).filter(|other| other & named == state);
                    assert!(states.all(|state| table >> state & 1 == 1));
                }
            }
            assert_eq!(reached.len(), there.iter().filter(|(_, table)| *table != 0).count());
        }
    }
}

#[test]
fn steps_bound_the_work() {
    let meter = Meter::new(100 * cost::OPERATION);
    let mut mtbdd = Mtbdd::new(1000, meter.clone());
    let bits: Vec<Node> = (0..4).map(|level| mtbdd.bit(level).unwrap()).collect();
    let one = mtbdd.choose(bits[0], FALSE, bits[2]).unwrap();
    let other = mtbdd.choose(bits[1], bits[3], TRUE).unwrap();
    mtbdd.allot(2);
    assert_eq!(mtbdd.choose(one, other, FALSE), Err(OverBudget));
    assert_eq!(mtbdd.steps(), 0);
    // What needs no work is answered still.
    assert_eq!(mtbdd.choose(one, TRUE, FALSE), Ok(one));
    mtbdd.allot(1000);
    assert!(mtbdd.choose(one, other, FALSE).is_ok() && mtbdd.reached(other).is_ok());
    // What everything may cost is less.
    while mtbdd.spend().is_ok() {}
    assert_eq!(meter.left(), 0);
    assert!(mtbdd.steps() > 0);
    assert_eq!(mtbdd.reached(other), Err(OverBudget));
}

#[test]
fn differences_are_real() {
    let mut mtbdd = Mtbdd::new(10_000, Meter::free());
    let bits: Vec<Node> = (0..4).map(|level| mtbdd.bit(level).unwrap()).collect();
    let (a, b) = (mtbdd.value(7).unwrap(), mtbdd.value(9).unwrap());
    let both = gates(&mut mtbdd).and(bits[1], bits[3]).unwrap();
    let one = mtbdd.choose(both, a, b).unwrap();
    let either = gates(&mut mtbdd).or(bits[1], bits[2]).unwrap();
    let other = mtbdd.choose(either, a, b).unwrap();
    let path = mtbdd.difference(one, other).unwrap();
    let state = path.iter().fold(0, |s, (level, high)| s | u32::from(*high) << level);
    assert_ne!(at(&mtbdd, one, state), at(&mtbdd, other, state));
    assert_eq!(mtbdd.difference(one, one), None);
    assert_eq!(gates(&mut mtbdd).xor(both, both), Ok(FALSE));
}

#[test]
fn a_budget_ends_it_and_clearing_begins_anew() {
    let mut mtbdd = Mtbdd::new(5, Meter::free());
    assert!(mtbdd.bit(0).is_ok() && mtbdd.bit(1).is_ok() && mtbdd.bit(2).is_ok());
    assert_eq!(mtbdd.bit(3), Err(OverBudget));
    assert_eq!(mtbdd.len(), 5);
    mtbdd.reset(5);
    assert_eq!(mtbdd.len(), 2);
    assert_eq!((mtbdd.value(0), mtbdd.value(1)), (Ok(FALSE), Ok(TRUE)));
    assert!(mtbdd.bit(3).is_ok());
}
