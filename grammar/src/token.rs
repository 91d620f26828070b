//! The tokens. They carry no text: it is what stands under their span.

use logos::Logos;

/// A token. What a string, an integer or a raw symbol looks like inside is the
/// business of [`crate::lexer`]; logos finds where one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Logos)]
#[logos(skip r"[ \t\r\n\x0B\x0C\u{A0}]+")]
pub(crate) enum Token {
    // Statements.
    #[token("arch")]
    Arch,
    #[token("kernel")]
    Kernel,
    #[token("default")]
    Default,
    #[token("unknown")]
    Unknown,
    #[token("foreign")]
    Foreign,
    #[token("include")]
    Include,
    #[token("const")]
    Const,
    #[token("group")]
    Group,
    #[token("let")]
    Let,
    #[token("label")]
    Label,
    #[token("racy")]
    Racy,
    #[token("require")]
    Require,
    #[token("param")]
    Param,
    #[token("test")]
    Test,
    #[token("sequence")]
    Sequence,
    #[token("event")]
    Event,

    // Actions, which begin statements too.
    #[token("allow")]
    Allow,
    #[token("log")]
    Log,
    #[token("notify")]
    Notify,
    #[token("trace")]
    Trace,
    #[token("trap")]
    Trap,
    #[token("errno")]
    Errno,
    #[token("kill_thread")]
    KillThread,
    #[token("kill_process")]
    KillProcess,
    #[token("kill")]
    Kill,

    // Words inside statements.
    #[token("any")]
    Any,
    #[token("syscall")]
    Syscall,
    #[token("if")]
    If,
    #[token("in")]
    In,
    #[token("and")]
    WordAnd,
    #[token("or")]
    WordOr,
    #[token("not")]
    WordNot,
    #[token("true")]
    True,
    #[token("false")]
    False,

    // Names and literals.
    #[regex("[A-Za-z_][A-Za-z0-9_]*")]
    Name,
    /// `.ustring`, directly behind a name.
    #[regex(r"\.[A-Za-z_][A-Za-z0-9_]*")]
    Dotted,
    /// `@io`, `@basic-io`: a hyphen only between two other characters.
    #[regex("@[A-Za-z_][A-Za-z0-9_]*(-[A-Za-z0-9_]+)*")]
    GroupName,
    #[regex("[0-9][0-9A-Za-z_]*")]
    Integer,
    /// `6.6`, and what else has dots between digits.
    #[regex(r"[0-9]+(\.[0-9]+)+")]
    Version,
    /// A quoted single character; after logos. The others are `Str`.
    Character,
    /// Made by the lexer from `Quote`.
    Str,
    /// Either quotation mark; what follows is read by the lexer.
    #[regex("[\"']")]
    Quote,
    /// `CPUS{…}`; logos finds the opening.
    #[token("CPUS{")]
    Cpus,
    /// What follows `.function ==` up to white space.
    Symbol,

    // Punctuation.
    #[token("(")]
    ParenOpen,
    #[token(")")]
    ParenClose,
    #[token("{")]
    BraceOpen,
    #[token("}")]
    BraceClose,
    #[token("[")]
    BracketOpen,
    #[token("]")]
    BracketClose,
    #[token(",")]
    Comma,
    #[token(":")]
    Colon,
    #[token("=")]
    Assign,
    #[token("=>")]
    Arrow,
    #[token("..")]
    Range,

    // Operators.
    #[token("!")]
    Bang,
    #[token("&&")]
    AndAnd,
    #[token("||")]
    OrOr,
    #[token("==")]
    Eq,
    #[token("!=")]
    Ne,
    #[token("<")]
    Lt,
    #[token("<=")]
    Le,
    #[token(">")]
    Gt,
    #[token(">=")]
    Ge,
    #[token("|")]
    Or,
    #[token("^")]
    Xor,
    #[token("&")]
    And,
    #[token("<<")]
    Shl,
    #[token(">>")]
    Shr,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("~")]
    Tilde,

    /// Kept as trivia; never reaches the grammar.
    #[regex("#[^\n]*", allow_greedy = true)]
    Comment,
    /// A character that begins nothing; never reaches the grammar.
    #[regex(".", priority = 0)]
    Other,

    /// Text that was reported already: a lexer fault, or what recovery gave up on.
    Error,
    /// The free-form rest of a `test`, `require` or `sequence` statement.
    Body,

    // The grammar's entries: the first token says what is to be parsed.
    StartStatement,
    StartPredicate,
    StartConstant,
    StartCall,
}

impl Token {
    /// Begins a statement, where it does not stand for a name.
    pub(crate) const fn is_statement(self) -> bool {
        matches!(
            self,
            Self::Arch
                | Self::Kernel
                | Self::Default
                | Self::Unknown
                | Self::Foreign
                | Self::Include
                | Self::Const
                | Self::Group
                | Self::Let
                | Self::Label
                | Self::Racy
                | Self::Require
                | Self::Param
                | Self::Test
                | Self::Sequence
                | Self::Event
        ) || self.is_action()
    }

    /// Begins an action.
    pub(crate) const fn is_action(self) -> bool {
        matches!(
            self,
            Self::Allow
                | Self::Log
                | Self::Notify
                | Self::Trace
                | Self::Trap
                | Self::Errno
                | Self::KillThread
                | Self::KillProcess
                | Self::Kill
        )
    }

    /// Stands for a name where a name is expected.
    pub(crate) const fn is_name(self) -> bool {
        self.is_statement() || matches!(self, Self::Name | Self::Any | Self::Syscall)
    }

    /// Can be the last token of a statement (or of an operand, which is the same set
    /// but for what brackets close).
    pub(crate) const fn ends(self) -> bool {
        self.is_name()
            || matches!(
                self,
                Self::True
                    | Self::False
                    | Self::Dotted
                    | Self::GroupName
                    | Self::Integer
                    | Self::Version
                    | Self::Character
                    | Self::Str
                    | Self::Cpus
                    | Self::Symbol
                    | Self::ParenClose
                    | Self::BraceClose
                    | Self::BracketClose
                    | Self::Error
                    | Self::Body
            )
    }

    /// What closes this bracket.
    pub(crate) const fn closer(self) -> Option<Self> {
        if matches!(self, Self::ParenOpen) {
            Some(Self::ParenClose)
        } else if matches!(self, Self::BraceOpen) {
            Some(Self::BraceClose)
        } else if matches!(self, Self::BracketOpen) {
            Some(Self::BracketClose)
        } else {
            None
        }
    }

    /// Closes a bracket.
    pub(crate) const fn is_closer(self) -> bool {
        matches!(self, Self::ParenClose | Self::BraceClose | Self::BracketClose)
    }

    /// A comparison.
    pub(crate) const fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spanned {
    pub(crate) token: Token,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// The statement keywords, as did-you-mean offers them.
pub(crate) const STATEMENTS: &[&str] = &[
    "arch",
    "kernel",
    "default",
    "unknown",
    "foreign",
    "include",
    "const",
    "group",
    "let",
    "label",
    "racy",
    "require",
    "param",
    "test",
    "sequence",
    "event",
    "allow",
    "log",
    "notify",
    "trace",
    "trap",
    "errno",
    "kill_thread",
    "kill_process",
    "kill",
];
