//! `words`: field tests become tests of unsigned 32-bit words, in the DAG's byte order.
//!
//! * A field of up to 32 bits lies in one word; the other half of its register is not
//!   looked at, as the kernel does not look at it. A narrower one is cut out by a mask.
//! * A wider field is compared high word first: `x >= v` if the high word is greater than
//!   `v`'s, or equal to it and the low word is at least `v`'s.
//! * Order by sign: if the signs differ they decide; if not, two's complement patterns
//!   order like unsigned ones. No arithmetic is needed.

use super::rewrite::bottom_up;
use crate::builder::DagBuilder;
use crate::dag::{Dag, Node, NodeId, Origin};
use crate::objective::Objective;
use crate::test::{Cmp, Operand, Part, Test, split};

/// Whether there are field tests.
pub(super) fn applies(dag: &Dag) -> bool {
    dag.nodes().iter().any(|node| match node {
        Node::Branch { test, .. } => !test.is_of_words(),
        Node::Leaf(_) | Node::Switch(_) => false,
    })
}

pub(super) fn run(dag: &Dag, _: &Objective) -> Dag {
    bottom_up(dag, |builder, node, origin| match node {
        Node::Branch { test, then, otherwise } => {
            let mut lower = Lower { endian: dag.endian(), builder, origin };
            lower.test(test, Arms { then, otherwise })
        }
        Node::Leaf(_) | Node::Switch(_) => builder.add(node, origin),
    })
}

#[derive(Clone, Copy)]
struct Arms {
    then: NodeId,
    otherwise: NodeId,
}

/// A constant and the bits that count, in the words of a field.
#[derive(Clone, Copy)]
struct Halves {
    lo: Part,
    hi: Option<Part>,
    value: (u32, u32),
}

struct Lower<'b> {
    endian: filterc_abi::Endian,
    builder: &'b mut DagBuilder,
    origin: Origin,
}

impl Lower<'_> {
    fn test(&mut self, test: Test, arms: Arms) -> NodeId {
        match test {
            Test::Field { field, mask, cmp: Cmp::Eq, value } => {
                let halves = self.halves(field, mask, value);
                self.equal(halves, arms)
            }
            Test::Field { field, mask, cmp: Cmp::Ge, value } => {
                self.at_least(field, mask, value, arms)
            }
            Test::Fields { left, cmp: Cmp::Eq, right, mask } => self.same(left, right, mask, arms),
            Test::Fields { left, cmp: Cmp::Ge, right, mask: _ } => self.ordered(left, right, arms),
            Test::Word { .. } | Test::Words { .. } => self.ask(test, arms),
        }
    }

    fn ask(&mut self, test: Test, arms: Arms) -> NodeId {
        self.builder.branch(test, arms.then, arms.otherwise, self.origin)
    }

    fn halves(&self, field: Operand, mask: u64, value: u64) -> Halves {
        let (lo, hi) = field.parts(self.endian);
        let masks = split(mask);
        Halves {
            lo: Part { mask: lo.mask & masks.0, ..lo },
            hi: hi.map(|hi| Part { mask: hi.mask & masks.1, ..hi }).filter(|hi| hi.mask != 0),
            value: split(value),
        }
    }

    fn equal(&mut self, halves: Halves, arms: Arms) -> NodeId {
        let Halves { lo, hi, value } = halves;
        let then = self.ask(Test::word_eq(lo, value.0), arms);
        match hi {
            Some(hi) => self.ask(Test::word_eq(hi, value.1), Arms { then, ..arms }),
            None => then,
        }
    }

    fn at_least(&mut self, field: Operand, mask: u64, value: u64, arms: Arms) -> NodeId {
        let halves = self.halves(field, mask, value);
        let sign = field.sign_bit();
        if mask & sign == 0 {
            // No value is negative.
            return if value & sign == 0 { self.unsigned(halves, arms) } else { arms.then };
        }
        let same_sign = self.unsigned(halves, arms);
        let sign = self.halves(field, sign, 0);
        // `equal` to 0 under the sign bit: not negative.
        if value & field.sign_bit() == 0 {
            self.equal(sign, Arms { then: same_sign, otherwise: arms.otherwise })
        } else {
            self.equal(sign, Arms { then: arms.then, otherwise: same_sign })
        }
    }

    fn unsigned(&mut self, halves: Halves, arms: Arms) -> NodeId {
        let Halves { lo, hi, value } = halves;
        let low = self.ask(Test::word_ge(lo, value.0), arms);
        let Some(hi) = hi else {
            // The high bits that count are none: 0.
            return if value.1 == 0 { low } else { arms.otherwise };
        };
        let equal = self.ask(Test::word_eq(hi, value.1), Arms { then: low, ..arms });
        if low == arms.then {
            return self.ask(Test::word_ge(hi, value.1), arms);
        }
        match value.1.checked_add(1) {
            // Not at least the least that is greater: then equal or less.
            Some(_) if value.1 == 0 => {
                let arms = Arms { then: low, otherwise: arms.then };
                self.ask(Test::word_eq(hi, 0), arms)
            }
            Some(next) => {
                self.ask(Test::word_ge(hi, next), Arms { then: arms.then, otherwise: equal })
            }
            None => equal,
        }
    }

    fn same(&mut self, left: Operand, right: Operand, mask: u64, arms: Arms) -> NodeId {
        let cmp = Cmp::Eq;
        let ((a, a_hi), (b, b_hi)) = (left.parts(self.endian), right.parts(self.endian));
        let (lo, hi) = split(mask);
        let low = Test::Words { left: a.word, cmp, right: b.word, mask: a.mask & lo };
        let then = self.ask(low, arms);
        let (Some(a), Some(b)) = (a_hi, b_hi) else { return then };
        let high = Test::Words { left: a.word, cmp, right: b.word, mask: a.mask & hi };
        self.ask(high, Arms { then, ..arms })
    }

    fn ordered(&mut self, left: Operand, right: Operand, arms: Arms) -> NodeId {
        let unsigned = self.ordered_unsigned(left, right, arms);
        if !left.signed() {
            return unsigned;
        }
        let (Arms { then, otherwise }, sign) = (arms, left.sign_bit());
        let (left, right) = (self.halves(left, sign, 0), self.halves(right, sign, 0));
        let not_negative = self.equal(right, Arms { then: unsigned, otherwise: then });
        let negative = self.equal(right, Arms { then: otherwise, otherwise: unsigned });
        self.equal(left, Arms { then: not_negative, otherwise: negative })
    }

    fn ordered_unsigned(&mut self, left: Operand, right: Operand, arms: Arms) -> NodeId {
        let ((a, a_hi), (b, b_hi)) = (left.parts(self.endian), right.parts(self.endian));
        let words =
            |a: Part, cmp, b: Part| Test::Words { left: a.word, cmp, right: b.word, mask: a.mask };
        let low = self.ask(words(a, Cmp::Ge, b), arms);
        let (Some(a), Some(b)) = (a_hi, b_hi) else { return low };
        let at_least = self.ask(words(a, Cmp::Eq, b), Arms { then: low, otherwise: arms.then });
        self.ask(words(a, Cmp::Ge, b), Arms { then: at_least, ..arms })
    }
}
