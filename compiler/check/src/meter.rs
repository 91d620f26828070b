//! What a whole proof may cost, however many questions it comes to.

use std::cell::Cell;
use std::rc::Rc;

use crate::gates::{OverBudget, Result};

/// Steps that are left: an instruction run on terms, an operation on diagrams or the making of a
/// gate is one. Clones draw on the same.
#[derive(Clone, Debug)]
pub(crate) struct Meter(Rc<Cell<u64>>);

impl Meter {
    pub(crate) fn new(steps: u64) -> Self {
        Self(Rc::new(Cell::new(steps)))
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
