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
use super::search::Searches;
use super::views::{self, Solver, View, views};

/// Steps of work for one rule on one ABI, and for a whole policy.
const STEPS: u32 = 1 << 16;
const ALL_STEPS: u32 = 1 << 20;

/// Conditions among which those are looked for that exclude each other.
const MAX_CONDITIONS: usize = 32;

/// A part that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superfluous {
    /// Where it stands.
    pub span: Span,
    /// Whether it is one of several alternatives (`||`), not of conditions (`&&`).
    pub is_alternative: bool,
    /// Whether it comes out the same by itself, wherever it is asked.
    pub is_constant: bool,
    /// If not, another part that alone makes it superfluous.
    pub because_of: Option<Span>,
}

/// Judges the parts of the predicates of one policy; all of the work is bounded.
pub struct Parts<'p> {
    policy: &'p Policy,
    searches: Searches,
    steps: u32,
}

impl<'p> Parts<'p> {
    /// Nothing is judged yet.
    #[must_use]
    pub const fn new(policy: &'p Policy) -> Self {
        Self { policy, searches: Searches::new(), steps: ALL_STEPS }
    }

    /// Parts of a rule's predicate that can be left out, all together, in the order of the
    /// text. If there are none, each part matters, or it takes too long to say. For a
    /// predicate that neither always nor never holds.
    #[must_use]
    pub fn superfluous(&mut self, rule: RuleId, written: &ast::Predicate) -> Vec<Superfluous> {
        let Some(views) = views(self.policy, rule) else { return Vec::new() };
        if views::all_matter(&views, &mut self.searches) {
            return Vec::new();
        }
        let nodes: Vec<&Predicate> = views.iter().map(|view| view.predicate).collect();
        let mut views = self.solvers(&views);
        let cares = vec![Edge::TRUE; views.len()];
        let mut found = Vec::new();
        let looked = look(written, &mut views, &nodes, &cares, &mut found);
        self.spend(&views);
        match looked {
            Ok(_) => {
                found.sort_unstable_by_key(|part| part.span);
                found
            }
            Err(Exhausted) => Vec::new(),
        }
    }

    /// Of a rule's conditions that never hold together, as few as do not; none if there is
    /// only one condition, or too much to look at.
    #[must_use]
    pub fn conflict(&mut self, rule: RuleId, written: &ast::Predicate) -> Vec<Span> {
        let Some(views) = views(self.policy, rule) else { return Vec::new() };
        let nodes: Vec<&Predicate> = views.iter().map(|view| view.predicate).collect();
        let mut views = self.solvers(&views);
        let found = conflicting(written, &mut views, &nodes);
        self.spend(&views);
        found.unwrap_or_default()
    }

    fn solvers(&self, views: &[View<'_>]) -> Vec<Solver> {
        // Few rules have many views, so each may have what all have left.
        let steps = STEPS.min(self.steps);
        views.iter().map(|view| Solver::new(view, steps)).collect()
    }

    fn spend(&mut self, views: &[Solver]) {
        let before = STEPS.min(self.steps);
        let spent = views.iter().map(|view| before - view.bdd.steps());
        self.steps = spent.fold(self.steps, u32::saturating_sub);
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
            let inner = all(views, cares, &others)?;
            if implies(views, &inner, own)? {
                let is_constant = implies(views, cares, own)?;
                let because_of = if is_constant {
                    None
                } else {
                    self.because_of(views, cares, part.span, own, &edges)?
                };
                let (span, is_alternative) = (part.span, self.is_alternative);
                found.push(Superfluous { span, is_alternative, is_constant, because_of });
            } else {
                let own = look(part, views, column, &inner, found)?;
                let own: Vec<Edge> = own.into_iter().map(|edge| self.edge(edge)).collect();
                behind = all(views, &behind, &own)?;
            }
        }
        Ok(behind.into_iter().map(|edge| self.edge(edge)).collect())
    }

    /// The first other part that implies one, where they are cared for.
    fn because_of(
        &self,
        views: &mut [Solver],
        cares: &[Edge],
        span: Span,
        own: &[Edge],
        edges: &[Vec<Edge>],
    ) -> Result<Option<Span>, Exhausted> {
        for (part, other) in self.parts.iter().zip(edges).filter(|(part, _)| part.span != span) {
            let other = all(views, cares, other)?;
            if implies(views, &other, own)? {
                return Ok(Some(part.span));
            }
        }
        Ok(None)
    }
}

/// Whether in every view the second holds wherever the first does.
fn implies(views: &mut [Solver], first: &[Edge], second: &[Edge]) -> Result<bool, Exhausted> {
    for ((view, &first), &second) in views.iter_mut().zip(first).zip(second) {
        if view.bdd.without(first, second)? != Edge::FALSE {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Both, by view.
fn all(views: &mut [Solver], left: &[Edge], right: &[Edge]) -> Result<Vec<Edge>, Exhausted> {
    let pairs = left.iter().zip(right);
    views.iter_mut().zip(pairs).map(|(view, (&left, &right))| view.bdd.and(left, right)).collect()
}

/// See [`Parts::conflict`].
fn conflicting(
    written: &ast::Predicate,
    views: &mut [Solver],
    nodes: &[&Predicate],
) -> Option<Vec<Span>> {
    let parts = conditions(written)?;
    let mut kept = Vec::with_capacity(parts.len());
    for (part, column) in parts.iter().zip(columns(nodes, parts.len(), false)?) {
        kept.push((part.span, functions(views, &column).ok()?));
    }
    // Each in turn is left out, if the others still exclude each other.
    for index in (0..kept.len()).rev() {
        let mut left = vec![Edge::TRUE; views.len()];
        for (_, own) in kept.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, own)| own) {
            left = all(views, &left, own).ok()?;
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
