//! Predicates as functions of the bits of a call, over an order of the bits that suits them.

use filterc_abi::Endian;
use filterc_hir::eval;
use filterc_hir::expr::Predicate;

use crate::formula::Formula;
use crate::gates::{FALSE, Node, Result};
use crate::input::Input;
use crate::layout::{Level, Order, Ties, words_with};
use crate::mtbdd::{Mtbdd, Ordered};
use crate::region::Head;
use crate::spec::{each_test, tie};

/// The calls with one number and token, or all of them, and where their bits stand in the
/// order. Spaces may share a collection of diagrams, but no functions.
#[derive(Debug)]
pub(crate) struct Space {
    head: Option<Head>,
    endian: Endian,
    order: Order,
}

impl Space {
    /// With an order that suits some predicates.
    pub(crate) fn new<'p>(
        head: Option<Head>,
        endian: Endian,
        predicates: impl IntoIterator<Item = &'p Predicate>,
    ) -> Self {
        let mut ties = Ties::none();
        for predicate in predicates {
            each_test(predicate, &mut |test| tie(test, endian, &mut ties));
        }
        Self { head, endian, order: Order::new(&ties, endian) }
    }

    /// For which calls a predicate holds.
    ///
    /// # Errors
    /// The function is too large.
    pub(crate) fn predicate(&self, mtbdd: &mut Mtbdd, predicate: &Predicate) -> Result<Node> {
        let gates = Ordered { mtbdd, order: self.order };
        let mut formula = Formula::new(gates, self.endian, self.head);
        let holds = eval::truth(&mut formula, predicate);
        formula.finish().map(|()| holds)
    }

    /// The call with these bits, all others 0.
    pub(crate) fn call(&self, bits: &[(Level, bool)]) -> Input {
        let set = bits.iter().filter(|(_, state)| *state);
        let mut words = words_with(set.filter_map(|(level, _)| self.order.bit(*level)));
        if let (Some(head), [nr, arch, ..]) = (self.head, &mut words) {
            (*nr, *arch) = (head.nr, head.arch);
        }
        Input::of_words(&words, self.endian)
    }

    /// A call for which a truth function holds; `None` if there is none.
    pub(crate) fn witness(&self, mtbdd: &Mtbdd, function: Node) -> Option<Input> {
        mtbdd.difference(function, FALSE).map(|bits| self.call(&bits))
    }
}

#[cfg(test)]
#[path = "space_tests.rs"]
mod tests;
