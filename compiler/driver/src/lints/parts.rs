//! Parts of a rule's predicate without which it would be the same: a condition that holds
//! wherever the others do, an alternative that the others cover.
//!
//! Only what is written in the rule itself is looked at, not inside a `let`, which is for
//! more than one rule; and not predicates that ask for `nr`, where what a part is worth
//! depends on the call (what such a test comes to is F0309's business).

use filterc_grammar::ast::{self, PredicateKind};
use filterc_grammar::source::Span;
use filterc_hir::expr::Predicate;
use filterc_hir::policy::{Policy, RuleId};

use super::bdd::{Edge, Exhausted};
use super::views::{self, Solver, views};

/// Steps of work for one rule on one ABI.
const STEPS: u32 = 1 << 16;

/// Conditions among which those are looked for that exclude each other.
const MAX_CONDITIONS: usize = 32;

/// A part that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superfluous {
    /// Where it stands.
    pub span: Span,
    /// Whether it is one of several alternatives (`||`), not of conditions (`&&`).
    pub is_alternative: bool,
}

/// The parts of a rule's predicate that can be left out, all together, in the order of the
/// text; none where that takes too long to say.
#[must_use]
pub fn superfluous(policy: &Policy, rule: RuleId, written: &ast::Predicate) -> Vec<Superfluous> {
    let Some(views) = views(policy, rule).filter(|views| !views::all_matter(views)) else {
        return Vec::new();
    };
    let nodes: Vec<&Predicate> = views.iter().map(|view| view.predicate).collect();
    let mut views: Vec<Solver> = views.iter().map(|view| Solver::new(view, STEPS)).collect();
    let cares = vec![Edge::TRUE; views.len()];
    let mut found = Vec::new();
    match look(written, &mut views, &nodes, &cares, &mut found) {
        Ok(_) => {
            found.sort_unstable_by_key(|part| part.span);
            found
        }
        Err(Exhausted) => Vec::new(),
    }
}

/// Looks for parts of a node that change nothing for the calls that are cared for, by view.
/// Gives what the node comes to without them.
fn look(
    written: &ast::Predicate,
    views: &mut [Solver],
    nodes: &[&Predicate],
    cares: &[Edge],
    found: &mut Vec<Superfluous>,
) -> Result<Vec<Edge>, Exhausted> {
    match &written.kind {
        PredicateKind::Paren(inner) => look(inner, views, nodes, cares, found),
        PredicateKind::Not(inner) => {
            let inside: Option<Vec<&Predicate>> = nodes.iter().map(|node| negated(node)).collect();
            let Some(inside) = inside else { return functions(views, nodes) };
            let edges = look(inner, views, &inside, cares, found)?;
            Ok(edges.into_iter().map(Edge::not).collect())
        }
        PredicateKind::And(parts) | PredicateKind::Or(parts) => {
            let is_alternative = matches!(written.kind, PredicateKind::Or(_));
            let Some(columns) = columns(nodes, parts.len(), is_alternative) else {
                return functions(views, nodes);
            };
            let list = List { parts, columns, is_alternative };
            list.look(views, cares, found)
        }
        PredicateKind::True
        | PredicateKind::False
        | PredicateKind::Let(_)
        | PredicateKind::Test(_)
        | PredicateKind::Error => functions(views, nodes),
    }
}

fn negated(node: &Predicate) -> Option<&Predicate> {
    match node {
        Predicate::Not(inner) => Some(inner),
        Predicate::True
        | Predicate::False
        | Predicate::And(_)
        | Predicate::Or(_)
        | Predicate::Test(_) => None,
    }
}

fn functions(views: &mut [Solver], nodes: &[&Predicate]) -> Result<Vec<Edge>, Exhausted> {
    views.iter_mut().zip(nodes).map(|(view, node)| view.predicate(node)).collect()
}

/// The nodes of each part, by view; `None` if they are not those of the text.
fn columns<'p>(
    nodes: &[&'p Predicate],
    len: usize,
    is_alternative: bool,
) -> Option<Vec<Vec<&'p Predicate>>> {
    let mut columns = vec![Vec::with_capacity(nodes.len()); len];
    for node in nodes {
        let parts = match node {
            Predicate::And(parts) if !is_alternative => parts,
            Predicate::Or(parts) if is_alternative => parts,
            Predicate::And(_)
            | Predicate::Or(_)
            | Predicate::True
            | Predicate::False
            | Predicate::Not(_)
            | Predicate::Test(_) => return None,
        };
        if parts.len() != len {
            return None;
        }
        columns.iter_mut().zip(parts).for_each(|(column, part)| column.push(part));
    }
    Some(columns)
}

/// The parts of an `&&` or `||`. The latter is treated as the former of opposites.
struct List<'a, 'p> {
    parts: &'a [ast::Predicate],
    columns: Vec<Vec<&'p Predicate>>,
    is_alternative: bool,
}

impl List<'_, '_> {
    fn edge(&self, edge: Edge) -> Edge {
        if self.is_alternative { edge.not() } else { edge }
    }

    fn look(
        &self,
        views: &mut [Solver],
        cares: &[Edge],
        found: &mut Vec<Superfluous>,
    ) -> Result<Vec<Edge>, Exhausted> {
        // By part and view: that all parts before it hold.
        let mut before = vec![vec![Edge::TRUE; views.len()]];
        let mut edges = Vec::with_capacity(self.parts.len());
        for column in &self.columns {
            let own = functions(views, column)?;
            let own: Vec<Edge> = own.into_iter().map(|edge| self.edge(edge)).collect();
            let last = before.last().map_or(&[][..], Vec::as_slice);
            before.push(all(views, last, &own)?);
            edges.push(own);
        }
        // From the last part to the first: that all parts behind it hold that stay.
        let mut behind = vec![Edge::TRUE; views.len()];
        let rows = self.parts.iter().zip(&self.columns).zip(before.iter().zip(&edges));
        for ((part, column), (before, own)) in rows.rev() {
            let others = all(views, before, &behind)?;
            let cares = all(views, cares, &others)?;
            let mut changes = false;
            for ((view, &care), &own) in views.iter_mut().zip(&cares).zip(own) {
                changes |= view.bdd.without(care, own)? != Edge::FALSE;
            }
            if changes {
                let own = look(part, views, column, &cares, found)?;
                let own: Vec<Edge> = own.into_iter().map(|edge| self.edge(edge)).collect();
                behind = all(views, &behind, &own)?;
            } else {
                found.push(Superfluous { span: part.span, is_alternative: self.is_alternative });
            }
        }
        Ok(behind.into_iter().map(|edge| self.edge(edge)).collect())
    }
}

/// Both, by view.
fn all(views: &mut [Solver], left: &[Edge], right: &[Edge]) -> Result<Vec<Edge>, Exhausted> {
    let pairs = left.iter().zip(right);
    views.iter_mut().zip(pairs).map(|(view, (&left, &right))| view.bdd.and(left, right)).collect()
}

/// Of a rule's conditions that never hold together, as few as do not; none if there is only
/// one condition, or too much to look at.
#[must_use]
pub fn conflict(policy: &Policy, rule: RuleId, written: &ast::Predicate) -> Vec<Span> {
    conflicting(policy, rule, written).unwrap_or_default()
}

fn conflicting(policy: &Policy, rule: RuleId, written: &ast::Predicate) -> Option<Vec<Span>> {
    let views = views(policy, rule)?;
    let nodes: Vec<&Predicate> = views.iter().map(|view| view.predicate).collect();
    let mut views: Vec<Solver> = views.iter().map(|view| Solver::new(view, STEPS)).collect();
    let parts = conditions(written)?;
    let mut kept = Vec::with_capacity(parts.len());
    for (part, column) in parts.iter().zip(columns(&nodes, parts.len(), false)?) {
        kept.push((part.span, functions(&mut views, &column).ok()?));
    }
    // Each in turn is left out, if the others still exclude each other.
    for index in (0..kept.len()).rev() {
        let mut left = vec![Edge::TRUE; views.len()];
        for (_, own) in kept.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, own)| own) {
            left = all(&mut views, &left, own).ok()?;
        }
        if left.iter().all(|edge| *edge == Edge::FALSE) {
            kept.remove(index);
        }
    }
    Some(kept.into_iter().map(|(span, _)| span).collect())
}

fn conditions(written: &ast::Predicate) -> Option<&[ast::Predicate]> {
    match &written.kind {
        PredicateKind::Paren(inner) => conditions(inner),
        PredicateKind::And(parts) => (parts.len() <= MAX_CONDITIONS).then_some(parts),
        PredicateKind::Or(_)
        | PredicateKind::Not(_)
        | PredicateKind::True
        | PredicateKind::False
        | PredicateKind::Let(_)
        | PredicateKind::Test(_)
        | PredicateKind::Error => None,
    }
}
