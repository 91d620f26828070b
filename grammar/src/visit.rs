//! A read-only walk over the tree.
//!
//! Implement the methods of [`Visitor`] for what you look for; each default goes on
//! below its node, in the order of the text. A method that is overridden decides
//! itself whether to go on, by calling the `walk_…` function of its node. Recursion
//! is as deep as the tree, at most [`crate::parser::MAX_NESTING`] for parsed text.

use crate::ast::{
    Action, ActionKind, Call, Constant, ConstantKind, Field, File, Item, Name, Predicate,
    PredicateKind, Relation, Statement, StatementKind, Str, Test,
};

/// What to do at each sort of node.
pub trait Visitor {
    /// At a statement.
    fn visit_statement(&mut self, statement: &Statement) {
        walk_statement(self, statement);
    }
    /// At an action.
    fn visit_action(&mut self, action: &Action) {
        walk_action(self, action);
    }
    /// At an entry of a list of calls.
    fn visit_call(&mut self, call: &Call) {
        walk_call(self, call);
    }
    /// At a predicate.
    fn visit_predicate(&mut self, predicate: &Predicate) {
        walk_predicate(self, predicate);
    }
    /// At a test.
    fn visit_test(&mut self, test: &Test) {
        walk_test(self, test);
    }
    /// At a field.
    fn visit_field(&mut self, field: &Field) {
        walk_field(self, field);
    }
    /// At a constant.
    fn visit_constant(&mut self, constant: &Constant) {
        walk_constant(self, constant);
    }
    /// At a name that is no constant's.
    fn visit_name(&mut self, _name: &Name) {}
    /// At a string.
    fn visit_str(&mut self, _str: &Str) {}
}

/// Visits all statements of a file.
pub fn walk_file<V: Visitor + ?Sized>(visitor: &mut V, file: &File) {
    for statement in &file.statements {
        visitor.visit_statement(statement);
    }
}

/// Visits what a statement consists of.
pub fn walk_statement<V: Visitor + ?Sized>(visitor: &mut V, statement: &Statement) {
    match &statement.kind {
        StatementKind::Arch(names) => names.iter().for_each(|name| visitor.visit_name(name)),
        StatementKind::Default(action)
        | StatementKind::Unknown(Some(action))
        | StatementKind::Foreign(action) => visitor.visit_action(action),
        StatementKind::Include(path) => visitor.visit_str(path),
        StatementKind::Const(name, constant) => {
            visitor.visit_name(name);
            visitor.visit_constant(constant);
        }
        StatementKind::Group(name, calls) => {
            visitor.visit_name(name);
            calls.iter().for_each(|call| visitor.visit_call(call));
        }
        StatementKind::Racy(calls) => calls.iter().for_each(|call| visitor.visit_call(call)),
        StatementKind::Let(name, predicate) => {
            visitor.visit_name(name);
            visitor.visit_predicate(predicate);
        }
        StatementKind::Rule(rule) => {
            visitor.visit_action(&rule.action);
            rule.calls.iter().for_each(|call| visitor.visit_call(call));
            rule.predicate.iter().for_each(|predicate| visitor.visit_predicate(predicate));
        }
        StatementKind::Label(name, patterns) => {
            visitor.visit_name(name);
            patterns.iter().for_each(|pattern| visitor.visit_str(pattern));
        }
        StatementKind::Param(name, ty) => {
            visitor.visit_name(name);
            visitor.visit_name(ty);
        }
        StatementKind::Test(name, _) => visitor.visit_str(name),
        StatementKind::Sequence(name, _) => visitor.visit_name(name),
        StatementKind::Event { subsystem, name, predicate } => {
            visitor.visit_name(subsystem);
            visitor.visit_name(name);
            predicate.iter().for_each(|predicate| visitor.visit_predicate(predicate));
        }
        StatementKind::Kernel(_)
        | StatementKind::Unknown(None)
        | StatementKind::Require(_)
        | StatementKind::Error => (),
    }
}

/// Visits an action's argument.
pub fn walk_action<V: Visitor + ?Sized>(visitor: &mut V, action: &Action) {
    match &action.kind {
        ActionKind::Trace(Some(constant))
        | ActionKind::Trap(Some(constant))
        | ActionKind::Errno(constant) => visitor.visit_constant(constant),
        ActionKind::Allow
        | ActionKind::Log
        | ActionKind::Notify
        | ActionKind::Trace(None)
        | ActionKind::Trap(None)
        | ActionKind::KillThread
        | ActionKind::KillProcess => (),
    }
}

/// Visits a call's name or number.
pub fn walk_call<V: Visitor + ?Sized>(visitor: &mut V, call: &Call) {
    match call {
        Call::Name(name) | Call::Group(name) | Call::Versioned(name, ..) => {
            visitor.visit_name(name)
        }
        Call::Number(constant, _) => visitor.visit_constant(constant),
        Call::Range(first, last, _) => {
            visitor.visit_constant(first);
            visitor.visit_constant(last);
        }
        Call::Any(_) => (),
    }
}

/// Visits what a predicate consists of.
pub fn walk_predicate<V: Visitor + ?Sized>(visitor: &mut V, predicate: &Predicate) {
    match &predicate.kind {
        PredicateKind::Or(all) | PredicateKind::And(all) => {
            all.iter().for_each(|one| visitor.visit_predicate(one));
        }
        PredicateKind::Not(inner) | PredicateKind::Paren(inner) => visitor.visit_predicate(inner),
        PredicateKind::Let(name) => visitor.visit_name(name),
        PredicateKind::Test(test) => visitor.visit_test(test),
        PredicateKind::True | PredicateKind::False | PredicateKind::Error => (),
    }
}

/// Visits a test's field, mask and right side.
pub fn walk_test<V: Visitor + ?Sized>(visitor: &mut V, test: &Test) {
    visitor.visit_field(&test.field);
    test.mask.iter().for_each(|mask| visitor.visit_constant(&mask.constant));
    match &test.relation {
        Relation::Compare(_, constant) => visitor.visit_constant(constant),
        Relation::CompareField(_, field) => visitor.visit_field(field),
        Relation::In(items) => items.iter().for_each(|item| walk_item(visitor, item)),
        Relation::CompareString(_, text) | Relation::Glob(text) | Relation::Cpus(_, text) => {
            visitor.visit_str(text);
        }
        Relation::Function(_, symbol) => visitor.visit_name(symbol),
        Relation::AnyBit => (),
    }
}

fn walk_item<V: Visitor + ?Sized>(visitor: &mut V, item: &Item) {
    match item {
        Item::One(constant) => visitor.visit_constant(constant),
        Item::Range(first, last) => {
            visitor.visit_constant(first);
            visitor.visit_constant(last);
        }
        Item::Text(text) => visitor.visit_str(text),
    }
}

/// Visits a field's name and index.
pub fn walk_field<V: Visitor + ?Sized>(visitor: &mut V, field: &Field) {
    visitor.visit_name(&field.name);
    field.index.iter().for_each(|index| visitor.visit_constant(index));
}

/// Visits what a constant consists of.
pub fn walk_constant<V: Visitor + ?Sized>(visitor: &mut V, constant: &Constant) {
    match &constant.kind {
        ConstantKind::Complement(inner)
        | ConstantKind::Negate(inner)
        | ConstantKind::Paren(inner) => visitor.visit_constant(inner),
        ConstantKind::Binary(first, rest) => {
            visitor.visit_constant(first);
            rest.iter().for_each(|(_, operand)| visitor.visit_constant(operand));
        }
        ConstantKind::Integer(_) | ConstantKind::Name(_) | ConstantKind::Error => (),
    }
}

#[cfg(test)]
mod tests {
    use super::{Visitor, walk_constant, walk_file};
    use crate::ast::{Constant, ConstantKind, Name, Str};
    use crate::parser::parse;
    use crate::source::FileId;

    /// Everything that has a text, in the order of the visit.
    #[derive(Default)]
    struct Words(Vec<String>);

    impl Visitor for Words {
        fn visit_constant(&mut self, constant: &Constant) {
            match &constant.kind {
                ConstantKind::Integer(value) => self.0.push(value.to_string()),
                ConstantKind::Name(name) => self.0.push(name.clone()),
                ConstantKind::Complement(_)
                | ConstantKind::Negate(_)
                | ConstantKind::Paren(_)
                | ConstantKind::Binary(..)
                | ConstantKind::Error => walk_constant(self, constant),
            }
        }
        fn visit_name(&mut self, name: &Name) {
            self.0.push(name.text.clone());
        }
        fn visit_str(&mut self, text: &Str) {
            self.0.push(text.text.clone());
        }
    }

    #[test]
    fn everything_is_visited_in_order() {
        let text = "arch a0, a1 default errno(a2) unknown trap(a3) foreign trace(a4) \
                    include \"a5\" const a6 = a7 | ~a8 + -(a9) group @b0 = b1, @b2, syscall(b3), any, @f0(6.6) \
                    let b4 = !(b5 & b6 == b7) || b8 in { b9, c0..c1 } && args[c2] == c3.x \
                    errno(c4) c5 if c6 ~ \"c7\" or c8 == \"c9\" and d0.function == d1 or d2 & CPUS{d3} \
                    label d4 = \"d5\", \"d6\" param d7: d8 test \"d9\" { } sequence e0 { } \
                    event e1:e2 if e3 == e4 require e5 allow e6 if e7";
        let parsed = parse(FileId(0), text);
        assert_eq!(parsed.diagnostics, []);
        let mut words = Words::default();
        walk_file(&mut words, &parsed.file);
        // All the words of two characters, but `e5`, which no visit can see.
        let expected: Vec<_> = text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|w| w.len() == 2 && w.as_bytes()[1].is_ascii_digit() && *w != "e5")
            .collect();
        let found: Vec<_> = words.0.iter().map(|w| w.trim_end_matches(".x")).collect();
        let found: Vec<_> = found.into_iter().filter(|w| *w != "args").collect();
        assert_eq!(found, expected);
    }
}
