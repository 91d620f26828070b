//! How the kernel rejects a text.

use std::fmt;

/// What the kernel says: the error of `write`, and the line of `error_log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The error of the system call.
    pub errno: Errno,
    /// The message of the log.
    pub message: Message,
    /// Where the log's caret is, in bytes. For what a single test complains about it counts from
    /// 1, for all else from 0: that is how the kernel has it.
    pub position: usize,
}

/// The error of the system call. Three of them are numbers that were not meant to come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Errno {
    /// 1
    Eperm,
    /// 2
    Enoent,
    /// 3
    Esrch,
    /// 22
    Einval,
}

/// The message of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the messages")]
pub enum Message {
    Error,
    NoFilter,
    FieldNotFound,
    InvalidOperator,
    InvalidValue,
    IllegalInteger,
    OperandTooLong,
    IllegalOperation,
    ExpectingString,
    ExpectingNumber,
    FunctionNotFound,
    MissingBraceOpen,
    MissingBraceClose,
    InvalidCpulist,
    TooManyTerms,
    TooFewOpen,
    TooManyOpen,
    MissingQuote,
    /// 4096 bytes or more: nothing is logged, and nothing changes.
    TooLong,
    /// `a || b &&`: the kernel gives it no defined meaning. This is the one class of texts of which
    /// it is not said what the kernel answers: nobody is to give it to one.
    Undefined,
}

impl Errno {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eperm => "EPERM",
            Self::Enoent => "ENOENT",
            Self::Esrch => "ESRCH",
            Self::Einval => "EINVAL",
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Eperm => 1,
            Self::Enoent => 2,
            Self::Esrch => 3,
            Self::Einval => 22,
        }
    }
}

impl Message {
    /// The kernel's text; for what it does not log, ours.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Error => "Error",
            Self::NoFilter => "No filter found",
            Self::FieldNotFound => "Field not found",
            Self::InvalidOperator => "Invalid operator",
            Self::InvalidValue => "Invalid value (did you forget quotes)?",
            Self::IllegalInteger => "Illegal integer value",
            Self::OperandTooLong => "Operand too long",
            Self::IllegalOperation => "Illegal operation for field type",
            Self::ExpectingString => "Expecting string field",
            Self::ExpectingNumber => "Expecting numeric field",
            Self::FunctionNotFound => "Function not found",
            Self::MissingBraceOpen => "Missing '{'",
            Self::MissingBraceClose => "Missing '}'",
            Self::InvalidCpulist => "Invalid cpulist",
            Self::TooManyTerms => "Too many terms in predicate expression",
            Self::TooFewOpen => "Too few '('",
            Self::TooManyOpen => "Too many '('",
            Self::MissingQuote => "Missing matching quote",
            Self::TooLong => "nothing is logged",
            Self::Undefined => "this text has no defined meaning to it",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message {
            Message::TooLong => write!(f, "{}, {}", self.errno.name(), self.message.text()),
            Message::Undefined => f.write_str(self.message.text()),
            Message::Error
            | Message::NoFilter
            | Message::FieldNotFound
            | Message::InvalidOperator
            | Message::InvalidValue
            | Message::IllegalInteger
            | Message::OperandTooLong
            | Message::IllegalOperation
            | Message::ExpectingString
            | Message::ExpectingNumber
            | Message::FunctionNotFound
            | Message::MissingBraceOpen
            | Message::MissingBraceClose
            | Message::InvalidCpulist
            | Message::TooManyTerms
            | Message::TooFewOpen
            | Message::TooManyOpen
            | Message::MissingQuote => write!(
                f,
                "{}, \"{}\" at position {}",
                self.errno.name(),
                self.message.text(),
                self.position
            ),
        }
    }
}
