//! Every function of three bits, built in every way, against its table of truth.

use super::*;

const BITS: u16 = 3;

/// The function whose value for the bits `i` is bit `i` of the table.
fn of_table(bdd: &mut Bdd, table: u8, order: [u16; 3]) -> Edge {
    let mut function = Edge::FALSE;
    for input in (0..8_u16).filter(|input| table >> input & 1 == 1) {
        let mut term = Edge::TRUE;
        for level in order {
            let (then, otherwise) =
                if input >> level & 1 == 1 { (term, Edge::FALSE) } else { (Edge::FALSE, term) };
            term = bdd.choose(level, then, otherwise).unwrap();
        }
        function = bdd.or(function, term).unwrap();
    }
    function
}

fn holds(bdd: &Bdd, function: Edge, input: u16) -> bool {
    let mut edge = function;
    while edge != Edge::TRUE && edge != Edge::FALSE {
        let level = bdd.node(edge).level;
        let (then, otherwise) = bdd.children(edge, level);
        edge = if input >> level & 1 == 1 { then } else { otherwise };
    }
    edge == Edge::TRUE
}

#[test]
fn equal_functions_are_one_edge() {
    let mut bdd = Bdd::new(u32::MAX);
    let all: Vec<Edge> = (0..=255).map(|table| of_table(&mut bdd, table, [0, 1, 2])).collect();
    for (table, &function) in (0..=255_u8).zip(&all) {
        // In any order of construction, and by the complement.
        assert_eq!(of_table(&mut bdd, table, [2, 0, 1]), function);
        assert_eq!(of_table(&mut bdd, !table, [1, 2, 0]).not(), function);
        for input in 0..1 << BITS {
            assert_eq!(holds(&bdd, function, input), table >> input & 1 == 1);
        }
        match bdd.model(function) {
            None => assert_eq!(table, 0),
            Some(bits) => {
                let value = bits.iter().fold(0, |all, &(level, v)| all | u16::from(v) << level);
                assert!(holds(&bdd, function, value));
            }
        }
    }
    let distinct: std::collections::HashSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), 256);
}

#[test]
fn operations_are_those_of_the_tables() {
    let mut bdd = Bdd::new(u32::MAX);
    let all: Vec<Edge> = (0..=255).map(|table| of_table(&mut bdd, table, [0, 1, 2])).collect();
    for (a, &left) in (0..=255_u8).zip(&all) {
        for (b, &right) in (0..=255_u8).zip(&all).step_by(7) {
            assert_eq!(bdd.and(left, right), Ok(all[usize::from(a & b)]));
            assert_eq!(bdd.or(left, right), Ok(all[usize::from(a | b)]));
            assert_eq!(bdd.without(left, right), Ok(all[usize::from(a & !b)]));
            for level in 0..BITS {
                let bit: u8 = [0xaa, 0xcc, 0xf0][usize::from(level)];
                let chosen = all[usize::from(bit & a | !bit & b)];
                assert_eq!(bdd.choose(level, left, right), Ok(chosen));
            }
        }
    }
}

#[test]
fn the_steps_bound_the_work() {
    let mut bdd = Bdd::new(2);
    let first = bdd.choose(0, Edge::TRUE, Edge::FALSE).unwrap();
    let second = bdd.choose(1, Edge::TRUE, Edge::FALSE).unwrap();
    assert_eq!(bdd.and(first, second), Err(Exhausted));
    assert_eq!(bdd.steps(), 0);
    // What needs no work is answered still.
    assert_eq!(bdd.and(first, first), Ok(first));
}
