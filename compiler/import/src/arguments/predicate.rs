//! From tests to the syntax tree of a predicate.

use filterc_abi::Abi;
use filterc_grammar::ast::{
    CmpOp, Constant, Field as AstField, Item, Mask, Name, Predicate, PredicateKind, Relation,
    Test as AstTest,
};
use filterc_grammar::source::Span;

use crate::arguments::conditions::{All, Field, Test};
use crate::arguments::names;
use crate::arguments::values::{Values, largest};

/// A name without a place.
pub(crate) fn name(text: &str) -> Name {
    Name { text: text.to_owned(), span: Span::default() }
}

/// A predicate without a place.
pub(crate) fn predicate(kind: PredicateKind) -> Predicate {
    Predicate { kind, span: Span::default() }
}

/// Conjunction; one part stands alone, and parts of parts are parts.
pub(crate) fn and(parts: Vec<Predicate>) -> Predicate {
    let flat = |part: Predicate| match part.kind {
        PredicateKind::And(inner) => inner,
        PredicateKind::Or(_)
        | PredicateKind::Not(_)
        | PredicateKind::Paren(_)
        | PredicateKind::True
        | PredicateKind::False
        | PredicateKind::Let(_)
        | PredicateKind::Test(_)
        | PredicateKind::Error => vec![part],
    };
    let mut parts: Vec<Predicate> = parts.into_iter().flat_map(flat).collect();
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            predicate(PredicateKind::And(parts))
        }
        None => predicate(PredicateKind::True),
    }
}

pub(crate) fn or(mut parts: Vec<Predicate>) -> Predicate {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            predicate(PredicateKind::Or(parts))
        }
        None => predicate(PredicateKind::False),
    }
}

/// What a rule asks on an ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing: it always holds.
    Nothing,
    /// What cannot be.
    Never,
    /// This.
    This(Predicate),
}

/// The predicate of alternatives, simplified ones.
pub(crate) fn of(alternatives: &[All], abi: &'static Abi) -> Asked {
    if alternatives.iter().any(Vec::is_empty) {
        return Asked::Nothing;
    }
    if alternatives.is_empty() {
        return Asked::Never;
    }
    let all = |all: &All| and(all.iter().map(|test| of_test(test, abi)).collect());
    Asked::This(or(alternatives.iter().map(all).collect()))
}

fn of_test(test: &Test, abi: &'static Abi) -> Predicate {
    let Test { field, values } = test;
    let field = &comparable(field, values);
    match values {
        Values::Masked { mask, value } => masked(field, *mask, *value, abi),
        Values::Ranges(ranges) => {
            let (inside, outside) = (
                split_by_sign(field, ranges),
                split_by_sign(field, &Values::others(ranges, field.width)),
            );
            // What is left out is what the rule is about, where it is less to read.
            // A pointer is compared with single numbers alone.
            let single = inside.iter().all(|(first, last)| first == last);
            if numbers(&outside) < numbers(&inside) || (field.pointer && !single) {
                within(field, &outside, Sense::Outside, abi)
            } else {
                within(field, &inside, Sense::Inside, abi)
            }
        }
    }
}

/// The field itself, or, for a pointer that is not only compared for equality, its register:
/// all bits of it are the pointer.
fn comparable(field: &Field, values: &Values) -> Field {
    let single = |ranges: &[(u64, u64)]| ranges.iter().all(|(first, last)| first == last);
    let equality = match values {
        Values::Ranges(ranges) => single(ranges) || single(&Values::others(ranges, field.width)),
        Values::Masked { .. } => false,
    };
    if field.pointer && !equality { Field::register(field.index, field.width) } else { *field }
}

/// How many numbers it takes to write ranges.
fn numbers(ranges: &[(u64, u64)]) -> usize {
    ranges.iter().map(|(first, last)| if first == last { 1 } else { 2 }).sum()
}

/// Whether the ranges are what is meant, or all else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sense {
    Inside,
    Outside,
}

fn test(field: &Field, mask: Option<Mask>, relation: Relation) -> Predicate {
    let raw = AstField {
        name: name(field.name.unwrap_or("args")),
        index: field.name.is_none().then(|| names::integer(field.index.into())),
        ustring: false,
        function: false,
        span: Span::default(),
    };
    // The upper half of a register of a 32-bit ABI does not count.
    let low = (field.name.is_none() && field.width < 64)
        .then(|| Mask { constant: names::integer(largest(field.width)), parenthesised: true });
    let test = AstTest { field: raw, mask: mask.or(low), relation };
    predicate(PredicateKind::Test(Box::new(test)))
}

pub(crate) fn not(inner: Predicate) -> Predicate {
    predicate(PredicateKind::Not(Box::new(predicate(PredicateKind::Paren(Box::new(inner))))))
}

/// `!(field & mask)`, `field & bit`, `(field & mask) == value`.
fn masked(field: &Field, mask: u64, value: u64, abi: &'static Abi) -> Predicate {
    let of = |bits, parenthesised| {
        let constant = names::enclosed(names::of_mask(bits, field, abi));
        Some(Mask { constant, parenthesised })
    };
    if value == 0 {
        return not(test(field, of(mask, false), Relation::AnyBit));
    }
    if value == mask && mask.is_power_of_two() {
        return test(field, of(mask, false), Relation::AnyBit);
    }
    let value = names::of_mask(value, field, abi);
    test(field, of(mask, true), Relation::Compare(CmpOp::Eq, value))
}

/// So many values are named one by one.
const FEW_VALUES: u64 = 5;

fn within(field: &Field, ranges: &[(u64, u64)], sense: Sense, abi: &'static Abi) -> Predicate {
    if let [(first, last)] = ranges
        && let Some(relation) = comparison(field, *first, *last, sense, abi)
    {
        return test(field, None, relation);
    }
    let mut items = Vec::with_capacity(ranges.len());
    for &(first, last) in ranges {
        // A few values that have names are named.
        let few = last - first < FEW_VALUES;
        if first == last || (few && (first..=last).all(|it| names::has_name(it, field, abi))) {
            let one = |value| Item::One(names::of_value(value, field, abi));
            items.extend((first..=last).map(one));
        } else {
            items.push(Item::Range(names::value(first, field), names::value(last, field)));
        }
    }
    let inside = test(field, None, Relation::In(items));
    match sense {
        Sense::Inside => inside,
        Sense::Outside => not(inside),
    }
}

/// One range as a plain comparison, where it is one: equality, or all numbers on one side
/// of a constant, if the field's own order is the unsigned one.
fn comparison(
    field: &Field,
    first: u64,
    last: u64,
    sense: Sense,
    abi: &'static Abi,
) -> Option<Relation> {
    let inside = sense == Sense::Inside;
    let compare = |op, constant: Constant| Some(Relation::Compare(op, constant));
    if first == last {
        let op = if inside { CmpOp::Eq } else { CmpOp::Ne };
        return compare(op, names::of_value(first, field, abi));
    }
    let max = largest(field.width);
    if field.signed {
        let op = if inside { CmpOp::Ge } else { CmpOp::Lt };
        return (first == 0 && last == max >> 1)
            .then_some(Relation::Compare(op, names::integer(0)));
    }
    // Of the two ways to say it, the one with the rounder number was meant.
    let is_rounder = |number: u64, than: u64| number.trailing_zeros() > than.trailing_zeros();
    let (op, limit) = if first == 0 && last < max {
        if is_rounder(last + 1, last) {
            (if inside { CmpOp::Lt } else { CmpOp::Ge }, last + 1)
        } else {
            (if inside { CmpOp::Le } else { CmpOp::Gt }, last)
        }
    } else if last == max && first > 0 {
        if is_rounder(first, first - 1) {
            (if inside { CmpOp::Ge } else { CmpOp::Lt }, first)
        } else {
            (if inside { CmpOp::Gt } else { CmpOp::Le }, first - 1)
        }
    } else {
        return None;
    };
    compare(op, names::integer(limit))
}

/// Ranges as a field with sign orders them: what crosses the sign falls into two.
fn split_by_sign(field: &Field, ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let positive = largest(field.width) >> 1;
    let mut split = Vec::with_capacity(ranges.len() + 1);
    for &(first, last) in ranges {
        if field.signed && first <= positive && last > positive {
            split.extend([(first, positive), (positive + 1, last)]);
        } else {
            split.push((first, last));
        }
    }
    split
}
