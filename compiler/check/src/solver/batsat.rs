//! BatSat.

use std::cell::Cell;

use batsat::{Callbacks, ClauseKind, Lit, Solver, SolverInterface as _, SolverOpts, Var, lbool};

use super::literal::Literal;
use crate::gates::Result;
use crate::meter::{Meter, cost};

/// Clauses, and what was learnt of them.
pub(crate) struct Clauses {
    solver: Solver<Limit>,
    variables: Vec<Var>,
}

/// Conflicts after which it is seen what they took.
const SLICE: u64 = 1000;

impl Clauses {
    /// No clauses yet, over so many variables.
    pub(crate) fn new(variables: u32) -> Self {
        let mut solver = Solver::new(SolverOpts::default(), Limit { left: Cell::new(0) });
        let variables = (0..variables).map(|_| solver.new_var_default()).collect();
        Self { solver, variables }
    }

    /// Some of these must hold.
    pub(crate) fn add(&mut self, clause: &[Literal]) {
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
        let mut left = conflicts;
        loop {
            let slice = left.min(SLICE);
            self.solver.cb_mut().left.set(slice);
            let before = self.solver.num_propagations();
            let answer = self.solver.solve_limited(&[]);
            if answer != lbool::UNDEF {
                return Ok(Some(answer == lbool::TRUE));
            }
            left -= slice;
            if left == 0 {
                return Ok(None);
            }
            let implications = self.solver.num_propagations().saturating_sub(before);
            meter.spend(implications.saturating_mul(cost::IMPLICATION))?;
        }
    }

    /// Whether a variable holds where all clauses do.
    pub(crate) fn holds(&self, variable: u32) -> bool {
        let variable = self.variables.get(variable as usize);
        variable.is_some_and(|variable| self.solver.value_var(*variable) == lbool::TRUE)
    }
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
