//! The passes: pure functions from a DAG to one that decides the same.
//!
//! [`PASSES`] is the whole list, in order. The level of a pass is the lowest `-O` that runs
//! it; what instruction selection needs is of level 0.

mod bound;
mod cells;
mod derive;
mod dispatch;
mod facts;
mod fragment;
mod function;
mod join;
mod members;
mod numbers;
mod optimal;
mod order;
mod prune;
mod ranges;
mod rewrite;
mod search;
mod set;
mod simplify;
mod split;
mod traffic;
mod words;

use crate::dag::Dag;
use crate::objective::Objective;

pub use join::join;

/// A pass.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Its name, that of its file.
    pub name: &'static str,
    /// The lowest optimisation level that runs it.
    pub level: u8,
    /// Whether there is anything for it to do: finding that out is cheaper than a new DAG.
    pub applies: fn(&Dag) -> bool,
    /// What it does.
    pub run: fn(&Dag, &Objective) -> Dag,
}

/// For passes that always have something to do.
const fn always(_: &Dag) -> bool {
    true
}

/// Every pass, in order.
pub const PASSES: &[Pass] = &[
    Pass { name: "simplify", level: 1, applies: simplify::applies, run: simplify::run },
    Pass { name: "numbers", level: 1, applies: numbers::applies, run: numbers::run },
    Pass { name: "ranges", level: 1, applies: ranges::applies, run: ranges::run },
    Pass { name: "words", level: 0, applies: words::applies, run: words::run },
    Pass { name: "prune", level: 2, applies: prune::applies, run: prune::run },
    // Pruning brings tests together that stood apart, and targets that differed.
    Pass { name: "simplify", level: 2, applies: simplify::applies, run: simplify::run },
    Pass { name: "order", level: 2, applies: order::applies, run: order::run },
    Pass { name: "ranges", level: 2, applies: ranges::applies, run: ranges::run },
    Pass { name: "dispatch", level: 0, applies: always, run: dispatch::run },
];

/// Runs the passes of a level for an objective; `observer` sees the name of each and its result.
#[must_use]
pub fn run(
    dag: Dag,
    level: u8,
    objective: &Objective,
    observer: &mut dyn FnMut(&str, &Dag),
) -> Dag {
    // Whatever is asked for, sums stay finite.
    let objective = &objective.bounded();
    let mut dag = dag;
    for pass in PASSES.iter().filter(|pass| pass.level <= level) {
        if (pass.applies)(&dag) {
            dag = (pass.run)(&dag, objective);
        }
        observer(pass.name, &dag);
    }
    dag
}
