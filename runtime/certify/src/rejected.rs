//! Why a certificate is not accepted.

use std::fmt;

/// Why a certificate is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// It is not one, or damaged.
    Malformed(&'static str),
    /// The resolved policy cannot be read.
    Policy(String),
    /// The program cannot be read.
    Program(&'static str),
    /// The program, or the source, is another one.
    OtherThan(&'static str),
    /// There are not as many programs as it is about.
    Programs(usize),
    /// At this leaf, counted from 0, the check failed.
    Leaf(u64, &'static str),
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "the certificate is damaged: {what}"),
            Self::Policy(what) => write!(f, "the policy in the certificate is damaged: {what}"),
            Self::Program(what) => write!(f, "the program is none: {what}"),
            Self::OtherThan(what) => write!(f, "the certificate is for another {what}"),
            Self::Programs(count) => write!(f, "the certificate is about {count} program(s)"),
            Self::Leaf(index, what) => write!(f, "it does not hold: leaf {index}: {what}"),
        }
    }
}

impl std::error::Error for Rejected {}
