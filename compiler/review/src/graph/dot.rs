//! The drawing as text for Graphviz, which places everything itself.

use std::fmt::Write as _;

use super::frame::{Frame, edge_note, node_note};
use super::layout::width;
use super::model::{Class, Graph, Kind};

/// The colours of lines and, of actions, of boxes.
const fn colours(class: Class) -> (&'static str, &'static str) {
    match class {
        Class::Through => ("#1a7f37", "#d9f2e0"),
        Class::Asks => ("#1d5fc4", "#dbe9ff"),
        Class::Fails => ("#b96a00", "#fdeccf"),
        Class::Kills => ("#b42318", "#fde0dc"),
        Class::Mixed => ("#8c959f", "#f3f5f7"),
    }
}

/// A graph in the language of Graphviz.
#[must_use]
pub fn dot(graph: &Graph) -> String {
    // Writing to a string cannot fail, here and below.
    let mut out = format!(
        "digraph policy {{\n  rankdir=LR;\n  label={};\n  labelloc=t;\n  fontname=monospace;\n  \
         node [shape=box, style=filled, fontname=monospace, fontsize=11];\n  \
         edge [fontname=monospace, fontsize=10];\n",
        quoted(&format!("{}\nShares are {}.", graph.title, graph.source()))
    );
    for (at, node) in graph.nodes.iter().enumerate() {
        let frame = Frame::of(graph, node);
        let mut lines = frame.lines;
        lines.extend((!frame.below.is_empty()).then_some(frame.below));
        let (fill, shape) = match node.kind {
            Kind::Start | Kind::Abi => ("#f3f5f7", "box\", style=\"filled,rounded"),
            Kind::Calls => ("#ffffff", "box"),
            Kind::Question => ("#fbf6e4", "box"),
            Kind::End(action) => (colours(Class::of(action)).1, "box\", style=\"filled,rounded"),
        };
        let _ = writeln!(
            out,
            "  n{at} [label={}, tooltip={}, shape=\"{shape}\", fillcolor=\"{fill}\"];",
            quoted(&lines.join("\n")),
            quoted(&node_note(node))
        );
    }
    let ends = graph.nodes.iter().enumerate().filter(|(_, it)| matches!(it.kind, Kind::End(_)));
    let ends: Vec<String> = ends.map(|(at, _)| format!("n{at};")).collect();
    let _ = writeln!(out, "  {{ rank=max; {} }}", ends.join(" "));
    for edge in &graph.edges {
        let note = quoted(&edge_note(graph, edge));
        let _ = writeln!(
            out,
            "  n{} -> n{} [label={}, tooltip={note}, labeltooltip={note}, color=\"{}\", penwidth={:.1}];",
            edge.from,
            edge.to,
            quoted(&edge.label),
            colours(graph.class(edge)).0,
            width(edge.share)
        );
    }
    out.push_str("  subgraph cluster_legend {\n    label=\"a path to\";\n    style=dashed;\n");
    for class in graph.classes() {
        let (line, fill) = colours(class);
        let (name, words) = (class.name(), class.words());
        let _ = writeln!(
            out,
            "    legend_{name} [label=\"{words}\", color=\"{line}\", fillcolor=\"{fill}\"];"
        );
    }
    out.push_str("  }\n}\n");
    out
}

/// Graphviz takes no strings of 16 KiB: tooltips are cut short.
const LONG: usize = 2000;

/// A string of Graphviz: nothing in it is an escape of its own but the end of a line, which is
/// set from the left.
fn quoted(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 2);
    safe.push('"');
    for c in text.chars().take(LONG) {
        match c {
            '"' => safe.push_str("\\\""),
            '\\' => safe.push_str("\\\\"),
            '\n' => safe.push_str("\\l"),
            // Graphviz reads entities of HTML in strings.
            '&' => safe.push_str("&amp;"),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    if text.contains('\n') {
        safe.push_str("\\l");
    }
    safe.push('"');
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_end_where_they_should() {
        assert_eq!(quoted("a\"b\\"), "\"a\\\"b\\\\\"");
        assert_eq!(quoted("a\nb"), "\"a\\lb\\l\"");
        assert_eq!(quoted("<b>&amp;\u{1}"), "\"<b>&amp;amp;\u{fffd}\"");
    }
}
