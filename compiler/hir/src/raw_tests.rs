//! Witnesses against brute force: an argument of four bits in a register, of which nine bits
//! and the sign-extended values are tried.

use super::*;
use crate::types::{Field, Kind as TypeKind, Type};

const USED: u64 = 0xf;
const OPS: [CmpOp; 6] = [CmpOp::Eq, CmpOp::Ne, CmpOp::Lt, CmpOp::Le, CmpOp::Gt, CmpOp::Ge];

fn register() -> Field {
    let ty = Type::new(64, false, TypeKind::Integer).unwrap();
    Field::new("args[1]", Place::Arg(1), ty).unwrap()
}

/// All values of the register that matter.
fn values() -> impl Iterator<Item = u64> + Clone {
    let beyond = [0x1_0000, !USED, 1 << 63];
    (0..0x200).chain((0..=USED).flat_map(move |low| beyond.map(|upper| low | upper)))
}

fn tests() -> Vec<Predicate> {
    let mut tests = Vec::new();
    for mask in [None, Some(0xff), Some(0xf0), Some(0x0f), Some(0x3c), Some(0x90)] {
        for op in OPS {
            let constants = (0..=0x20).chain([0x3c, 0x4f, 0x90]);
            tests.extend(constants.filter_map(|c| Test::compare(register(), mask, op, c).ok()));
        }
    }
    let sets = [vec![(0, 3)], vec![(2, 2), (9, 17)], vec![(16, 31)], vec![(0, 14), (16, 0xffff)]];
    tests.extend(sets.iter().filter_map(|set| Test::within(register(), None, set).ok()));
    tests.into_iter().map(Predicate::Test).collect()
}

/// Whether a value harms.
fn harms(raw: &Raw<'_>, harm: Harm, value: u64) -> bool {
    let canonical = raw.canonical(value & USED);
    let own = raw.own(raw.predicate);
    let expected = canonical.iter().map(|value| raw.holds(&own, *value)).max().unwrap();
    let found = raw.holds(&own, value);
    (harm.rises && found > expected) || (harm.falls && found < expected)
}

/// Holds a predicate against brute force; whether all that harms must be found.
fn compare(predicate: &Predicate, complete: bool) {
    for signed in [false, true] {
        for harm in [Action::Allow, Action::Errno(1), Action::Log].map(Harm::of) {
            let mut raw = Raw::new(predicate, 1, USED);
            let found = raw.harmful(harm, signed);
            raw.extended = signed && raw.values().iter().any(|value| value & !USED != 0);
            let harmful = values().any(|value| harms(&raw, harm, value));
            assert!(found.is_none_or(|value| harms(&raw, harm, value)), "{predicate:?}");
            assert!(found.is_some() || !harmful || !complete, "{predicate:?}");
            assert!(!harmful || raw.may_harm(predicate, harm, false), "{predicate:?}");
        }
    }
}

#[test]
fn single_tests_against_brute_force() {
    for predicate in tests() {
        compare(&predicate, true);
        compare(&Predicate::Not(Box::new(predicate)), true);
    }
}

#[test]
fn pairs_against_brute_force() {
    let tests = tests();
    let other = Predicate::Test(
        Test::compare(
            Field::new("other", Place::Arg(0), register().ty()).unwrap(),
            None,
            CmpOp::Eq,
            7,
        )
        .unwrap(),
    );
    for (i, one) in tests.iter().enumerate().step_by(7) {
        compare(&Predicate::And(vec![one.clone(), other.clone()]), true);
        for two in tests.iter().skip(i).step_by(29) {
            compare(&Predicate::And(vec![one.clone(), two.clone()]), false);
            compare(&Predicate::Or(vec![one.clone(), other.clone(), two.clone()]), false);
        }
    }
}
