//! CaDiCaL.

use cadical::{Callbacks, Solver};

use super::literal::Literal;
use crate::gates::{OverBudget, Result};
use crate::meter::Meter;

/// Clauses, and what was learnt of them.
pub(crate) struct Clauses {
    solver: Solver<Watch>,
    /// How many clauses were added.
    count: u64,
}

impl Clauses {
    /// No clauses yet.
    pub(crate) fn new(_variables: u32) -> Self {
        Self { solver: Solver::new(), count: 0 }
    }

    /// Some of these must hold.
    pub(crate) fn add(&mut self, clause: &[Literal]) {
        self.count += 1;
        if self.count > MAX_CLAUSES {
            // No answer will come of it.
            return;
        }
        self.solver.add_clause(clause.iter().map(|literal| {
            let number = number(literal.variable);
            if literal.inverted { -number } else { number }
        }));
    }

    /// Whether all can hold; `None` if that was not found out in so many conflicts. Another
    /// question goes on from there.
    ///
    /// # Errors
    /// The meter is used up, or there are too many clauses.
    pub(crate) fn solve(&mut self, conflicts: u64, meter: &Meter) -> Result<Option<bool>> {
        if self.count > MAX_CLAUSES {
            return Err(OverBudget);
        }
        let limit = i32::try_from(conflicts).unwrap_or(i32::MAX);
        // The name is one that it knows.
        let _ = self.solver.set_limit("conflicts", limit);
        let look = LOOK + self.count / CLAUSES_A_STEP;
        self.solver.set_callbacks(Some(Watch { meter: meter.clone(), look, over: false }));
        match self.solver.solve() {
            None if self.solver.get_callbacks().is_some_and(|watch| watch.over) => Err(OverBudget),
            answer => Ok(answer),
        }
    }

    /// Whether a variable holds where all clauses do.
    pub(crate) fn holds(&self, variable: u32) -> bool {
        // What it has no value for may have any.
        self.solver.value(number(variable)) == Some(true)
    }
}

/// More clauses than this take it more than a gibibyte, with what it keeps beside them: 150
/// products of 32 bits, which it does not see through either way, took 1.3.
const MAX_CLAUSES: u64 = 3_000_000;

/// Steps of the meter from one look at it to the next, where all clauses are in the processor's
/// cache: CaDiCaL tells of no implications, but asks whether to go on after every ten decisions,
/// and inside all that it does beside the search. That is 30 to 700 microseconds, measured from
/// 3,000 to 600,000 clauses.
const LOOK: u64 = 12_000;

/// Clauses that make it a step dearer.
const CLAUSES_A_STEP: u64 = 10;

/// Takes steps while a solver runs, and stops it where there are none.
struct Watch {
    meter: Meter,
    look: u64,
    over: bool,
}

impl Callbacks for Watch {
    fn terminate(&mut self) -> bool {
        self.over |= self.meter.spend(self.look).is_err();
        self.over
    }

    fn max_length(&self) -> i32 {
        i32::MAX
    }

    /// Each conflict leaves a clause.
    fn learn(&mut self, _: &[i32]) {
        self.meter.conflicts(1);
    }
}

/// Its numbers begin with 1.
fn number(variable: u32) -> i32 {
    i32::try_from(variable).unwrap_or(i32::MAX).saturating_add(1)
}
