//! The DAG as a graph for Graphviz: `yes` edges are solid, `no` edges dashed.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::dag::{Dag, Node, NodeId};

/// The DAG in the DOT language.
#[must_use]
pub fn dot(dag: &Dag) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_graph(dag, &mut text);
    text
}

fn write_graph(dag: &Dag, out: &mut String) -> fmt::Result {
    writeln!(out, "digraph policy {{")?;
    writeln!(out, "  node [fontname=\"monospace\"];")?;
    for root in dag.roots() {
        // Names of ABIs are plain words.
        writeln!(out, "  \"{}\" [shape=plaintext];", root.name())?;
        writeln!(out, "  \"{}\" -> {};", root.name(), root.node)?;
    }
    writeln!(out, "  \"other ABIs\" [shape=plaintext];")?;
    writeln!(out, "  \"other ABIs\" -> {};", dag.foreign())?;
    for (id, node) in dag.iter() {
        write_node(out, id, node)?;
    }
    writeln!(out, "}}")
}

fn write_node(out: &mut String, id: NodeId, node: &Node) -> fmt::Result {
    match node {
        Node::Leaf(action) => writeln!(out, "  {id} [shape=box, label=\"{action}\"];"),
        Node::Branch { test, then, otherwise } => {
            writeln!(out, "  {id} [shape=ellipse, label=\"{test}\"];")?;
            writeln!(out, "  {id} -> {then};")?;
            writeln!(out, "  {id} -> {otherwise} [style=dashed];")
        }
        Node::Switch(cases) => {
            writeln!(out, "  {id} [shape=diamond, label=\"nr\"];")?;
            // One edge a target, however many ranges lead there.
            let mut ranges: BTreeMap<NodeId, Vec<String>> = BTreeMap::new();
            for (index, case) in cases.iter().enumerate() {
                let next = cases.get(index + 1).map_or(u32::MAX, |next| next.first - 1);
                let range = if next == case.first {
                    next.to_string()
                } else {
                    format!("{}-{next}", case.first)
                };
                ranges.entry(case.target).or_default().push(range);
            }
            for (target, ranges) in ranges {
                writeln!(out, "  {id} -> {target} [label=\"{}\"];", ranges.join("\\n"))?;
            }
            Ok(())
        }
    }
}
