//! Foreign policies, read into the syntax tree of `.flt` and printed as a text that a person
//! would keep.
//!
//! Guarantees: the same text gives the same policy; what cannot be said in `.flt` is an error
//! with its place, and nothing that would change a decision is left out without being told.
//! What an import decides is documented where the format is read ([`oci`], [`ftrace2011`]). Nothing here
//! reads a file or asks the machine: what a profile leaves to its host is in the options.

use filterc_abi::Abi;

mod action;
mod arguments;
pub mod bionic;
mod document;
pub mod error;
pub mod fault;
pub mod ftrace2011;
mod guard;
mod hosts;
mod includes;
mod json;
pub mod kafel;
pub mod kubernetes;
pub mod lxc;
pub mod minijail;
pub mod oci;
mod plan;
mod scan;
pub mod seccompiler;
pub mod systemd;

pub use arguments::conditions::Width;
pub use document::{Document, Part};
pub use includes::{Includes, NoIncludes};

/// Something that a user should know about an import, which changes no decision of the
/// profile's author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where in the foreign policy, as a path (`syscalls[3].names`).
    pub path: String,
    /// What.
    pub text: String,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.text);
        }
        write!(f, "{}: {}", self.path, self.text)
    }
}

/// The machine that a foreign policy is for, and how it is read.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its own ABI.
    pub abi: &'static Abi,
    /// Which bits of arguments are compared.
    pub width: Width,
    /// How the text names the foreign policy.
    pub source: String,
}

impl Target {
    /// A machine of that ABI.
    #[must_use]
    pub fn new(abi: &'static Abi) -> Self {
        Self { abi, width: Width::default(), source: "a policy".to_owned() }
    }
}

/// A foreign policy in our terms.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The policy, with comments.
    pub document: Document,
    /// What should be known about it.
    pub notes: Vec<Note>,
}
