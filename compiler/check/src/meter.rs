//! What a whole proof may cost, however many questions it comes to.

use std::cell::Cell;
use std::rc::Rc;

use crate::gates::{OverBudget, Result};

/// What things cost, in steps of about ten nanoseconds.
pub(crate) mod cost {
    /// An instruction, run on numbers.
    pub(crate) const INSTRUCTION: u64 = 1;
    /// An instruction, run on terms.
    pub(crate) const TERMS: u64 = 10;
    /// An operation on decision diagrams.
    pub(crate) const OPERATION: u64 = 10;
    /// A gate.
    pub(crate) const GATE: u64 = 10;
    /// A call that is tried on both sides, beside the instructions.
    pub(crate) const CALL: u64 = 50;
}

/// Steps that are left. Clones draw on the same.
#[derive(Clone, Debug)]
pub(crate) struct Meter(Rc<Counters>);

#[derive(Debug)]
struct Counters {
    steps: u64,
    left: Cell<u64>,
    conflicts: Cell<u64>,
}

impl Meter {
    pub(crate) fn new(steps: u64) -> Self {
        Self(Rc::new(Counters { steps, left: Cell::new(steps), conflicts: Cell::new(0) }))
    }

    /// How many are left.
    pub(crate) fn left(&self) -> u64 {
        self.0.left.get()
    }

    /// How many were taken.
    pub(crate) fn spent(&self) -> u64 {
        self.0.steps - self.left()
    }

    /// Notes conflicts of a solver.
    pub(crate) fn conflicts(&self, more: u64) {
        self.0.conflicts.set(self.0.conflicts.get().saturating_add(more));
    }

    /// How many of them were noted.
    pub(crate) fn all_conflicts(&self) -> u64 {
        self.0.conflicts.get()
    }

    /// Without an end.
    #[cfg(test)]
    pub(crate) fn free() -> Self {
        Self::new(u64::MAX)
    }

    /// Takes some.
    ///
    /// # Errors
    /// There are not so many left.
    pub(crate) fn spend(&self, steps: u64) -> Result<()> {
        match self.left().checked_sub(steps) {
            Some(left) => {
                self.0.left.set(left);
                Ok(())
            }
            None => {
                self.0.left.set(0);
                Err(OverBudget)
            }
        }
    }
}
