//! JSON, or what is like it, with positions: every value knows where it stands and how one gets there.
//!
//! `serde_json` reads the text; its raw values are slices of it, so that a value's position
//! is that of its slice. Members keep their order, and a name that is there twice is seen.

use std::fmt;
use std::rc::Rc;

use filterc_grammar::source::{FileId, MAX_SOURCE_LEN, Span};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Kind;

/// A value of the text.
#[derive(Clone, Debug)]
pub(crate) struct Node<'t> {
    content: Content<'t>,
    /// How one gets there, such as `syscalls[3].args[0].op`; empty for the whole text.
    pub(crate) path: String,
    /// Where it stands.
    pub(crate) span: Span,
}

/// What a node is made of.
#[derive(Clone, Debug)]
enum Content<'t> {
    /// A slice of a JSON text.
    Json(&'t str),
    /// A value that has been read.
    Tree(Rc<Tree<'t>>),
}

/// A member of an object.
pub(crate) type Member<'t> = (String, Node<'t>);

/// A value of a text that is read as a whole.
#[derive(Clone, Debug)]
pub(crate) enum Tree<'t> {
    Null,
    Bool,
    Number(String),
    Text(String),
    List(Vec<Node<'t>>),
    Map(Vec<Member<'t>>),
}

/// What a value is; its own values are read when they are asked for.
#[derive(Clone, Debug)]
pub(crate) enum Value<'t> {
    Null,
    Bool,
    /// As it is written.
    Number(String),
    Text(String),
    Array(Vec<Node<'t>>),
    Object(Vec<(String, Node<'t>)>),
}

impl Value<'_> {
    /// The kind of value, for messages.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// An object's members, in their order.
struct Members<'t>(Vec<(String, &'t RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// The whole text as a value.
pub(crate) fn parse(file: FileId, text: &str) -> Result<Node<'_>, (Span, Kind)> {
    let everything = Span { file, start: 0, end: offset(text.len()) };
    if text.len() > MAX_SOURCE_LEN {
        return Err((Span { end: 0, ..everything }, Kind::NotJson("it is too long".to_owned())));
    }
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => Ok(node(text, everything, raw, String::new())),
        Err(error) => Err((at(file, text, &error), Kind::NotJson(reason(&error)))),
    }
}

impl<'t> Node<'t> {
    /// What it is; an error only where a string has an escape that stands for no character.
    pub(crate) fn value(&self) -> Result<Value<'t>, Kind> {
        match &self.content {
            Content::Json(text) => self.of_json(text),
            Content::Tree(tree) => Ok(self.of_read(tree)),
        }
    }

    /// A value that has been read, at no path yet.
    pub(crate) const fn of_tree(tree: Rc<Tree<'t>>, span: Span) -> Self {
        Self { content: Content::Tree(tree), path: String::new(), span }
    }

    /// The same object without some members, of a text that is read as a whole.
    pub(crate) fn without(&self, names: &[&str]) -> Self {
        let content = match &self.content {
            Content::Tree(tree) => match &**tree {
                Tree::Map(members) => {
                    let kept = members.iter().filter(|(name, _)| !names.contains(&name.as_str()));
                    Content::Tree(Rc::new(Tree::Map(kept.cloned().collect())))
                }
                Tree::Null | Tree::Bool | Tree::Number(_) | Tree::Text(_) | Tree::List(_) => {
                    self.content.clone()
                }
            },
            Content::Json(_) => self.content.clone(),
        };
        Self { content, path: self.path.clone(), span: self.span }
    }

    /// The path of a member.
    fn below(&self, name: &str) -> String {
        let dot = if self.path.is_empty() { "" } else { "." };
        format!("{}{dot}{name}", self.path)
    }

    fn of_read(&self, tree: &Tree<'t>) -> Value<'t> {
        match tree {
            Tree::Null => Value::Null,
            Tree::Bool => Value::Bool,
            Tree::Number(text) => Value::Number(text.clone()),
            Tree::Text(text) => Value::Text(text.clone()),
            Tree::List(items) => {
                let item = |(at, node): (usize, &Self)| Self {
                    path: format!("{}[{at}]", self.path),
                    ..node.clone()
                };
                Value::Array(items.iter().enumerate().map(item).collect())
            }
            Tree::Map(members) => {
                let member = |(name, node): &Member<'t>| {
                    (name.clone(), Self { path: self.below(name), ..node.clone() })
                };
                Value::Object(members.iter().map(member).collect())
            }
        }
    }

    fn of_json(&self, text: &'t str) -> Result<Value<'t>, Kind> {
        let fault = |error: serde_json::Error| Kind::NotJson(reason(&error));
        Ok(match text.as_bytes().first() {
            Some(b'{') => {
                let Members(members) = serde_json::from_str(text).map_err(fault)?;
                let member = |(name, raw): (String, &'t RawValue)| {
                    let path = self.below(&name);
                    (name, node(text, self.span, raw, path))
                };
                Value::Object(members.into_iter().map(member).collect())
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(fault)?;
                let item = |(at, raw): (usize, &'t RawValue)| {
                    node(text, self.span, raw, format!("{}[{at}]", self.path))
                };
                Value::Array(items.into_iter().enumerate().map(item).collect())
            }
            Some(b'"') => Value::Text(serde_json::from_str(text).map_err(fault)?),
            Some(b'n') => Value::Null,
            Some(b't' | b'f') => Value::Bool,
            Some(_) | None => Value::Number(text.to_owned()),
        })
    }
}

/// The node of a raw value within `outer`, which stands at `span`.
fn node<'t>(outer: &'t str, span: Span, raw: &'t RawValue, path: String) -> Node<'t> {
    let text = raw.get();
    let start = offset(text.as_ptr().addr().saturating_sub(outer.as_ptr().addr()));
    let start = span.start.saturating_add(start);
    let end = start.saturating_add(offset(text.len()));
    Node { content: Content::Json(text), path, span: Span { file: span.file, start, end } }
}

/// Texts are at most [`MAX_SOURCE_LEN`] bytes long.
fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Where `serde_json` stopped: it counts lines from 1 and bytes of a line from 1 (0 at the
/// end of a line).
fn at(file: FileId, text: &str, error: &serde_json::Error) -> Span {
    let before: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let mut start = (before + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let len = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    Span { file, start: offset(start), end: offset(start + len) }
}

/// The message without its position, which a span tells better.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn values_know_their_place() {
        let text = "  {\"a\": [1, {\"b\\u0063\": \"x\"}], \"a\": null}\n";
        let root = parse(FileId(3), text).unwrap();
        let Value::Object(members) = root.value().unwrap() else { panic!("{root:?}") };
        let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "a"]);
        let Value::Array(items) = members[0].1.value().unwrap() else { panic!() };
        let Value::Object(inner) = items[1].value().unwrap() else { panic!() };
        let (name, node) = &inner[0];
        assert_eq!((name.as_str(), node.path.as_str()), ("bc", "a[1].bc"));
        let shown = &text[node.span.start as usize..node.span.end as usize];
        assert_eq!((shown, node.span.file), ("\"x\"", FileId(3)));
        assert!(matches!(members[1].1.value(), Ok(Value::Null)));
    }

    #[test]
    fn faults_have_a_place() {
        for (text, start) in
            [("", 0), ("{\"a\" 1}", 5), ("[1,\n  x]", 6), ("{} {}", 3), ("[\"é\", ü]", 7)]
        {
            let (span, kind) = parse(FileId(0), text).unwrap_err();
            assert_eq!(span.start, start, "{text}: {kind:?}");
        }
        let odd = parse(FileId(0), "\"\\ud800\"").map(|node| node.value());
        assert!(!matches!(odd, Ok(Ok(_))), "half of a pair is no character");
    }
}
