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
    /// An implication that a solver follows.
    pub(crate) const IMPLICATION: u64 = 20;
    /// A call that is tried on both sides.
    pub(crate) const CALL: u64 = 100;
}

/// Steps that are left. Clones draw on the same.
#[derive(Clone, Debug)]
pub(crate) struct Meter(Rc<Cell<u64>>);

impl Meter {
    pub(crate) fn new(steps: u64) -> Self {
        Self(Rc::new(Cell::new(steps)))
    }

    /// How many are left.
    pub(crate) fn left(&self) -> u64 {
        self.0.get()
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
        match self.0.get().checked_sub(steps) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => {
                self.0.set(0);
                Err(OverBudget)
            }
        }
    }
}
