//! BatSat.

use std::cell::Cell;

use batsat::{Callbacks, ClauseKind, Lit, Solver, SolverInterface as _, SolverOpts, Var, lbool};

use super::literal::Literal;
use crate::gates::Result;
use crate::meter::Meter;

/// Clauses, and what was learnt of them.
pub(crate) struct Clauses {
    solver: Solver<Limit>,
    variables: Vec<Var>,
    /// How many clauses were added.
    count: u64,
}

/// Conflicts after which it is seen what they took.
const SLICE: u64 = 200;

/// Steps of the meter for an implication, where all clauses are in the processor's cache.
const IMPLICATION: u64 = 10;

/// Clauses that make every implication a step dearer: measured from 5,000 to 600,000 of them.
const CLAUSES_A_STEP: u64 = 30_000;

impl Clauses {
    /// No clauses yet, over so many variables.
    pub(crate) fn new(variables: u32) -> Self {
        let mut solver = Solver::new(SolverOpts::default(), Limit { left: Cell::new(0) });
        let variables = (0..variables).map(|_| solver.new_var_default()).collect();
        Self { solver, variables, count: 0 }
    }

    /// Some of these must hold.
    pub(crate) fn add(&mut self, clause: &[Literal]) {
        self.count += 1;
        let of = |literal: &Literal| {
            let variable = self.variables.get(usize::try_from(literal.variable).ok()?)?;
            Some(Lit::new(*variable, !literal.inverted))
        };
        let mut literals: Vec<Lit> = clause.iter().filter_map(of).collect();
        self.solver.add_clause_reuse(&mut literals);
    }

    /// Whether all can hold; `None` if that was not found out in so many conflicts. Another
    /// question goes on from there.
    ///
    /// # Errors
    /// The meter is used up.
    pub(crate) fn solve(&mut self, conflicts: u64, meter: &Meter) -> Result<Option<bool>> {
        let implication = IMPLICATION + self.count / CLAUSES_A_STEP;
        let mut left = conflicts;
        while left > 0 {
            let slice = left.min(SLICE);
            self.solver.cb_mut().left.set(slice);
            let before = self.spent();
            let answer = self.solver.solve_limited(&[]);
            let after = self.spent();
            meter.conflicts(after.conflicts - before.conflicts);
            let implications = after.implications - before.implications;
            let paid = meter.spend(implications.saturating_mul(implication));
            if answer != lbool::UNDEF {
                return Ok(Some(answer == lbool::TRUE));
            }
            paid?;
            left -= slice;
        }
        Ok(None)
    }

    fn spent(&self) -> Spent {
        Spent {
            conflicts: self.solver.num_conflicts(),
            implications: self.solver.num_propagations(),
        }
    }

    /// Whether a variable holds where all clauses do.
    pub(crate) fn holds(&self, variable: u32) -> bool {
        let variable = self.variables.get(variable as usize);
        variable.is_some_and(|variable| self.solver.value_var(*variable) == lbool::TRUE)
    }
}

/// What a solver has done.
struct Spent {
    conflicts: u64,
    implications: u64,
}

/// Stops a solver after a number of conflicts.
struct Limit {
    left: Cell<u64>,
}

impl Callbacks for Limit {
    fn on_new_clause(&mut self, _: &[Lit], _: ClauseKind) {
        self.left.set(self.left.get().saturating_sub(1));
    }

    fn stop(&self) -> bool {
        self.left.get() == 0
    }
}
