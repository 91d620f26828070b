//! Plain rules without the grammar: `allow read, write [if …]`, as nearly all statements of nearly
//! all policies are.
//!
//! The grammar says the same in ten times as much work, and is the reference: what is read here
//! is made by the same actions, and tests hold the two together. What is not quite such a
//! rule, or has anything wrong with it, is left to the grammar as if nothing had been read.

use crate::actions::{Context, Deep};
use crate::ast::{
    Action, ActionKind, BinOp, Call, CmpOp, Constant, Field, Item, Predicate, Relation, Rule,
    Statement, StatementKind,
};
use crate::token::{Spanned, Token};

/// Brackets, `!`, `-` and `~` within each other: more is left to the grammar, whose stack is
/// no call stack.
const MAX_DEPTH: usize = 32;

/// The tokens of one statement as a plain rule; `None` if they are none.
pub(crate) fn rule(cx: &mut Context<'_>, chunk: &[Spanned]) -> Option<Statement> {
    let before = cx.errors.len();
    let end = chunk.first()?.start;
    let mut reader = Reader { cx, tokens: chunk, at: 0, end, depth: 0 };
    let read = reader.rule().filter(|_| reader.at == chunk.len());
    // Nothing may be wrong with it.
    let read = read.filter(|_| cx.errors.len() == before);
    if read.is_none() {
        cx.rewind(before);
    }
    read
}

/// Reads by recursive descent; a method is a nonterminal of the grammar. `None` is anything that
/// is for the grammar.
struct Reader<'r, 's> {
    cx: &'r mut Context<'s>,
    tokens: &'r [Spanned],
    at: usize,
    /// Where the token before ends.
    end: u32,
    depth: usize,
}

impl<'s> Reader<'_, 's> {
    fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).map(|token| token.token)
    }

    /// Where the next token begins.
    fn start(&self) -> u32 {
        self.tokens.get(self.at).map_or(self.end, |token| token.start)
    }

    fn take(&mut self) -> Option<Spanned> {
        let token = *self.tokens.get(self.at)?;
        (self.at, self.end) = (self.at + 1, token.end);
        Some(token)
    }

    /// Takes the next token if it is this one.
    fn take_if(&mut self, is: impl FnOnce(Token) -> bool) -> bool {
        let is = self.peek().is_some_and(is);
        if is {
            self.take();
        }
        is
    }

    fn expect(&mut self, token: Token) -> Option<()> {
        self.take_if(|next| next == token).then_some(())
    }

    /// Reads something that is one level further in.
    fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth == MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let inner = read(self);
        self.depth -= 1;
        inner
    }

    // ---- Rules

    fn rule(&mut self) -> Option<Statement> {
        let Spanned { token, start: l, .. } = self.take()?;
        let kind = self.action(token)?;
        let action = Action { kind, span: self.cx.span(l, self.end) };
        // Each name is two tokens, with what follows it.
        let names = match self.tokens.get(self.at + 1).map(|token| token.token) {
            Some(Token::Comma) => {
                let end = self.tokens.iter().position(|token| token.token == Token::If);
                end.unwrap_or(self.tokens.len()) / 2
            }
            Some(_) | None => 1,
        };
        let mut calls = Vec::with_capacity(names);
        loop {
            calls.push(self.call()?);
            if !self.take_if(|token| token == Token::Comma) {
                break;
            }
        }
        let is_conditional = self.take_if(|token| token == Token::If);
        let predicate = if is_conditional { Some(self.or()?.node) } else { None };
        let kind = StatementKind::Rule(Rule { action, calls, predicate });
        Some(Statement { kind, span: self.cx.span(l, self.end) })
    }

    /// What an action's keyword begins, which has been taken.
    fn action(&mut self, token: Token) -> Option<ActionKind> {
        Some(if token == Token::Allow {
            ActionKind::Allow
        } else if token == Token::Log {
            ActionKind::Log
        } else if token == Token::Notify {
            ActionKind::Notify
        } else if token == Token::Errno {
            ActionKind::Errno(self.argument()??)
        } else if token == Token::Trace {
            ActionKind::Trace(self.argument()?)
        } else if token == Token::Trap {
            ActionKind::Trap(self.argument()?)
        } else if token == Token::KillThread {
            ActionKind::KillThread
        } else if matches!(token, Token::KillProcess | Token::Kill) {
            ActionKind::KillProcess
        } else {
            return None;
        })
    }

    /// `(constant)`, if there is a bracket.
    fn argument(&mut self) -> Option<Option<Constant>> {
        if !self.take_if(|token| token == Token::ParenOpen) {
            return Some(None);
        }
        let constant = self.constant()?;
        self.expect(Token::ParenClose)?;
        Some(Some(constant.node))
    }

    fn call(&mut self) -> Option<Call> {
        let Spanned { token, start: l, end } = self.take()?;
        if token == Token::Name {
            Some(Call::Name(self.cx.name(l, end)))
        } else if token == Token::GroupName {
            Some(Call::Group(self.cx.name(l, end)))
        } else if token == Token::Any {
            Some(Call::Any(self.cx.span(l, end)))
        } else if token == Token::Syscall {
            let number = self.argument()??;
            Some(Call::Number(number, self.cx.span(l, self.end)))
        } else {
            None
        }
    }

    // ---- Predicates

    fn or(&mut self) -> Option<Deep<Predicate>> {
        let is_or = |token| matches!(token, Token::OrOr | Token::WordOr);
        self.list(is_or, Self::and, Context::or)
    }

    fn and(&mut self) -> Option<Deep<Predicate>> {
        let is_and = |token| matches!(token, Token::AndAnd | Token::WordAnd);
        self.list(is_and, Self::unary, Context::and)
    }

    /// One part, or several with operators between them.
    fn list(
        &mut self,
        is_operator: impl Fn(Token) -> bool,
        part: impl Fn(&mut Self) -> Option<Deep<Predicate>>,
        make: impl FnOnce(&mut Context<'s>, Deep<Vec<Predicate>>, u32, u32) -> Deep<Predicate>,
    ) -> Option<Deep<Predicate>> {
        let l = self.start();
        let first = part(self)?;
        if !self.take_if(&is_operator) {
            return Some(first);
        }
        let mut all = first.and(part(self)?);
        while self.take_if(&is_operator) {
            all = all.with(part(self)?);
        }
        Some(make(self.cx, all, l, self.end))
    }

    fn unary(&mut self) -> Option<Deep<Predicate>> {
        let Spanned { token, start: l, end } = self.take()?;
        if token.is_name() {
            self.test(l)
        } else if token == Token::ParenOpen {
            let inner = self.inside(Self::or)?;
            self.expect(Token::ParenClose)?;
            let m = self.end;
            match self.relation()? {
                Some(relation) => Some(self.cx.built_masked(inner, relation, l, m, self.end)),
                None => Some(self.cx.paren(inner, l, m)),
            }
        } else if matches!(token, Token::Bang | Token::WordNot) {
            let inner = self.inside(Self::unary)?;
            Some(self.cx.not(inner, l, self.end))
        } else if matches!(token, Token::True | Token::False) {
            Some(self.cx.truth(token == Token::True, l, end))
        } else {
            None
        }
    }

    /// What begins with a word, which has been taken.
    fn test(&mut self, l: u32) -> Option<Deep<Predicate>> {
        let m = self.end;
        let is_indexed = self.peek() == Some(Token::BracketOpen);
        let field = match self.index(l, m)? {
            Some(field) => field,
            None if matches!(self.peek(), None | Some(Token::AndAnd | Token::OrOr)) => {
                return Some(self.cx.let_name(l, m));
            }
            None => Deep::flat(self.cx.field(l, m)),
        };
        if self.take_if(|token| token == Token::And) {
            let mask = self.constant()?;
            return Some(match self.relation()? {
                Some(relation) => self.cx.built_test(field, Some(mask), relation, l, self.end),
                None => {
                    let any_bit = Deep::flat(Relation::AnyBit);
                    self.cx.built_test(field, Some(mask), any_bit, l, self.end)
                }
            });
        }
        match self.relation()? {
            Some(relation) => Some(self.cx.built_test(field, None, relation, l, self.end)),
            // Strings, lists of processors and modifiers are the grammar's.
            None if is_indexed || matches!(self.peek(), Some(Token::Tilde | Token::Dotted)) => None,
            None => Some(self.cx.let_name(l, m)),
        }
    }

    /// `[N]` behind a word, if it is there.
    fn index(&mut self, l: u32, m: u32) -> Option<Option<Deep<Field>>> {
        if !self.take_if(|token| token == Token::BracketOpen) {
            return Some(None);
        }
        let index = self.constant()?;
        self.expect(Token::BracketClose)?;
        let Deep { node, height } = index;
        Some(Some(Deep { node: self.cx.indexed(node, l, m, self.end), height }))
    }

    /// An operator and what stands on its right, if there is one.
    fn relation(&mut self) -> Option<Option<Deep<Relation>>> {
        let Some(token) = self.peek() else { return Some(None) };
        if token == Token::In {
            self.take();
            return self.set().map(Some);
        }
        let Some(op) = comparison(token) else { return Some(None) };
        self.take();
        let (l, is_word) = (self.start(), self.peek().is_some_and(Token::is_name));
        if is_word {
            match self.tokens.get(self.at + 1).map(|token| token.token) {
                Some(Token::BracketOpen) => {
                    self.take();
                    let Deep { node, height } = self.index(l, self.end)??;
                    return Some(Some(Deep { node: Relation::CompareField(op, node), height }));
                }
                Some(Token::Dotted) => return None,
                Some(_) | None => {}
            }
        }
        let Deep { node, height } = self.constant()?;
        Some(Some(Deep { node: Relation::Compare(op, node), height }))
    }

    /// `{ item, … }` behind `in`.
    fn set(&mut self) -> Option<Deep<Relation>> {
        self.expect(Token::BraceOpen)?;
        let (mut items, mut height) = (Vec::new(), 0);
        loop {
            let one = self.constant()?;
            height = one.height.max(height);
            if self.take_if(|token| token == Token::Range) {
                let last = self.constant()?;
                height = last.height.max(height);
                items.push(Item::Range(one.node, last.node));
            } else {
                items.push(Item::One(one.node));
            }
            if !self.take_if(|token| token == Token::Comma)
                || self.peek() == Some(Token::BraceClose)
            {
                break;
            }
        }
        self.expect(Token::BraceClose)?;
        Some(Deep { node: Relation::In(items), height })
    }

    // ---- Constants

    fn constant(&mut self) -> Option<Deep<Constant>> {
        let first = self.operand()?;
        let mut rest = Vec::new();
        while let Some(op) = self.peek().and_then(operator) {
            self.take();
            rest.push((op, self.operand()?));
        }
        Some(if rest.is_empty() { first } else { self.cx.constant(first, rest) })
    }

    fn operand(&mut self) -> Option<Deep<Constant>> {
        let Spanned { token, start: l, end } = self.take()?;
        if token == Token::Integer {
            Some(self.cx.integer(l, end))
        } else if token.is_name() {
            Some(self.cx.constant_name(l, end))
        } else if token == Token::Character {
            Some(self.cx.character(l, end))
        } else if token == Token::ParenOpen {
            let inner = self.inside(Self::constant)?;
            self.expect(Token::ParenClose)?;
            Some(self.cx.constant_paren(inner, l, self.end))
        } else if token == Token::Minus {
            let inner = self.inside(Self::operand)?;
            Some(self.cx.negate(inner, l, self.end))
        } else if token == Token::Tilde {
            let inner = self.inside(Self::operand)?;
            Some(self.cx.complement(inner, l, self.end))
        } else {
            None
        }
    }
}

fn comparison(token: Token) -> Option<CmpOp> {
    let comparisons = [
        (Token::Eq, CmpOp::Eq),
        (Token::Ne, CmpOp::Ne),
        (Token::Lt, CmpOp::Lt),
        (Token::Le, CmpOp::Le),
        (Token::Gt, CmpOp::Gt),
        (Token::Ge, CmpOp::Ge),
    ];
    comparisons.into_iter().find(|(comparison, _)| *comparison == token).map(|(_, op)| op)
}

fn operator(token: Token) -> Option<BinOp> {
    let operators = [
        (Token::Or, BinOp::Or),
        (Token::Xor, BinOp::Xor),
        (Token::And, BinOp::And),
        (Token::Shl, BinOp::Shl),
        (Token::Shr, BinOp::Shr),
        (Token::Plus, BinOp::Add),
        (Token::Minus, BinOp::Sub),
        (Token::Star, BinOp::Mul),
    ];
    operators.into_iter().find(|(operator, _)| *operator == token).map(|(_, op)| op)
}

#[cfg(test)]
#[path = "plain_tests.rs"]
mod tests;
