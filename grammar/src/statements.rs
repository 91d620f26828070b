//! Where statements begin and end.
//!
//! Statements have no terminator and keywords may be names, yet their bounds need no
//! parser: a keyword at depth zero begins a statement exactly if the token before it
//! can end one, since two operands never stand side by side. So a broken statement
//! cannot swallow its neighbours. [`layout_boundary`] is the second guess, for a
//! statement that turned out to be broken; correct text never depends on layout.

use std::ops::RangeInclusive;

use crate::token::{Spanned, Token};

/// One past the last token of the statement that begins at `start`.
pub(crate) fn end(text: &str, tokens: &[Spanned], start: usize) -> usize {
    let mut rest = tokens.iter().enumerate().skip(start);
    let Some((_, head)) = rest.next() else { return tokens.len() };
    let mut state = State::new(head.token);
    for (at, token) in rest {
        if state.depth == 0 && state.ended && state.begins(text, token, at - start) {
            return at;
        }
        state.advance(text, token, at - start);
    }
    tokens.len()
}

/// How far we are in a statement.
struct State {
    head: Token,
    depth: usize,
    /// The token before can be the statement's last.
    ended: bool,
    /// Inside the argument of `errno(…)` and its like, behind which calls must follow.
    in_argument: bool,
}

impl State {
    const fn new(head: Token) -> Self {
        // A keyword behind another is an operand; but for `require`, whose operands we know.
        let ended = !head.is_statement() || matches!(head, Token::Require);
        Self { head, depth: 0, ended, in_argument: false }
    }

    /// Whether this token, behind one that can end a statement, begins the next.
    fn begins(&self, text: &str, token: &Spanned, index: usize) -> bool {
        if self.head == Token::Require && index == 1 {
            return token.token.is_statement() && token.token != Token::Kernel;
        }
        if token.token.is_statement() {
            return true;
        }
        // A name there belongs to nothing; at the beginning of a line it is a misspelt keyword.
        token.token == Token::Name
            && indentation(text, token.start).is_some()
            && !(self.head == Token::Sequence && is_sequence_word(slice(text, token)))
    }

    fn advance(&mut self, text: &str, token: &Spanned, index: usize) {
        let kind = token.token;
        if kind.closer().is_some() {
            self.in_argument |= index == 1 && self.head.is_action() && kind == Token::ParenOpen;
            self.depth += 1;
            self.ended = false;
        } else if kind.is_closer() {
            self.depth = self.depth.saturating_sub(1);
            self.ended = !(self.in_argument && self.depth == 0);
            self.in_argument &= self.depth > 0;
        } else {
            self.ended = kind.ends() && !self.expects_action(text, token, index);
        }
    }

    /// `require action notify`, and `then kill` of a sequence: the action is no statement.
    fn expects_action(&self, text: &str, token: &Spanned, index: usize) -> bool {
        match self.head == Token::Require {
            true => index == 1 && slice(text, token) == "action",
            false => self.head == Token::Sequence && slice(text, token) == "then",
        }
    }
}

fn is_sequence_word(word: &str) -> bool {
    matches!(word, "within" | "calls" | "per" | "process" | "then")
}

/// The first token of the range that looks as if a statement other than the one at
/// `start` began there: a keyword at the beginning of a line, indented no further than the
/// statement itself.
pub(crate) fn layout_boundary(
    text: &str,
    tokens: &[Spanned],
    start: usize,
    range: RangeInclusive<usize>,
) -> Option<usize> {
    let head = tokens.get(start)?;
    // A statement behind another on one line says nothing about where lines begin.
    let limit = indentation(text, head.start).unwrap_or_default();
    let inside = tokens.iter().enumerate().take(range.end().saturating_add(1));
    inside
        .skip((start + 1).max(*range.start()))
        .filter(|(_, token)| token.token.is_statement())
        .find(|(_, token)| indentation(text, token.start).is_some_and(|width| width <= limit))
        .map(|(at, _)| at)
}

/// How many bytes of white space precede `at` on its line; `None` if anything else does.
fn indentation(text: &str, at: u32) -> Option<usize> {
    let before = text.get(..at as usize)?.as_bytes();
    let width = before.iter().rev().take_while(|&&b| matches!(b, b' ' | b'\t')).count();
    let newline = before.len().checked_sub(width + 1).and_then(|i| before.get(i));
    matches!(newline, None | Some(b'\n' | b'\r')).then_some(width)
}

fn slice<'s>(text: &'s str, token: &Spanned) -> &'s str {
    text.get(token.start as usize..token.end as usize).unwrap_or_default()
}

/// Replaces the free-form part of a `test`, `require` or `sequence` statement by one
/// [`Token::Body`]; other statements stay as they are. `None` means: nothing to do.
pub(crate) fn fold_body(tokens: &[Spanned]) -> Option<Vec<Spanned>> {
    let head = tokens.first()?;
    if !matches!(head.token, Token::Require | Token::Sequence | Token::Test) {
        return None;
    }
    let brace = tokens.iter().position(|t| t.token == Token::BraceOpen);
    let (from, to) = if head.token == Token::Test && brace == Some(2) {
        // Exactly the braces; what follows them is an error.
        (2, matching(tokens, 2)?)
    } else if head.token == Token::Sequence && brace.is_some_and(|at| at >= 2) {
        (2, tokens.len() - 1)
    } else if head.token == Token::Require && tokens.len() > 1 {
        (1, tokens.len() - 1)
    } else {
        return None;
    };
    let (first, last) = (tokens.get(from)?, tokens.get(to)?);
    let body = Spanned { token: Token::Body, start: first.start, end: last.end };
    let mut folded = tokens.get(..from)?.to_vec();
    folded.push(body);
    folded.extend(tokens.iter().skip(to + 1));
    Some(folded)
}

/// The token that closes the bracket at `open`, in balanced text.
fn matching(tokens: &[Spanned], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.token.closer().is_some() {
            depth += 1;
        } else if token.token.is_closer() {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{end, layout_boundary};
    use crate::lexer::{Mode, lex};
    use crate::source::FileId;

    /// The first words of the statements.
    fn split(text: &str) -> Vec<&str> {
        let tokens = lex(FileId(0), text, Mode::Policy).tokens;
        let mut starts = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let start = tokens[at].start as usize;
            at = end(text, &tokens, at);
            let last = tokens[at - 1].end as usize;
            starts.push(&text[start..last]);
        }
        starts
    }

    #[test]
    fn keywords_are_names_where_names_are_expected() {
        assert_eq!(split("allow kill kill signal"), ["allow kill", "kill signal"]);
        assert_eq!(split("errno(E) kill log any"), ["errno(E) kill", "log any"]);
        assert_eq!(split("default errno(E) kill any"), ["default errno(E)", "kill any"]);
        assert_eq!(split("unknown default default kill"), ["unknown default", "default kill"]);
        assert_eq!(
            split("allow a if group == event && (label & test) log any"),
            ["allow a if group == event && (label & test)", "log any"]
        );
        assert_eq!(
            split("let test = test let group = !group"),
            ["let test = test", "let group = !group"]
        );
        assert_eq!(split("event syscalls:kill kill x"), ["event syscalls:kill", "kill x"]);
    }

    #[test]
    fn free_forms() {
        assert_eq!(
            split("require action notify require kernel >= 5.14 allow a"),
            ["require action notify", "require kernel >= 5.14", "allow a"]
        );
        let sequence = "sequence s\nwithin 3 calls per process { a, b if ret > 0\nsignal C }\n\
                        if x == \"y\"\nthen log(\"z\"), kill_process";
        assert_eq!(split(&format!("{sequence} allow a")), [sequence, "allow a"]);
        let test = "test \"x\" { allow\nallow { } all any => kill }";
        assert_eq!(split(&format!("{test}\nlog any")), [test, "log any"]);
    }

    #[test]
    fn a_name_at_the_beginning_of_a_line_begins_something() {
        assert_eq!(split("allow a\nalow b\nallow c"), ["allow a", "alow b", "allow c"]);
        assert_eq!(split("allow a b\nallow c"), ["allow a b", "allow c"]);
        assert_eq!(split("allow a,\nb"), ["allow a,\nb"]);
    }

    #[test]
    fn layout() {
        let text = "  allow a if (\n    kill,\n  kill b\nlog c";
        let tokens = lex(FileId(0), text, Mode::Policy).tokens;
        assert_eq!(layout_boundary(text, &tokens, 0, 0..=3), None);
        assert_eq!(layout_boundary(text, &tokens, 0, 0..=99), Some(6));
        assert_eq!(layout_boundary(text, &tokens, 6, 6..=99), Some(8));
    }
}
