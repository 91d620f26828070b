//! The formatter: the same tokens and comments with canonical white space.
//!
//! Guarantees: formatting twice changes nothing; the tree stays the same, spans apart;
//! no comment is lost, nor leaves the side (own line, or behind something) it was on.
//! What a `require`, `test` or `sequence` statement holds is kept as it was written.
//!
//! One statement a line, a blank line where there was at least one. A statement that
//! needs more than [`WIDTH`] columns breaks before `if`, then before its loosest
//! `||` or `&&`, then wherever a line is full and a `,` or an operator allows it.

use crate::diagnostic::Diagnostic;
use crate::lexer::{Comment, Lexed, Mode, lex};
use crate::parser::parse;
use crate::source::FileId;
use crate::statements;
use crate::token::{Spanned, Token};

/// Columns a line may have, where the text allows a break.
const WIDTH: usize = 100;
/// Columns of one level of indentation.
const INDENT: usize = 4;

/// Formats a policy.
///
/// # Errors
/// The text's syntax errors: text that is not understood is not touched.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let file = FileId::default();
    let diagnostics = parse(file, text).diagnostics;
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let Lexed { tokens, comments, .. } = lex(file, text, Mode::Policy);
    let mut formatter = Formatter {
        text,
        comments: comments.into_iter().peekable(),
        out: String::with_capacity(text.len()),
        last_end: 0,
    };
    let mut at = 0;
    while at < tokens.len() {
        let next = statements::end(text, &tokens, at);
        let statement = tokens.get(at..next).unwrap_or_default();
        formatter.comments_between(statement.first().map_or(u32::MAX, |token| token.start));
        formatter.statement(statement);
        at = next;
    }
    formatter.comments_between(u32::MAX);
    Ok(formatter.out)
}

struct Formatter<'s> {
    text: &'s str,
    comments: std::iter::Peekable<std::vec::IntoIter<Comment>>,
    out: String,
    /// Where what was written last ends in the text.
    last_end: u32,
}

/// A token with what must be known to place it.
struct Piece<'s> {
    text: &'s str,
    start: u32,
    end: u32,
    /// White space precedes it where it is not first on its line.
    space: bool,
    /// The line may be broken before it.
    may_break: bool,
    /// The line must be broken before it, if the statement does not fit one.
    must_break: bool,
    /// Open brackets around it.
    depth: usize,
}

impl<'s> Formatter<'s> {
    fn slice(&self, start: u32, end: u32) -> &'s str {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }

    fn lines_between(&self, start: u32, end: u32) -> usize {
        self.slice(start, end).bytes().filter(|&b| b == b'\n').count()
    }

    /// Begins a line at the top level, behind a blank one if there was one.
    fn begin_line(&mut self, start: u32) {
        if !self.out.is_empty() && self.lines_between(self.last_end, start) > 1 {
            self.out.push('\n');
        }
    }

    /// The comments before `limit`, each on a line of its own unless it stands behind the
    /// statement before.
    fn comments_between(&mut self, limit: u32) {
        while let Some(comment) = self.comments.next_if(|comment| comment.start < limit) {
            let behind =
                !self.out.is_empty() && self.lines_between(self.last_end, comment.start) == 0;
            if behind {
                // The statement has ended its line.
                self.out.pop();
                self.out.push(' ');
            } else {
                self.begin_line(comment.start);
            }
            self.out.push_str(self.slice(comment.start, comment.end));
            self.out.push('\n');
            self.last_end = comment.end;
        }
    }

    fn statement(&mut self, tokens: &[Spanned]) {
        let folded = statements::fold_body(tokens);
        let pieces = pieces(self.text, folded.as_deref().unwrap_or(tokens));
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return };
        self.begin_line(first.start);
        let width: usize = pieces.iter().map(Piece::width).sum();
        let fits = width <= WIDTH;
        let mut line = Line { column: 0, out: &mut self.out };
        let mut at = first.start;
        for (index, piece) in pieces.iter().enumerate() {
            // Comments inside the statement, before this piece.
            while let Some(comment) = self.comments.next_if(|c| c.start < piece.start) {
                let between = self.text.get(at as usize..comment.start as usize);
                let own = between.is_some_and(|between| between.contains('\n'));
                line.comment(
                    self.text.get(comment.start as usize..comment.end as usize),
                    own,
                    piece.depth,
                );
                at = comment.end;
            }
            let broken = piece.must_break && !fits;
            let full = piece.may_break && !fits && line.column + run(&pieces, index) > WIDTH;
            if line.column > 0 && (broken || full) {
                line.newline();
            }
            line.piece(piece, index > 0);
            at = piece.end;
            // What is kept as it was written keeps its comments.
            while self.comments.next_if(|comment| comment.start < piece.end).is_some() {}
        }
        self.last_end = last.end;
        self.out.push('\n');
    }
}

/// The columns from this piece to the next place where the line may be broken.
fn run(pieces: &[Piece<'_>], index: usize) -> usize {
    let mut rest = pieces.iter().skip(index);
    let first = rest.next().map_or(0, Piece::width);
    first + rest.take_while(|piece| !piece.may_break).map(Piece::width).sum::<usize>()
}

impl Piece<'_> {
    /// Columns, the space before included; of what has several lines, those of the first.
    fn width(&self) -> usize {
        let line = self.text.lines().next().unwrap_or_default();
        usize::from(self.space) + line.chars().count()
    }
}

/// The line that is being written.
struct Line<'o> {
    out: &'o mut String,
    /// How far it is; 0 if nothing but line breaks was written.
    column: usize,
}

impl Line<'_> {
    fn newline(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    fn indent(&mut self, columns: usize) {
        self.out.extend(std::iter::repeat_n(' ', columns));
        self.column += columns;
    }

    /// Writes a piece; one that continues a statement is indented.
    fn piece(&mut self, piece: &Piece<'_>, continues: bool) {
        if self.column == 0 {
            self.indent(if continues { INDENT * (piece.depth + 1) } else { 0 });
        } else if piece.space {
            self.indent(1);
        }
        self.column += piece.text.chars().count();
        if piece.text.contains('\r') {
            self.out.push_str(&piece.text.replace("\r\n", "\n"));
        } else {
            self.out.push_str(piece.text);
        }
    }

    /// Writes a comment inside a statement and ends the line.
    fn comment(&mut self, text: Option<&str>, own_line: bool, depth: usize) {
        if own_line && self.column > 0 {
            self.newline();
        }
        self.indent(if self.column == 0 { INDENT * (depth + 1) } else { 1 });
        self.out.push_str(text.unwrap_or_default());
        self.newline();
    }
}

/// The pieces of a statement.
fn pieces<'s>(text: &'s str, tokens: &[Spanned]) -> Vec<Piece<'s>> {
    let head = tokens.first().map_or(Token::Error, |token| token.token);
    let break_at = loosest(tokens);
    let mut pieces = Vec::with_capacity(tokens.len());
    let mut depth = 0_usize;
    let mut before: Option<Token> = None;
    let mut before_is_prefix = false;
    for token in tokens {
        let kind = token.token;
        depth = depth.saturating_sub(usize::from(kind.is_closer()));
        let operator = is_connective(kind) || matches!(kind, Token::If | Token::Or);
        let behind =
            before == Some(Token::Comma) || (before == Some(Token::Assign) && head != Token::Const);
        pieces.push(Piece {
            text: text.get(token.start as usize..token.end as usize).unwrap_or_default(),
            start: token.start,
            end: token.end,
            space: before.is_some_and(|b| is_spaced(head, b, before_is_prefix, kind)),
            may_break: operator || behind,
            must_break: depth == 0 && (kind == Token::If || break_at.contains(&kind)),
            depth,
        });
        before_is_prefix = matches!(kind, Token::Bang)
            || (matches!(kind, Token::Minus | Token::Tilde) && !before.is_some_and(Token::ends));
        depth += usize::from(kind.closer().is_some());
        before = Some(kind);
    }
    pieces
}

const fn is_connective(token: Token) -> bool {
    matches!(token, Token::AndAnd | Token::OrOr | Token::WordAnd | Token::WordOr)
}

/// The connectives that bind the statement's predicate least tightly, outside parentheses.
fn loosest(tokens: &[Spanned]) -> &'static [Token] {
    let mut depth = 0_usize;
    let mut any = false;
    for token in tokens {
        depth = depth.saturating_sub(usize::from(token.token.is_closer()));
        if depth == 0 && matches!(token.token, Token::OrOr | Token::WordOr) {
            return &[Token::OrOr, Token::WordOr];
        }
        any |= depth == 0 && is_connective(token.token);
        depth += usize::from(token.token.closer().is_some());
    }
    if any { &[Token::AndAnd, Token::WordAnd] } else { &[] }
}

/// Whether white space separates two neighbours.
const fn is_spaced(head: Token, before: Token, before_is_prefix: bool, token: Token) -> bool {
    // Only white space ends a raw symbol.
    if matches!(before, Token::Symbol) {
        return true;
    }
    let tight_before = matches!(
        token,
        Token::Comma
            | Token::ParenClose
            | Token::BracketClose
            | Token::BracketOpen
            | Token::Colon
            | Token::Dotted
            | Token::Range
    );
    let tight_behind = matches!(before, Token::ParenOpen | Token::BracketOpen | Token::Range)
        || (matches!(before, Token::Colon) && matches!(head, Token::Event));
    let argument = matches!(token, Token::ParenOpen)
        && matches!(
            before,
            Token::Errno | Token::Trace | Token::Trap | Token::Syscall | Token::GroupName
        );
    !(tight_before || tight_behind || before_is_prefix || argument)
}
