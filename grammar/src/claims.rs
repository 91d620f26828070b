//! What a `test` holds: claims, one after another.
//!
//! Each begins where the one before it ends, and none needs more than a token ahead: `same as` is a
//! list and another, and everything else goes up to its `=>` and an action. What stands between is
//! read by the productions of the grammar that exist for it: a call, or a rule without its action.

use crate::actions::{Context, Tree};
use crate::ast::{
    By, Call, CallExample, Claim, ClaimKind, Expected, Name, Predicate, StatementKind,
};
use crate::error::{Error, Kind};
use crate::grammar::EntryParser;
use crate::recovery::{Budget, describe_found, recover};
use crate::token::{Spanned, Token};

/// Reads all claims; what is wrong with them goes to the context.
pub(crate) fn read(
    grammar: &EntryParser,
    cx: &mut Context<'_>,
    tokens: &[Spanned],
    budget: &mut Budget,
) -> Vec<Claim> {
    let mut reader = Reader { grammar, cx, tokens, budget, at: 0 };
    let mut claims = Vec::new();
    while let Some(first) = reader.peek() {
        let before = reader.cx.errors.len();
        let kind = reader.claim();
        let failed = reader.cx.errors.len() > before;
        let last = reader.at.checked_sub(1).and_then(|at| tokens.get(at)).copied();
        let span = reader.cx.span(first.start, last.map_or(first.end, |last| last.end));
        claims.push(Claim { span, kind: kind.filter(|_| !failed).unwrap_or(ClaimKind::Error) });
        if failed {
            reader.resume();
        }
    }
    claims
}

struct Reader<'r, 's> {
    grammar: &'r EntryParser,
    cx: &'r mut Context<'s>,
    tokens: &'r [Spanned],
    budget: &'r mut Budget,
    at: usize,
}

impl<'r> Reader<'r, '_> {
    fn peek(&self) -> Option<Spanned> {
        self.tokens.get(self.at).copied()
    }

    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| self.cx.slice(token.start, token.end))
    }

    fn is(&self, word: &str) -> bool {
        self.word(self.at) == word
    }

    /// Behind a fault: where the next line begins that is not indented further than any.
    fn resume(&mut self) {
        while let (Some(before), Some(token)) =
            (self.at.checked_sub(1).and_then(|at| self.tokens.get(at)), self.peek())
        {
            if self.cx.slice(before.end, token.start).contains('\n') {
                break;
            }
            self.at += 1;
        }
    }

    fn expected_here(&mut self, expected: &str) {
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

    fn claim(&mut self) -> Option<ClaimKind> {
        if self.is("same") && self.word(self.at + 1) == "as" {
            self.at += 2;
            return self.same();
        }
        let Some(arrow) = self.arrow() else {
            // The claim without one may be followed by good ones, but which is not known.
            self.at = self.tokens.len();
            self.expected_here("`=>` and what must come of the calls");
            return None;
        };
        let tokens = self.tokens;
        let all = tokens.get(self.at..arrow).unwrap_or_default();
        let (head, on) = self.without_abis(all);
        let about = self.about(head);
        self.at = arrow + 1;
        let expected = self.outcome()?;
        Some(match about? {
            About::Call(example) => ClaimKind::Call(example, on, expected),
            About::Calls(calls, predicate) => ClaimKind::All(calls, predicate, on, expected),
            About::Unknown => ClaimKind::Unknown(on, expected),
            About::Foreign => ClaimKind::Foreign(expected),
        })
    }

    /// The next `=>` outside of brackets.
    fn arrow(&self) -> Option<usize> {
        let mut depth = 0_usize;
        for (at, token) in self.tokens.iter().enumerate().skip(self.at) {
            depth += usize::from(token.token.closer().is_some());
            depth = depth.saturating_sub(usize::from(token.token.is_closer()));
            if depth == 0 && token.token == Token::Arrow {
                return Some(at);
            }
        }
        None
    }

    /// Splits `on ABI, …` off the end.
    fn without_abis(&self, tokens: &'r [Spanned]) -> (&'r [Spanned], Vec<Name>) {
        let is_on = |token: &Spanned| self.cx.slice(token.start, token.end) == "on";
        let Some(at) = tokens.iter().rposition(is_on).filter(|at| *at > 0) else {
            return (tokens, Vec::new());
        };
        let names = tokens.get(at + 1..).unwrap_or_default();
        let is_list = names.len() % 2 == 1
            && names.iter().enumerate().all(|(i, token)| match i % 2 {
                0 => token.token.is_name(),
                _ => token.token == Token::Comma,
            });
        if !is_list {
            return (tokens, Vec::new());
        }
        let name = |token: &Spanned| self.cx.name(token.start, token.end);
        (tokens.get(..at).unwrap_or_default(), names.iter().step_by(2).map(name).collect())
    }

    fn about(&mut self, head: &[Spanned]) -> Option<About> {
        let (first, rest) = head.split_first().or_else(|| {
            self.expected_here("a call, or `all` and some");
            None
        })?;
        let is_all = self.cx.slice(first.start, first.end) == "all"
            && rest.first().is_some_and(|token| token.token != Token::ParenOpen);
        if !is_all {
            return match self.recovered(Token::StartCall, head.to_vec(), 0)? {
                Tree::Call(example) => Some(About::Call(*example)),
                Tree::Statement(_) | Tree::Predicate(_) | Tree::Constant(_) => None,
            };
        }
        match rest {
            [one] if one.token == Token::Unknown => Some(About::Unknown),
            [one] if one.token == Token::Foreign => Some(About::Foreign),
            rest => {
                let (calls, predicate) = self.rule(*first, rest)?;
                Some(About::Calls(calls, predicate))
            }
        }
    }

    /// Calls and a predicate: what a rule has behind its action.
    fn rule(&mut self, head: Spanned, rest: &[Spanned]) -> Option<(Vec<Call>, Option<Predicate>)> {
        let mut tokens = vec![Spanned { token: Token::Allow, ..head }];
        tokens.extend(rest);
        let StatementKind::Rule(rule) = self.statement(tokens)? else { return None };
        Some((rule.calls, rule.predicate))
    }

    fn statement(&mut self, tokens: Vec<Spanned>) -> Option<StatementKind> {
        match self.recovered(Token::StartStatement, tokens, 1)? {
            Tree::Statement(statement) => Some(statement.kind),
            Tree::Predicate(_) | Tree::Constant(_) | Tree::Call(_) => None,
        }
    }

    fn recovered(&mut self, entry: Token, tokens: Vec<Spanned>, head: usize) -> Option<Tree> {
        recover(self.grammar, self.cx, entry, tokens, head, self.budget)
    }

    /// `[not] ACTION [by …]`
    fn outcome(&mut self) -> Option<Expected> {
        let negated =
            self.peek().is_some_and(|it| matches!(it.token, Token::WordNot | Token::Bang));
        self.at += usize::from(negated);
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
        let by = if self.is("by") { Some(self.by()?) } else { None };
        Some(Expected { negated, action: rule.action, by })
    }

    fn by(&mut self) -> Option<By> {
        self.at += 1;
        let named = [("default", By::Default), ("unknown", By::Unknown), ("foreign", By::Foreign)];
        let by = if let Some((_, by)) = named.into_iter().find(|(word, _)| self.is(word)) {
            by
        } else if self.is("line") {
            self.at += 1;
            let Ok(line) = self.word(self.at).parse() else {
                self.expected_here("the number of a line");
                return None;
            };
            By::Line(line)
        } else {
            self.expected_here("`line`, `default`, `unknown` or `foreign`");
            return None;
        };
        self.at += 1;
        Some(by)
    }

    /// Passes over parentheses.
    fn parentheses(&mut self) {
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

    /// `"FILE" [on ABI, …] [except CALLS]`
    fn same(&mut self) -> Option<ClaimKind> {
        let Some(file) = self.peek().filter(|it| matches!(it.token, Token::Str | Token::Character))
        else {
            self.expected_here("a file name in quotes");
            return None;
        };
        let file = self.cx.string(file.start, file.end);
        self.at += 1;
        let mut on = Vec::new();
        if self.is("on") {
            self.at += 1;
            for token in self.list(false)? {
                on.push(self.cx.name(token.start, token.end));
            }
        }
        let mut except = Vec::new();
        if self.is("except") {
            let head = self.peek()?;
            self.at += 1;
            let from = self.at;
            self.list(true)?;
            let tokens = self.tokens;
            let calls = tokens.get(from..self.at).unwrap_or_default();
            except = self.rule(head, calls)?.0;
        }
        Some(ClaimKind::Same(file, on, except))
    }

    /// The first tokens of what stands between commas: names, or entries of a list of calls.
    fn list(&mut self, calls: bool) -> Option<Vec<Spanned>> {
        let mut entries = Vec::new();
        loop {
            let is_entry = |token: &Spanned| {
                token.token.is_name() || (calls && token.token == Token::GroupName)
            };
            let Some(entry) = self.peek().filter(is_entry) else {
                self.expected_here(if calls { "a call" } else { "an ABI" });
                return None;
            };
            self.at += 1;
            if calls && matches!(entry.token, Token::GroupName | Token::Syscall) {
                self.parentheses();
            }
            entries.push(entry);
            if self.peek().is_none_or(|token| token.token != Token::Comma) {
                return Some(entries);
            }
            self.at += 1;
        }
    }
}

/// What a claim is about.
enum About {
    Call(CallExample),
    Calls(Vec<Call>, Option<Predicate>),
    Unknown,
    Foreign,
}
