//! Checks a certificate that a seccomp program decides what a policy says, or what another
//! program decides, for **every** call, and for all values of the policy's parameters.
//!
//! Whoever made the certificate, the policy's text form and the programs need not be trusted:
//! this crate uses no other, decodes all of them by itself, and has its own semantics of policies,
//! classic BPF and extended BPF.
//!
//! # The argument
//!
//! The input is sixteen 32-bit words, a call, and two words for each parameter. A certificate is
//! a binary tree. Its root stands for all inputs; an inner node cuts its box of inputs in two, by
//! comparing a word with a number, by a bit of a word, or by how bits of one word stand to bits of
//! another; so the boxes of the leaves together hold all inputs ([`tree`]). At a leaf, both sides
//! are run on the whole box at once: a value is an interval and the bits that are known
//! ([`word`]), and perhaps known to be certain bits of a certain word of the input ([`value`]); a
//! question that has no single answer for the box ends the check ([`calls`]). If both runs come
//! to an end, every input of the box takes this way through both, and both return the value that
//! the leaf names. So they agree on all inputs.
//!
//! What has to be right for this to hold, and how many lines it is without blank ones, comments
//! and tests (a test counts them):
//!
//! | part | lines | what has to be right |
//! |---|---|---|
//! | [`word`], [`number`], [`orders`] | 315 | a result contains every number that the operation gives for numbers of the operands: a test tries them all at small widths |
//! | [`value`], [`calls`] | 321 | what a value is said to be made of; which inputs are in a box; what follows from its facts |
//! | [`tree`] | 85 | the walk |
//! | [`policy`] | 291 | the policy's text, and what it means |
//! | [`cbpf`] | 111 | decoder and machine; only for programs of classic BPF |
//! | [`ebpf`] | 403 | decoder and machine; only for programs of extended BPF |
//! | [`certificate`], [`sides`], this file | 246 | which bytes are judged |
//!
//! The digest ([`sha256`]) says only which files a certificate is for. Where a question is split
//! that has no answer is not decided here, but by whoever makes certificates.
//!
//! # What a certificate says
//!
//! In this order: [`MAGIC`]; the byte order (0 little, 1 big); for each of two sides, what it is
//! (0 the policy, 1 classic BPF, 2 extended BPF) and the SHA-256 of the policy's text or the
//! program; the SHA-256 of the source; the length of the policy's text (4 bytes, little endian
//! as all numbers), and the text; the number of sites (4 bytes), and for each the position of the
//! instruction (4 bytes), a word of the input (1 byte), and the bits of it that the constant has
//! (4 bytes); the tree; and the SHA-256 of all that.
//!
//! That the resolved form of the policy is what the source means is the compiler's word, not
//! proved here: it can be read ([`Certificate::policy`]).
//!
//! Where a program has constants that are filled in when it is loaded (sites), the certificate
//! holds for it before and after: the digest is of the program with zeros there, and
//! [`Accepted::params`] says what stands there.

pub mod calls;
pub mod cbpf;
pub mod certificate;
pub mod ebpf;
pub mod number;
pub mod orders;
pub mod policy;
mod rejected;
pub mod sha256;
pub mod sides;
pub mod tree;
pub mod value;
pub mod word;

pub use certificate::{Certificate, Kind, MAGIC, Side};
pub use rejected::Rejected;

use crate::calls::{Calls, Stop};
use crate::sides::{Machine, emptied};
use crate::tree::Leaves;

/// What was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Leaves of the tree that hold calls.
    pub leaves: u64,
    /// For each parameter, the bits that the program looks at, and their values in it.
    pub params: Vec<(u64, u64)>,
}

/// Checks that the program with these bytes is what the certificate's policy says.
///
/// # Errors
/// Why it is not accepted.
pub fn check(certificate: &[u8], program: &[u8]) -> Result<Accepted, Rejected> {
    check_all(certificate, &[program])
}

/// Checks a certificate for the programs that it is about: one for a policy and a program, two for
/// two programs.
///
/// # Errors
/// Why it is not accepted.
pub fn check_all(certificate: &[u8], programs: &[&[u8]]) -> Result<Accepted, Rejected> {
    let certificate = Certificate::read(certificate)?;
    let count = certificate.sides.iter().filter(|side| side.kind != Kind::Policy).count();
    if programs.len() != count {
        return Err(Rejected::Programs(count));
    }
    let mut programs = programs.iter();
    let mut words = Vec::new();
    let [left, right] = certificate.sides.map(|Side { kind, digest }| {
        let (bytes, sites) = match kind {
            Kind::Policy => (certificate.policy.as_bytes().to_vec(), &[][..]),
            Kind::Cbpf | Kind::Ebpf => {
                let program = programs.next().copied().unwrap_or_default();
                let emptied = emptied(program, certificate.big_endian, &certificate.sites)?;
                words = emptied.1;
                (emptied.0, certificate.sites.as_slice())
            }
        };
        if sha256::of(&bytes) != digest {
            let what = if kind == Kind::Policy { "policy" } else { "program" };
            return Err(Rejected::OtherThan(what));
        }
        Machine::read(kind, &bytes, certificate.big_endian, sites)
    });
    let (left, right) = (left?, right?);
    let params = left.params().max(right.params());
    let Leaves { count } = tree::check(certificate.tree, Calls::all(params), |calls| {
        let (left, right) = (left.run(calls).map_err(why)?, right.run(calls).map_err(why)?);
        if left == right { Ok(left) } else { Err("the two sides differ") }
    })?;
    let (pairs, _) = words.as_chunks::<2>();
    let long = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    let known = pairs.iter().map(|[low, high]| (long(low.0, high.0), long(low.1, high.1)));
    Ok(Accepted { leaves: count, params: known.take(params).collect() })
}

fn why(stop: Stop) -> &'static str {
    match stop {
        Stop::Undecided(_) => "a question has no one answer",
        Stop::Unknown(what) => what,
    }
}
