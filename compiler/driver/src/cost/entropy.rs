//! The bound below which no dispatch comes: the entropy of what calls are told apart into.
//!
//! A tree of tests with two answers each that tells outcomes with these shares apart asks at
//! least so many of a call, over all calls (Shannon 1948): as many as the entropy has bits. The
//! outcomes are the nodes of the DAG at which something other than `nr` is asked or nothing
//! at all; equal ones are one node, whichever numbers lead there. A tree of comparisons by order
//! alone tells apart runs of numbers, of which there are more; tests for equality and of bits can
//! be below that.

use std::collections::BTreeMap;

use filterc_ir::{Dag, Node, NodeId, Test, Word};

use crate::compiled::CompiledProgram;

/// The entropy of the outcomes and of the runs of numbers with one outcome, in bits a call.
pub(super) fn of_dispatch(program: &CompiledProgram) -> (f64, f64) {
    let dag = program.dag();
    let mut outcomes: BTreeMap<(u32, NodeId), f64> = BTreeMap::new();
    let mut runs: Vec<(u32, f64)> = Vec::new();
    // The tests of `arch` tell tokens apart.
    let mut tokens: BTreeMap<u32, f64> = BTreeMap::new();
    for root in dag.roots() {
        let token = root.audit_arch;
        let mut last: Option<(u32, NodeId)> = None;
        for (nr, share) in program.objective().at(root).shares() {
            let outcome = outcome(dag, root.node, nr);
            *outcomes.entry((token, outcome)).or_default() += share;
            *tokens.entry(token).or_default() += share;
            let goes_on = last.is_some_and(|(before, same)| {
                outcome == same && is_all(dag, root.node, (before + 1)..nr, outcome)
            });
            match runs.last_mut() {
                Some((_, run)) if goes_on => *run += share,
                Some(_) | None => runs.push((token, share)),
            }
            last = Some((nr, outcome));
        }
    }
    let total: f64 = tokens.values().sum();
    let bits = |(token, share): (u32, f64)| {
        let whole = tokens.get(&token).copied().unwrap_or_default();
        if share > 0.0 { share / total * log2(whole / share) } else { 0.0 }
    };
    let outcomes = outcomes.into_iter().map(|((token, _), share)| (token, share));
    (outcomes.map(bits).sum(), runs.into_iter().map(bits).sum())
}

/// Whether numbers that no ABI has come to the same outcome. Of many in a row the first is asked.
fn is_all(dag: &Dag, root: NodeId, numbers: std::ops::Range<u32>, outcome: NodeId) -> bool {
    const ASKED: usize = 256;
    numbers.take(ASKED).all(|nr| self::outcome(dag, root, nr) == outcome)
}

/// Where the tests of `nr` end for a number.
fn outcome(dag: &Dag, root: NodeId, nr: u32) -> NodeId {
    let mut id = root;
    loop {
        id = match dag.node(id) {
            Node::Branch { test, then, otherwise } => match *test {
                Test::Word { word: Word::NR, mask, cmp, value } => {
                    let holds = match cmp {
                        filterc_ir::Cmp::Eq => nr & mask == value,
                        filterc_ir::Cmp::Ge => nr & mask >= value,
                    };
                    if holds { *then } else { *otherwise }
                }
                Test::Word { .. }
                | Test::Words { .. }
                | Test::Field { .. }
                | Test::Fields { .. } => return id,
            },
            Node::Leaf(_) | Node::Switch(_) => return id,
        };
    }
}

/// The logarithm to base 2 of a number from 1 on, to 2⁻³². Made of arithmetic that is exact or
/// rounds the same everywhere, as `f64::log2` does not.
fn log2(x: f64) -> f64 {
    let (mut whole, mut rest) = (0.0, x);
    while rest >= 2.0 {
        rest /= 2.0;
        whole += 1.0;
    }
    let mut bit = 1.0;
    for _ in 0..32 {
        bit /= 2.0;
        rest *= rest;
        if rest >= 2.0 {
            rest /= 2.0;
            whole += bit;
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::log2;

    #[test]
    fn logarithms() {
        for x in [1.0, 1.5, 2.0, 3.0, 1000.0, 1e6, 1.000_001] {
            assert!((log2(x) - x.log2()).abs() < 1e-8, "{x}");
        }
    }
}
