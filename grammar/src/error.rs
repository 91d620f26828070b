//! What can be wrong with a text's syntax.
//!
//! Lexer, grammar and recovery report [`Error`]s; they become [`Diagnostic`]s in one
//! place, here, so that all of them speak alike.

use crate::diagnostic::{Code, Diagnostic};
use crate::source::{FileId, Span};

/// The codes of this stage, in order.
pub const CODES: &[&str] = &[
    "F0101", "F0102", "F0103", "F0104", "F0105", "F0106", "F0107", "F0108", "F0109", "F0110",
    "F0111", "F0112",
];

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// F0101: a character that begins no token, or one that only confuses a reader:
    /// control characters, byte order marks, direction marks.
    UnexpectedCharacter(char),
    /// F0102: a quote, or `CPUS{`, that nothing closes before the line (of a kernel
    /// filter: the text) ends; the text is what would have closed it.
    Unterminated(char),
    /// F0103: digits that make no integer; the text says why.
    MalformedInteger(String),
    /// F0104: an integer of more than 64 bits.
    IntegerTooLarge,
    /// F0105: something other than `MAJOR.MINOR` behind `kernel`.
    MalformedVersion,
    /// F0106: a token that cannot stand there.
    UnexpectedToken {
        /// What could have stood there, for people.
        expected: String,
        /// What does, for people.
        found: String,
        /// What was probably meant.
        help: Option<&'static str>,
    },
    /// F0107: the statement, or the text, ends too early.
    UnexpectedEnd {
        /// What should have followed, for people.
        expected: String,
        /// What was probably meant.
        help: Option<&'static str>,
    },
    /// F0108: a statement that begins with something other than a statement's keyword.
    UnknownStatement {
        /// What it begins with, for people.
        found: String,
        /// The keyword that looks like it.
        similar: Option<&'static str>,
    },
    /// F0109: a bracket that nothing closes.
    Unclosed(char),
    /// F0109: a closing bracket without its opening one.
    Unopened(char),
    /// F0109: a closing bracket of another shape than the opening one, which is at the span.
    Mismatched {
        /// The opening bracket.
        open: char,
        /// Where it stands.
        opened_at: Span,
        /// The closing bracket.
        close: char,
    },
    /// F0110: a comparison behind parentheses that hold anything but `field & constant`.
    NotMasked,
    /// F0111: nested deeper than [`crate::parser::MAX_NESTING`].
    TooDeep,
    /// F0111: longer than [`crate::source::MAX_SOURCE_LEN`].
    TooLong,
    /// F0111: more errors than anybody reads; the rest of the text was not looked at.
    TooManyErrors,
    /// F0112: an index behind something other than `args`.
    NotIndexed(String),
}

/// One error and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What.
    pub kind: Kind,
    /// Where.
    pub span: Span,
}

impl Kind {
    /// Its code.
    #[must_use]
    pub const fn code(&self) -> Code {
        Code(match self {
            Self::UnexpectedCharacter(_) => "F0101",
            Self::Unterminated(_) => "F0102",
            Self::MalformedInteger(_) => "F0103",
            Self::IntegerTooLarge => "F0104",
            Self::MalformedVersion => "F0105",
            Self::UnexpectedToken { .. } => "F0106",
            Self::UnexpectedEnd { .. } => "F0107",
            Self::UnknownStatement { .. } => "F0108",
            Self::Unclosed(_) | Self::Unopened(_) | Self::Mismatched { .. } => "F0109",
            Self::NotMasked => "F0110",
            Self::TooDeep | Self::TooLong | Self::TooManyErrors => "F0111",
            Self::NotIndexed(_) => "F0112",
        })
    }

    /// The message, what to write under the culprit, and what to do.
    fn texts(&self) -> (String, String, Option<String>) {
        let plain = |message: &str, label: &str, help: Option<&str>| {
            (message.to_owned(), label.to_owned(), help.map(str::to_owned))
        };
        match self {
            Self::UnexpectedCharacter(c) => unexpected_character(*c),
            Self::Unterminated(close) => unterminated(*close),
            Self::MalformedInteger(why) => {
                ("this is no integer".to_owned(), why.clone(), Some(INTEGERS.to_owned()))
            }
            Self::IntegerTooLarge => {
                plain("this integer needs more than 64 bits", "larger than any register", None)
            }
            Self::MalformedVersion => plain(
                "this is no kernel version",
                "expected MAJOR.MINOR",
                Some("write two numbers and a dot, such as `kernel 6.6`"),
            ),
            Self::UnexpectedToken { expected, found, help } => (
                format!("expected {expected}, found {found}"),
                "not expected here".to_owned(),
                help.map(str::to_owned),
            ),
            Self::UnexpectedEnd { expected, help } => (
                format!("expected {expected}, but nothing follows"),
                "it ends here".to_owned(),
                help.map(str::to_owned),
            ),
            Self::UnknownStatement { found, similar } => (
                format!("{found} begins no statement"),
                "expected a statement".to_owned(),
                Some(similar.map_or_else(
                    || STATEMENTS.to_owned(),
                    |similar| format!("did you mean `{similar}`?"),
                )),
            ),
            Self::Unclosed(open) => {
                (format!("`{open}` is never closed"), "opened here".to_owned(), None)
            }
            Self::Unopened(close) => {
                (format!("`{close}` closes nothing"), "nothing is open here".to_owned(), None)
            }
            Self::Mismatched { open, close, .. } => {
                (format!("`{close}` does not close `{open}`"), "closed here".to_owned(), None)
            }
            Self::NotMasked => plain(
                "only `(field & constant)` can be compared",
                "these parentheses hold a predicate",
                Some("compare inside the parentheses, or join predicates with `&&` and `||`"),
            ),
            Self::TooDeep => {
                (too_deep(), "the deepest place".to_owned(), Some(TOO_DEEP_HELP.to_owned()))
            }
            Self::TooLong => (too_long(), String::new(), None),
            Self::TooManyErrors => plain(
                "too many errors; the rest of the text was not looked at",
                "given up here",
                None,
            ),
            Self::NotIndexed(name) => (
                format!("`{name}` has no elements"),
                "only `args` takes an index".to_owned(),
                Some("`args[0]` to `args[5]` are the raw argument registers".to_owned()),
            ),
        }
    }
}

const INTEGERS: &str = "integers are decimal (12), hexadecimal (0x1f), octal (017) or binary \
                        (0b11), with `_` only between digits";
const STATEMENTS: &str = "a statement begins with an action such as `allow`, or with `arch`, \
                          `kernel`, `default`, `unknown`, `foreign`, `include`, `const`, `group` \
                          or `let`";
const TOO_DEEP_HELP: &str =
    "name parts of the predicate with `let`; `&&` and `||` may be as long as you like";

fn too_deep() -> String {
    format!("nested deeper than {} levels", crate::limits::MAX_NESTING)
}

fn too_long() -> String {
    format!("the text is longer than {} bytes", crate::source::MAX_SOURCE_LEN)
}

fn unterminated(close: char) -> (String, String, Option<String>) {
    if close == '}' {
        let message = "`CPUS{` is never closed".to_owned();
        return (message, "opened here".to_owned(), None);
    }
    let help = "a string ends on the line on which it begins, and has no escapes".to_owned();
    ("this string is never closed".to_owned(), format!("`{close}` is missing"), Some(help))
}

fn unexpected_character(c: char) -> (String, String, Option<String>) {
    let number = u32::from(c);
    let message = if c.is_control() || is_invisible(c) {
        format!("unexpected character U+{number:04X}")
    } else if c.is_ascii() {
        format!("unexpected character `{c}`")
    } else {
        format!("unexpected character `{c}` (U+{number:04X})")
    };
    let help = match c {
        ';' => Some("statements need no terminator"),
        '/' => Some("a comment begins with `#`"),
        '%' => Some("there is no remainder operator; a mask is written `&`"),
        '@' => Some("a group is `@` and a name"),
        '\u{feff}' => Some("save the file as UTF-8 without a byte order mark"),
        '\0' => Some("this is not a text file, or it is not UTF-8"),
        _ if is_invisible(c) => Some("remove it: it can make the text look like another one"),
        _ if c.is_control() => Some("remove this control character"),
        _ => None,
    };
    (message, "cannot stand here".to_owned(), help.map(str::to_owned))
}

/// Characters that show nothing and can make a text look like another one.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

impl Error {
    /// The diagnostic for it.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let (message, label, help) = self.kind.texts();
        let mut diagnostic = Diagnostic::error(self.kind.code(), self.span, message, label);
        if let Kind::Mismatched { opened_at, .. } = self.kind {
            diagnostic = diagnostic.with_secondary(opened_at, "opened here");
        }
        diagnostic.help.extend(help);
        diagnostic
    }
}

/// The span of `start..end` in `file`.
pub(crate) const fn span(file: FileId, start: u32, end: u32) -> Span {
    Span { file, start, end }
}

#[cfg(test)]
mod tests {
    use super::{CODES, Error, Kind, span};
    use crate::source::FileId;

    #[test]
    fn codes_are_those_of_the_kinds() {
        let at = span(FileId(0), 0, 1);
        let text = String::new;
        let kinds = [
            Kind::UnexpectedCharacter(';'),
            Kind::Unterminated('"'),
            Kind::MalformedInteger(text()),
            Kind::IntegerTooLarge,
            Kind::MalformedVersion,
            Kind::UnexpectedToken { expected: text(), found: text(), help: None },
            Kind::UnexpectedEnd { expected: text(), help: None },
            Kind::UnknownStatement { found: text(), similar: None },
            Kind::Unclosed('('),
            Kind::Unopened(')'),
            Kind::Mismatched { open: '(', opened_at: at, close: ']' },
            Kind::NotMasked,
            Kind::TooDeep,
            Kind::TooLong,
            Kind::TooManyErrors,
            Kind::NotIndexed(text()),
        ];
        let mut codes: Vec<_> = kinds.iter().map(|kind| kind.code().0).collect();
        codes.dedup();
        assert_eq!(codes, CODES);
        for kind in kinds {
            let diagnostic = Error { kind, span: at }.diagnostic();
            assert!(!diagnostic.message.is_empty() && !diagnostic.message.ends_with('.'));
        }
    }

    #[test]
    fn invisible_characters_are_named_by_number() {
        let message = |c| {
            Error { kind: Kind::UnexpectedCharacter(c), span: span(FileId(0), 0, 1) }
                .diagnostic()
                .message
        };
        assert_eq!(message('\u{202e}'), "unexpected character U+202E");
        assert_eq!(message('\0'), "unexpected character U+0000");
        assert_eq!(message('é'), "unexpected character `é` (U+00E9)");
        assert_eq!(message(';'), "unexpected character `;`");
    }
}
