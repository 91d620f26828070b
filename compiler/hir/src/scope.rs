//! What a policy defines: its constants, groups, `let`s and parameters, found before any is read,
//! so that their order in the text does not matter.
//!
//! Redefinitions and cycles are refused here; who is in a cycle, or needs one, counts as
//! broken, and its users say nothing more.

use std::cell::Cell;

use filterc_grammar::ast::{self, ConstantKind, PredicateKind, Statement, StatementKind};
use filterc_grammar::source::Span;
use hashbrown::HashMap;

use crate::error::{Definition, Kind, Limit};
use crate::findings::Findings;
use crate::limits::MAX_NESTING;
use crate::order::order;

/// A definition, and whether something uses it.
pub(crate) struct Defined<'a, T> {
    /// The name at its definition.
    pub(crate) name: &'a ast::Name,
    /// The whole statement.
    pub(crate) span: Span,
    /// What it stands for.
    pub(crate) value: &'a T,
    used: Cell<bool>,
}

impl<T> Defined<'_, T> {
    pub(crate) fn mark_used(&self) {
        self.used.set(true);
    }

    pub(crate) fn is_used(&self) -> bool {
        self.used.get()
    }
}

/// All definitions of one sort.
pub(crate) struct Table<'a, T> {
    definition: Definition,
    list: Vec<Defined<'a, T>>,
    by_name: HashMap<&'a str, usize>,
    /// Positions of those that are in no cycle, each after those that it needs.
    order: Vec<usize>,
}

impl<'a, T> Table<'a, T> {
    fn new(definition: Definition) -> Self {
        Self { definition, list: Vec::new(), by_name: HashMap::new(), order: Vec::new() }
    }

    fn define(&mut self, name: &'a ast::Name, span: Span, value: &'a T, findings: &mut Findings) {
        if let Some(first) = self.by_name.get(name.text.as_str()).and_then(|&i| self.get(i)) {
            let kind = Kind::DefinedTwice { definition: self.definition, name: name.text.clone() };
            findings.because(name.span, kind, &[(first.name.span, "the first time")]);
            return;
        }
        self.by_name.insert(&name.text, self.list.len());
        self.list.push(Defined { name, span, value, used: Cell::new(false) });
    }

    /// Sorts by need and refuses cycles; `mentions` calls back with each name that a value needs.
    fn sort(&mut self, findings: &mut Findings, mentions: fn(&'a T, &mut Vec<&'a str>)) {
        let mut names = Vec::new();
        let mut needs = Vec::with_capacity(self.list.len());
        for defined in &self.list {
            names.clear();
            mentions(defined.value, &mut names);
            needs.push(names.iter().filter_map(|name| self.position(name)).collect());
        }
        let order = order(&needs);
        self.order = order.sorted;
        for cycle in order.cycles {
            let members: Vec<_> = cycle.iter().filter_map(|&i| self.get(i)).collect();
            let Some(first) = members.first() else { continue };
            let names = members.iter().map(|d| d.name.text.clone()).collect();
            let others: Vec<_> = members
                .iter()
                .skip(1)
                .take(8)
                .map(|defined| (defined.name.span, "by way of this"))
                .collect();
            let kind = Kind::Cycle { definition: self.definition, names };
            findings.because(first.name.span, kind, &others);
        }
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn get(&self, position: usize) -> Option<&Defined<'a, T>> {
        self.list.get(position)
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Defined<'a, T>> {
        self.list.iter()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.list.iter().map(|defined| defined.name.text.as_str())
    }

    /// The good definitions with their positions, each after those that it needs.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (usize, &Defined<'a, T>)> {
        self.order.iter().filter_map(|&i| self.get(i).map(|defined| (i, defined)))
    }
}

/// Everything that a policy defines.
pub(crate) struct Scope<'a> {
    pub(crate) consts: Table<'a, ast::Constant>,
    pub(crate) groups: Table<'a, Vec<ast::Call>>,
    pub(crate) lets: Table<'a, ast::Predicate>,
    /// Each with the name of its type.
    pub(crate) params: Table<'a, ast::Name>,
    /// Each with its patterns.
    pub(crate) labels: Table<'a, Vec<ast::Str>>,
    /// Whether the `let` at a position may be written out: it is in no cycle and not too deep.
    sound_lets: Vec<bool>,
}

impl<'a> Scope<'a> {
    /// Finds all definitions.
    pub(crate) fn collect(statements: &'a [Statement], findings: &mut Findings) -> Self {
        let mut consts = Table::new(Definition::Const);
        let mut groups = Table::new(Definition::Group);
        let mut lets = Table::new(Definition::Let);
        let mut params: Table<'_, ast::Name> = Table::new(Definition::Param);
        let mut labels: Table<'_, Vec<ast::Str>> = Table::new(Definition::Label);
        for Statement { span, kind } in statements {
            if let StatementKind::Const(name, value) = kind {
                consts.define(name, *span, value, findings);
            } else if let StatementKind::Group(name, calls) = kind {
                groups.define(name, *span, calls, findings);
            } else if let StatementKind::Let(name, predicate) = kind {
                lets.define(name, *span, predicate, findings);
            } else if let StatementKind::Param(name, ty) = kind {
                params.define(name, *span, ty, findings);
            } else if let StatementKind::Label(name, patterns) = kind {
                labels.define(name, *span, patterns, findings);
            }
        }
        // Both are what a lone name stands for.
        for param in params.iter() {
            if let Some(defined) = consts.position(&param.name.text).and_then(|i| consts.get(i)) {
                let (definition, name) = (Definition::Param, param.name.text.clone());
                let kind = Kind::DefinedTwice { definition, name };
                findings.because(param.name.span, kind, &[(defined.name.span, "as a `const`")]);
            }
        }
        consts.sort(findings, names_of_constant);
        groups.sort(findings, groups_of_calls);
        lets.sort(findings, lets_of_predicate);
        let sound_lets = sound(&lets, findings);
        Self { consts, groups, lets, params, labels, sound_lets }
    }

    /// Notes that something uses the `const`s and parameters of an expression that is not read.
    pub(crate) fn mark_used(&self, expression: &'a ast::Constant) {
        let mut names = Vec::new();
        names_of_constant(expression, &mut names);
        for name in names {
            if let Some(defined) = self.consts.position(name).and_then(|i| self.consts.get(i)) {
                defined.mark_used();
            }
            if let Some(defined) = self.params.position(name).and_then(|i| self.params.get(i)) {
                defined.mark_used();
            }
        }
    }

    pub(crate) fn is_sound_let(&self, position: usize) -> bool {
        self.sound_lets.get(position).copied().unwrap_or_default()
    }
}

/// Which `let`s are in no cycle and within the nesting limit.
fn sound(lets: &Table<'_, ast::Predicate>, findings: &mut Findings) -> Vec<bool> {
    let mut heights: Vec<Option<usize>> = vec![None; lets.len()];
    for (i, defined) in lets.in_order() {
        let of_let = |name: &str| match lets.position(name) {
            // Something below is too deep already, and was told.
            Some(i) => heights.get(i).copied().flatten(),
            None => Some(1),
        };
        let Some(height) = height(defined.value, &of_let) else { continue };
        if height > MAX_NESTING {
            findings.add(defined.name.span, Kind::TooLarge(Limit::Nesting));
        } else if let Some(slot) = heights.get_mut(i) {
            *slot = Some(height);
        }
    }
    heights.iter().map(Option::is_some).collect()
}

/// Levels of a predicate with its `let`s written out.
fn height(predicate: &ast::Predicate, of_let: &dyn Fn(&str) -> Option<usize>) -> Option<usize> {
    let below = match &predicate.kind {
        PredicateKind::Or(parts) | PredicateKind::And(parts) => {
            parts.iter().try_fold(0, |most: usize, part| Some(most.max(height(part, of_let)?)))?
        }
        PredicateKind::Not(inner) | PredicateKind::Paren(inner) => height(inner, of_let)?,
        PredicateKind::Let(name) => of_let(&name.text)?,
        PredicateKind::True
        | PredicateKind::False
        | PredicateKind::Test(_)
        | PredicateKind::Error => 0,
    };
    Some(below + 1)
}

fn names_of_constant<'a>(constant: &'a ast::Constant, names: &mut Vec<&'a str>) {
    match &constant.kind {
        ConstantKind::Name(name) => names.push(name),
        ConstantKind::Complement(inner)
        | ConstantKind::Negate(inner)
        | ConstantKind::Paren(inner) => names_of_constant(inner, names),
        ConstantKind::Binary(first, rest) => {
            names_of_constant(first, names);
            rest.iter().for_each(|(_, operand)| names_of_constant(operand, names));
        }
        ConstantKind::Integer(_) | ConstantKind::Error => {}
    }
}

fn groups_of_calls<'a>(calls: &'a Vec<ast::Call>, names: &mut Vec<&'a str>) {
    for call in calls {
        if let ast::Call::Group(name) = call {
            names.push(&name.text);
        }
    }
}

fn lets_of_predicate<'a>(predicate: &'a ast::Predicate, names: &mut Vec<&'a str>) {
    match &predicate.kind {
        PredicateKind::Or(parts) | PredicateKind::And(parts) => {
            parts.iter().for_each(|part| lets_of_predicate(part, names));
        }
        PredicateKind::Not(inner) | PredicateKind::Paren(inner) => lets_of_predicate(inner, names),
        PredicateKind::Let(name) => names.push(&name.text),
        PredicateKind::True
        | PredicateKind::False
        | PredicateKind::Test(_)
        | PredicateKind::Error => {}
    }
}
