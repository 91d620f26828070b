//! Makes certificates for `filterc-certify`.
//!
//! The maker is not trusted: it asks the checker's own two runs what they come to in a box,
//! and splits the box where one of them cannot say. What it writes is checked like anybody
//! else's.

use std::fmt;

use filterc_abi::Endian;
use filterc_certify::Certificate;
use filterc_certify::policy::Policy as Resolved;
use filterc_certify::program::{Program, Split, Undecided};
use filterc_certify::sha256;
use filterc_certify::tree::{self, Calls};
use filterc_hir::policy::Policy;

use crate::resolved::resolved;
use crate::spec;

/// Leaves beyond which no certificate is made.
pub const MAX_LEAVES: usize = 200_000;

/// Why there is no certificate. The proof stands without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCertificate {
    /// The tree would have more than [`MAX_LEAVES`] leaves.
    TooLarge,
    /// Two words are compared with each other, or calculated with: no box settles that.
    Relational,
    /// The policy has parameters, which are compared with words.
    Params,
    /// Policy and program differ.
    Different,
    /// The checker did not understand its input: a fault of filterc.
    Fault,
}

impl fmt::Display for NoCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "its tree would have more than {MAX_LEAVES} leaves"),
            Self::Relational => f.write_str(
                "two arguments are compared with each other, which a tree of single words \
                 cannot show",
            ),
            Self::Params => f.write_str(
                "the policy has parameters, and a tree of single words cannot show that an argument \
                 is compared with them; give them values",
            ),
            Self::Different => f.write_str("the program is not what the policy says"),
            Self::Fault => f.write_str("the checker does not read it: a fault of filterc"),
        }
    }
}

impl std::error::Error for NoCertificate {}

/// A certificate that the program with these bytes is what the policy says; `source` is the
/// SHA-256 of the policy's text.
///
/// # Errors
/// Why there is none.
pub fn certificate(
    policy: &Policy,
    program: &[u8],
    endian: Endian,
    source: [u8; 32],
) -> Result<Vec<u8>, NoCertificate> {
    if spec::has_params(policy) {
        return Err(NoCertificate::Params);
    }
    let text = resolved(policy, endian);
    let policy = Resolved::read(&text).map_err(|_| NoCertificate::Fault)?;
    let machine =
        Program::read(program, endian == Endian::Big).map_err(|_| NoCertificate::Fault)?;
    let tree = tree(|calls| Ok((policy.run(calls)?, machine.run(calls)?)))?;
    let certificate =
        Certificate { source, program: sha256::of(program), policy: &text, tree: &tree };
    Ok(certificate.write())
}

/// The tree for two runs.
fn tree(run: impl Fn(&Calls) -> Result<(u32, u32), Undecided>) -> Result<Vec<u8>, NoCertificate> {
    let mut bytes = Vec::new();
    let mut leaves = 0;
    let mut boxes = vec![Some(tree::all())];
    while let Some(calls) = boxes.pop() {
        let Some(calls) = calls else {
            bytes.push(tree::EMPTY);
            continue;
        };
        let split = match run(&calls) {
            Ok((left, right)) if left == right => {
                leaves += 1;
                if leaves > MAX_LEAVES {
                    return Err(NoCertificate::TooLarge);
                }
                bytes.push(tree::LEAF);
                bytes.extend(left.to_le_bytes());
                continue;
            }
            Ok(_) => return Err(NoCertificate::Different),
            Err(undecided) => undecided.split.ok_or(NoCertificate::Relational)?,
        };
        let halves = write_split(&mut bytes, &calls, split).ok_or(NoCertificate::Fault)?;
        // A split that leaves the box as it is would be made for ever.
        if halves.0 == Some(calls) || halves.1 == Some(calls) {
            return Err(NoCertificate::Relational);
        }
        if boxes.len() + 2 > tree::MAX_DEPTH {
            return Err(NoCertificate::TooLarge);
        }
        boxes.push(halves.1);
        boxes.push(halves.0);
    }
    Ok(bytes)
}

fn write_split(
    bytes: &mut Vec<u8>,
    calls: &Calls,
    split: Split,
) -> Option<(Option<Calls>, Option<Calls>)> {
    match split {
        Split::At(word, at) => {
            bytes.extend([tree::SPLIT_AT, u8::try_from(word).ok()?]);
            bytes.extend(at.to_le_bytes());
            tree::split_at(calls, word, at)
        }
        Split::On(word, bit) => {
            bytes.extend([tree::SPLIT_ON, u8::try_from(word).ok()?, bit]);
            tree::split_on(calls, word, bit)
        }
    }
}
