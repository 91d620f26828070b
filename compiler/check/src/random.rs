//! Predicates drawn by chance, the same in every run.

use filterc_hir::expr::{CmpOp, Predicate, Test};
use filterc_hir::types::{Field, Kind, Place, Type};

/// A field of so many bits.
pub(crate) fn field(place: Place, width: u8, signed: bool) -> Field {
    Field::new("x", place, Type::new(width, signed, Kind::Integer).unwrap()).unwrap()
}

/// A small generator with a fixed seed.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    /// A number below a bound.
    pub(crate) fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % below
    }

    /// One of these.
    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
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

/// A predicate on fields, nested at most so deep.
pub(crate) fn predicate(rng: &mut Rng, fields: &[Field], depth: u32) -> Predicate {
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
