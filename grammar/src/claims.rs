//! What a `test` holds: claims, one after another.
//!
//! Each begins where the one before it ends, and none needs more than a token ahead: `same as` is a
//! list and another, and everything else goes up to its `=>` and an action. What stands between is
//! read by the productions of the grammar that exist for it: a call, or a rule without its action.

use crate::actions::{Context, Tree};
use crate::ast::{By, Call, CallExample, Claim, ClaimKind, Expected, Name, Predicate};
use crate::grammar::EntryParser;
use crate::pieces::Reader;
use crate::recovery::Budget;
use crate::token::{Spanned, Token};

/// Reads all claims; what is wrong with them goes to the context.
pub(crate) fn read(
    grammar: &EntryParser,
    cx: &mut Context<'_>,
    tokens: &[Spanned],
    budget: &mut Budget,
) -> Vec<Claim> {
    let mut reader = Reader::new(grammar, cx, tokens, budget);
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

impl<'r> Reader<'r, '_> {
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

    /// `[not] ACTION [by …]`
    fn outcome(&mut self) -> Option<Expected> {
        let negated =
            self.peek().is_some_and(|it| matches!(it.token, Token::WordNot | Token::Bang));
        self.at += usize::from(negated);
        let action = self.action()?;
        let by = if self.is("by") { Some(self.by()?) } else { None };
        Some(Expected { negated, action, by })
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
