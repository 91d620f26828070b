//! Predicates as disjunctions of conjunctions of comparisons.

use filterc_abi::SeccompData;
use filterc_hir::eval::holds;
use filterc_hir::expr::{CmpOp, Predicate, Relation, Test};
use filterc_hir::types::Place;

use crate::libseccomp::abi;

/// More ways than a person would write.
const MAX_WAYS: usize = 512;

/// A comparison operator; all are unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

/// `(args[arg] & mask) op value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The register.
    pub arg: u8,
    /// The bits that count; all where nothing is masked.
    pub mask: u64,
    /// The operator.
    pub op: Op,
    /// With what.
    pub value: u64,
}

/// Ways to make a predicate true: in each, all comparisons hold.
pub(crate) type Ways = Vec<Vec<Comparison>>;

impl Op {
    const fn of(op: CmpOp, negated: bool) -> Self {
        match (op, negated) {
            (CmpOp::Eq, false) | (CmpOp::Ne, true) => Self::Eq,
            (CmpOp::Ne, false) | (CmpOp::Eq, true) => Self::Ne,
            (CmpOp::Lt, false) | (CmpOp::Ge, true) => Self::Lt,
            (CmpOp::Le, false) | (CmpOp::Gt, true) => Self::Le,
            (CmpOp::Gt, false) | (CmpOp::Le, true) => Self::Gt,
            (CmpOp::Ge, false) | (CmpOp::Lt, true) => Self::Ge,
        }
    }

    /// As the `libseccomp` helper reads it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Lt => "lt",
            Self::Le => "le",
            Self::Gt => "gt",
            Self::Ge => "ge",
        }
    }
}

/// The ways in which a predicate, or its negation, holds for calls of that number.
pub(crate) fn disjunction(predicate: &Predicate, negated: bool, nr: u32) -> Result<Ways, String> {
    let parts = |parts: &[Predicate]| -> Result<Vec<Ways>, String> {
        parts.iter().map(|part| disjunction(part, negated, nr)).collect()
    };
    match predicate {
        Predicate::True | Predicate::False => Ok(truth((*predicate == Predicate::True) != negated)),
        Predicate::Not(inner) => disjunction(inner, !negated, nr),
        Predicate::And(all) if !negated => every(parts(all)?),
        Predicate::Or(some) if negated => every(parts(some)?),
        Predicate::And(some) | Predicate::Or(some) => Ok(parts(some)?.concat()),
        Predicate::Test(test) => of_test(test, predicate, negated, nr),
    }
}

fn truth(holds: bool) -> Ways {
    if holds { vec![Vec::new()] } else { Vec::new() }
}

/// One way of each.
fn every(parts: Vec<Ways>) -> Result<Ways, String> {
    let mut all = truth(true);
    for part in parts {
        let with = |before: &Vec<Comparison>| {
            let join = |after: &Vec<Comparison>| [before.as_slice(), after].concat();
            part.iter().map(join).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
        if all.len() > MAX_WAYS {
            return Err(format!("more than {MAX_WAYS} conjunctions"));
        }
    }
    Ok(all)
}

fn of_test(test: &Test, predicate: &Predicate, negated: bool, nr: u32) -> Result<Ways, String> {
    let (place, ty) = (test.field().place(), test.field().ty());
    let arg = match place {
        Place::Nr | Place::Arch => {
            let nr = nr.cast_signed();
            let call = SeccompData { nr, arch: abi::X86_64, ..SeccompData::default() };
            return Ok(truth(holds(predicate, &call) != negated));
        }
        Place::Arg(arg) => arg,
        Place::InstructionPointer => return Err("the instruction pointer".to_owned()),
        Place::Pair { .. } => return Err("an argument in two registers".to_owned()),
        Place::Answer(_) => return Err("what a monitor is asked".to_owned()),
        Place::Fact(_) => return Err("a fact beside the registers".to_owned()),
        Place::Param(_) => return Err("a parameter".to_owned()),
    };
    let sign = if ty.signed() { test.mask() & (1 << (ty.width() - 1)) } else { 0 };
    let compare = |op: CmpOp, value: u64, negated: bool| {
        let op = Op::of(op, negated);
        let comparison = Comparison { arg, mask: test.mask(), op, value };
        match op {
            _ if sign == 0 => Ok(comparison),
            Op::Eq | Op::Ne => Ok(comparison),
            Op::Lt if value == 0 => Ok(Comparison { mask: sign, op: Op::Eq, value: sign, arg }),
            Op::Ge if value == 0 => Ok(Comparison { mask: sign, op: Op::Eq, value: 0, arg }),
            Op::Lt | Op::Le | Op::Gt | Op::Ge => Err("a signed order".to_owned()),
        }
    };
    match test.relation() {
        Relation::Compare(op, bits) => Ok(vec![vec![compare(*op, *bits, negated)?]]),
        Relation::Field(..) => Err("a comparison of two arguments".to_owned()),
        Relation::In(ranges) => {
            let mut each = Vec::with_capacity(ranges.len());
            for range in ranges {
                let (first, last) = (range.first(), range.last());
                if first == last {
                    each.push(vec![vec![compare(CmpOp::Eq, first, negated)?]]);
                    continue;
                }
                let from = compare(CmpOp::Ge, first, negated)?;
                let to = compare(CmpOp::Le, last, negated)?;
                each.push(if negated { vec![vec![from], vec![to]] } else { vec![vec![from, to]] });
            }
            if negated { every(each) } else { Ok(each.concat()) }
        }
    }
}

/// The conjunction with `!=` under a mask as the other values of a few bits.
pub(crate) fn without_masked_ne(all_of: &[Comparison]) -> Result<Ways, String> {
    let mut each = Vec::with_capacity(all_of.len());
    for comparison in all_of {
        let Comparison { mask, op, value, .. } = *comparison;
        if op != Op::Ne || mask == u64::MAX {
            each.push(vec![vec![*comparison]]);
            continue;
        }
        if mask.count_ones() > 4 {
            return Err("`!=` under a mask".to_owned());
        }
        // Every value within the mask, from the mask down.
        let mut others = Vec::new();
        let mut other = mask;
        loop {
            if other != value {
                others.push(vec![Comparison { op: Op::Eq, value: other, ..*comparison }]);
            }
            if other == 0 {
                break;
            }
            other = (other - 1) & mask;
        }
        each.push(others);
    }
    every(each)
}

/// The conjunction with each argument in it once; `None` if it never holds.
pub(crate) fn one_an_argument(all_of: &[Comparison]) -> Result<Option<Vec<Comparison>>, String> {
    let mut merged: Vec<Comparison> = Vec::with_capacity(all_of.len());
    for comparison in all_of {
        let known = merged.iter_mut().find(|known| known.arg == comparison.arg);
        match known {
            None => merged.push(*comparison),
            Some(known) if known == comparison => {}
            Some(known) if known.op == Op::Eq && comparison.op == Op::Eq => {
                let common = known.mask & comparison.mask;
                if (known.value ^ comparison.value) & common != 0 {
                    return Ok(None);
                }
                known.mask |= comparison.mask;
                known.value |= comparison.value;
            }
            Some(_) => return Err("two comparisons of one argument".to_owned()),
        }
    }
    Ok(Some(merged))
}
