//! What reads the parts of a statement that no production covers: token after token, and the
//! productions of the grammar for the calls, predicates and actions among them.

use crate::actions::{Context, Tree};
use crate::ast::{Action, Call, Predicate, StatementKind};
use crate::error::{Error, Kind};
use crate::grammar::EntryParser;
use crate::recovery::{Budget, describe_found, recover};
use crate::token::{Spanned, Token};

/// Where it is in the tokens of a statement.
pub(crate) struct Reader<'r, 's> {
    pub(crate) grammar: &'r EntryParser,
    pub(crate) cx: &'r mut Context<'s>,
    pub(crate) tokens: &'r [Spanned],
    pub(crate) budget: &'r mut Budget,
    pub(crate) at: usize,
}

impl<'r, 's> Reader<'r, 's> {
    /// At the first of the tokens.
    pub(crate) const fn new(
        grammar: &'r EntryParser,
        cx: &'r mut Context<'s>,
        tokens: &'r [Spanned],
        budget: &'r mut Budget,
    ) -> Self {
        Self { grammar, cx, tokens, budget, at: 0 }
    }

    pub(crate) fn peek(&self) -> Option<Spanned> {
        self.tokens.get(self.at).copied()
    }

    pub(crate) fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| self.cx.slice(token.start, token.end))
    }

    pub(crate) fn is(&self, word: &str) -> bool {
        self.word(self.at) == word
    }

    pub(crate) fn expected_here(&mut self, expected: &str) {
        let expected = expected.to_owned();
        let error = match self.peek() {
            Some(token) => {
                let found = describe_found(self.cx, &token);
                let kind = Kind::UnexpectedToken { expected, found, help: None };
                Error { kind, span: self.cx.span(token.start, token.end) }
            }
            None => {
                let last = self.tokens.last().map_or((0, 0), |token| (token.start, token.end));
                let kind = Kind::UnexpectedEnd { expected, help: None };
                Error { kind, span: self.cx.span(last.0, last.1) }
            }
        };
        self.cx.errors.push(error);
        self.at = (self.at + 1).min(self.tokens.len());
    }

    /// Calls and a predicate: what a rule has behind its action.
    pub(crate) fn rule(
        &mut self,
        head: Spanned,
        rest: &[Spanned],
    ) -> Option<(Vec<Call>, Option<Predicate>)> {
        let mut tokens = vec![Spanned { token: Token::Allow, ..head }];
        tokens.extend(rest);
        let StatementKind::Rule(rule) = self.statement(tokens)? else { return None };
        Some((rule.calls, rule.predicate))
    }

    pub(crate) fn statement(&mut self, tokens: Vec<Spanned>) -> Option<StatementKind> {
        match self.recovered(Token::StartStatement, tokens, 1)? {
            Tree::Statement(statement) => Some(statement.kind),
            Tree::Predicate(_) | Tree::Constant(_) | Tree::Call(_) => None,
        }
    }

    pub(crate) fn recovered(
        &mut self,
        entry: Token,
        tokens: Vec<Spanned>,
        head: usize,
    ) -> Option<Tree> {
        recover(self.grammar, self.cx, entry, tokens, head, self.budget)
    }

    /// An action, with its argument.
    pub(crate) fn action(&mut self) -> Option<Action> {
        let from = self.at;
        if !self.peek().is_some_and(|token| token.token.is_action()) {
            self.expected_here("an action");
            return None;
        }
        self.at += 1;
        self.parentheses();
        let tokens = self.tokens;
        let mut rule = tokens.get(from..self.at).unwrap_or_default().to_vec();
        // A rule needs calls behind its action.
        let end = rule.last().map_or(0, |token| token.end);
        rule.push(Spanned { token: Token::Any, start: end, end });
        let StatementKind::Rule(rule) = self.statement(rule)? else { return None };
        Some(rule.action)
    }

    /// Passes over parentheses.
    pub(crate) fn parentheses(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            if token.token.closer().is_some() {
                depth += 1;
            } else if token.token.is_closer() {
                depth = depth.saturating_sub(1);
            }
            if depth == 0 && !token.token.is_closer() {
                break;
            }
            self.at += 1;
            if depth == 0 {
                break;
            }
        }
    }
}
