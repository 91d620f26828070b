//! The drawing as data.

use serde_json::{Value, json};

use super::model::{Graph, Kind};

/// Nodes and edges, by their places.
#[must_use]
pub fn json(graph: &Graph) -> Value {
    let node = |node: &super::model::Node| {
        let kind = match node.kind {
            Kind::Start => "start",
            Kind::Abi => "abi",
            Kind::Calls => "calls",
            Kind::Question => "question",
            Kind::End(_) => "action",
        };
        json!({
            "kind": kind,
            "text": node.text,
            "calls": node.calls,
            "numbers": node.numbers,
            "share": node.share,
            "leads_to": node.class.name(),
        })
    };
    let edge = |edge: &super::model::Edge| {
        json!({
            "from": edge.from,
            "to": edge.to,
            "label": edge.label,
            "when": edge.when,
            "share": edge.share,
            "guessed": edge.guessed,
            "leads_to": graph.class(edge).name(),
        })
    };
    json!({
        "title": graph.title,
        "abis": graph.abis,
        "only": graph.only,
        "shares": match graph.shares {
            filterc::Shares::Ranking => "ranking",
            filterc::Shares::Profile => "profile",
        },
        "nodes": graph.nodes.iter().map(node).collect::<Vec<_>>(),
        "edges": graph.edges.iter().map(edge).collect::<Vec<_>>(),
    })
}
