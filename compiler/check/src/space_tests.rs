//! Predicates as functions of bits, against the reference semantics.

use filterc_hir::types::Place;

use super::*;
use crate::gates::TRUE;
use crate::input::{FIRST_PARAM, IP};
use crate::meter::Meter;
use crate::random::{Rng, field, predicate};

const ARCH: u32 = 0xc000_003e;

/// The value of a function for a call.
fn value(space: &Space, mtbdd: &Mtbdd, function: Node, input: &Input) -> bool {
    let words = input.call.words(space.endian);
    let value = mtbdd.value_at(function, |level| {
        let (word, bit) = space.order.bit(level).unwrap();
        let word = usize::from(word);
        match word.checked_sub(words.len()) {
            None => words[word] >> bit & 1 == 1,
            Some(half) => input.params()[half / 2] >> (32 * (half % 2)) >> bit & 1 == 1,
        }
    });
    value == 1
}

fn space(at: &Input, endian: Endian, predicate: &Predicate) -> Space {
    let head = Head { arch: at.call.arch, nr: at.call.nr.cast_unsigned() };
    Space::new(Some(head), endian, [predicate])
}

#[test]
fn all_values_of_narrow_fields() {
    let mut rng = Rng(1);
    for round in 0..600 {
        let signed = round % 2 == 0;
        let fields = [
            field(Place::Arg(0), 3, signed),
            field(Place::Arg(1), 3, signed),
            field(Place::Arg(0), 2, !signed),
            field(
                if round % 5 == 0 { Place::Param(1) } else { Place::InstructionPointer },
                2,
                signed,
            ),
        ];
        let predicate = predicate(&mut rng, &fields, 3);
        let at = Input::of(0, ARCH);
        let endian = if round % 3 == 0 { Endian::Big } else { Endian::Little };
        let space = space(&at, endian, &predicate);
        let mut mtbdd = Mtbdd::new(100_000, Meter::free());
        let function = space.predicate(&mut mtbdd, &predicate).unwrap();
        let mut some = [false; 2];
        for bits in 0..1_u64 << 8 {
            let (a, b, ip) = (bits & 7, bits >> 3 & 7, bits >> 6);
            let mut call = at.clone();
            call.call.args = [a, b, 0, 0, 0, 0];
            call.set(IP, ip);
            call.set(FIRST_PARAM + 1, ip);
            let expected = call.holds(&predicate);
            some[usize::from(expected)] = true;
            assert_eq!(value(&space, &mtbdd, function, &call), expected);
        }
        // Exact both ways: a witness if there is one, and none if there is not.
        let opposite = mtbdd.without(TRUE, function).unwrap();
        for (function, wanted) in [(function, true), (opposite, false)] {
            let witness = space.witness(&mtbdd, function);
            assert_eq!(witness.is_some(), some[usize::from(wanted)], "{predicate:?}");
            assert!(witness.is_none_or(|call| call.holds(&predicate) == wanted));
        }
    }
}

#[test]
fn wide_fields_pairs_and_known_words() {
    let (mut rng, mut done) = (Rng(2), 0);
    let near = [0, 1, 2, 0x7fff_ffff, 0x8000_0000, u64::MAX >> 32, 1 << 32, 1 << 63, u64::MAX];
    for round in 0..400 {
        let signed = round % 2 == 0;
        let fields = [
            field(Place::Arg(0), 64, signed),
            field(Place::Pair { lo: 1, hi: 2 }, 64, signed),
            field(Place::Pair { lo: 3, hi: 5 }, 64, signed),
            field(Place::Arg(1), 32, signed),
            field(Place::Arg(4), 32, signed),
            field(Place::Nr, 32, signed),
            field(Place::Arch, 32, signed),
            field(Place::Param(0), 64, signed),
        ];
        let predicate = predicate(&mut rng, &fields, 2);
        let at = Input::of(-7, ARCH);
        let endian = if round % 3 == 0 { Endian::Big } else { Endian::Little };
        let space = space(&at, endian, &predicate);
        // Comparisons of many pairs at once may have no good order.
        let mut mtbdd = Mtbdd::new(1 << 18, Meter::free());
        mtbdd.allot(1 << 20);
        let Ok(function) = space.predicate(&mut mtbdd, &predicate) else { continue };
        let Ok(opposite) = mtbdd.without(TRUE, function) else { continue };
        done += 1;
        for (function, wanted) in [(function, true), (opposite, false)] {
            if let Some(call) = space.witness(&mtbdd, function) {
                assert_eq!((call.call.nr, call.call.arch), (at.call.nr, at.call.arch));
                assert_eq!(call.holds(&predicate), wanted, "{predicate:?} {call:x?}");
            }
        }
        for _ in 0..20 {
            let args = [0; 6].map(|_| rng.pick(&near).wrapping_add(rng.next(3)));
            let mut call = at.clone();
            call.call.args = args;
            call.set(FIRST_PARAM, rng.pick(&near));
            let expected = call.holds(&predicate);
            assert_eq!(value(&space, &mtbdd, function, &call), expected, "{predicate:?}");
        }
    }
    assert!(done > 300, "{done}");
}
