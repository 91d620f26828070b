//! Reading a JSON text of a known shape, telling everything that is not of it.

use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::Span;

use crate::error::Kind;
use crate::json::node::{Node, Value};

/// Collects the errors of a text. Every method returns `None` where it has told one.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) errors: Vec<Diagnostic>,
}

/// The members of an object, each taken once.
pub(crate) struct Members<'t> {
    path: String,
    span: Span,
    members: Vec<(String, Node<'t>)>,
}

impl Reader {
    pub(crate) fn error(&mut self, path: &str, span: Span, kind: &Kind) {
        self.errors.push(kind.diagnostic(path, span));
    }

    pub(crate) fn at(&mut self, node: &Node<'_>, kind: &Kind) {
        self.error(&node.path, node.span, kind);
    }

    fn value<'t>(&mut self, node: &Node<'t>) -> Option<Value<'t>> {
        match node.value() {
            Ok(value) => Some(value),
            Err(kind) => {
                self.at(node, &kind);
                None
            }
        }
    }

    fn wrong<T>(&mut self, node: &Node<'_>, expected: &'static str, found: &str) -> Option<T> {
        self.at(node, &Kind::WrongType { expected, found: found.to_owned() });
        None
    }

    /// The members of an object; what is not `known`, or there twice, is an error.
    pub(crate) fn object<'t>(
        &mut self,
        node: &Node<'t>,
        known: &'static [&'static str],
    ) -> Option<Members<'t>> {
        let value = self.value(node)?;
        let Value::Object(members) = value else {
            return self.wrong(node, "an object", value.kind());
        };
        let mut kept: Vec<(String, Node<'t>)> = Vec::with_capacity(members.len());
        for (name, member) in members {
            if !known.contains(&name.as_str()) {
                self.at(&member, &Kind::UnknownMember { name, known });
            } else if kept.iter().any(|(other, _)| *other == name) {
                self.at(&member, &Kind::SaidTwice(format!("`{name}` stands twice")));
            } else {
                kept.push((name, member));
            }
        }
        Some(Members { path: node.path.clone(), span: node.span, members: kept })
    }

    /// The members of an object, whatever they are called.
    pub(crate) fn members<'t>(&mut self, node: &Node<'t>) -> Option<Vec<(String, Node<'t>)>> {
        match self.value(node)? {
            Value::Object(members) => Some(members),
            other @ (Value::Null
            | Value::Bool
            | Value::Number(_)
            | Value::Text(_)
            | Value::Array(_)) => self.wrong(node, "an object", other.kind()),
        }
    }

    pub(crate) fn list<'t>(&mut self, node: &Node<'t>) -> Option<Vec<Node<'t>>> {
        match self.value(node)? {
            Value::Array(items) => Some(items),
            Value::Null => Some(Vec::new()),
            other @ (Value::Bool | Value::Number(_) | Value::Text(_) | Value::Object(_)) => {
                self.wrong(node, "a list", other.kind())
            }
        }
    }

    pub(crate) fn text(&mut self, node: &Node<'_>) -> Option<String> {
        match self.value(node)? {
            Value::Text(text) => Some(text),
            other @ (Value::Null
            | Value::Bool
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_)) => self.wrong(node, "a string", other.kind()),
        }
    }

    /// A list of strings, each with its place.
    pub(crate) fn texts(&mut self, node: &Node<'_>) -> Option<Vec<(String, Span)>> {
        let items = self.list(node)?;
        let texts = items.iter().map(|item| Some((self.text(item)?, item.span)));
        texts.collect::<Vec<_>>().into_iter().collect()
    }

    /// A whole number of 64 bits, without sign.
    pub(crate) fn number(&mut self, node: &Node<'_>) -> Option<u64> {
        const EXPECTED: &str = "a whole number of at most 64 bits, without sign,";
        let value = self.value(node)?;
        let Value::Number(text) = value else {
            return self.wrong(node, EXPECTED, value.kind());
        };
        match text.parse() {
            Ok(number) => Some(number),
            Err(_) => self.wrong(node, EXPECTED, &text),
        }
    }
}

impl<'t> Members<'t> {
    /// The member of that name; `null` counts as not there.
    pub(crate) fn take(&mut self, name: &str) -> Option<Node<'t>> {
        let at = self.members.iter().position(|(other, _)| other == name)?;
        let (_, node) = self.members.remove(at);
        (!matches!(node.value(), Ok(Value::Null))).then_some(node)
    }

    /// The same, where it must be there.
    pub(crate) fn need(&mut self, name: &'static str, reader: &mut Reader) -> Option<Node<'t>> {
        let found = self.take(name);
        if found.is_none() {
            reader.error(&self.path, self.span, &Kind::Missing(name));
        }
        found
    }
}
