//! The drawing as SVG, in one file: nothing is loaded, nothing runs, colours follow the reader's
//! choice of dark or light, and whatever stands in a box has all of it in its `<title>`.

use std::fmt::Write as _;

use super::frame::{CHAR, LINE, PAD, edge_note, node_note};
use super::layout::{Layout, Line, Placed, layout, width};
use super::model::{Class, Edge, Graph, Kind, Node};
use crate::markup::escaped;

/// Around the drawing.
const MARGIN: f64 = 24.0;

/// Above it: what it is of, and the legend.
const HEAD: f64 = 84.0;

/// No text is drawn smaller than at that part of its size, however narrow the page is.
const SMALLEST: f64 = 0.75;

/// All names begin alike, as a page can hold more than the drawing. Colours differ in lightness as
/// well, and each path ends in a word.
const STYLE: &str = "
.fg{font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}
.fg-paper{fill:#ffffff}.fg text{fill:#1b1f24}.fg .fg-soft{fill:#57606a}
.fg .fg-title{font-size:16px;font-weight:600}.fg .fg-halo{stroke:#ffffff;stroke-width:4px;paint-order:stroke}
.fg rect.fg-box{stroke-width:1.2px}
.fg-line{fill:none;stroke-opacity:.62}.fg-line:hover{stroke-opacity:1}
.fg-start,.fg-abi{fill:#f3f5f7;stroke:#57606a}.fg-calls{fill:#ffffff;stroke:#57606a}
.fg-question{fill:#fbf6e4;stroke:#9a8440}
.fg-through{stroke:#1a7f37}.fg-asks{stroke:#1d5fc4}.fg-fails{stroke:#b96a00}.fg-kills{stroke:#b42318}
.fg-mixed{stroke:#8c959f}
.fg-end.fg-through{fill:#d9f2e0}.fg-end.fg-asks{fill:#dbe9ff}.fg-end.fg-fails{fill:#fdeccf}
.fg-end.fg-kills{fill:#fde0dc}
@media (prefers-color-scheme:dark){
.fg-paper{fill:#14181d}.fg text{fill:#e2e6ea}.fg .fg-soft{fill:#9aa4af}.fg .fg-halo{stroke:#14181d}
.fg-start,.fg-abi{fill:#232a32;stroke:#8c959f}.fg-calls{fill:#191e24;stroke:#8c959f}
.fg-question{fill:#2c2917;stroke:#a8924c}
.fg-through{stroke:#4fb870}.fg-asks{stroke:#6ba4ff}.fg-fails{stroke:#e09a3c}.fg-kills{stroke:#ff7b6b}
.fg-mixed{stroke:#7d8792}
.fg-end.fg-through{fill:#143a22}.fg-end.fg-asks{fill:#16305a}.fg-end.fg-fails{fill:#40290a}
.fg-end.fg-kills{fill:#4a1712}}
";

/// The drawing as a document.
#[must_use]
pub fn svg(graph: &Graph) -> String {
    element(graph, "xmlns=\"http://www.w3.org/2000/svg\" ")
}

/// The drawing as a part of a page in HTML, where the name of the element says what it is.
#[must_use]
pub fn inline(graph: &Graph) -> String {
    element(graph, "")
}

fn element(graph: &Graph, space: &str) -> String {
    let layout = layout(graph);
    let legend = legend(graph);
    let words = format!("{}   {}", subtitle(graph), WIDTHS);
    let least = CHAR * words.chars().count().max(legend.1) as f64;
    let (wide, high) =
        (layout.width.max(least) + 2.0 * MARGIN, layout.height + HEAD + 2.0 * MARGIN);
    let title = escaped(&graph.title);
    // Writing to a string cannot fail, here and below.
    let mut out = format!(
        "<svg {space}class=\"fg\" role=\"img\" viewBox=\"0 0 {wide:.0} \
         {high:.0}\" width=\"{wide:.0}\" height=\"{high:.0}\" \
         style=\"max-width:100%;min-width:{:.0}px;height:auto\">\n<title>What becomes of calls: \
         {title}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"fg-paper\" width=\"100%\" height=\"100%\"/>\n\
         <text class=\"fg-title\" x=\"{MARGIN}\" y=\"36\">{title}</text>\n\
         <text class=\"fg-soft\" x=\"{MARGIN}\" y=\"58\">{}</text>\n",
        SMALLEST * wide,
        escaped(&words)
    );
    out.push_str(&legend.0);
    let _ = writeln!(out, "<g transform=\"translate({MARGIN} {:.0})\">", HEAD + MARGIN);
    let mut order: Vec<(&Edge, &Line)> = graph.edges.iter().zip(&layout.lines).collect();
    // Thin lines above wide ones.
    order.sort_by(|(a, _), (b, _)| b.share.total_cmp(&a.share));
    for (edge, line) in &order {
        draw_line(&mut out, graph, edge, line);
    }
    for (node, place) in graph.nodes.iter().zip(&layout.boxes) {
        if let Some(place) = place {
            draw_box(&mut out, node, place);
        }
    }
    labels(&mut out, graph, &layout);
    out.push_str("</g>\n</svg>\n");
    out
}

const WIDTHS: &str = "The wider a line, the more calls take it; boxes tell more when pointed at.";

fn subtitle(graph: &Graph) -> String {
    let abis = graph.abis.join(", ");
    let only = match graph.only.as_slice() {
        [] => String::new(),
        names => format!(" Only {}.", names.join(", ")),
    };
    format!("{abis}.{only} Shares are {}.", graph.source())
}

/// The legend, and how many characters wide it is.
fn legend(graph: &Graph) -> (String, usize) {
    let (mut out, mut at) = (String::new(), 0);
    for class in graph.classes() {
        let (x, name, words) = (MARGIN + CHAR * at as f64, class.name(), class.words());
        let _ = writeln!(
            out,
            "<path class=\"fg-line fg-{name}\" stroke-width=\"5\" d=\"M{x:.1} 78h22\"/>\
             <text x=\"{:.1}\" y=\"82\">{words}</text>",
            x + 28.0
        );
        at += words.chars().count() + 7;
    }
    (out, at)
}

fn draw_line(out: &mut String, graph: &Graph, edge: &Edge, line: &Line) {
    let class = graph.class(edge).name();
    let mut path = String::new();
    let mut before: Option<(f64, f64)> = None;
    for (at, (x, y)) in line.points.iter().copied().enumerate() {
        let _ = match before {
            None => write!(path, "M{x:.1} {y:.1}"),
            // Across a column straight, between columns in a curve.
            Some(_) if at % 2 == 0 => write!(path, "L{x:.1} {y:.1}"),
            Some((from, old)) => {
                let middle = (from + x) / 2.0;
                write!(path, "C{middle:.1} {old:.1} {middle:.1} {y:.1} {x:.1} {y:.1}")
            }
        };
        before = Some((x, y));
    }
    let _ = writeln!(
        out,
        "<path class=\"fg-line fg-{class}\" stroke-width=\"{:.1}\" d=\"{path}\"><title>{}</title></path>",
        width(edge.share),
        escaped(&edge_note(graph, edge))
    );
}

fn draw_box(out: &mut String, node: &Node, place: &Placed) {
    let Placed { frame, x, y } = place;
    let (kind, round) = match node.kind {
        Kind::Start => ("fg-start".to_owned(), 14.0),
        Kind::Abi => ("fg-abi".to_owned(), 14.0),
        Kind::Calls => ("fg-calls".to_owned(), 3.0),
        Kind::Question => ("fg-question".to_owned(), 3.0),
        Kind::End(action) => (format!("fg-end fg-{}", Class::of(action).name()), 14.0),
    };
    let count = frame.lines.len() + usize::from(!frame.below.is_empty());
    let first = y + (frame.height - LINE * count as f64) / 2.0 + LINE - 4.0;
    let _ = write!(
        out,
        "<g><title>{}</title><rect class=\"fg-box {kind}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" \
         height=\"{:.1}\" rx=\"{round}\"/>",
        escaped(&node_note(node)),
        frame.width,
        frame.height
    );
    let lines = frame.lines.iter().map(|line| (line, ""));
    let below = (!frame.below.is_empty()).then_some((&frame.below, " class=\"fg-soft\""));
    for (at, (line, class)) in lines.chain(below).enumerate() {
        let _ = write!(
            out,
            "<text{class} x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + PAD,
            first + LINE * at as f64,
            escaped(line)
        );
    }
    out.push_str("</g>\n");
}

/// What is written at edges: where they begin, above all lines.
fn labels(out: &mut String, graph: &Graph, layout: &Layout) {
    for (edge, line) in graph.edges.iter().zip(&layout.lines) {
        let Some((x, y)) = line.points.first().filter(|_| !edge.label.is_empty()) else { continue };
        let _ = writeln!(
            out,
            "<text class=\"fg-halo\" x=\"{:.1}\" y=\"{:.1}\">{}<title>{}</title></text>",
            x + 7.0,
            y + 4.0,
            escaped(&edge.label),
            escaped(&edge_note(graph, edge))
        );
    }
}
