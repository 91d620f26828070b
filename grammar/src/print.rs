//! Tree to text, and the formatter.
//!
//! [`format()`] keeps everything that was written, comments included, and moves white
//! space only. The other functions print a tree that may come from anywhere:
//! parentheses are added where a tree needs them, numbers are printed as their value (in
//! hexadecimal beyond 16 bits and in masks),
//! and parsing the text gives a tree that prints the same again. The parts that a tree
//! keeps as spans only (`require` whole, what `test` and `sequence` hold) are not
//! printed, since the tree alone does not have them.

use crate::ast::{
    Action, ActionKind, BinOp, Call, Constant, ConstantKind, Field, File, Item, Predicate,
    PredicateKind, Relation, Rule, Statement, StatementKind, Str, Test,
};
pub use crate::format::format;

/// Prints a file, a statement a line.
#[must_use]
pub fn file(file: &File) -> String {
    let mut printer = Printer::default();
    for statement in &file.statements {
        printer.statement(statement);
    }
    printer.out
}

/// Prints a predicate.
#[must_use]
pub fn predicate(predicate: &Predicate) -> String {
    let mut printer = Printer::default();
    printer.predicate(predicate, OR);
    printer.out
}

/// Prints a constant.
#[must_use]
pub fn constant(constant: &Constant) -> String {
    let mut printer = Printer::default();
    printer.constant(constant, 0);
    printer.out
}

/// How tightly predicates bind.
const OR: u8 = 0;
const AND: u8 = 1;
const UNARY: u8 = 2;

/// Larger numbers are printed in hexadecimal.
const LARGEST_DECIMAL: u64 = 0xffff;

#[derive(Default)]
struct Printer {
    out: String,
    /// The last thing is a raw symbol, which only white space ends.
    symbol: bool,
}

impl Printer {
    fn push(&mut self, text: &str) {
        if self.symbol && !text.starts_with([' ', '\n']) {
            self.out.push(' ');
        }
        self.symbol = false;
        self.out.push_str(text);
    }

    fn list<T>(&mut self, items: &[T], mut one: impl FnMut(&mut Self, &T)) {
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            one(self, item);
        }
    }

    fn string(&mut self, text: &Str) {
        // There are no escapes, and no string that came from text has both quotes.
        let quote = if text.text.contains('"') { "'" } else { "\"" };
        self.push(quote);
        self.push(&text.text);
        self.push(quote);
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Arch(names) => {
                self.push("arch ");
                self.list(names, |printer, name| printer.push(&name.text));
            }
            StatementKind::Kernel(version) => {
                self.push(&format!("kernel {}.{}", version.major, version.minor));
            }
            StatementKind::Default(action) => self.headed("default ", action),
            StatementKind::Unknown(Some(action)) => self.headed("unknown ", action),
            StatementKind::Unknown(None) => self.push("unknown default"),
            StatementKind::Foreign(action) => self.headed("foreign ", action),
            StatementKind::Include(path) => {
                self.push("include ");
                self.string(path);
            }
            StatementKind::Const(name, value) => {
                self.push(&format!("const {} = ", name.text));
                self.constant(value, 0);
            }
            StatementKind::Group(name, calls) => {
                self.push(&format!("group @{} = ", name.text));
                self.list(calls, Self::call);
            }
            StatementKind::Let(name, value) => {
                self.push(&format!("let {} = ", name.text));
                self.predicate(value, OR);
            }
            StatementKind::Rule(rule) => self.rule(rule),
            StatementKind::Racy(calls) => {
                self.push("racy ");
                self.list(calls, Self::call);
            }
            StatementKind::Label(name, patterns) => {
                self.push(&format!("label {} = ", name.text));
                self.list(patterns, Self::string);
            }
            StatementKind::Param(name, ty) => {
                self.push(&format!("param {}: {}", name.text, ty.text));
            }
            StatementKind::Test(name, _) => {
                self.push("test ");
                self.string(name);
                self.push(" {}");
            }
            StatementKind::Sequence(name, _) => self.push(&format!("sequence {} {{}}", name.text)),
            StatementKind::Event { subsystem, name, predicate } => {
                self.push(&format!("event {}:{}", subsystem.text, name.text));
                self.condition(predicate.as_ref());
            }
            StatementKind::Require(_) | StatementKind::Error => return,
        }
        self.push("\n");
    }

    fn headed(&mut self, head: &str, action: &Action) {
        self.push(head);
        self.action(action);
    }

    fn rule(&mut self, rule: &Rule) {
        self.action(&rule.action);
        self.push(" ");
        self.list(&rule.calls, Self::call);
        self.condition(rule.predicate.as_ref());
    }

    fn condition(&mut self, predicate: Option<&Predicate>) {
        if let Some(predicate) = predicate {
            self.push(" if ");
            self.predicate(predicate, OR);
        }
    }

    fn action(&mut self, action: &Action) {
        let (word, argument) = match &action.kind {
            ActionKind::Allow => ("allow", None),
            ActionKind::Log => ("log", None),
            ActionKind::Notify => ("notify", None),
            ActionKind::Trace(argument) => ("trace", argument.as_ref()),
            ActionKind::Trap(argument) => ("trap", argument.as_ref()),
            ActionKind::Errno(argument) => ("errno", Some(argument)),
            ActionKind::KillThread => ("kill_thread", None),
            ActionKind::KillProcess => ("kill_process", None),
        };
        self.push(word);
        if let Some(argument) = argument {
            self.push("(");
            self.constant(argument, 0);
            self.push(")");
        }
    }

    fn call(&mut self, call: &Call) {
        match call {
            Call::Name(name) => self.push(&name.text),
            Call::Group(name) => {
                self.push("@");
                self.push(&name.text);
            }
            Call::Versioned(name, version, _) => {
                self.push(&format!("@{}({}.{})", name.text, version.major, version.minor));
            }
            Call::Any(_) => self.push("any"),
            Call::Number(number, _) => {
                self.push("syscall(");
                self.constant(number, 0);
                self.push(")");
            }
            Call::Range(first, last, _) => {
                self.push("syscall(");
                self.constant(first, 0);
                self.push("..");
                self.constant(last, 0);
                self.push(")");
            }
        }
    }

    /// Prints a predicate where one that binds less tightly than `level` needs parentheses.
    fn predicate(&mut self, predicate: &Predicate, level: u8) {
        let own = match &predicate.kind {
            PredicateKind::Or(_) => OR,
            PredicateKind::And(_) => AND,
            PredicateKind::Not(_)
            | PredicateKind::Paren(_)
            | PredicateKind::True
            | PredicateKind::False
            | PredicateKind::Let(_)
            | PredicateKind::Test(_)
            | PredicateKind::Error => UNARY,
        };
        if own < level {
            self.push("(");
        }
        match &predicate.kind {
            PredicateKind::Or(all) => self.joined(all, " || ", AND),
            PredicateKind::And(all) => self.joined(all, " && ", UNARY),
            PredicateKind::Not(inner) => {
                self.push("!");
                self.predicate(inner, UNARY);
            }
            PredicateKind::Paren(inner) => {
                self.push("(");
                self.predicate(inner, OR);
                self.push(")");
            }
            PredicateKind::True => self.push("true"),
            PredicateKind::False => self.push("false"),
            PredicateKind::Let(name) => self.push(&name.text),
            PredicateKind::Test(test) => self.test(test),
            PredicateKind::Error => self.push("<error>"),
        }
        if own < level {
            self.push(")");
        }
    }

    fn joined(&mut self, all: &[Predicate], operator: &str, level: u8) {
        for (at, one) in all.iter().enumerate() {
            if at > 0 {
                self.push(operator);
            }
            self.predicate(one, level);
        }
    }

    fn test(&mut self, test: &Test) {
        let parenthesised = test.mask.as_ref().is_some_and(|mask| mask.parenthesised);
        if parenthesised {
            self.push("(");
        }
        self.field(&test.field);
        if let Some(mask) = &test.mask {
            self.push(" & ");
            // Bits are easier seen so.
            if let ConstantKind::Integer(bits @ 10..) = &mask.constant.kind {
                self.push(&format!("{bits:#x}"));
            } else {
                self.constant(&mask.constant, 0);
            }
        }
        if parenthesised {
            self.push(")");
        }
        self.relation(&test.relation);
    }

    fn relation(&mut self, relation: &Relation) {
        let op = match relation {
            Relation::Compare(op, _)
            | Relation::CompareField(op, _)
            | Relation::CompareString(op, _)
            | Relation::Function(op, _)
            | Relation::Cpus(Some(op), _) => op.as_str(),
            Relation::Cpus(None, _) => "&",
            Relation::Glob(_) => "~",
            Relation::In(_) => "in",
            Relation::AnyBit => return,
        };
        self.push(" ");
        self.push(op);
        self.push(" ");
        match relation {
            Relation::Compare(_, value) => self.constant(value, 0),
            Relation::CompareField(_, field) => self.field(field),
            Relation::CompareString(_, text) | Relation::Glob(text) => self.string(text),
            Relation::Function(_, symbol) => {
                self.push(&symbol.text);
                self.symbol = true;
            }
            Relation::Cpus(_, list) => {
                self.push("CPUS{");
                self.push(&list.text);
                self.push("}");
            }
            Relation::In(items) => {
                self.push("{ ");
                self.list(items, Self::item);
                self.push(" }");
            }
            Relation::AnyBit => (),
        }
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::One(value) => self.constant(value, 0),
            Item::Range(first, last) => {
                self.constant(first, 0);
                self.push("..");
                self.constant(last, 0);
            }
            Item::Text(text) => self.string(text),
        }
    }

    fn field(&mut self, field: &Field) {
        self.push(&field.name.text);
        if let Some(index) = &field.index {
            self.push("[");
            self.constant(index, 0);
            self.push("]");
        }
        if field.ustring {
            self.push(".ustring");
        }
        if field.function {
            self.push(".function");
        }
    }

    /// Prints a constant where an operator that binds less tightly than `level` needs
    /// parentheses.
    fn constant(&mut self, constant: &Constant, level: u8) {
        match &constant.kind {
            ConstantKind::Integer(value) if *value > LARGEST_DECIMAL => {
                self.push(&format!("{value:#x}"));
            }
            ConstantKind::Integer(value) => self.push(&value.to_string()),
            ConstantKind::Name(name) => self.push(name),
            ConstantKind::Complement(inner) => {
                self.push("~");
                self.constant(inner, BinOp::LEVELS);
            }
            ConstantKind::Negate(inner) => {
                self.push("-");
                self.constant(inner, BinOp::LEVELS);
            }
            ConstantKind::Paren(inner) => {
                self.push("(");
                self.constant(inner, 0);
                self.push(")");
            }
            ConstantKind::Binary(first, rest) => self.binary(first, rest, level),
            ConstantKind::Error => self.push("<error>"),
        }
    }

    fn binary(&mut self, first: &Constant, rest: &[(BinOp, Constant)], level: u8) {
        let own = rest.first().map_or(BinOp::LEVELS, |(op, _)| op.level());
        if own < level {
            self.push("(");
        }
        self.constant(first, own + 1);
        for (op, operand) in rest {
            self.push(" ");
            self.push(op.as_str());
            self.push(" ");
            self.constant(operand, own + 1);
        }
        if own < level {
            self.push(")");
        }
    }
}
