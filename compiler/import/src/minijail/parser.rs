//! From lines to what they say, without knowing what names mean.

use filterc_abi::{Abi, Action};
use filterc_grammar::source::{FileId, Span};

use crate::fault::Fault;
use crate::minijail::lexer::{self, Token, TokenKind};
use crate::scan::c_number;

/// A line.
pub(super) enum Line {
    Calls(Vec<Named>, Vec<Filter>),
    Include(String, Span),
    Frequency(String),
    Default(Verdict, Span),
    DenyList(Span),
}

/// A call that a line is about.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) span: Span,
    /// The architectures to which it is confined.
    pub(super) arches: Option<Vec<String>>,
}

impl Named {
    /// Whether it counts on an ABI.
    pub(super) fn is_on(&self, abi: &Abi) -> bool {
        let is = |arch: &String| crate::hosts::abi(arch).is_some_and(|it| it.name == abi.name);
        self.arches.as_ref().is_none_or(|arches| arches.iter().any(is))
    }
}

/// `CONDITION`, `ACTION` or `CONDITION; ACTION`.
pub(super) struct Filter {
    /// Of these one must hold, all of its atoms; empty without a condition.
    pub(super) clauses: Vec<Vec<Atom>>,
    pub(super) verdict: Option<(Verdict, Span)>,
    pub(super) span: Span,
}

/// `arg1 == VALUE`
pub(super) struct Atom {
    pub(super) index: u8,
    pub(super) op: Op,
    pub(super) value: Value,
}

/// Terms joined by `|`, each perhaps with `~` before it.
pub(super) type Value = Vec<(bool, Term, Span)>;

/// A part of a value.
pub(super) enum Term {
    Number(i128),
    Name(String),
    Value(Value),
}

/// The comparisons.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    /// `&`: some bit is set.
    Some,
    /// `in`: no other bit is set.
    Within,
}

/// An action as it is written.
pub(super) enum Verdict {
    /// `kill`, which the options say more of.
    Kill,
    Action(Action),
    Return(Value),
}

type Fallible<T> = Result<T, (Span, Fault)>;

/// Values in parentheses in values, at most.
const MOST_NESTED: usize = 32;

/// The words of one line.
pub(super) struct Parser<'t> {
    tokens: std::vec::IntoIter<Token<'t>>,
    next: Option<Token<'t>>,
    /// Where the line ends.
    end: Span,
    nested: usize,
}

impl<'t> Parser<'t> {
    /// What the lines of a text say.
    pub(super) fn lines(file: FileId, text: &str) -> Vec<Fallible<Line>> {
        let lines = lexer::lines(file, text).into_iter();
        lines.map(|line| Parser::new(line?).line()).collect()
    }

    fn new(tokens: Vec<Token<'t>>) -> Self {
        let end = tokens
            .last()
            .map_or_else(Span::default, |last| Span { start: last.span.end, ..last.span });
        let mut tokens = tokens.into_iter();
        let next = tokens.next();
        Self { tokens, next, end, nested: 0 }
    }

    fn bump(&mut self) -> Option<Token<'t>> {
        std::mem::replace(&mut self.next, self.tokens.next())
    }

    fn here(&self) -> Span {
        self.next.map_or(self.end, |token| token.span)
    }

    fn is(&self, sign: &str) -> bool {
        self.next.is_some_and(|token| token.kind == TokenKind::Sign && token.text == sign)
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = self.is(sign);
        if found {
            self.bump();
        }
        found
    }

    fn unexpected<T>(&self, expected: &'static str) -> Fallible<T> {
        let found = match self.next {
            Some(token) => format!("`{}`", token.text),
            None => "the end of the line".to_owned(),
        };
        Err((self.here(), Fault::Unexpected { expected, found }))
    }

    fn need(&mut self, sign: &str, expected: &'static str) -> Fallible<()> {
        if self.eat(sign) { Ok(()) } else { self.unexpected(expected) }
    }

    fn of_kind(&mut self, kind: TokenKind, expected: &'static str) -> Fallible<Token<'t>> {
        match self.next.filter(|token| token.kind == kind) {
            Some(token) => {
                self.bump();
                Ok(token)
            }
            None => self.unexpected(expected),
        }
    }

    fn line(mut self) -> Fallible<Line> {
        let line = match self.next {
            Some(Token { kind: TokenKind::Directive, text, span }) => {
                self.bump();
                self.directive(text, span)?
            }
            Some(_) | None => {
                let calls = self.calls()?;
                self.need(":", "`:`")?;
                Line::Calls(calls, self.filters()?)
            }
        };
        if self.next.is_some() {
            return self.unexpected("the end of the line");
        }
        Ok(line)
    }

    fn directive(&mut self, text: &str, span: Span) -> Fallible<Line> {
        Ok(match text {
            "@include" | "@frequency" => {
                let path = self.of_kind(TokenKind::Path, "a path that begins with `/` or `./`")?;
                let (path, span) = (path.text.to_owned(), path.span);
                if text == "@include" { Line::Include(path, span) } else { Line::Frequency(path) }
            }
            "@default" => {
                let (verdict, span) = self.verdict()?;
                Line::Default(verdict, span)
            }
            "@denylist" | "@blacklist" => Line::DenyList(span),
            _ => {
                let expected = "`@include`, `@frequency`, `@default` or `@denylist`";
                return Err((span, Fault::Unexpected { expected, found: format!("`{text}`") }));
            }
        })
    }

    /// `open` or `{ open, openat }`, each perhaps with `[arch=…]`.
    fn calls(&mut self) -> Fallible<Vec<Named>> {
        if !self.eat("{") {
            return Ok(vec![self.call()?]);
        }
        let mut calls = vec![self.call()?];
        while self.eat(",") {
            calls.push(self.call()?);
        }
        self.need("}", "`,` or `}`")?;
        Ok(calls)
    }

    fn call(&mut self) -> Fallible<Named> {
        let token = self.of_kind(TokenKind::Word, "the name of a system call")?;
        if token.text.contains('@') {
            let what = format!("the group `{}`", token.text);
            let why = "its calls are in minijail's description of an architecture".to_owned();
            return Err((token.span, Fault::Untranslatable(what, why)));
        }
        let arches = if self.is("[") { Some(self.metadata()?) } else { None };
        Ok(Named { name: token.text.to_owned(), span: token.span, arches })
    }

    fn metadata(&mut self) -> Fallible<Vec<String>> {
        self.need("[", "`[`")?;
        let key = self.of_kind(TokenKind::Word, "`arch`")?;
        if key.text != "arch" {
            let what = format!("`{}` of a call", key.text);
            let why = "there is `arch`".to_owned();
            return Err((key.span, Fault::Untranslatable(what, why)));
        }
        self.need("=", "`=`")?;
        let mut arches = Vec::new();
        loop {
            let arch = self.of_kind(TokenKind::Word, "an architecture")?;
            if crate::hosts::abi(arch.text).is_none() {
                return Err((arch.span, Fault::UnknownArchitecture(arch.text.to_owned())));
            }
            arches.push(arch.text.to_owned());
            if !self.eat(",") {
                break;
            }
        }
        self.need("]", "`,` or `]`")?;
        Ok(arches)
    }

    fn filters(&mut self) -> Fallible<Vec<Filter>> {
        if !self.eat("{") {
            return Ok(vec![self.filter()?]);
        }
        let mut filters = vec![self.filter()?];
        while self.eat(",") {
            filters.push(self.filter()?);
        }
        self.need("}", "`,` or `}`")?;
        Ok(filters)
    }

    fn filter(&mut self) -> Fallible<Filter> {
        let span = self.here();
        if self.argument().is_none() {
            let (verdict, end) = self.verdict()?;
            let span = span.to(end);
            return Ok(Filter { clauses: Vec::new(), verdict: Some((verdict, span)), span });
        }
        let mut clauses = vec![self.clause()?];
        while self.eat("||") {
            clauses.push(self.clause()?);
        }
        let verdict = if self.eat(";") { Some(self.verdict()?) } else { None };
        let end = verdict.as_ref().map_or(span, |(_, end)| *end);
        Ok(Filter { clauses, verdict, span: span.to(end) })
    }

    fn clause(&mut self) -> Fallible<Vec<Atom>> {
        let mut atoms = vec![self.atom()?];
        while self.eat("&&") {
            atoms.push(self.atom()?);
        }
        Ok(atoms)
    }

    /// The digits of `argN`, if that is next.
    fn argument(&self) -> Option<&'t str> {
        let token = self.next.filter(|token| token.kind == TokenKind::Word)?;
        let digits = token.text.strip_prefix("arg")?;
        (!digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())).then_some(digits)
    }

    fn atom(&mut self) -> Fallible<Atom> {
        let span = self.here();
        let Some(digits) = self.argument() else {
            return self.unexpected("an argument, `arg0`…`arg5`,");
        };
        let Some(index) = digits.parse::<u8>().ok().filter(|index| *index < 6) else {
            return Err((span, Fault::NoArgument("a call".to_owned(), format!("arg{digits}"))));
        };
        self.bump();
        let op = match self.next.map(|token| token.text) {
            Some("==") => Op::Eq,
            Some("!=") => Op::Ne,
            Some("<") => Op::Lt,
            Some("<=") => Op::Le,
            Some(">") => Op::Gt,
            Some(">=") => Op::Ge,
            Some("&") => Op::Some,
            Some("in") => Op::Within,
            Some(_) | None => return self.unexpected("a comparison"),
        };
        self.bump();
        Ok(Atom { index, op, value: self.value()? })
    }

    fn value(&mut self) -> Fallible<Value> {
        let mut terms = vec![self.term()?];
        while self.eat("|") {
            terms.push(self.term()?);
        }
        Ok(terms)
    }

    fn term(&mut self) -> Fallible<(bool, Term, Span)> {
        let negated = self.eat("~");
        let span = self.here();
        if self.eat("(") {
            self.nested += 1;
            if self.nested > MOST_NESTED {
                return Err((span, Fault::TooDeep(MOST_NESTED)));
            }
            let value = self.value()?;
            self.nested -= 1;
            self.need(")", "`|` or `)`")?;
            return Ok((negated, Term::Value(value), span));
        }
        let term = match self.next {
            Some(Token { kind: TokenKind::Number, text, span }) => match c_number(text) {
                Some(number) => Term::Number(number),
                None => {
                    const WHY: &str = "a number is decimal, octal after 0 or hexadecimal after 0x";
                    return Err((span, Fault::BadNumber(text.to_owned(), WHY)));
                }
            },
            Some(Token { kind: TokenKind::Word, text, .. }) => Term::Name(text.to_owned()),
            Some(_) | None => return self.unexpected("a number or a constant"),
        };
        self.bump();
        Ok((negated, term, span))
    }

    fn verdict(&mut self) -> Fallible<(Verdict, Span)> {
        let span = self.here();
        let verdict = match self.next.map(|token| token.text) {
            Some("allow" | "1") => Verdict::Action(Action::Allow),
            Some("kill") => Verdict::Kill,
            Some("kill-process") => Verdict::Action(Action::KillProcess),
            Some("kill-thread") => Verdict::Action(Action::KillThread),
            Some("trap") => Verdict::Action(Action::Trap(0)),
            Some("trace") => Verdict::Action(Action::Trace(0)),
            Some("log") => Verdict::Action(Action::Log),
            Some("user-notify") => Verdict::Action(Action::Notify),
            Some("return") => {
                self.bump();
                let end = self.here();
                let term = self.term()?;
                return Ok((Verdict::Return(vec![term]), span.to(end)));
            }
            Some(_) | None => return self.unexpected("a condition or an action"),
        };
        self.bump();
        Ok((verdict, span))
    }
}
