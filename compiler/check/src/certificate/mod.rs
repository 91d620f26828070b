//! Makes certificates for `filterc-certify`.
//!
//! The maker is not trusted: it asks the checker's own two runs what they come to in a box,
//! and splits the box where one of them cannot say ([`split`]). What it writes is checked like
//! anybody else's.

mod split;

use std::fmt;

use filterc_abi::Endian;
use filterc_cbpf::Site;
use filterc_certify::calls::{Calls, Stop, WORDS};
use filterc_certify::sides::{Machine, emptied};
use filterc_certify::value::Part;
use filterc_certify::{Certificate, Kind, cbpf, certificate as form, sha256, tree};
use filterc_hir::expr::Relation;
use filterc_hir::policy::Policy;
use filterc_hir::types::{Field, Place};

use crate::layout::param_word;
use crate::resolved::resolved;
use crate::spec::each_test;

pub use split::{Split, split};

/// Leaves beyond which no certificate is made.
pub const MAX_LEAVES: usize = 200_000;

/// Why there is no certificate. The proof stands without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCertificate {
    /// The tree would have more than [`MAX_LEAVES`] leaves.
    TooLarge,
    /// The sides calculate with words in a way that the checker does not follow.
    Undecided,
    /// The sides differ.
    Different,
    /// A program does what the checker knows nothing of: it says what.
    Unknown(&'static str),
    /// The checker did not understand its input: a fault of filterc.
    Fault,
}

impl fmt::Display for NoCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "its tree would have more than {MAX_LEAVES} leaves"),
            Self::Undecided => f.write_str(
                "arguments are calculated with in a way that the checker of certificates does not \
                 follow",
            ),
            Self::Different => f.write_str("the two sides differ"),
            Self::Unknown(what) => write!(f, "the checker of certificates refuses it: {what}"),
            Self::Fault => f.write_str("the checker does not read it: a fault of filterc"),
        }
    }
}

impl std::error::Error for NoCertificate {}

/// A side of an equation, as bytes.
#[derive(Clone, Copy, Debug)]
pub enum Stated<'a> {
    /// A policy.
    Policy(&'a Policy),
    /// A program of classic BPF, whose constants are the policy's parameters at sites.
    Cbpf(&'a [u8], &'a [Site]),
    /// A program of extended BPF: of type `syscall`, with a `struct seccomp_data` in R1.
    Ebpf(&'a [u8]),
}

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
    certificate_of(Stated::Policy(policy), Stated::Cbpf(program, &[]), endian, source)
}

/// A certificate that the two sides are the same, on machines of that byte order, for all calls
/// and all values of parameters.
///
/// # Errors
/// Why there is none.
pub fn certificate_of(
    left: Stated<'_>,
    right: Stated<'_>,
    endian: Endian,
    source: [u8; 32],
) -> Result<Vec<u8>, NoCertificate> {
    let mut sites = Vec::new();
    for side in [left, right] {
        if let Stated::Policy(policy) = side
            && asks_for_facts(policy)
        {
            let what = "a policy that asks for more than the registers of a call";
            return Err(NoCertificate::Unknown(what));
        }
        if let Stated::Cbpf(_, own) = side {
            sites.extend(own.iter().map(site));
        }
    }
    let big_endian = endian == Endian::Big;
    let read = |side| Read::new(side, endian, &sites);
    let (left, right) = (read(left)?, read(right)?);
    let params = left.machine.params().max(right.machine.params());
    let tree = tree(params, |calls| Ok((left.machine.run(calls)?, right.machine.run(calls)?)))?;
    let certificate = Certificate {
        big_endian,
        sides: [left.side(), right.side()],
        source,
        policy: left.text().or(right.text()).unwrap_or_default(),
        sites,
        tree: &tree,
    };
    Ok(certificate.write())
}

/// Whether a policy asks who calls, for the labels of an object, or a monitor.
fn asks_for_facts(policy: &Policy) -> bool {
    let mut asks = false;
    let is_fact = |field: &Field| matches!(field.place(), Place::Fact(_) | Place::Answer(_));
    for arm in policy.abis().iter().flat_map(|part| part.arms()) {
        each_test(&arm.predicate, &mut |test| {
            asks |= is_fact(test.field());
            if let Relation::Field(_, other) = test.relation() {
                asks |= is_fact(other);
            }
        });
    }
    asks
}

/// A site, as the checker has it.
fn site(site: &Site) -> cbpf::Site {
    let part = Part { word: param_word(site.param, site.high), mask: site.mask };
    cbpf::Site { pc: u32::try_from(site.pc).unwrap_or(u32::MAX), part }
}

/// A side that the checker has read.
struct Read {
    kind: Kind,
    bytes: Vec<u8>,
    machine: Machine,
}

impl Read {
    fn new(side: Stated<'_>, endian: Endian, sites: &[cbpf::Site]) -> Result<Self, NoCertificate> {
        let big_endian = endian == Endian::Big;
        let empty = |bytes| emptied(bytes, big_endian, sites).map(|(bytes, _)| bytes);
        let (kind, bytes) = match side {
            Stated::Policy(policy) => (Kind::Policy, Ok(resolved(policy, endian).into_bytes())),
            Stated::Cbpf(bytes, _) => (Kind::Cbpf, empty(bytes)),
            Stated::Ebpf(bytes) => (Kind::Ebpf, empty(bytes)),
        };
        let bytes = bytes.map_err(|_| NoCertificate::Fault)?;
        match Machine::read(kind, &bytes, big_endian, sites) {
            Ok(machine) => Ok(Self { kind, bytes, machine }),
            Err(filterc_certify::Rejected::Program(what)) => Err(NoCertificate::Unknown(what)),
            Err(_) => Err(NoCertificate::Fault),
        }
    }

    fn side(&self) -> form::Side {
        form::Side { kind: self.kind, digest: sha256::of(&self.bytes) }
    }

    fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok().filter(|_| self.kind == Kind::Policy)
    }
}

/// The tree for two runs.
fn tree(
    params: usize,
    run: impl Fn(&Calls) -> Result<(u32, u32), Stop>,
) -> Result<Vec<u8>, NoCertificate> {
    let mut bytes = Vec::new();
    let mut leaves = 0_usize;
    let mut boxes = vec![Some(Calls::all(params))];
    while let Some(calls) = boxes.pop() {
        // Boxes without calls count too: looking for them has to end.
        leaves += 1;
        if leaves > MAX_LEAVES {
            return Err(NoCertificate::TooLarge);
        }
        let Some(calls) = calls else {
            bytes.push(tree::EMPTY);
            continue;
        };
        let split = match run(&calls) {
            Ok((left, right)) if left == right => {
                bytes.push(tree::LEAF);
                bytes.extend(left.to_le_bytes());
                continue;
            }
            // Perhaps there is no such call, and a closer look shows it.
            Ok(_) => split::closer(&calls).ok_or(NoCertificate::Different)?,
            Err(Stop::Undecided(question)) => {
                split(&calls, &question).ok_or(NoCertificate::Undecided)?
            }
            Err(Stop::Unknown(what)) => return Err(NoCertificate::Unknown(what)),
        };
        leaves -= 1;
        let halves = split.halves(&calls).ok_or(NoCertificate::Undecided)?;
        split.write(&mut bytes);
        // A split that leaves the box as it is would be made for ever.
        if halves.0.as_ref() == Some(&calls) || halves.1.as_ref() == Some(&calls) {
            return Err(NoCertificate::Undecided);
        }
        if boxes.len() + 2 > tree::MAX_DEPTH {
            return Err(NoCertificate::TooLarge);
        }
        boxes.push(halves.1);
        boxes.push(halves.0);
    }
    Ok(bytes)
}

const _: () = assert!(WORDS == filterc_abi::seccomp::SECCOMP_DATA_WORDS);
