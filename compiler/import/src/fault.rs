//! What can be wrong with a text of one of the formats that have a grammar of their own, or that
//! are read through their own vocabulary; `compiler/driver/codes` explains each.

use filterc_grammar::diagnostic::{Code, Diagnostic};
use filterc_grammar::source::Span;

/// The codes of these formats, sorted.
pub const CODES: &[&str] = &[
    "F0740", "F0741", "F0742", "F0743", "F0744", "F0745", "F0746", "F0747", "F0748", "F0749",
    "F0750", "F0751", "F0752", "F0753", "F0754", "F0755", "F0756",
];

/// One kind of fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The text is not of the format.
    Unexpected {
        /// What would be.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// No call of any ABI that is covered.
    UnknownCall(String, Vec<&'static str>),
    /// A call has no such argument.
    NoArgument(String, String),
    /// A name that is not defined: of what sort, and the name.
    UnknownName(&'static str, String),
    /// A number that cannot stand there, and why.
    BadNumber(String, &'static str),
    /// No action of the format, or not here.
    UnknownAction(String, &'static str),
    /// What may stand once stands twice; where the first is.
    SaidTwice(String, Span),
    /// A file that is included, and why it is not there.
    NotFound(String, String),
    /// Files that include each other, or too many of them.
    TooDeep(usize),
    /// What has no translation that means the same, and why.
    Untranslatable(String, String),
    /// What its own compilers do not agree on.
    Disputed(String, String),
    /// Several filters, one of which has to be chosen.
    Which {
        /// What is chosen by the option.
        what: &'static str,
        /// The option.
        option: &'static str,
        /// What there is.
        names: Vec<String>,
    },
    /// No group of that name.
    UnknownGroup(String),
    /// No architecture of the format.
    UnknownArchitecture(String),
    /// Two rules of which nothing says which one counts; where the other is.
    Contradiction(String, Span),
    /// The text is not YAML.
    NotYaml(String),
    /// There is nothing of the format in the text.
    Nothing(&'static str),
}

impl Fault {
    const fn code(&self) -> Code {
        Code(match self {
            Self::Unexpected { .. } => "F0740",
            Self::UnknownCall(..) => "F0741",
            Self::NoArgument(..) => "F0742",
            Self::UnknownName(..) => "F0743",
            Self::BadNumber(..) => "F0744",
            Self::UnknownAction(..) => "F0745",
            Self::SaidTwice(..) => "F0746",
            Self::NotFound(..) => "F0747",
            Self::TooDeep(_) => "F0748",
            Self::Untranslatable(..) => "F0749",
            Self::Disputed(..) => "F0750",
            Self::Which { .. } => "F0751",
            Self::UnknownGroup(_) => "F0752",
            Self::UnknownArchitecture(_) => "F0753",
            Self::Contradiction(..) => "F0754",
            Self::NotYaml(_) => "F0755",
            Self::Nothing(_) => "F0756",
        })
    }

    /// The message, and what to say at the place.
    fn texts(&self) -> (String, String) {
        match self {
            Self::Unexpected { expected, found } => {
                (format!("{expected} is expected here"), format!("this is {found}"))
            }
            Self::UnknownCall(name, abis) => {
                (format!("no system call `{name}` on {}", abis.join(", ")), String::new())
            }
            Self::NoArgument(call, name) => {
                (format!("`{call}` has no argument `{name}`"), String::new())
            }
            Self::UnknownName(sort, name) => (format!("unknown {sort} `{name}`"), String::new()),
            Self::BadNumber(text, why) => {
                (format!("`{text}` cannot stand here"), (*why).to_owned())
            }
            Self::UnknownAction(name, why) => {
                (format!("no action `{name}` here"), (*why).to_owned())
            }
            Self::SaidTwice(what, _) => (what.clone(), "the second".to_owned()),
            Self::NotFound(path, why) => (format!("`{path}` cannot be included"), why.clone()),
            Self::TooDeep(most) => (
                format!("files are included more than {most} deep"),
                "perhaps they include each other".to_owned(),
            ),
            Self::Untranslatable(what, why) => {
                (format!("no faithful translation of {what}"), why.clone())
            }
            Self::Disputed(what, why) => (format!("{what} has two meanings"), why.clone()),
            Self::Which { what, names, .. } => {
                (format!("which {what} is meant?"), format!("there are {}", list(names)))
            }
            Self::UnknownGroup(name) => (format!("unknown group `{name}`"), String::new()),
            Self::UnknownArchitecture(name) => {
                (format!("unknown architecture `{name}`"), String::new())
            }
            Self::Contradiction(call, _) => (
                format!("some calls of `{call}` match two rules"),
                "the actions differ, and the order has no meaning".to_owned(),
            ),
            Self::NotYaml(reason) => ("this is not YAML".to_owned(), reason.clone()),
            Self::Nothing(what) => (format!("there is no {what} here"), String::new()),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Which { what, option, .. } => Some(format!(
                "choose one with {option} NAME, in a comparison with --reading {what}=NAME"
            )),
            Self::UnknownName("constant", _) => {
                Some("give it a value with -D NAME=VALUE".to_owned())
            }
            Self::UnknownGroup(_) => Some(
                "groups of another systemd are read from what `systemd-analyze syscall-filter` \
                 printed, with --sets FILE"
                    .to_owned(),
            ),
            Self::Contradiction(..) => {
                Some("make their conditions exclude each other, or give them one action".to_owned())
            }
            Self::Unexpected { .. }
            | Self::UnknownCall(..)
            | Self::NoArgument(..)
            | Self::UnknownName(..)
            | Self::BadNumber(..)
            | Self::UnknownAction(..)
            | Self::SaidTwice(..)
            | Self::NotFound(..)
            | Self::TooDeep(_)
            | Self::Untranslatable(..)
            | Self::Disputed(..)
            | Self::UnknownArchitecture(_)
            | Self::NotYaml(_)
            | Self::Nothing(_) => None,
        }
    }

    /// The diagnostic for it, at a place.
    pub(crate) fn at(&self, span: Span) -> Diagnostic {
        let (message, label) = self.texts();
        let mut diagnostic = Diagnostic::error(self.code(), span, message, label);
        if let Self::SaidTwice(_, first) | Self::Contradiction(_, first) = self {
            diagnostic = diagnostic.with_secondary(*first, "the first");
        }
        diagnostic.help.extend(self.help());
        diagnostic
    }
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
