//! Functions of few cells, for [`super::optimal`].

use super::set::Set;
use crate::machine::Held;
use crate::test::Test;

/// Answers of all tests, a bit each.
pub(super) type Answers = u32;

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    /// What an instruction that its calls run costs.
    pub(super) weight: f64,
    /// Where they leave.
    pub(super) exit: usize,
    /// What the tests come to, in their order.
    pub(super) answers: Answers,
}

/// A test that may be asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    /// The test.
    pub(super) test: Test,
    /// The cells where it holds.
    pub(super) holds: Set,
    /// What it needs in A, if that can be there already.
    pub(super) wants: Option<Held>,
}

/// A function, and what it may be asked with.
#[derive(Clone, Debug, Default)]
pub(super) struct Function {
    /// The cells.
    pub(super) cells: Vec<Cell>,
    /// The tests, those first that are preferred among equals.
    pub(super) tests: Vec<Candidate>,
    /// Those of them that have one answer in each cell.
    pub(super) settled: Answers,
    /// What an instruction costs by being there.
    pub(super) size: f64,
}
