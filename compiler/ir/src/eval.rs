//! What a DAG decides, at any stage of its rewriting.

use filterc_abi::{Action, SeccompData};

use crate::dag::{Dag, Node};
use crate::test::Input;

/// The action for a call; parameters count as 0. Ends, because every step leads to a smaller id.
#[must_use]
pub fn eval(dag: &Dag, call: &SeccompData) -> Action {
    eval_with(dag, &[], call)
}

/// The action for a call, that standing [beside](filterc_hir::types::beside) it.
#[must_use]
pub fn eval_with(dag: &Dag, params: &[u64], call: &SeccompData) -> Action {
    let words = &call.words(dag.endian());
    let input = Input { call, words, params, endian: dag.endian() };
    let nr = call.nr.cast_unsigned();
    let root = dag.roots().iter().find(|root| root.audit_arch == call.arch);
    let mut id = root.map_or(dag.foreign(), |root| root.node);
    loop {
        id = match dag.node(id) {
            Node::Leaf(action) => return *action,
            Node::Branch { test, then, otherwise } => {
                if test.holds(&input) {
                    *then
                } else {
                    *otherwise
                }
            }
            Node::Switch(cases) => {
                let after = cases.partition_point(|case| case.first <= nr);
                match cases.get(after.saturating_sub(1)) {
                    Some(case) => case.target,
                    // A switch has cases; one without could only kill.
                    None => return Action::KillProcess,
                }
            }
        };
    }
}
