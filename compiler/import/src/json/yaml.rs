//! YAML as nodes of the same kind as JSON's: the documents of a text, with their places.
//!
//! Scalars without quotes are what YAML's core schema makes of them. Anchors, aliases, tags and
//! keys that are no strings have no place in the texts that are read here, and are refused: what
//! a text says has to stand where it is read.

use std::rc::Rc;

use filterc_grammar::source::{FileId, MAX_SOURCE_LEN, Span};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span as Marked};

use crate::json::node::{Member, Node, Tree};

/// Deeper texts are no policies, and a walk of them would need a deep stack.
const MAX_DEPTH: usize = 64;

/// Why a text could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is no YAML; the parser's reason.
    Syntax(String),
    /// It has something that is not read.
    Refused(&'static str),
}

/// What is being built.
enum Open {
    List(Vec<Node<'static>>, u32),
    Map { members: Vec<Member<'static>>, key: Option<String>, start: u32 },
}

struct Builder<'t> {
    file: FileId,
    /// Byte offsets of all characters, since the parser counts these.
    offsets: Vec<u32>,
    open: Vec<Open>,
    documents: Vec<Node<'static>>,
    text: &'t str,
}

/// The documents of a text.
pub(crate) fn parse(file: FileId, text: &str) -> Result<Vec<Node<'static>>, (Span, Fault)> {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    if text.len() > MAX_SOURCE_LEN {
        let start = Span { file, start: 0, end: 0 };
        return Err((start, Fault::Syntax("it is too long".to_owned())));
    }
    let mut offsets: Vec<u32> = text.char_indices().map(|(at, _)| offset(at)).collect();
    offsets.push(offset(text.len()));
    let mut builder = Builder { file, offsets, open: Vec::new(), documents: Vec::new(), text };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, place)) => builder.event(event, place)?,
            Err(error) => {
                let at = builder.offset(*error.marker());
                return Err((builder.span(at, at), Fault::Syntax(error.info().to_owned())));
            }
        }
    }
    Ok(builder.documents)
}

impl Builder<'_> {
    fn offset(&self, marker: Marker) -> u32 {
        let last = self.offsets.last().copied().unwrap_or_default();
        self.offsets.get(marker.index()).copied().unwrap_or(last)
    }

    fn span(&self, start: u32, end: u32) -> Span {
        Span { file: self.file, start, end: end.max(start) }
    }

    fn event(&mut self, event: Event<'_>, place: Marked) -> Result<(), (Span, Fault)> {
        let (start, end) = (self.offset(place.start), self.offset(place.end));
        let here = self.span(start, end);
        let refuse = |what| Err((here, Fault::Refused(what)));
        match event {
            Event::Alias(_) => return refuse("an alias"),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => return refuse("a tag"),
            Event::Scalar(_, _, anchor, None)
            | Event::SequenceStart(anchor, None)
            | Event::MappingStart(anchor, None)
                if anchor != 0 =>
            {
                return refuse("an anchor");
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if self.open.len() >= MAX_DEPTH => {
                return Err((here, Fault::Syntax("it is nested too deep".to_owned())));
            }
            Event::Scalar(text, style, _, None) => {
                let tree = if style == ScalarStyle::Plain { plain(&text) } else { quoted(&text) };
                self.value(tree, here)?;
            }
            Event::SequenceStart(..) => self.open.push(Open::List(Vec::new(), start)),
            Event::MappingStart(..) => {
                self.open.push(Open::Map { members: Vec::new(), key: None, start });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (tree, start) = match self.open.pop() {
                    Some(Open::List(items, start)) => (Tree::List(items), start),
                    Some(Open::Map { members, start, .. }) => (Tree::Map(members), start),
                    None => return Ok(()),
                };
                // The parser ends a block where the next one begins.
                let shown = self.text.get(start as usize..end as usize).unwrap_or_default();
                let len = u32::try_from(shown.trim_end().len()).unwrap_or_default();
                self.value(tree, self.span(start, start + len))?;
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        Ok(())
    }

    /// Puts a value where it belongs.
    fn value(&mut self, tree: Tree<'static>, span: Span) -> Result<(), (Span, Fault)> {
        match self.open.last_mut() {
            None => self.documents.push(Node::of_tree(Rc::new(tree), span)),
            Some(Open::List(items, _)) => items.push(Node::of_tree(Rc::new(tree), span)),
            Some(Open::Map { members, key, .. }) => match key.take() {
                Some(name) => members.push((name, Node::of_tree(Rc::new(tree), span))),
                None => match tree {
                    Tree::Text(name) | Tree::Number(name) => *key = Some(name),
                    Tree::Null | Tree::Bool | Tree::List(_) | Tree::Map(_) => {
                        return Err((span, Fault::Refused("a key that is no string")));
                    }
                },
            },
        }
        Ok(())
    }
}

fn quoted(text: &str) -> Tree<'static> {
    Tree::Text(text.to_owned())
}

/// A scalar without quotes, by the core schema. Numbers are kept as they are written, hexadecimal
/// and octal ones in decimal.
fn plain(text: &str) -> Tree<'static> {
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok();
    let number = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => radix(digits, 16).map(|value| value.to_string()),
        (_, Some(digits)) => radix(digits, 8).map(|value| value.to_string()),
        _ => text.parse::<f64>().ok().filter(|_| is_number(text)).map(|_| text.to_owned()),
    };
    match (text, number) {
        ("" | "~" | "null" | "Null" | "NULL", _) => Tree::Null,
        ("true" | "True" | "TRUE" | "false" | "False" | "FALSE", _) => Tree::Bool,
        (_, Some(number)) => Tree::Number(number),
        (_, None) => Tree::Text(text.to_owned()),
    }
}

/// Whether it begins as a number of the core schema does: `inf` and `nan` are words.
fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )]

    use super::*;
    use crate::json::node::Value;

    #[test]
    fn values_know_their_place() {
        let text = "---\nspec:\n  ü: [1, \"2\", 0x10]\n  b: yes\n---\nlast: null\n";
        let documents = parse(FileId(2), text).unwrap();
        assert_eq!(documents.len(), 2);
        let Ok(Value::Object(root)) = documents[0].value() else { panic!() };
        let Ok(Value::Object(spec)) = root[0].1.value() else { panic!() };
        let Ok(Value::Array(items)) = spec[0].1.value() else { panic!() };
        let shown = |node: &Node<'_>| &text[node.span.start as usize..node.span.end as usize];
        let all: Vec<&str> = items.iter().map(shown).collect();
        assert_eq!(all, ["1", "\"2\"", "0x10"]);
        assert!(matches!(items[0].value(), Ok(Value::Number(n)) if n == "1"));
        assert!(matches!(items[1].value(), Ok(Value::Text(n)) if n == "2"));
        assert!(matches!(items[2].value(), Ok(Value::Number(n)) if n == "16"));
        assert_eq!(items[2].path, "spec.ü[2]");
        assert!(matches!(spec[1].1.value(), Ok(Value::Text(word)) if word == "yes"));
        assert_eq!(shown(&spec[1].1), "yes");
    }

    #[test]
    fn what_is_not_read_is_told() {
        for text in ["a: &x 1\nb: *x\n", "a: !!str 1\n", "? [1]\n: 2\n", "a: [1\n", "\t- x: ["] {
            assert!(parse(FileId(0), text).is_err(), "{text}");
        }
        assert!(parse(FileId(0), &"[".repeat(1 << 16)).is_err());
    }
}
