//! Predicates as functions of bits, against the reference semantics.

use filterc_hir::types::{Kind, Type};

use super::*;

const ARCH: u32 = 0xc000_003e;

fn field(place: Place, width: u8, signed: bool) -> Field {
    Field::new("x", place, Type::new(width, signed, Kind::Integer).unwrap()).unwrap()
}

/// A small generator with a fixed seed.
struct Rng(u64);

impl Rng {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % below
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.next(of.len() as u64)).unwrap()].clone()
    }
}

const OPS: [CmpOp; 6] = [CmpOp::Eq, CmpOp::Ne, CmpOp::Lt, CmpOp::Le, CmpOp::Gt, CmpOp::Ge];

fn test(rng: &mut Rng, fields: &[Field]) -> Option<Test> {
    let left = rng.pick(fields);
    let ty = left.ty();
    let span = ty.max() - ty.min() + 1;
    let value = |rng: &mut Rng| ty.min() + i128::from(rng.next(u64::MAX)) % span;
    let op = rng.pick(&OPS);
    let mask = (rng.next(3) == 0).then(|| value(rng));
    match rng.next(4) {
        0 => Test::compare_field(left, op, rng.pick(fields)).ok(),
        1 => {
            let (a, b, c) = (value(rng), value(rng), value(rng));
            Test::within(left, mask, &[(a.min(b), a.max(b)), (c, c)]).ok()
        }
        _ => Test::compare(left, mask, op, value(rng)).ok(),
    }
}

fn predicate(rng: &mut Rng, fields: &[Field], depth: u32) -> Predicate {
    let parts = |rng: &mut Rng| {
        (0..2 + rng.next(2)).map(|_| predicate(rng, fields, depth - 1)).collect::<Vec<_>>()
    };
    match if depth == 0 { 9 } else { rng.next(10) } {
        0..=2 => Predicate::And(parts(rng)),
        3..=5 => Predicate::Or(parts(rng)),
        6 => Predicate::Not(Box::new(predicate(rng, fields, depth - 1))),
        _ => loop {
            if let Some(test) = test(rng, fields) {
                return Predicate::Test(test);
            }
        },
    }
}

/// The value of a function of the lowest so many bits of each register, for a call.
fn value(symbols: &Symbols, bdd: &mut Bdd, function: Edge, mut call: Input, lowest: usize) -> bool {
    // The function that is true for those bits alone.
    let mut this = Edge::TRUE;
    for (level, &(register, bit)) in symbols.places.iter().enumerate().rev() {
        if bit < lowest {
            let word = *call.word(register).unwrap();
            let level = u16::try_from(level).unwrap();
            let set = word >> bit & 1 == 1;
            let (yes, no) = if set { (this, Edge::FALSE) } else { (Edge::FALSE, this) };
            this = bdd.choose(level, yes, no).unwrap();
        }
    }
    bdd.and(this, function).unwrap() == this
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
                if round % 3 == 0 { Place::Param(1) } else { Place::InstructionPointer },
                2,
                signed,
            ),
        ];
        let predicate = predicate(&mut rng, &fields, 3);
        let at = Input::of(0, ARCH);
        let symbols = Symbols::new(&at, [&predicate]);
        let mut bdd = Bdd::new(u32::MAX);
        let function = symbols.predicate(&mut bdd, &predicate).unwrap();
        let mut some = [false; 2];
        for bits in 0..1_u64 << 8 {
            let (a, b, ip) = (bits & 7, bits >> 3 & 7, bits >> 6);
            let mut call = at;
            call.call.args = [a, b, 0, 0, 0, 0];
            (call.call.instruction_pointer, call.params[1]) = (ip, ip);
            let expected = call.holds(&predicate);
            some[usize::from(expected)] = true;
            assert_eq!(value(&symbols, &mut bdd, function, call, 3), expected);
        }
        // Exact both ways: a witness if there is one, and none if there is not.
        for (edge, wanted) in [(function, true), (function.not(), false)] {
            let witness = symbols.witness(&bdd, edge);
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
        let symbols = Symbols::new(&at, [&predicate]);
        // Comparisons of many pairs at once may have no good order.
        let mut bdd = Bdd::new(1 << 20);
        let Ok(function) = symbols.predicate(&mut bdd, &predicate) else { continue };
        done += 1;
        for edge in [function, function.not()] {
            if let Some(call) = symbols.witness(&bdd, edge) {
                assert_eq!((call.call.nr, call.call.arch), (at.call.nr, at.call.arch));
                assert_eq!(call.holds(&predicate), edge == function, "{predicate:?} {call:x?}");
            }
        }
        for _ in 0..20 {
            let args = [0; 6].map(|_| rng.pick(&near).wrapping_add(rng.next(3)));
            let mut call = at;
            call.call.args = args;
            call.params[0] = rng.pick(&near);
            let expected = call.holds(&predicate);
            assert_eq!(value(&symbols, &mut bdd, function, call, 64), expected, "{predicate:?}");
        }
    }
    assert!(done > 300, "{done}");
}
