//! The policy's text: header, groups, rules and comments in an order that reads well.

use std::collections::BTreeSet;

use filterc_abi::{Abi, KernelVersion};
use filterc_grammar::ast::{self, Call, Predicate, Rule, StatementKind, Version};
use filterc_grammar::source::Span;

use crate::Document;
use crate::arguments::predicate::name;
use crate::document;
use crate::oci::actions::Written;
use crate::oci::profile::Entry;
use crate::oci::select;

/// Calls that a rule names itself; more are a group.
const MOST_CALLS: usize = 6;

/// What stands above the rules.
pub(crate) struct Header<'h> {
    pub(crate) source: &'h str,
    pub(crate) abis: &'h [&'static Abi],
    pub(crate) caps: &'h BTreeSet<String>,
    /// Capabilities that would admit more entries, or fewer.
    pub(crate) lacking: &'h BTreeSet<String>,
    pub(crate) kernel: Option<KernelVersion>,
    pub(crate) default: &'h ast::Action,
    /// `unknown default`, where the text has to say so.
    pub(crate) unknown_as_default: bool,
    pub(crate) foreign: ast::Action,
}

impl Header<'_> {
    pub(crate) fn write(self, document: &mut Document) {
        let host = self.abis.first().map_or("", |abi| abi.name);
        document.comment(format!("Imported from {} for a container on {host}.", self.source));
        let list = |caps: &BTreeSet<String>| caps.iter().cloned().collect::<Vec<_>>().join(", ");
        if !self.caps.is_empty() {
            document.comment(format!("Its capabilities: {}.", list(self.caps)));
        }
        if !self.lacking.is_empty() {
            document.comment(format!("Left out is what it would get with {}.", list(self.lacking)));
        }
        document.blank();
        let names = self.abis.iter().map(|abi| name(abi.name));
        document.statement(StatementKind::Arch(names.collect()));
        if let Some(KernelVersion { major, minor }) = self.kernel {
            let version = Version { major, minor, span: Span::default() };
            document.statement(StatementKind::Kernel(version));
        }
        document.statement(StatementKind::Default(self.default.clone()));
        if self.unknown_as_default {
            document.statement(StatementKind::Unknown(None));
        }
        document.statement(StatementKind::Foreign(self.foreign));
    }
}

/// A rule to be written, with the words of its author.
#[derive(Clone, Debug)]
pub(crate) struct Piece<'p> {
    pub(crate) written: Written,
    pub(crate) names: Vec<&'p str>,
    pub(crate) predicate: Option<Predicate>,
    /// Paragraphs above it.
    pub(crate) comments: Vec<String>,
    /// What a group of its calls may be called.
    pub(crate) group: Option<String>,
    /// Whether it must stand where it is, before or behind all others.
    pub(crate) fixed: bool,
}

/// What an entry's author says about it: its comment, and when it counts.
pub(crate) fn comments(entry: &Entry) -> Vec<String> {
    let sentence = |text: String| {
        let mut chars = text.chars();
        let first = chars.next().map(|c| c.to_uppercase().collect::<String>());
        format!("{}{}", first.unwrap_or_default(), chars.as_str())
    };
    let when = sentence(select::describe(entry));
    let when = if when.is_empty() { when } else { format!("{when}:") };
    [entry.comment.trim().to_owned(), when].into_iter().filter(|text| !text.is_empty()).collect()
}

/// A group's name after the capabilities that its calls need.
pub(crate) fn group_name(entry: &Entry) -> Option<String> {
    let plain = |cap: &String| {
        let cap = cap.strip_prefix("CAP_").unwrap_or(cap).to_ascii_lowercase();
        let is_name = cap.starts_with(|c: char| c.is_ascii_alphabetic())
            && cap.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_name.then_some(cap)
    };
    let caps: Option<Vec<String>> = entry.includes.caps.iter().map(plain).collect();
    caps.map(|caps| caps.join("_")).filter(|name| !name.is_empty())
}

/// Puts rules without conditions into one that share their action and their comments; what
/// such rules decide does not depend on their order.
pub(crate) fn joined(pieces: Vec<Piece<'_>>) -> Vec<Piece<'_>> {
    let mut joined: Vec<Piece<'_>> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let alike = |other: &&mut Piece<'_>| {
            !other.fixed
                && !piece.fixed
                && other.predicate.is_none()
                && piece.predicate.is_none()
                && other.written == piece.written
                && other.comments == piece.comments
                && other.group == piece.group
        };
        match joined.iter_mut().find(alike) {
            Some(other) => other.names.extend(piece.names),
            None => joined.push(piece),
        }
    }
    joined
}

/// Writes the rules.
pub(crate) fn rules(pieces: Vec<Piece<'_>>, document: &mut Document) {
    let mut groups = BTreeSet::new();
    let mut last: Option<Vec<String>> = None;
    for piece in pieces {
        let long = piece.names.len() > MOST_CALLS;
        // Short rules under one comment stand together.
        if long || last.as_ref() != Some(&piece.comments) {
            document.blank();
            piece.comments.iter().for_each(|comment| document.comment(comment));
        }
        last = (!long).then(|| piece.comments.clone());
        let calls: Vec<Call> = piece.names.iter().map(|call| Call::Name(name(call))).collect();
        let calls = if long {
            let group = document::fresh_group(
                piece.group.as_deref().unwrap_or(piece.written.past()),
                &mut groups,
            );
            document.statement(StatementKind::Group(name(&group), calls));
            document.blank();
            vec![Call::Group(name(&group))]
        } else {
            calls
        };
        let (action, predicate) = (piece.written.tree, piece.predicate);
        document.statement(StatementKind::Rule(Rule { action, calls, predicate }));
    }
}
