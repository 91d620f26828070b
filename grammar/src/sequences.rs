//! What a `sequence` says: which events in which order, within what, and what then.
//!
//! ```text
//! sequence NAME within N (calls | seconds) per (process | thread) { STEP… }
//!     [if PREDICATE] then REACTION, …
//! STEP     = CALLS [if PREDICATE] | signal NAME, … [if PREDICATE]
//! REACTION = log("TEXT") | ACTION
//! ```
//!
//! A step ends where the next begins: at a word behind a complete operand. `signal` is a call of
//! old ABIs too: it is the step if a name that begins with `SIG` follows.

use crate::actions::Context;
use crate::ast::{Name, Reaction, Scope, Sequence, Step, StepKind, Unit};
use crate::grammar::EntryParser;
use crate::number;
use crate::pieces::Reader;
use crate::recovery::Budget;
use crate::token::{Spanned, Token};

/// Reads what stands behind the name of a sequence; what is wrong goes to the context.
pub(crate) fn read(
    grammar: &EntryParser,
    cx: &mut Context<'_>,
    tokens: &[Spanned],
    budget: &mut Budget,
) -> Option<Sequence> {
    Reader::new(grammar, cx, tokens, budget).sequence()
}

impl<'r> Reader<'r, '_> {
    fn sequence(&mut self) -> Option<Sequence> {
        self.expect("within", "`within` and a number")?;
        let number = self.peek().filter(|token| token.token == Token::Integer);
        let Some(number) = number else {
            self.expected_here("a number of calls or seconds");
            return None;
        };
        let within = number::integer(self.cx.slice(number.start, number.end)).unwrap_or_default();
        self.at += 1;
        let units = [("calls", Unit::Calls), ("call", Unit::Calls)];
        let units =
            units.into_iter().chain([("seconds", Unit::Seconds), ("second", Unit::Seconds)]);
        let unit = self.one_of(units, "`calls` or `seconds`")?;
        self.expect("per", "`per process` or `per thread`")?;
        let scopes = [("process", Scope::Process), ("thread", Scope::Thread)];
        let scope = self.one_of(scopes, "`process` or `thread`")?;
        let steps = self.steps()?;
        let condition = match self.is("if") {
            true => {
                let from = self.at;
                self.at += 1;
                while self.peek().is_some() && !self.is("then") {
                    self.at += 1;
                }
                let tokens = self.tokens;
                self.condition(tokens.get(from..self.at).unwrap_or_default())?
            }
            false => None,
        };
        self.expect("then", "`then` and what is done")?;
        let mut reactions = vec![self.reaction()?];
        while self.peek().is_some_and(|token| token.token == Token::Comma) {
            self.at += 1;
            reactions.push(self.reaction()?);
        }
        if self.peek().is_some() {
            self.expected_here("the end of the sequence");
            return None;
        }
        Some(Sequence { within, unit, scope, steps, condition, reactions })
    }

    fn expect(&mut self, word: &str, expected: &str) -> Option<()> {
        if !self.is(word) {
            self.expected_here(expected);
            return None;
        }
        self.at += 1;
        Some(())
    }

    fn one_of<T>(
        &mut self,
        words: impl IntoIterator<Item = (&'static str, T)>,
        expected: &str,
    ) -> Option<T> {
        let found = words.into_iter().find(|(word, _)| self.is(word));
        if found.is_none() {
            self.expected_here(expected);
        }
        self.at += 1;
        found.map(|(_, value)| value)
    }

    /// The steps, and the braces around them.
    fn steps(&mut self) -> Option<Vec<Step>> {
        if self.peek().is_none_or(|token| token.token != Token::BraceOpen) {
            self.expected_here("`{` and the events");
            return None;
        }
        self.at += 1;
        let mut steps = Vec::new();
        while self.peek().is_some_and(|token| token.token != Token::BraceClose) {
            steps.push(self.step()?);
        }
        if steps.is_empty() || self.peek().is_none() {
            self.expected_here("calls, or `signal` and which");
            return None;
        }
        self.at += 1;
        Some(steps)
    }

    fn step(&mut self) -> Option<Step> {
        let from = self.at;
        self.pass_step();
        let tokens: &'r [Spanned] = self.tokens;
        let step = tokens.get(from..self.at).unwrap_or_default();
        let (Some(first), Some(last)) = (step.first(), step.last()) else {
            self.expected_here("calls, or `signal` and which");
            return None;
        };
        let span = self.cx.span(first.start, last.end);
        let kind = if self.is_signal(from) {
            let after = step.iter().position(|token| token.token == Token::If);
            let (names, condition) = step.split_at(after.unwrap_or(step.len()));
            let signals = self.names(names.get(1..).unwrap_or_default())?;
            StepKind::Signals(signals, self.condition(condition)?)
        } else {
            let (calls, predicate) = self.rule(*first, step)?;
            StepKind::Calls(calls, predicate)
        };
        Some(Step { span, kind })
    }

    /// Whether the word there is `signal`, and which ones follow.
    fn is_signal(&self, at: usize) -> bool {
        self.word(at) == "signal" && self.word(at + 1).starts_with("SIG")
    }

    /// Goes to where the next step begins, or to what closes the braces.
    fn pass_step(&mut self) {
        let (from, mut depth, mut complete) = (self.at, 0_usize, false);
        while let Some(token) = self.peek() {
            let kind = token.token;
            if depth == 0 && kind == Token::BraceClose {
                break;
            }
            let begins = kind.is_name() || kind == Token::GroupName;
            let names_signal = self.at == from + 1 && self.is_signal(from);
            if depth == 0 && complete && begins && !names_signal {
                break;
            }
            depth += usize::from(kind.closer().is_some());
            depth = depth.saturating_sub(usize::from(kind.is_closer()));
            complete = kind.ends();
            self.at += 1;
        }
    }

    /// Names between commas.
    fn names(&mut self, tokens: &[Spanned]) -> Option<Vec<Name>> {
        let mut names = Vec::with_capacity(tokens.len() / 2 + 1);
        for (at, token) in tokens.iter().enumerate() {
            let fits = match at % 2 {
                0 => token.token.is_name(),
                _ => token.token == Token::Comma && at + 1 < tokens.len(),
            };
            if !fits {
                self.at = self.tokens.iter().position(|it| it == token).unwrap_or(self.at);
                self.expected_here("signals between commas");
                return None;
            }
            if at % 2 == 0 {
                names.push(self.cx.name(token.start, token.end));
            }
        }
        Some(names)
    }

    /// `if` and a predicate, or nothing.
    fn condition(&mut self, tokens: &[Spanned]) -> Option<Option<crate::ast::Predicate>> {
        let Some(first) = tokens.first() else { return Some(None) };
        let mut rule = vec![Spanned { token: Token::Any, end: first.start, ..*first }];
        rule.extend(tokens);
        self.rule(*first, &rule).map(|(_, predicate)| predicate)
    }

    fn reaction(&mut self) -> Option<Reaction> {
        let from = self.peek();
        let tokens = self.tokens;
        let text = tokens.get(self.at + 2).filter(|it| {
            matches!(it.token, Token::Str | Token::Character)
                && self.is("log")
                && self.word(self.at + 1) == "("
        });
        if let (Some(from), Some(text)) = (from, text) {
            self.at += 3;
            let end = self.peek().map_or(text.end, |token| token.end);
            self.expect(")", "`)`")?;
            return Some(Reaction::Log(
                self.cx.string(text.start, text.end),
                self.cx.span(from.start, end),
            ));
        }
        self.action().map(Reaction::Action)
    }
}

#[cfg(test)]
mod tests {
    use crate::ast::{Reaction, Scope, StatementKind, StepKind, Unit};
    use crate::parser::parse;
    use crate::source::FileId;

    #[test]
    fn the_parts_are_found() {
        let text = "sequence s within 3 calls per process {\n\
                    recvfrom, read, recvmsg if ret > 0 && fd.socket signal SIGSEGV, SIGBUS if uid == 0\n\
                    signal signal, @io } if ancestor.comm == \"inetd\"\n\
                    then log(\"possible exploit\"), kill_process allow read";
        let parsed = parse(FileId(0), text);
        assert_eq!(parsed.diagnostics, []);
        let StatementKind::Sequence(name, Some(sequence)) = &parsed.file.statements[0].kind else {
            panic!("{:?}", parsed.file);
        };
        assert_eq!((name.text.as_str(), sequence.within), ("s", 3));
        assert_eq!((sequence.unit, sequence.scope), (Unit::Calls, Scope::Process));
        let steps: Vec<_> = sequence
            .steps
            .iter()
            .map(|step| match &step.kind {
                StepKind::Calls(calls, predicate) => (0, calls.len(), predicate.is_some()),
                StepKind::Signals(names, predicate) => (1, names.len(), predicate.is_some()),
            })
            .collect();
        assert_eq!(steps, [(0, 3, true), (1, 2, true), (0, 1, false), (0, 2, false)]);
        assert!(sequence.condition.is_some());
        assert!(matches!(&sequence.reactions[..], [Reaction::Log(text, _), Reaction::Action(_)]
            if text.text == "possible exploit"));
        assert_eq!(parsed.file.statements.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_told_once() {
        for (text, code) in [
            ("sequence s {}", "F0106"),
            ("sequence s within x calls per process { a } then kill", "F0106"),
            ("sequence s within 1 hours per process { a } then kill", "F0106"),
            ("sequence s within 1 calls per task { a } then kill", "F0106"),
            ("sequence s within 1 calls per thread { } then kill", "F0106"),
            ("sequence s within 1 calls per thread { signal SIGSEGV, } then kill", "F0106"),
            ("sequence s within 1 calls per thread { a if } then kill", "F0107"),
            ("sequence s within 1 calls per thread { a }", "F0107"),
            ("sequence s within 1 calls per thread { a } then now", "F0106"),
            ("sequence s within 1 calls per thread { a } then log(\"x\"", "F0109"),
        ] {
            let parsed = parse(FileId(0), text);
            let codes: Vec<_> = parsed.diagnostics.iter().map(|it| it.code.0).collect();
            assert_eq!(codes, [code], "{text}");
        }
    }
}
