//! CaDiCaL.

use cadical::Solver;

use super::literal::Literal;
use crate::gates::Result;
use crate::meter::Meter;

/// Clauses, and what was learnt of them.
pub(crate) struct Clauses {
    solver: Solver,
}

/// Steps of the meter for a conflict: CaDiCaL tells of no implications.
const STEPS_A_CONFLICT: u64 = 5000;

impl Clauses {
    /// No clauses yet.
    pub(crate) fn new(_variables: u32) -> Self {
        Self { solver: Solver::new() }
    }

    /// Some of these must hold.
    pub(crate) fn add(&mut self, clause: &[Literal]) {
        self.solver.add_clause(clause.iter().map(|literal| {
            let number = number(literal.variable);
            if literal.inverted { -number } else { number }
        }));
    }

    /// Whether all can hold; `None` if that was not found out in so many conflicts. Another
    /// question goes on from there.
    ///
    /// # Errors
    /// The meter is used up.
    pub(crate) fn solve(&mut self, conflicts: u64, meter: &Meter) -> Result<Option<bool>> {
        meter.spend(0)?;
        let limit = i32::try_from(conflicts).unwrap_or(i32::MAX);
        // The name is one that it knows.
        let _ = self.solver.set_limit("conflicts", limit);
        let answer = self.solver.solve();
        if answer.is_none() {
            meter.spend(conflicts.saturating_mul(STEPS_A_CONFLICT))?;
        }
        Ok(answer)
    }

    /// Whether a variable holds where all clauses do.
    pub(crate) fn holds(&self, variable: u32) -> bool {
        // What it has no value for may have any.
        self.solver.value(number(variable)) == Some(true)
    }
}

/// Its numbers begin with 1.
fn number(variable: u32) -> i32 {
    i32::try_from(variable).unwrap_or(i32::MAX).saturating_add(1)
}
