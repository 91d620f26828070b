//! The constructors against brute force: on narrow types every field value is tried.

use super::*;
use crate::eval::holds;
use crate::types::Place;
use filterc_abi::SeccompData;

fn field(width: u8, signed: bool) -> Field {
    Field::new("x", Place::Arg(1), Type::new(width, signed, Kind::Integer).unwrap()).unwrap()
}

fn address() -> Field {
    Field::new("p", Place::Arg(0), Type::new(64, false, Kind::Pointer).unwrap()).unwrap()
}

const OPS: [CmpOp; 6] = [CmpOp::Eq, CmpOp::Ne, CmpOp::Lt, CmpOp::Le, CmpOp::Gt, CmpOp::Ge];

/// Which results a predicate gives over all values of a narrow register: (some true, some false).
fn results(width: u8, truth: impl Fn(u64) -> bool) -> (bool, bool) {
    let values = 0..(1_u64 << width);
    (values.clone().any(&truth), values.clone().any(|v| !truth(v)))
}

/// The register also gets bits beyond the field: they must not matter.
fn test_value(test: &Test, bits: u64) -> bool {
    let wide = bits | !test.field().ty().mask();
    let call = |arg| SeccompData { args: [0, arg, 0, 0, 0, 0], ..SeccompData::default() };
    let predicate = Predicate::Test(test.clone());
    let truth = holds(&predicate, &call(bits));
    assert_eq!(truth, holds(&predicate, &call(wide)));
    truth
}

#[test]
fn comparisons_against_brute_force() {
    for (width, signed) in [(1, false), (1, true), (3, false), (3, true), (4, true)] {
        let field = field(width, signed);
        let ty = field.ty();
        for mask in 0..=ty.mask() {
            for op in OPS {
                for value in -(1_i128 << width)..=(1 << width) {
                    let test = Test::compare(field.clone(), Some(mask.into()), op, value);
                    let fits = if op.is_ordered() { ty.bits(value) } else { ty.pattern(value) };
                    let Some(bits) = fits else {
                        assert_eq!(test, Err(TypeError::DoesNotFit { value, ty }));
                        continue;
                    };
                    let truth = |x: u64| op.holds(&ty.value(x & mask), &ty.value(bits));
                    match results(width, truth) {
                        (true, true) => {
                            let test = test.unwrap();
                            assert!((0..=ty.mask()).all(|x| test_value(&test, x) == truth(x)));
                        }
                        (false, _) => assert_eq!(test, Err(TypeError::NeverTrue)),
                        (true, false) => assert_eq!(test, Err(TypeError::NeverFalse)),
                    }
                }
            }
        }
    }
}

#[test]
fn sets_against_brute_force() {
    for signed in [false, true] {
        let field = field(3, signed);
        let ty = field.ty();
        let range = ty.min()..=ty.max();
        let pairs: Vec<(i128, i128)> =
            range.clone().flat_map(|a| range.clone().map(move |b| (a, b))).collect();
        for mask in 0..=ty.mask() {
            for &one in &pairs {
                for &two in &pairs {
                    let items = [one, two];
                    let test = Test::within(field.clone(), Some(mask.into()), &items);
                    let item = |x: u64, (a, b): (i128, i128)| (a..=b).contains(&ty.value(x & mask));
                    let truth = |x: u64| item(x, one) || item(x, two);
                    if let Some(i) = items.iter().position(|(a, b)| a > b) {
                        let (a, b) = items[i];
                        assert_eq!(test, Err((TypeError::EmptyRange(a, b), i)));
                    } else if let Some(i) = (0..2).find(|&i| !results(3, |x| item(x, items[i])).0) {
                        assert_eq!(test, Err((TypeError::NeverTrue, i)));
                    } else if results(3, truth).1 {
                        let test = test.unwrap();
                        assert!((0..=ty.mask()).all(|x| test_value(&test, x) == truth(x)));
                    } else {
                        assert_eq!(test, Err((TypeError::NeverFalse, 0)));
                    }
                }
            }
        }
    }
}

#[test]
fn the_widest_types() {
    let u64_field = field(64, false);
    assert!(Test::compare(u64_field.clone(), None, CmpOp::Eq, -1).is_ok());
    assert!(Test::compare(u64_field.clone(), None, CmpOp::Lt, -1).is_err());
    let all = (0, i128::from(u64::MAX));
    assert_eq!(Test::within(u64_field.clone(), None, &[all]), Err((TypeError::NeverFalse, 0)));
    assert!(Test::within(u64_field.clone(), None, &[(1, i128::from(u64::MAX))]).is_ok());
    assert_eq!(
        Test::compare(u64_field, None, CmpOp::Eq, 1 << 64),
        Err(TypeError::DoesNotFit {
            value: 1 << 64,
            ty: Type::new(64, false, Kind::Integer).unwrap()
        })
    );
    let s64 = field(64, true);
    let (min, max) = (i128::from(i64::MIN), i128::from(i64::MAX));
    assert_eq!(Test::within(s64.clone(), None, &[(min, max)]), Err((TypeError::NeverFalse, 0)));
    assert!(Test::within(s64.clone(), None, &[(min, -1), (1, max)]).is_ok());
    assert_eq!(Test::within(s64, None, &[(0, max), (min, -1)]), Err((TypeError::NeverFalse, 0)));
}

#[test]
fn sign_and_pattern_are_the_same_test() {
    let dfd = field(32, true);
    let tests = [-100, 0xffff_ff9c, !99]
        .map(|value| Test::compare(dfd.clone(), None, CmpOp::Eq, value).unwrap());
    assert_eq!(tests[0], tests[1]);
    assert_eq!(tests[0], tests[2]);
    assert!(test_value(&tests[0], 0xffff_ff9c));
}

#[test]
fn bits_and_empty_sets() {
    let x = field(8, false);
    let bits = Test::any_bit(x.clone(), 0x0c).unwrap();
    assert_eq!((bits.mask(), bits.relation()), (0x0c, &Relation::Compare(CmpOp::Ne, 0)));
    assert!(test_value(&bits, 4) && !test_value(&bits, 3));
    assert_eq!(Test::any_bit(x.clone(), 0), Err(TypeError::NeverTrue));
    assert_eq!(Test::within(x.clone(), None, &[]), Err((TypeError::NeverTrue, 0)));
    let test = Test::within(x, None, &[(1, 3)]).unwrap();
    let Relation::In(ranges) = test.relation() else { panic!("not a set") };
    assert_eq!((ranges[0].first(), ranges[0].last()), (1, 3));
}

#[test]
fn addresses_know_equality_only() {
    assert!(Test::compare(address(), None, CmpOp::Eq, 0).is_ok());
    assert!(Test::within(address(), None, &[(0, 0)]).is_ok());
    let refused = Err(TypeError::PointerOperation);
    assert_eq!(Test::compare(address(), None, CmpOp::Lt, 4096), refused);
    assert_eq!(Test::any_bit(address(), 1), refused);
    assert_eq!(Test::within(address(), None, &[(0, 4)]), Err((TypeError::PointerOperation, 0)));
    let raw = Field::new("args[1]", Place::Arg(1), Type::new(64, false, Kind::Integer).unwrap());
    assert_eq!(Test::compare_field(address(), CmpOp::Lt, raw.clone().unwrap()), refused);
    assert!(Test::compare_field(address(), CmpOp::Eq, raw.unwrap()).is_ok());
}

#[test]
fn two_fields() {
    let at = |place, width, signed| {
        Field::new("f", place, Type::new(width, signed, Kind::Integer).unwrap()).unwrap()
    };
    let (a, b) = (at(Place::Arg(0), 32, true), at(Place::Arg(1), 32, true));
    let less = Test::compare_field(a.clone(), CmpOp::Lt, b.clone()).unwrap();
    let call = |x, y| SeccompData { args: [x, y, 0, 0, 0, 0], ..SeccompData::default() };
    let less = Predicate::Test(less);
    assert!(holds(&less, &call(0xffff_ffff, 0)));
    assert!(!holds(&less, &call(0, 0x7_ffff_ffff)));
    let unsigned = at(Place::Arg(1), 32, false);
    assert_eq!(
        Test::compare_field(a.clone(), CmpOp::Lt, unsigned.clone()),
        Err(TypeError::Mismatch(a.ty(), unsigned.ty()))
    );
    let equal = Predicate::Test(Test::compare_field(a.clone(), CmpOp::Eq, unsigned).unwrap());
    assert!(holds(&equal, &call(0x1_ffff_ffff, 0xffff_ffff)));
    assert_eq!(Test::compare_field(a.clone(), CmpOp::Le, a.clone()), Err(TypeError::NeverFalse));
    assert_eq!(Test::compare_field(a.clone(), CmpOp::Ne, a.clone()), Err(TypeError::NeverTrue));
    let wide = at(Place::Arg(1), 64, true);
    assert!(matches!(Test::compare_field(a, CmpOp::Eq, wide), Err(TypeError::Mismatch(..))));
}
