//! What stands in a box: lines of text that fit, and how large that is. Widths are those of a
//! monospaced font, which are the same wherever the drawing is looked at.

use super::model::{Edge, Graph, Kind, Node, percent};

/// The advance of a character at the size that text is written in.
pub(super) const CHAR: f64 = 7.3;

/// From one line of text to the next.
pub(super) const LINE: f64 = 16.0;

/// Between text and the border of its box.
pub(super) const PAD: f64 = 9.0;

/// Characters on a line, and lines of a box.
const COLUMNS: usize = 42;
const LINES: usize = 7;

/// Text in a box.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    /// The lines of what it says.
    pub(super) lines: Vec<String>,
    /// What is said below, smaller; may be empty.
    pub(super) below: String,
    /// Size.
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Frame {
    /// The box of a node.
    pub(super) fn of(graph: &Graph, node: &Node) -> Self {
        let lines = wrapped(&node.text);
        let below = below(graph, node);
        let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
        let longest = longest.max(below.chars().count());
        let count = lines.len() + usize::from(!below.is_empty());
        let width = CHAR * longest as f64 + 2.0 * PAD;
        let height = LINE * count as f64 + 2.0 * PAD - 2.0;
        Self { lines, below, width, height }
    }
}

/// How many calls there are in a box, and how often they are made.
fn below(graph: &Graph, node: &Node) -> String {
    let share = if node.share > 0.0 { percent(node.share) } else { String::new() };
    let is_whole = graph.only.is_empty();
    match node.kind {
        Kind::Start if is_whole => String::new(),
        Kind::Calls if node.calls.len() > 1 && share.is_empty() => {
            format!("{} calls", node.calls.len())
        }
        Kind::Calls if node.calls.len() > 1 => format!("{} calls, {share}", node.calls.len()),
        Kind::Start | Kind::Abi | Kind::Calls | Kind::Question | Kind::End(_) => share,
    }
}

/// What there is to say of an edge.
pub(super) fn edge_note(graph: &Graph, edge: &Edge) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(edge.when.clone());
    if edge.share > 0.0 {
        let guessed =
            if edge.guessed { ", in part guessed: not all arguments are known" } else { "" };
        parts.push(format!("{} of all calls{guessed}", percent(edge.share)));
    }
    parts.push(graph.class(edge).words().to_owned());
    parts.join("\n")
}

/// All that there is to say of a node.
pub(super) fn node_note(node: &Node) -> String {
    let span = |(first, last): &(u32, u32)| format!("{first:#x} to {last:#x}");
    let calls = match node.calls.as_slice() {
        [] | [_] => String::new(),
        calls => calls.join(", "),
    };
    let numbers: Vec<String> = node.numbers.iter().map(span).collect();
    let share = if node.share > 0.0 {
        format!("{} of all calls", percent(node.share))
    } else {
        String::new()
    };
    let parts = [node.text.clone(), calls, numbers.join(", "), node.note.clone(), share];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Lines of a text: broken at spaces, what is longer than a line anywhere, and what is too long cut
/// short.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if !line.is_empty() && line.chars().count() + 1 + word.len() > COLUMNS {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        while word.len() > COLUMNS {
            let rest = word.split_off(COLUMNS);
            lines.push(word.iter().collect());
            word = rest;
        }
        line.extend(word);
    }
    lines.push(line);
    if lines.len() > LINES {
        let left: usize = lines.iter().skip(LINES - 1).map(|line| items(line)).sum();
        lines.truncate(LINES - 1);
        let commas = lines.iter().all(|line| line.ends_with(','));
        lines.push(if commas { format!("… and {left} more") } else { "…".to_owned() });
    }
    lines
}

/// Things in a list that a line shows.
fn items(line: &str) -> usize {
    line.split(", ").filter(|item| !item.is_empty()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_and_cut() {
        assert_eq!(wrapped("read"), ["read"]);
        assert_eq!(wrapped(""), [""]);
        let long = "x".repeat(COLUMNS + 3);
        assert_eq!(wrapped(&long), ["x".repeat(COLUMNS), "xxx".to_owned()]);
        let list: Vec<String> = (100..200).map(|nr| format!("call{nr}")).collect();
        let lines = wrapped(&list.join(", "));
        assert_eq!(lines.len(), LINES);
        let shown: usize = lines.iter().take(LINES - 1).map(|line| items(line)).sum();
        assert_eq!(lines.last().map(String::as_str), Some(&*format!("… and {} more", 100 - shown)));
        let words = vec!["word"; 200].join(" ");
        assert_eq!(wrapped(&words).last().map(String::as_str), Some("…"));
    }
}
