//! `SeccompProfile` resources of Kubernetes' security-profiles-operator, in YAML or JSON: a profile
//! of OCI under `spec`. A text may have several documents; other kinds of resources are passed over.
//!
//! A profile that names a base profile is an error: the operator merges it with one that is
//! somewhere else. So is one that is disabled, since it confines nothing.

use filterc_grammar::diagnostic::Diagnostic;
use filterc_grammar::source::{FileId, Span};

use crate::Imported;
use crate::fault::Fault;
use crate::json::node::{Node, Value};
use crate::json::yaml;
use crate::oci;

/// What an import is told beside the text.
#[derive(Clone, Debug)]
pub struct Options {
    /// What a profile leaves to the container and its host.
    pub oci: oci::Options,
    /// The profile's name; needed where there are several.
    pub profile: Option<String>,
}

/// The kind of the resources.
pub const KIND: &str = "SeccompProfile";

/// Members of `spec` that are no part of OCI's profile.
const OWN: &[&str] = &["baseProfileName", "disabled"];

/// Imports a profile; `file` names its text in the diagnostics.
///
/// # Errors
/// Everything that is wrong with the text, each with its place, and everything in it that a
/// policy cannot say.
pub fn import(file: FileId, text: &str, options: &Options) -> Result<Imported, Vec<Diagnostic>> {
    let documents = yaml::parse(file, text).map_err(|(span, fault)| {
        let fault = match fault {
            yaml::Fault::Syntax(reason) => Fault::NotYaml(reason),
            yaml::Fault::Refused(what) => {
                let why = "what a profile says has to stand where it is read".to_owned();
                Fault::Untranslatable(what.to_owned(), why)
            }
        };
        vec![fault.at(span)]
    })?;
    let found: Vec<(String, Node<'static>)> = documents.iter().filter_map(profile).collect();
    let names: Vec<String> = found.iter().map(|(name, _)| name.clone()).collect();
    let at = match &options.profile {
        Some(wanted) => names.iter().position(|name| name == wanted),
        None => (found.len() == 1).then_some(0),
    };
    let Some((_, spec)) = at.and_then(|at| found.get(at)) else {
        let fault = if found.is_empty() {
            Fault::Nothing("resource of the kind SeccompProfile with a `spec`")
        } else {
            Fault::Which { what: "profile", option: "--profile-name", names }
        };
        return Err(vec![fault.at(Span { file, start: 0, end: 0 })]);
    };
    let mut errors = Vec::new();
    for (what, why) in [
        ("baseProfileName", "the operator adds the calls of a profile that is somewhere else"),
        ("disabled", "a profile that is disabled confines nothing"),
    ] {
        let Some(node) = member(spec, what) else { continue };
        // Whatever is true or false stands as it is written.
        let shown = text.get(node.span.start as usize..node.span.end as usize).unwrap_or_default();
        let empty = matches!(node.value(), Ok(Value::Null))
            || matches!(shown.trim_matches('"'), "" | "false" | "False" | "FALSE");
        if !empty {
            let fault = Fault::Untranslatable(format!("`{what}`"), why.to_owned());
            errors.push(fault.at(node.span));
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    oci::import_node(&spec.without(OWN), &options.oci)
}

/// The name and the `spec` of a document that is such a resource.
fn profile(document: &Node<'static>) -> Option<(String, Node<'static>)> {
    let text = |node: &Node<'static>| match node.value() {
        Ok(Value::Text(text)) => Some(text),
        Ok(Value::Null | Value::Bool | Value::Number(_) | Value::Array(_) | Value::Object(_))
        | Err(_) => None,
    };
    member(document, "kind").and_then(|kind| text(&kind)).filter(|kind| kind == KIND)?;
    let name = member(document, "metadata").and_then(|data| member(&data, "name"));
    Some((name.and_then(|name| text(&name)).unwrap_or_default(), member(document, "spec")?))
}

fn member(node: &Node<'static>, name: &str) -> Option<Node<'static>> {
    match node.value() {
        Ok(Value::Object(members)) => {
            members.into_iter().find(|(other, _)| other == name).map(|(_, node)| node)
        }
        Ok(Value::Null | Value::Bool | Value::Number(_) | Value::Text(_) | Value::Array(_))
        | Err(_) => None,
    }
}
