//! Predicates as branches, by continuation: each part is built with the nodes that follow
//! if it holds and if it does not, so `&&`, `||` and `!` cost nothing by themselves.

use filterc_abi::SeccompData;
use filterc_hir::eval::holds;
use filterc_hir::expr::{self, CmpOp, Predicate, Relation};
use filterc_hir::types::{Field, Place};

use crate::builder::DagBuilder;
use crate::dag::{NodeId, Origin};
use crate::test::{Cmp, Operand, Test};

/// What is known where a predicate is built.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'c> {
    /// A call with the right `nr` and `arch`; nothing else of it is looked at.
    pub(crate) call: &'c SeccompData,
    /// What the nodes are there for.
    pub(crate) origin: Origin,
}

/// What follows.
#[derive(Clone, Copy)]
pub(crate) struct Arms {
    /// If it holds.
    pub(crate) then: NodeId,
    /// If it does not.
    pub(crate) otherwise: NodeId,
}

/// Parts that are still to be built, before the one at hand.
enum Frame<'p> {
    All { rest: &'p [Predicate], otherwise: NodeId },
    Any { rest: &'p [Predicate], then: NodeId },
}

/// The node that asks a predicate. Counts the parts that it looks at in `steps`.
///
/// A loop with its own stack: no nesting of a policy can exhaust the machine's.
pub(crate) fn build(
    dag: &mut DagBuilder,
    scope: Scope<'_>,
    predicate: &Predicate,
    arms: Arms,
    steps: &mut usize,
) -> NodeId {
    let mut frames = Vec::new();
    let mut next = Some((predicate, arms));
    let mut node = arms.otherwise;
    loop {
        if let Some((predicate, arms)) = next.take() {
            *steps += 1;
            match predicate {
                Predicate::True => node = arms.then,
                Predicate::False => node = arms.otherwise,
                Predicate::Test(test) => {
                    *steps += ranges(test);
                    node = branch(dag, scope, test, predicate, arms);
                }
                Predicate::Not(inner) => {
                    let Arms { then, otherwise } = arms;
                    next = Some((inner, Arms { then: otherwise, otherwise: then }));
                    continue;
                }
                Predicate::And(rest) => {
                    node = arms.then;
                    frames.push(Frame::All { rest, otherwise: arms.otherwise });
                }
                Predicate::Or(rest) => {
                    node = arms.otherwise;
                    frames.push(Frame::Any { rest, then: arms.then });
                }
            }
        }
        // `node` is what follows the parts that are left in the innermost frame.
        next = match frames.last_mut() {
            None => return node,
            Some(Frame::All { rest, otherwise }) => rest.split_last().map(|(last, before)| {
                *rest = before;
                (last, Arms { then: node, otherwise: *otherwise })
            }),
            Some(Frame::Any { rest, then }) => rest.split_last().map(|(last, before)| {
                *rest = before;
                (last, Arms { then: *then, otherwise: node })
            }),
        };
        if next.is_none() {
            frames.pop();
        }
    }
}

/// Ranges that a test asks for.
fn ranges(test: &expr::Test) -> usize {
    match test.relation() {
        Relation::In(ranges) => ranges.len(),
        Relation::Compare(..) | Relation::Field(..) => 0,
    }
}

fn branch(
    dag: &mut DagBuilder,
    scope: Scope<'_>,
    test: &expr::Test,
    predicate: &Predicate,
    arms: Arms,
) -> NodeId {
    let field = test.field();
    let fixed = is_fixed(field);
    match test.relation() {
        Relation::Compare(..) | Relation::In(_) if fixed => pick(scope, predicate, arms),
        Relation::Field(_, other) if fixed && is_fixed(other) => pick(scope, predicate, arms),
        Relation::Compare(op, value) => compare(dag, scope, Masked::of(test), *op, *value, arms),
        Relation::In(ranges) => {
            let subject = Masked::of(test);
            let value = |bits| subject.field.value(bits);
            let ends = ranges.iter().map(|r| (value(r.first()), value(r.last())));
            let set = merge(ends.collect());
            within(dag, scope, subject, &set, arms)
        }
        Relation::Field(op, other) if other.place() == Place::Arch => {
            compare(dag, scope, Masked::all(field), *op, other.read(scope.call, &[]), arms)
        }
        Relation::Field(op, other) if field.place() == Place::Arch => {
            let value = field.read(scope.call, &[]);
            compare(dag, scope, Masked::all(other), exchanged(*op), value, arms)
        }
        // The number is known here too, but as a constant it would make of this rule a
        // different decision for every number; as a field, all numbers share it.
        Relation::Field(op, other) if test.mask() != field.ty().mask() => {
            masked_field(dag, scope, Masked::of(test), *op, Operand::of(other), arms)
        }
        Relation::Field(op, other) => {
            fields(dag, scope, Operand::of(field), *op, Operand::of(other), arms)
        }
    }
}

/// Whether the field is the same for every call that comes here.
pub(crate) fn is_fixed(field: &Field) -> bool {
    match field.place() {
        Place::Nr | Place::Arch => true,
        Place::InstructionPointer
        | Place::Arg(_)
        | Place::Pair { .. }
        | Place::Fact(_)
        | Place::Answer(_)
        | Place::Param(_) => false,
    }
}

fn pick(scope: Scope<'_>, predicate: &Predicate, arms: Arms) -> NodeId {
    if holds(predicate, scope.call) { arms.then } else { arms.otherwise }
}

/// The operator with its sides exchanged.
const fn exchanged(op: CmpOp) -> CmpOp {
    match op {
        CmpOp::Eq => CmpOp::Eq,
        CmpOp::Ne => CmpOp::Ne,
        CmpOp::Lt => CmpOp::Gt,
        CmpOp::Le => CmpOp::Ge,
        CmpOp::Gt => CmpOp::Lt,
        CmpOp::Ge => CmpOp::Le,
    }
}

/// A field and the bits of it that count.
#[derive(Clone, Copy)]
struct Masked {
    field: Operand,
    mask: u64,
}

impl Masked {
    fn of(test: &expr::Test) -> Self {
        Self { field: Operand::of(test.field()), mask: test.mask() }
    }

    fn all(field: &Field) -> Self {
        let field = Operand::of(field);
        Self { field, mask: field.mask() }
    }

    const fn test(self, cmp: Cmp, value: u64) -> Test {
        Test::Field { field: self.field, mask: self.mask, cmp, value }
    }

    /// The pattern of a number of this width.
    fn bits(self, value: i128) -> u64 {
        u64::try_from(value & i128::from(self.field.mask())).unwrap_or_default()
    }
}

fn compare(
    dag: &mut DagBuilder,
    scope: Scope<'_>,
    subject: Masked,
    op: CmpOp,
    value: u64,
    arms: Arms,
) -> NodeId {
    let Arms { then, otherwise } = arms;
    let field = subject.field;
    let is_max = value & field.mask() == field.mask() & !field.sign_bit();
    let next = value.wrapping_add(1) & field.mask();
    let (test, then, otherwise) = match op {
        CmpOp::Eq => (subject.test(Cmp::Eq, value), then, otherwise),
        CmpOp::Ne => (subject.test(Cmp::Eq, value), otherwise, then),
        CmpOp::Ge => (subject.test(Cmp::Ge, value), then, otherwise),
        CmpOp::Lt => (subject.test(Cmp::Ge, value), otherwise, then),
        // Nothing is greater than the greatest value, which has no next one.
        CmpOp::Gt if is_max => return otherwise,
        CmpOp::Le if is_max => return then,
        CmpOp::Gt => (subject.test(Cmp::Ge, next), then, otherwise),
        CmpOp::Le => (subject.test(Cmp::Ge, next), otherwise, then),
    };
    dag.branch(test, then, otherwise, scope.origin)
}

fn fields(
    dag: &mut DagBuilder,
    scope: Scope<'_>,
    left: Operand,
    op: CmpOp,
    right: Operand,
    arms: Arms,
) -> NodeId {
    let Arms { then, otherwise } = arms;
    let test = |left: Operand, cmp, right| Test::Fields { left, cmp, right, mask: left.mask() };
    let (test, then, otherwise) = match op {
        CmpOp::Eq => (test(left, Cmp::Eq, right), then, otherwise),
        CmpOp::Ne => (test(left, Cmp::Eq, right), otherwise, then),
        CmpOp::Ge => (test(left, Cmp::Ge, right), then, otherwise),
        CmpOp::Lt => (test(left, Cmp::Ge, right), otherwise, then),
        CmpOp::Le => (test(right, Cmp::Ge, left), then, otherwise),
        CmpOp::Gt => (test(right, Cmp::Ge, left), otherwise, then),
    };
    dag.branch(test, then, otherwise, scope.origin)
}

/// `(left & mask) == right`, or its opposite: nothing else is asked of a masked field. What
/// the right side has beside the mask, the left one cannot have.
fn masked_field(
    dag: &mut DagBuilder,
    scope: Scope<'_>,
    left: Masked,
    op: CmpOp,
    right: Operand,
    arms: Arms,
) -> NodeId {
    let Arms { then, otherwise } =
        if op == CmpOp::Eq { arms } else { Arms { then: arms.otherwise, otherwise: arms.then } };
    let mask = left.mask;
    let same = Test::Fields { left: left.field, cmp: Cmp::Eq, right, mask };
    let same = dag.branch(same, then, otherwise, scope.origin);
    let beside = Masked { field: right, mask: right.mask() & !mask };
    dag.branch(beside.test(Cmp::Eq, 0), same, otherwise, scope.origin)
}

/// Ranges in order, with overlapping and adjoining ones made one.
fn merge(mut ranges: Vec<(i128, i128)>) -> Vec<(i128, i128)> {
    ranges.sort_unstable();
    let mut merged: Vec<(i128, i128)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

/// Up to this many ranges are asked for one by one; more are searched by halves.
const LINEAR_RANGES: usize = 4;

/// Membership in sorted ranges. The recursion halves them, so it is not deep.
fn within(
    dag: &mut DagBuilder,
    scope: Scope<'_>,
    subject: Masked,
    ranges: &[(i128, i128)],
    arms: Arms,
) -> NodeId {
    if ranges.len() > LINEAR_RANGES {
        let (low, high) = ranges.split_at(ranges.len() / 2);
        let below = within(dag, scope, subject, low, arms);
        let above = within(dag, scope, subject, high, arms);
        let Some((pivot, _)) = high.first() else { return below };
        let test = subject.test(Cmp::Ge, subject.bits(*pivot));
        return dag.branch(test, above, below, scope.origin);
    }
    let mut node = arms.otherwise;
    for &(first, last) in ranges.iter().rev() {
        let arms = Arms { then: arms.then, otherwise: node };
        node = if first == last {
            compare(dag, scope, subject, CmpOp::Eq, subject.bits(first), arms)
        } else {
            let last = subject.bits(last);
            let upper = compare(dag, scope, subject, CmpOp::Le, last, arms);
            let arms = Arms { then: upper, otherwise: node };
            compare(dag, scope, subject, CmpOp::Ge, subject.bits(first), arms)
        };
    }
    node
}
