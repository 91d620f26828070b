//! Parts of a rule's predicate without which it would be the same: a condition that holds
//! wherever the others do, an alternative that the others cover.
//!
//! Whoever asks says how the predicate is written, and which parts of it are looked at.
//! Predicates that ask for `nr` are not, where what a part is worth depends on the call.

use std::collections::VecDeque;

use filterc_hir::expr::Predicate;
use filterc_hir::policy::{Policy, RuleId};

use super::cases::Cases;
use super::search::Searches;
use super::trim::Trim;
use super::views::{self, Matters, View, views};
use super::written::{Superfluous, Written};
use crate::Budget;
use crate::gates::{FALSE, Node, OverBudget, Result, TRUE};
use crate::meter::{Meter, cost};
use crate::mtbdd::Mtbdd;
use crate::space::Space;

/// So many rules that are too large use up the budget for all.
const LARGE_RULES: u64 = 16;

/// Steps that cases may take, of one rule and of all.
const STEPS: u32 = 1 << 17;
const ALL_STEPS: u32 = 1 << 21;

/// Conditions among which those are looked for that exclude each other.
const MAX_CONDITIONS: usize = 32;

/// What was found of a predicate, and how it was written. The same conditions for several calls
/// are common, and not always in one rule.
#[derive(Debug)]
struct Judged<'p> {
    views: Vec<View<'p>>,
    written: Written<usize>,
    found: Vec<Superfluous<usize>>,
}

/// So many of the latest are remembered.
const MAX_JUDGED: usize = 16;

/// Judges the parts of the predicates of one policy; all of the work is bounded.
#[derive(Debug)]
pub struct Parts<'p> {
    policy: &'p Policy,
    judged: VecDeque<Judged<'p>>,
    cases: Cases,
    /// Steps that are left for cases.
    steps: u32,
    searches: Searches,
    budget: &'p Budget,
    /// The functions of the rule at hand, once there was one.
    mtbdd: Option<Mtbdd>,
}

impl<'p> Parts<'p> {
    /// Nothing is judged yet.
    #[must_use]
    pub const fn new(policy: &'p Policy, budget: &'p Budget) -> Self {
        Self {
            policy,
            judged: VecDeque::new(),
            cases: Cases::new(),
            steps: ALL_STEPS,
            searches: Searches::new(),
            budget,
            mtbdd: None,
        }
    }

    /// Parts of a rule's predicate that can be left out, all together. If there are none, each
    /// part matters, or it takes too long to say. For a predicate that neither always nor never
    /// holds.
    #[must_use]
    pub fn superfluous<T: Copy>(
        &mut self,
        rule: RuleId,
        written: &Written<T>,
    ) -> Vec<Superfluous<T>> {
        let Some(views) = views(self.policy, rule) else { return Vec::new() };
        let mut names = Vec::new();
        let written = written.numbered(&mut names);
        let is_same = |judged: &Judged<'_>| judged.views == views && judged.written == written;
        let found = match self.judged.iter().find(|judged| is_same(judged)) {
            Some(judged) => judged.found.clone(),
            None => {
                let found = self.look(&views, &written);
                self.judged.truncate(MAX_JUDGED - 1);
                self.judged.push_front(Judged { views, written, found: found.clone() });
                found
            }
        };
        let name = |number: usize| names.get(number).copied();
        let named = found.into_iter().filter_map(|found| {
            let because_of = found.because_of.and_then(name);
            let Superfluous { part, is_alternative, is_constant, .. } = found;
            Some(Superfluous { part: name(part)?, is_alternative, is_constant, because_of })
        });
        named.collect()
    }

    fn look(&mut self, views: &[View<'p>], written: &Written<usize>) -> Vec<Superfluous<usize>> {
        self.by_cases(views, written).unwrap_or_else(|OverBudget| self.by_functions(views, written))
    }

    fn by_cases(
        &mut self,
        views: &[View<'p>],
        written: &Written<usize>,
    ) -> Result<Vec<Superfluous<usize>>> {
        let allowed = STEPS.min(self.steps);
        self.cases.clear(allowed);
        let found = Trim::superfluous(&mut self.cases, views, written);
        self.steps -= allowed - self.cases.steps();
        found
    }

    fn by_functions(
        &mut self,
        views: &[View<'p>],
        written: &Written<usize>,
    ) -> Vec<Superfluous<usize>> {
        let matters = views::matters(views, &mut self.searches);
        if matters.all_inside() {
            return Vec::new();
        }
        let nodes: Vec<&Predicate> = views.iter().map(|view| view.predicate).collect();
        let mut judge = self.judge(views);
        let cares = vec![TRUE; views.len()];
        match judge.look(written, &nodes, &cares, &matters) {
            Ok(_) => judge.found,
            Err(OverBudget) => Vec::new(),
        }
    }

    /// Of a rule's conditions that never hold together, as few as do not; none if there is
    /// only one condition, or too much to look at.
    #[must_use]
    pub fn conflict<T: Copy>(&mut self, rule: RuleId, written: &Written<T>) -> Vec<T> {
        let Some(views) = views(self.policy, rule) else { return Vec::new() };
        let nodes: Vec<&Predicate> = views.iter().map(|view| view.predicate).collect();
        match written {
            Written::All(parts) if parts.len() <= MAX_CONDITIONS => {
                self.judge(&views).conflict(parts, &nodes).unwrap_or_default()
            }
            Written::Whole | Written::Not(_) | Written::All(_) | Written::Any(_) => Vec::new(),
        }
    }

    fn judge<T>(&mut self, views: &[View<'_>]) -> Judge<'_, T> {
        let budget = self.budget;
        let new = || Mtbdd::new(budget.nodes, Meter::new(budget.steps));
        let mtbdd = self.mtbdd.get_or_insert_with(new);
        mtbdd.reset(budget.nodes);
        mtbdd.allot(budget.steps / cost::OPERATION / LARGE_RULES);
        Judge { mtbdd, spaces: views.iter().map(View::space).collect(), found: Vec::new() }
    }
}

/// Functions of one rule, by view.
type Functions = Vec<Node>;

/// Judges the parts of one rule.
struct Judge<'m, T> {
    mtbdd: &'m mut Mtbdd,
    /// By view.
    spaces: Vec<Space>,
    found: Vec<Superfluous<T>>,
}

impl<T: Copy> Judge<'_, T> {
    /// Looks for parts of a predicate that change nothing for the calls that are cared for.
    /// Gives what the predicate comes to without them.
    ///
    /// What is known to matter does, as long as nothing is left out.
    fn look(
        &mut self,
        written: &Written<T>,
        nodes: &[&Predicate],
        cares: &[Node],
        matters: &Matters,
    ) -> Result<Functions> {
        match written {
            _ if self.found.is_empty() && matters.all_inside() => self.functions(nodes),
            Written::Not(inner) => match nodes.iter().map(|node| negated(node)).collect() {
                Some::<Vec<_>>(inside) => {
                    let inside = self.look(inner, &inside, cares, matters)?;
                    inside.into_iter().map(|function| self.opposite(function)).collect()
                }
                None => self.functions(nodes),
            },
            Written::All(parts) | Written::Any(parts) => {
                let is_alternative = matches!(written, Written::Any(_));
                match columns(nodes, parts.len(), is_alternative) {
                    Some(columns) => {
                        self.list(&List { parts, columns, is_alternative, matters }, cares)
                    }
                    None => self.functions(nodes),
                }
            }
            Written::Whole => self.functions(nodes),
        }
    }

    /// What it comes to without them, for a list.
    fn list(&mut self, list: &List<'_, '_, T>, cares: &[Node]) -> Result<Functions> {
        // By part and view: that all parts before it hold.
        let mut before = vec![vec![TRUE; cares.len()]];
        let mut functions = Vec::with_capacity(list.parts.len());
        for column in &list.columns {
            let own = self.functions(column)?;
            let own = self.condition(list, own)?;
            let last = before.last().map_or(&[][..], Vec::as_slice);
            before.push(self.all(last, &own)?);
            functions.push(own);
        }
        // From the last part to the first: that all parts behind it hold that stay.
        let mut behind = vec![TRUE; cares.len()];
        let columns = list.columns.iter().zip(before.iter().zip(&functions));
        for ((index, (part, written)), (column, (before, own))) in
            list.parts.iter().enumerate().zip(columns).rev()
        {
            let matters = list.matters.part(index);
            if self.found.is_empty() && matters.is_some_and(Matters::all) {
                behind = self.all(&behind, own)?;
                continue;
            }
            let is_known = self.found.is_empty() && matters.is_some_and(Matters::itself);
            let others = self.all(before, &behind)?;
            let inner = self.all(cares, &others)?;
            if !is_known && self.implies(&inner, own)? {
                let is_constant = self.implies(cares, own)?;
                let because_of = if is_constant {
                    None
                } else {
                    self.because_of(list, index, cares, &functions)?
                };
                let is_alternative = list.is_alternative;
                self.found.push(Superfluous {
                    part: *part,
                    is_alternative,
                    is_constant,
                    because_of,
                });
            } else {
                let own =
                    self.look(written, column, &inner, matters.unwrap_or(&Matters::UNKNOWN))?;
                let own = self.condition(list, own)?;
                behind = self.all(&behind, &own)?;
            }
        }
        self.condition(list, behind)
    }

    /// The first other part that implies one, where they are cared for.
    fn because_of(
        &mut self,
        list: &List<'_, '_, T>,
        index: usize,
        cares: &[Node],
        functions: &[Functions],
    ) -> Result<Option<T>> {
        let Some(own) = functions.get(index) else { return Ok(None) };
        for (other, ((part, _), function)) in list.parts.iter().zip(functions).enumerate() {
            if other != index {
                let function = self.all(cares, function)?;
                if self.implies(&function, own)? {
                    return Ok(Some(*part));
                }
            }
        }
        Ok(None)
    }

    /// See [`Parts::conflict`].
    fn conflict(&mut self, parts: &[(T, Written<T>)], nodes: &[&Predicate]) -> Option<Vec<T>> {
        let mut kept = Vec::with_capacity(parts.len());
        for ((part, _), column) in parts.iter().zip(columns(nodes, parts.len(), false)?) {
            kept.push((*part, self.functions(&column).ok()?));
        }
        // Each in turn is left out, if the others still exclude each other.
        for index in (0..kept.len()).rev() {
            let mut left = vec![TRUE; nodes.len()];
            for (_, (_, own)) in kept.iter().enumerate().filter(|(other, _)| *other != index) {
                left = self.all(&left, own).ok()?;
            }
            if left.iter().all(|function| *function == FALSE) {
                kept.remove(index);
            }
        }
        Some(kept.into_iter().map(|(part, _)| part).collect())
    }

    /// A part of a list as a condition: alternatives are conditions of the opposite.
    fn condition(&mut self, list: &List<'_, '_, T>, part: Functions) -> Result<Functions> {
        if list.is_alternative {
            part.into_iter().map(|function| self.opposite(function)).collect()
        } else {
            Ok(part)
        }
    }

    fn functions(&mut self, nodes: &[&Predicate]) -> Result<Functions> {
        let spaces = self.spaces.iter().zip(nodes);
        spaces.map(|(space, node)| space.predicate(self.mtbdd, node)).collect()
    }

    fn opposite(&mut self, function: Node) -> Result<Node> {
        self.mtbdd.without(TRUE, function)
    }

    /// Both.
    fn all(&mut self, left: &[Node], right: &[Node]) -> Result<Functions> {
        self.mtbdd.spend()?;
        left.iter().zip(right).map(|(&left, &right)| self.mtbdd.and(left, right)).collect()
    }

    /// Whether in every view the second holds wherever the first does.
    fn implies(&mut self, first: &[Node], second: &[Node]) -> Result<bool> {
        self.mtbdd.spend()?;
        for (&first, &second) in first.iter().zip(second) {
            if self.mtbdd.without(first, second)? != FALSE {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The parts of an `&&` or `||`.
struct List<'a, 'p, T> {
    parts: &'a [(T, Written<T>)],
    /// The nodes of each part, by view.
    columns: Vec<Vec<&'p Predicate>>,
    is_alternative: bool,
    matters: &'a Matters,
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

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
