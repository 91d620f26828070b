//! Text to tree.
//!
//! Guarantees: never fails and never panics; all errors of the text are reported (up to
//! a hundred); the tree covers what could be read and has `Error` nodes in place of the
//! rest, so a tree is to be compiled only if there are no errors; nothing in it nests
//! deeper than [`MAX_NESTING`]. Time is linear in the length of the text.

use crate::actions::{Context, Tree};
use crate::ast::{
    Call, CallExample, Claim, Constant, ConstantKind, File, Name, Predicate, PredicateKind,
    Statement, StatementKind,
};
use crate::claims;
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Kind};
use crate::grammar::EntryParser;
use crate::lexer::{Lexed, Mode, lex};
use crate::plain;
use crate::recovery::{self, BracketFault, Budget};
use crate::sequences;
use crate::source::{FileId, MAX_SOURCE_LEN, Span};
use crate::statements;
use crate::token::{STATEMENTS, Spanned, Token};

pub use crate::limits::MAX_NESTING;

/// Nobody reads more; a text that has more is no policy.
const MAX_ERRORS: usize = 100;

/// Statements for which there is room from the beginning.
const MAX_ROOM: usize = 1 << 12;

/// A parsed file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The tree.
    pub file: File,
    /// What is wrong, in the order of the text; all are errors.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses a policy.
#[must_use]
pub fn parse(file: FileId, text: &str) -> Parsed {
    if let Some(diagnostics) = too_long(file, text) {
        return Parsed { file: File::default(), diagnostics };
    }
    let Lexed { tokens, errors, .. } = lex(file, text, Mode::Policy);
    let mut parser = Parser::new(Context::new(file, text));
    // Hardly more than there are, as keywords are rarely names; where they are, room is not free.
    let keywords = tokens.iter().filter(|token| token.token.is_statement()).count();
    let mut statements = Vec::with_capacity(keywords.min(MAX_ROOM));
    let mut at = 0;
    while at < tokens.len() && !parser.exhausted() {
        let (statement, next) = parser.statement(&tokens, at);
        statements.push(statement);
        at = next;
    }
    let diagnostics = parser.diagnostics(errors);
    Parsed { file: File { statements }, diagnostics }
}

/// Parses one predicate as the kernel's event filters have it: what the kernel takes is
/// taken, operators at the end of the text that it ignores included.
#[must_use]
pub fn parse_predicate(file: FileId, text: &str) -> (Predicate, Vec<Diagnostic>) {
    let (tree, errors) = parse_entry(file, text, Token::StartPredicate);
    let predicate = match tree {
        Some(Tree::Predicate(predicate)) => predicate,
        Some(Tree::Statement(_) | Tree::Constant(_) | Tree::Call(_)) | None => {
            Predicate { kind: PredicateKind::Error, span: whole(file, text) }
        }
    };
    (predicate, errors)
}

/// Parses one constant.
#[must_use]
pub fn parse_constant(file: FileId, text: &str) -> (Constant, Vec<Diagnostic>) {
    let (tree, errors) = parse_entry(file, text, Token::StartConstant);
    let constant = match tree {
        Some(Tree::Constant(constant)) => constant,
        Some(Tree::Statement(_) | Tree::Predicate(_) | Tree::Call(_)) | None => {
            Constant { kind: ConstantKind::Error, span: whole(file, text) }
        }
    };
    (constant, errors)
}

/// Parses one call with its arguments, such as `openat(AT_FDCWD, _, O_RDWR)`; that of a
/// number, `syscall(999)(1, 2)`, may leave them out.
#[must_use]
pub fn parse_call(file: FileId, text: &str) -> (CallExample, Vec<Diagnostic>) {
    let (tree, errors) = parse_entry(file, text, Token::StartCall);
    let example = match tree {
        Some(Tree::Call(example)) => *example,
        Some(Tree::Statement(_) | Tree::Predicate(_) | Tree::Constant(_)) | None => {
            let span = whole(file, text);
            let call = Call::Name(Name { text: String::new(), span });
            CallExample { call, args: Vec::new(), span }
        }
    };
    (example, errors)
}

/// Parses what a `test` statement holds, whose braces stand at `body`.
#[must_use]
pub fn parse_test(file: FileId, text: &str, body: Span) -> (Vec<Claim>, Vec<Diagnostic>) {
    let Lexed { tokens, errors, .. } = lex(file, text, Mode::Policy);
    let mut parser = Parser::new(Context::new(file, text));
    let claims = parser.claims(&tokens, body);
    (claims, parser.diagnostics(errors))
}

fn whole(file: FileId, text: &str) -> Span {
    crate::error::span(file, 0, u32::try_from(text.len()).unwrap_or(u32::MAX))
}

fn too_long(file: FileId, text: &str) -> Option<Vec<Diagnostic>> {
    let span = crate::error::span(file, 0, 0);
    let error = Error { kind: Kind::TooLong, span };
    (text.len() > MAX_SOURCE_LEN).then(|| vec![error.diagnostic()])
}

fn parse_entry(file: FileId, text: &str, entry: Token) -> (Option<Tree>, Vec<Diagnostic>) {
    if let Some(diagnostics) = too_long(file, text) {
        return (None, diagnostics);
    }
    let Lexed { mut tokens, errors, .. } = lex(file, text, Mode::Filter);
    if entry == Token::StartPredicate {
        let kept = without_dangling(&tokens);
        tokens.truncate(kept);
    }
    let mut parser = Parser::new(Context::new(file, text));
    let grammar = &parser.grammar;
    let tree = recovery::recover(grammar, &mut parser.cx, entry, tokens, 0, &mut parser.budget);
    (tree, parser.diagnostics(errors))
}

/// The kernel ignores one `&&` or `||` at the end of a filter, with any `!` behind it:
/// how many tokens are left. One class has no defined meaning to it, `a || b &&`, and is
/// left to be refused.
fn without_dangling(tokens: &[Spanned]) -> usize {
    let all = tokens.len();
    let bangs = tokens.iter().rev().take_while(|t| t.token == Token::Bang).count();
    let Some(operator) = (all - bangs).checked_sub(1) else { return all };
    let Some((last, before)) = tokens.get(..=operator).and_then(<[_]>::split_last) else {
        return all;
    };
    let mut depth = 0_usize;
    let alternatives = before.iter().any(|t| {
        depth += usize::from(t.token.closer().is_some());
        depth = depth.saturating_sub(usize::from(t.token.is_closer()));
        depth == 0 && t.token == Token::OrOr
    });
    let ignored = last.token == Token::OrOr || (last.token == Token::AndAnd && !alternatives);
    let operand = before.last().is_some_and(|t| t.token.ends());
    if ignored && operand { operator } else { all }
}

/// What parsing one text needs.
struct Parser<'s> {
    cx: Context<'s>,
    grammar: EntryParser,
    budget: Budget,
    gave_up: bool,
}

impl<'s> Parser<'s> {
    fn new(cx: Context<'s>) -> Self {
        Self { cx, grammar: EntryParser::new(), budget: Budget::new(), gave_up: false }
    }

    fn exhausted(&self) -> bool {
        self.gave_up || self.cx.errors.len() > MAX_ERRORS
    }

    /// Parses the statement that begins at `start`; returns where the next one begins.
    fn statement(&mut self, tokens: &[Spanned], start: usize) -> (Statement, usize) {
        let next = statements::end(self.cx.text, tokens, start);
        let chunk = tokens.get(start..next).unwrap_or_default();
        let Some(head) = chunk.first().filter(|head| head.token.is_statement()) else {
            return (self.unknown(chunk), next);
        };
        if let Some(statement) = plain::rule(&mut self.cx, chunk) {
            return (statement, next);
        }
        let folded = statements::fold_body(chunk).filter(|_| balanced(chunk));
        let result = recovery::run(
            &self.grammar,
            &mut self.cx,
            Token::StartStatement,
            folded.as_deref().unwrap_or(chunk),
        );
        let at = match result {
            Ok(Tree::Statement(statement)) => {
                // What a test holds is read again by whoever runs it: here its errors are told.
                let mut statement = *statement;
                if let StatementKind::Test(_, body) = &statement.kind {
                    self.claims(chunk, *body);
                } else if let StatementKind::Sequence(_, parts) = &mut statement.kind {
                    let inside = chunk.get(2..).unwrap_or_default();
                    let (cx, budget) = (&mut self.cx, &mut self.budget);
                    *parts = sequences::read(&self.grammar, cx, inside, budget).map(Box::new);
                }
                return (statement, next);
            }
            Ok(Tree::Predicate(_) | Tree::Constant(_) | Tree::Call(_)) => 0,
            Err(unexpected) if folded.is_none() => unexpected.at,
            Err(_) => chunk.len(),
        };
        self.broken(tokens, start, next, at, head.start)
    }

    /// The claims of a test, by the tokens of the statement and where its braces stand.
    fn claims(&mut self, tokens: &[Spanned], body: Span) -> Vec<Claim> {
        let inside: Vec<Spanned> = tokens
            .iter()
            .filter(|it| body.start < it.start && it.end < body.end)
            .copied()
            .collect();
        claims::read(&self.grammar, &mut self.cx, &inside, &mut self.budget)
    }

    /// A statement with an error at its token `at`.
    fn broken(
        &mut self,
        tokens: &[Spanned],
        start: usize,
        end: usize,
        at: usize,
        from: u32,
    ) -> (Statement, usize) {
        // What an open bracket or a missing operand made part of this statement may have
        // been meant as the next one.
        let chunk = tokens.get(start..end).unwrap_or_default();
        let (first, last) = match recovery::bracket_fault(chunk) {
            Some(
                BracketFault::Unclosed { outermost, .. }
                | BracketFault::Mismatched { outermost, .. },
            ) => (start + outermost, end.saturating_sub(1)),
            Some(BracketFault::Unopened(_)) | None => {
                (start, (start + at).min(end.saturating_sub(1)))
            }
        };
        let cut = statements::layout_boundary(self.cx.text, tokens, start, first..=last);
        let cut = cut.unwrap_or(end);
        self.gave_up |= !self.budget.take(end - cut);
        let chunk = tokens.get(start..cut).unwrap_or_default();
        let to = chunk.last().map_or(from, |token| token.end);
        let chunk = statements::fold_body(chunk)
            .filter(|_| balanced(chunk))
            .unwrap_or_else(|| chunk.to_vec());
        let span = self.cx.span(from, to);
        let tree = recovery::recover(
            &self.grammar,
            &mut self.cx,
            Token::StartStatement,
            chunk,
            1,
            &mut self.budget,
        );
        let statement = match tree {
            Some(Tree::Statement(statement)) => Statement { span, ..*statement },
            Some(Tree::Predicate(_) | Tree::Constant(_) | Tree::Call(_)) | None => {
                Statement { kind: StatementKind::Error, span }
            }
        };
        (statement, cut)
    }

    /// Text that begins no statement.
    fn unknown(&mut self, chunk: &[Spanned]) -> Statement {
        let place = |t: Option<&Spanned>| t.map_or((0, 0), |t| (t.start, t.end));
        let ((start, head_end), (_, end)) = (place(chunk.first()), place(chunk.last()));
        if let Some(head) = chunk.first().filter(|head| head.token != Token::Error) {
            let word = self.cx.slice(start, head_end);
            let kind = if head.token.is_closer() {
                Kind::Unopened(word.chars().next().unwrap_or_default())
            } else {
                let found = recovery::describe_found(&self.cx, head);
                Kind::UnknownStatement { found, similar: similar(word) }
            };
            self.cx.errors.push(Error { kind, span: self.cx.span(start, head_end) });
        }
        Statement { kind: StatementKind::Error, span: self.cx.span(start, end) }
    }

    /// Everything that was found, in the order of the text.
    fn diagnostics(self, lexical: Vec<Error>) -> Vec<Diagnostic> {
        let beginning = self.cx.span(0, 0);
        let mut errors = self.cx.errors;
        errors.extend(lexical);
        errors.sort_by_key(|error| (error.span.start, error.span.end));
        if errors.len() > MAX_ERRORS || self.gave_up {
            errors.truncate(MAX_ERRORS);
            let span = errors.last().map_or(beginning, |error| error.span);
            errors.push(Error { kind: Kind::TooManyErrors, span });
        }
        errors.iter().map(Error::diagnostic).collect()
    }
}

fn balanced(tokens: &[Spanned]) -> bool {
    recovery::bracket_fault(tokens).is_none()
}

/// The statement keyword that was probably meant.
fn similar(word: &str) -> Option<&'static str> {
    // A long word resembles nothing, and comparing takes time by its length.
    let lower = word.get(..word.len().min(32))?.to_ascii_lowercase();
    let limit = if lower.len() <= 3 { 1 } else { 2 };
    let distances = STATEMENTS.iter().map(|&k| (strsim::damerau_levenshtein(&lower, k), k));
    let (distance, keyword) = distances.min()?;
    (distance <= limit).then_some(keyword)
}
