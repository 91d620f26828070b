//! Checks a certificate that a seccomp program decides what a policy says, for **every** call.
//!
//! Whoever made the certificate, the policy's text form and the program need not be trusted:
//! this crate uses no other, decodes both by itself, and has its own semantics of both.
//!
//! # The argument
//!
//! A call is sixteen 32-bit words. A certificate is a binary tree. Its root stands for all
//! calls; an inner node cuts its box of calls in two, by comparing a word with a number or
//! by a bit of a word; so the boxes of the leaves together hold all calls ([`tree`]). At a
//! leaf, policy and program are both run on the whole box at once ([`word`]): a word is an
//! interval and the bits that are known, and a question that has no single answer for the
//! box ends the check. If both runs come to an end, every call of the box takes this way
//! through both, and both return the value that the leaf names. So they agree on all calls.
//!
//! What has to be right for this to hold: the rules of [`word`] (a result contains every
//! number that the operation gives for numbers of the operands: a test tries them all at small
//! widths), the two decoders and runs ([`program`], [`policy`]), and the walk of [`tree`],
//! about eight hundred lines together, of which a third reads the policy's text.
//!
//! # What a certificate says
//!
//! In this order: [`MAGIC`], the SHA-256 of the source, of the program and of the resolved
//! policy, the length of the latter (4 bytes, little endian), its text, the tree, and the
//! SHA-256 of all that.
//!
//! So it holds the SHA-256 of the program, of the policy's resolved form, which stands in the
//! certificate itself, and of the source that this was made from. That the resolved form is
//! what the source means is the compiler's word, not proved here: it can be read
//! ([`Certificate::policy`]).

pub mod policy;
pub mod program;
pub mod sha256;
pub mod tree;
pub mod word;

use std::fmt;

use crate::policy::Policy;
use crate::program::Program;
use crate::tree::Leaves;

/// What certificates begin with; the last byte is the version of the format.
pub const MAGIC: &[u8; 8] = b"fcert\0\0\x01";

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
            Self::Leaf(index, what) => write!(f, "it does not hold: leaf {index}: {what}"),
        }
    }
}

impl std::error::Error for Rejected {}

/// A certificate, taken apart but not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// SHA-256 of the source.
    pub source: [u8; 32],
    /// SHA-256 of the program's bytes.
    pub program: [u8; 32],
    /// The resolved policy, as text.
    pub policy: &'a str,
    /// The tree.
    pub tree: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Takes a certificate apart.
    ///
    /// # Errors
    /// It is none.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Rejected> {
        let short = Rejected::Malformed("too short");
        // No proof hangs on the seal; it tells a damaged file from a wrong one.
        let (body, seal) = bytes.split_last_chunk::<32>().ok_or(short.clone())?;
        if sha256::of(body) != *seal {
            return Err(Rejected::Malformed("its own digest is another"));
        }
        let (magic, rest) = body.split_first_chunk::<8>().ok_or(short.clone())?;
        if magic != MAGIC {
            return Err(Rejected::Malformed("not a certificate of this version"));
        }
        let (source, rest) = rest.split_first_chunk::<32>().ok_or(short.clone())?;
        let (program, rest) = rest.split_first_chunk::<32>().ok_or(short.clone())?;
        let (resolved, rest) = rest.split_first_chunk::<32>().ok_or(short.clone())?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(short.clone())?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (policy, tree) = rest.split_at_checked(length).ok_or(short)?;
        if sha256::of(policy) != *resolved {
            return Err(Rejected::Malformed("the policy is not the one that was hashed"));
        }
        let policy = std::str::from_utf8(policy)
            .map_err(|_| Rejected::Malformed("the policy is no text"))?;
        Ok(Self { source: *source, program: *program, policy, tree })
    }

    /// The bytes of a certificate.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let length = u32::try_from(self.policy.len()).unwrap_or(u32::MAX);
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.source);
        bytes.extend(self.program);
        bytes.extend(sha256::of(self.policy.as_bytes()));
        bytes.extend(length.to_le_bytes());
        bytes.extend(self.policy.as_bytes());
        bytes.extend(self.tree);
        bytes.extend(sha256::of(&bytes));
        bytes
    }
}

/// What was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Leaves of the tree that hold calls.
    pub leaves: u64,
}

/// Checks that the program with these bytes is what the certificate's policy says.
///
/// # Errors
/// Why it is not accepted.
pub fn check(certificate: &[u8], program: &[u8]) -> Result<Accepted, Rejected> {
    let certificate = Certificate::read(certificate)?;
    if sha256::of(program) != certificate.program {
        return Err(Rejected::OtherThan("program"));
    }
    let policy = Policy::read(certificate.policy).map_err(Rejected::Policy)?;
    let program = Program::read(program, policy.big_endian).map_err(Rejected::Program)?;
    let Leaves { count } = tree::check(certificate.tree, |calls| {
        let said = policy.run(calls).map_err(|_| "a question of the policy has no one answer")?;
        let done = program.run(calls).map_err(|_| "a branch of the program has no one way")?;
        if said == done { Ok(said) } else { Err("policy and program differ") }
    })?;
    Ok(Accepted { leaves: count })
}
