//! What can be wrong with a foreign policy, as data; `compiler/driver/codes` explains each.

use filterc_grammar::diagnostic::{Code, Diagnostic};
use filterc_grammar::source::Span;

/// The codes of this stage, sorted.
pub const CODES: &[&str] = &[
    "F0701", "F0702", "F0703", "F0704", "F0705", "F0706", "F0707", "F0708", "F0709", "F0710",
    "F0711", "F0712", "F0713", "F0714", "F0715",
];

/// One kind of fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The text is not JSON; the reader's reason.
    NotJson(String),
    /// A value of another type than the format has there.
    WrongType {
        /// What is expected.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A member is missing.
    Missing(&'static str),
    /// The format has no such member: it may be a condition that is misspelt.
    UnknownMember {
        /// Its name.
        name: String,
        /// Those that there are.
        known: &'static [&'static str],
    },
    /// Two members say the same, so that nobody can tell which one counts.
    SaidTwice(String),
    /// No action of the format.
    UnknownAction(String),
    /// No comparison of the format.
    UnknownOperator(String),
    /// No architecture of the format, or one without tables.
    UnknownArchitecture(String),
    /// There are six arguments.
    BadIndex(u64),
    /// No errno: a number beyond what a filter can return, or an unknown name.
    BadErrno(String),
    /// No kernel version.
    BadVersion(String),
    /// No flag of the format.
    UnknownFlag(String),
    /// Two rules of different actions match the same call, and nothing says which one counts.
    Conflict {
        /// The call.
        call: String,
        /// An ABI on which it is so.
        abi: &'static str,
        /// Path of the other entry.
        other: String,
        /// Where the other entry is.
        span: Span,
    },
    /// A supervisor would be asked for the call that tells it of the filter.
    AskedTooEarly(String),
    /// More entries than any profile needs.
    TooMany(usize),
}

/// The actions of the format.
pub(crate) const ACTIONS: &[&str] = &[
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
];

/// The comparisons of the format.
pub(crate) const OPERATORS: &[&str] = &[
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_LE",
    "SCMP_CMP_LT",
    "SCMP_CMP_MASKED_EQ",
    "SCMP_CMP_NE",
];

impl Kind {
    const fn code(&self) -> Code {
        Code(match self {
            Self::NotJson(_) => "F0701",
            Self::WrongType { .. } => "F0702",
            Self::Missing(_) => "F0703",
            Self::UnknownMember { .. } => "F0704",
            Self::SaidTwice(_) => "F0705",
            Self::UnknownAction(_) => "F0706",
            Self::UnknownOperator(_) => "F0707",
            Self::UnknownArchitecture(_) => "F0708",
            Self::BadIndex(_) => "F0709",
            Self::BadErrno(_) => "F0710",
            Self::BadVersion(_) => "F0711",
            Self::UnknownFlag(_) => "F0712",
            Self::Conflict { .. } => "F0713",
            Self::AskedTooEarly(_) => "F0714",
            Self::TooMany(_) => "F0715",
        })
    }

    /// The message without the path, and what to say at the place.
    fn texts(&self) -> (String, String) {
        let (message, label) = match self {
            Self::NotJson(reason) => ("this is not JSON".to_owned(), reason.clone()),
            Self::WrongType { expected, found } => {
                (format!("{expected} is expected here"), format!("this is {found}"))
            }
            Self::Missing(name) => (format!("`{name}` is missing"), "here".to_owned()),
            Self::UnknownMember { name, .. } => (
                format!("the format has no `{name}` here"),
                "left out, it could be a condition less".to_owned(),
            ),
            Self::SaidTwice(what) => (what.clone(), "the second".to_owned()),
            Self::UnknownAction(name) => (format!("unknown action `{name}`"), String::new()),
            Self::UnknownOperator(name) => (format!("unknown comparison `{name}`"), String::new()),
            Self::UnknownArchitecture(name) => {
                (format!("unknown architecture `{name}`"), String::new())
            }
            Self::BadIndex(index) => {
                (format!("no argument {index}"), "arguments are 0…5".to_owned())
            }
            Self::BadErrno(errno) => {
                (format!("no errno `{errno}`"), "a name, or 0…32767".to_owned())
            }
            Self::BadVersion(version) => {
                (format!("no kernel version `{version}`"), "as in 4.8".to_owned())
            }
            Self::UnknownFlag(name) => (format!("unknown flag `{name}`"), String::new()),
            Self::Conflict { call, abi, other, .. } => (
                format!("some calls of `{call}` match this rule and {other} on {abi}"),
                "the actions differ, and the order has no meaning".to_owned(),
            ),
            Self::TooMany(most) => {
                (format!("more than {most} entries"), "a profile has some hundred".to_owned())
            }
            Self::AskedTooEarly(what) => (
                format!("a supervisor cannot be asked about {what}"),
                "it would be needed to hand the supervisor its descriptor".to_owned(),
            ),
        };
        (message, label)
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::UnknownMember { known, .. } => Some(format!("there are {}", list(known))),
            Self::UnknownAction(_) => Some(format!("the actions are {}", list(ACTIONS))),
            Self::UnknownOperator(_) => Some(format!("the comparisons are {}", list(OPERATORS))),
            Self::UnknownArchitecture(_) => {
                let names: Vec<&str> = filterc_abi::abis().iter().map(|abi| abi.name).collect();
                Some(format!("there are tables for {}", names.join(", ")))
            }
            Self::Conflict { .. } => Some(
                "container runtimes disagree about such rules: make their conditions exclude \
                 each other, or give them one action"
                    .to_owned(),
            ),
            Self::NotJson(_)
            | Self::WrongType { .. }
            | Self::Missing(_)
            | Self::SaidTwice(_)
            | Self::BadIndex(_)
            | Self::BadErrno(_)
            | Self::BadVersion(_)
            | Self::UnknownFlag(_)
            | Self::AskedTooEarly(_)
            | Self::TooMany(_) => None,
        }
    }

    /// The diagnostic for it, at a path and a place.
    pub(crate) fn diagnostic(&self, path: &str, span: Span) -> Diagnostic {
        let (message, label) = self.texts();
        let message = if path.is_empty() { message } else { format!("{path}: {message}") };
        let mut diagnostic = Diagnostic::error(self.code(), span, message, label);
        if let Self::Conflict { span, .. } = self {
            diagnostic = diagnostic.with_secondary(*span, "the other rule");
        }
        diagnostic.help.extend(self.help());
        diagnostic
    }
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
