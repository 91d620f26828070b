//! A rule's predicate as it is written, for the judge.

use filterc_check::rules::Written;
use filterc_grammar::ast::{Predicate, PredicateKind};
use filterc_grammar::source::Span;

/// The predicate and its parts. Inside a `let`, which is for more than one rule, nothing is
/// looked at.
pub(crate) fn written(predicate: &Predicate) -> Written<Span> {
    let parts = |parts: &[Predicate]| parts.iter().map(|part| (part.span, written(part))).collect();
    match &predicate.kind {
        PredicateKind::Paren(inner) => written(inner),
        PredicateKind::Not(inner) => Written::Not(Box::new(written(inner))),
        PredicateKind::And(list) => Written::All(parts(list)),
        PredicateKind::Or(list) => Written::Any(parts(list)),
        PredicateKind::True
        | PredicateKind::False
        | PredicateKind::Let(_)
        | PredicateKind::Test(_)
        | PredicateKind::Error => Written::Whole,
    }
}
