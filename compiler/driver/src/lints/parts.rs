//! Parts of a rule's predicate without which it would be the same: a condition that holds
//! wherever the others do, an alternative that the others cover.
//!
//! Only what is written in the rule itself is looked at, not inside a `let`, which is for
//! more than one rule; and not predicates that ask for `nr`, where what a part is worth
//! depends on the call (what such a test comes to is F0309's business).

use std::collections::HashSet;

use filterc_abi::SeccompData;
use filterc_grammar::ast::{self, PredicateKind};
use filterc_grammar::source::Span;
use filterc_hir::expr::{Predicate, Relation};
use filterc_hir::policy::{Policy, RuleId};
use filterc_hir::types::Place;

use super::bdd::{Bdd, Edge, Exhausted};
use super::symbols::Symbols;

/// Steps of work for one rule on one ABI.
const STEPS: u32 = 1 << 16;

/// Different predicates that one rule may have, over its calls and ABIs.
const MAX_VIEWS: usize = 64;

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

/// A rule's predicate as it is for some of its calls.
struct View<'p> {
    predicate: &'p Predicate,
    bdd: Bdd,
    symbols: Symbols,
}

/// All of a rule's predicates; `None` where they cannot be looked at.
fn views(policy: &Policy, rule: RuleId) -> Option<Vec<View<'_>>> {
    let mut seen = HashSet::new();
    let mut views = Vec::new();
    for part in policy.abis() {
        let arch = part.abi().audit_arch;
        let first = part.arms().partition_point(|arm| arm.rule < rule);
        let arms = part.arms().iter().skip(first).take_while(|arm| arm.rule == rule);
        for arm in arms {
            let asks = Asks::of(&arm.predicate);
            if asks.nr {
                return None;
            }
            if seen.insert((&arm.predicate, asks.arch.then_some(arch))) {
                if views.len() == MAX_VIEWS {
                    return None;
                }
                let call = SeccompData { arch, ..SeccompData::default() };
                let symbols = Symbols::new(&call, [&arm.predicate]);
                views.push(View { predicate: &arm.predicate, bdd: Bdd::new(STEPS), symbols });
            }
        }
    }
    (!views.is_empty()).then_some(views)
}

/// What a predicate asks for that is no register.
#[derive(Default)]
struct Asks {
    nr: bool,
    arch: bool,
}

impl Asks {
    fn of(predicate: &Predicate) -> Self {
        let mut asks = Self::default();
        asks.collect(predicate);
        asks
    }

    fn collect(&mut self, predicate: &Predicate) {
        match predicate {
            Predicate::True | Predicate::False => {}
            Predicate::Not(inner) => self.collect(inner),
            Predicate::And(parts) | Predicate::Or(parts) => {
                parts.iter().for_each(|part| self.collect(part));
            }
            Predicate::Test(test) => {
                self.note(test.field().place());
                if let Relation::Field(_, other) = test.relation() {
                    self.note(other.place());
                }
            }
        }
    }

    fn note(&mut self, place: Place) {
        match place {
            Place::Nr => self.nr = true,
            Place::Arch => self.arch = true,
            Place::InstructionPointer | Place::Arg(_) | Place::Pair { .. } => {}
        }
    }
}

/// The parts of a rule's predicate that can be left out, all together, in the order of the
/// text; none where that takes too long to say.
#[must_use]
pub fn superfluous(policy: &Policy, rule: RuleId, written: &ast::Predicate) -> Vec<Superfluous> {
    let Some(mut views) = views(policy, rule) else { return Vec::new() };
    let nodes: Vec<&Predicate> = views.iter().map(|view| view.predicate).collect();
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
    views: &mut [View<'_>],
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

fn functions(views: &mut [View<'_>], nodes: &[&Predicate]) -> Result<Vec<Edge>, Exhausted> {
    views
        .iter_mut()
        .zip(nodes)
        .map(|(view, node)| view.symbols.predicate(&mut view.bdd, node))
        .collect()
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
        views: &mut [View<'_>],
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
fn all(views: &mut [View<'_>], left: &[Edge], right: &[Edge]) -> Result<Vec<Edge>, Exhausted> {
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
    let mut views = views(policy, rule)?;
    let nodes: Vec<&Predicate> = views.iter().map(|view| view.predicate).collect();
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
