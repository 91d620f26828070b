//! Running the grammar, and going on after an error.
//!
//! LALRPOP's own recovery searches the parser's stack again for each token it drops,
//! which takes hours on text that is only long enough. Here the part around an error,
//! up to the separators on both sides of it, is replaced by one [`Token::Error`],
//! which the grammar takes for a call, a predicate or a constant, and the statement is
//! parsed again: one error for one mistake, and the rest of the statement survives.
//!
//! Guarantee: the work is linear in the text but for a fixed [`Budget`].

use lalrpop_util::ParseError;

use crate::actions::{Context, Tree};
use crate::error::{Error, Kind, span};
use crate::grammar::EntryParser;
use crate::token::{Spanned, Token};

/// How many tokens may be looked at again because of errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget(usize);

impl Budget {
    pub(crate) const fn new() -> Self {
        Self(4_000_000)
    }

    /// Takes from it; false once it is used up.
    pub(crate) const fn take(&mut self, tokens: usize) -> bool {
        match self.0.checked_sub(tokens) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }
}

/// An error of the grammar: the token it is at (one past the last if the text ends too
/// early), and the names of the tokens that could have stood there.
#[derive(Debug)]
pub(crate) struct Unexpected {
    pub(crate) at: usize,
    pub(crate) expected: Vec<String>,
}

/// Parses tokens as what `entry` says.
pub(crate) fn run(
    parser: &EntryParser,
    cx: &mut Context<'_>,
    entry: Token,
    tokens: &[Spanned],
) -> Result<Tree, Unexpected> {
    let start = tokens.first().map_or(0, |token| token.start);
    let mut taken = 0_usize;
    let input = std::iter::once((start, entry, start)).chain(
        tokens.iter().inspect(|_| taken += 1).map(|token| (token.start, token.token, token.end)),
    );
    parser.parse(cx, input).map_err(|error| match error {
        ParseError::UnrecognizedEof { expected, .. } => Unexpected { at: tokens.len(), expected },
        ParseError::UnrecognizedToken { expected, .. } => {
            Unexpected { at: taken.saturating_sub(1), expected }
        }
        ParseError::InvalidToken { .. }
        | ParseError::ExtraToken { .. }
        | ParseError::User { .. } => {
            Unexpected { at: taken.saturating_sub(1), expected: Vec::new() }
        }
    })
}

/// Parses tokens, reporting and repairing until it works; `None` if too little is left.
/// `head` tokens at the beginning are never replaced.
pub(crate) fn recover(
    parser: &EntryParser,
    cx: &mut Context<'_>,
    entry: Token,
    mut tokens: Vec<Spanned>,
    head: usize,
    budget: &mut Budget,
) -> Option<Tree> {
    let before = cx.errors.len();
    let mut found = Vec::new();
    if let Some(error) = mend_brackets(cx, &mut tokens, head) {
        found.push(error);
    }
    let tree = loop {
        cx.rewind(before);
        let unexpected = match run(parser, cx, entry, &tokens) {
            Ok(tree) => break Some(tree),
            Err(unexpected) => unexpected,
        };
        if !is_echo(&tokens, unexpected.at) {
            found.push(report(cx, &tokens, &unexpected));
        }
        if !repair(&mut tokens, unexpected.at, head) || !budget.take(tokens.len()) {
            cx.rewind(before);
            break None;
        }
    };
    cx.errors.extend(found);
    tree
}

/// An error at or behind text that was given up on is that text's fault.
fn is_echo(tokens: &[Spanned], at: usize) -> bool {
    let is_error = |at: usize| tokens.get(at).is_some_and(|t| t.token == Token::Error);
    is_error(at) || at.checked_sub(1).is_some_and(is_error)
}

/// Between such tokens is what can be given up on without the rest.
fn is_separator(tokens: &[Spanned], at: usize) -> bool {
    tokens.get(at).is_some_and(|t| {
        matches!(
            t.token,
            Token::Comma | Token::AndAnd | Token::OrOr | Token::WordAnd | Token::WordOr | Token::If
        ) || (t.token == Token::Assign && at == 2) // `const NAME =`; elsewhere `==` was meant
    })
}

/// Where the part around `at` begins, at the same depth of brackets.
fn part_start(tokens: &[Spanned], at: usize, head: usize) -> usize {
    let mut depth = 0_usize;
    for before in (head..at).rev() {
        let Some(token) = tokens.get(before) else { break };
        if token.token.is_closer() {
            depth += 1;
        } else if token.token.closer().is_some() {
            let Some(less) = depth.checked_sub(1) else { return before + 1 };
            depth = less;
        } else if depth == 0 && is_separator(tokens, before) {
            return before + 1;
        }
    }
    head.min(at)
}

/// Where the part around `at` ends.
fn part_end(tokens: &[Spanned], at: usize) -> usize {
    let mut depth = 0_usize;
    for (here, token) in tokens.iter().enumerate().skip(at) {
        if token.token.closer().is_some() {
            depth += 1;
        } else if token.token.is_closer() {
            let Some(less) = depth.checked_sub(1) else { return here };
            depth = less;
        } else if depth == 0 && is_separator(tokens, here) {
            return here;
        }
    }
    tokens.len()
}

/// Replaces the part around `at` by an error token; false if that cannot help.
fn repair(tokens: &mut Vec<Spanned>, at: usize, head: usize) -> bool {
    // An argument such as `errno(E)` belongs to the head unless the error is inside.
    let argument = tokens.get(head).is_some_and(|t| t.token == Token::ParenOpen) && head > 0;
    let close = if argument { part_end(tokens, head + 1) } else { at };
    let head = if argument && close < at { close + 1 } else { head };
    let (from, to) = (part_start(tokens, at, head), part_end(tokens, at));
    let is_error = |token: &Spanned| token.token == Token::Error;
    if at < head || (to - from == 1 && tokens.get(from).is_some_and(is_error)) {
        return false;
    }
    replace(tokens, from, to);
    true
}

fn replace(tokens: &mut Vec<Spanned>, from: usize, to: usize) {
    let start = tokens.get(from).or(tokens.last()).map_or(0, |token| token.start);
    let end = to.checked_sub(1).and_then(|last| tokens.get(last)).map_or(start, |t| t.end);
    let error = Spanned { token: Token::Error, start, end: end.max(start) };
    tokens.splice(from..to, [error]);
}

/// The bracket that is not as it should be, if any: the outermost if none closes them.
pub(crate) enum BracketFault {
    /// Opened there and never closed.
    Unclosed { outermost: usize, innermost: usize },
    /// Closes nothing.
    Unopened(usize),
    /// Closed by a bracket of another shape; `outermost` is the outermost open one.
    Mismatched { outermost: usize, open: usize, close: usize },
}

/// Finds the first wrong bracket.
pub(crate) fn bracket_fault(tokens: &[Spanned]) -> Option<BracketFault> {
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if let Some(closer) = token.token.closer() {
            open.push((at, closer));
        } else if token.token.is_closer() {
            let outermost = open.first().map(|&(at, _)| at);
            match (open.pop(), outermost) {
                (Some((_, closer)), _) if closer == token.token => (),
                (Some((open, _)), Some(outermost)) => {
                    return Some(BracketFault::Mismatched { outermost, open, close: at });
                }
                (Some(_) | None, _) => return Some(BracketFault::Unopened(at)),
            }
        }
    }
    let (&(outermost, _), &(innermost, _)) = (open.first()?, open.last()?);
    Some(BracketFault::Unclosed { outermost, innermost })
}

/// Makes the brackets balance, and says what was wrong.
fn mend_brackets(cx: &Context<'_>, tokens: &mut Vec<Spanned>, head: usize) -> Option<Error> {
    let fault = bracket_fault(tokens)?;
    let place = |at: usize| tokens.get(at).map_or(span(cx.file, 0, 0), |t| cx.span(t.start, t.end));
    let shape = |at: usize| {
        let place = place(at);
        cx.slice(place.start, place.end).chars().next().unwrap_or_default()
    };
    let (kind, at, from) = match fault {
        BracketFault::Unclosed { outermost, innermost } => {
            (Kind::Unclosed(shape(innermost)), place(innermost), outermost)
        }
        BracketFault::Mismatched { outermost, open, close } => {
            let (open, opened_at) = (shape(open), place(open));
            let kind = Kind::Mismatched { open, opened_at, close: shape(close) };
            (kind, place(close), outermost)
        }
        BracketFault::Unopened(at) => {
            let error = Error { kind: Kind::Unopened(shape(at)), span: place(at) };
            // What precedes it can be whole.
            tokens.truncate(at);
            return Some(error);
        }
    };
    let error = Error { kind, span: at };
    let from = part_start(tokens, from, head);
    let to = tokens.len();
    replace(tokens, from, to);
    Some(error)
}

/// Says what was expected and what was found.
pub(crate) fn report(cx: &Context<'_>, tokens: &[Spanned], unexpected: &Unexpected) -> Error {
    let names: Vec<&str> = unexpected.expected.iter().map(|name| name.trim_matches('"')).collect();
    let requires = tokens.first().is_some_and(|head| head.token == Token::Require);
    let expected = if requires {
        "a requirement such as `kernel >= 5.14`".to_owned()
    } else {
        describe_expected(&names)
    };
    let Some(token) = tokens.get(unexpected.at) else {
        let last = tokens.last().map_or((0, 0), |token| (token.start, token.end));
        let help = tokens.last().filter(|last| last.token == Token::Comma);
        let help = help.map(|_| "remove the last comma, or go on");
        let kind = Kind::UnexpectedEnd { expected, help };
        return Error { kind, span: cx.span(last.0, last.1) };
    };
    let found = describe_found(cx, token);
    let help = help(tokens, unexpected.at, &names);
    let kind = Kind::UnexpectedToken { expected, found, help };
    Error { kind, span: cx.span(token.start, token.end) }
}

/// The token as people call it.
pub(crate) fn describe_found(cx: &Context<'_>, token: &Spanned) -> String {
    let text = cx.slice(token.start, token.end);
    if token.token == Token::Str {
        "a string".to_owned()
    } else if token.token == Token::Body {
        "a block".to_owned()
    } else if text.chars().nth(40).is_some() {
        format!("`{}…`", text.chars().take(40).collect::<String>())
    } else {
        format!("`{text}`")
    }
}

/// The tokens that can follow, as people call them: what they begin, where many do.
fn describe_expected(names: &[&str]) -> String {
    let has = |name: &str| names.contains(&name);
    let mut parts = Vec::new();
    if has("!") {
        parts.push("a predicate");
    } else if has("@name") && has("name") {
        parts.push("a call name");
    } else if has("integer") && has("string") {
        parts.push("a value");
    } else if has("integer") && has("name") {
        parts.push("a constant");
    } else if has("allow") && !has("name") {
        parts.push("an action");
    } else if has("name") {
        parts.push("a name");
    } else if has("==") {
        parts.push("a comparison");
    }
    let literals = [
        ("@name", "a group such as `@io`"),
        ("version", "a kernel version such as `6.6`"),
        ("string", "a string"),
        ("body", "`{`"),
        ("symbol", "a symbol"),
    ];
    if parts.is_empty() {
        parts.extend(literals.iter().filter(|(name, _)| has(name)).map(|(_, text)| *text));
    }
    let starts = has("name") || has("integer") || has("!");
    let quoted: &[(&str, &str)] = &[
        ("if", "`if`"),
        (",", "`,`"),
        ("&&", "`&&`"),
        ("||", "`||`"),
        (")", "`)`"),
        ("}", "`}`"),
        ("]", "`]`"),
        ("=", "`=`"),
        (":", "`:`"),
        ("{", "`{`"),
        ("(", "`(`"),
    ];
    if !starts {
        parts.extend(quoted.iter().filter(|(name, _)| has(name)).map(|(_, text)| *text));
    }
    match parts.as_slice() {
        [] => "the next statement".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// What was probably meant.
fn help(tokens: &[Spanned], at: usize, names: &[&str]) -> Option<&'static str> {
    let token = tokens.get(at)?.token;
    let earlier = |back| Some(tokens.get(at.checked_sub(back)?)?.token);
    let before = earlier(1);
    let could_be = |name: &str| names.contains(&name);
    // A group can have a version in parentheses, but no condition.
    let behind_group = before == Some(Token::ParenOpen) && earlier(2) == Some(Token::GroupName);
    if token == Token::Assign && could_be("==") {
        Some("a comparison is written `==`")
    } else if token == Token::Assign && before.is_some_and(Token::is_comparison) {
        Some("comparisons are `==`, `!=`, `<`, `<=`, `>` and `>=`")
    } else if before == Some(Token::Errno) && could_be("(") {
        Some("write the error in parentheses: `errno(EPERM)`")
    } else if (token == Token::ParenOpen && could_be("if")) || behind_group {
        Some("conditions on arguments follow `if`: `allow openat if flags == O_RDONLY`")
    } else if token.is_comparison() {
        Some("a field stands on the left, and comparisons are joined with `&&` or `||`")
    } else if matches!(token, Token::Or | Token::OrOr) {
        Some("alternatives are joined with `||`")
    } else if matches!(token, Token::ParenOpen | Token::BracketOpen) && before == Some(Token::In) {
        Some("a set is written in braces: `in { 1, 2, 5..9 }`")
    } else if matches!(token, Token::Integer | Token::Minus) && could_be("!") {
        Some("a field stands on the left, a constant on the right")
    } else {
        None
    }
}
