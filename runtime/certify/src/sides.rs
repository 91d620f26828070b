//! A side of an equation, ready to be run on boxes; and the values that a program has where its
//! constants are parameters.

use crate::calls::{Calls, MAX_PARAMS, Stop, WORDS};
use crate::cbpf::{self, Site};
use crate::certificate::Kind;
use crate::ebpf;
use crate::policy::Policy;
use crate::rejected::Rejected;

/// A side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Machine {
    /// A policy.
    Policy(Policy),
    /// A program of classic BPF.
    Cbpf(cbpf::Program),
    /// A program of extended BPF.
    Ebpf(ebpf::Program),
}

impl Machine {
    /// Decodes a side: a policy's text, or a program, whose constants are parameters at sites.
    ///
    /// # Errors
    /// It is none.
    pub fn read(
        kind: Kind,
        bytes: &[u8],
        big_endian: bool,
        sites: &[Site],
    ) -> Result<Self, Rejected> {
        match kind {
            Kind::Policy => {
                let text = std::str::from_utf8(bytes);
                let text = text.map_err(|_| Rejected::Malformed("the policy is no text"))?;
                Policy::read(text).map(Self::Policy).map_err(Rejected::Policy)
            }
            Kind::Cbpf => {
                let program = cbpf::Program::read(bytes, big_endian, sites);
                program.map(Self::Cbpf).map_err(Rejected::Program)
            }
            Kind::Ebpf if sites.is_empty() => {
                let program = ebpf::Program::read(bytes, big_endian);
                program.map(Self::Ebpf).map_err(Rejected::Program)
            }
            Kind::Ebpf => Err(Rejected::Program("extended BPF has no places for parameters")),
        }
    }

    /// What it returns for every call of a box.
    ///
    /// # Errors
    /// Not one value, by one way, as far as can be seen.
    pub fn run(&self, calls: &Calls) -> Result<u32, Stop> {
        match self {
            Self::Policy(policy) => policy.run(calls),
            Self::Cbpf(program) => program.run(calls),
            Self::Ebpf(program) => program.run(calls),
        }
    }

    /// How many parameters it has.
    #[must_use]
    pub const fn params(&self) -> usize {
        match self {
            Self::Policy(policy) => policy.params(),
            Self::Cbpf(_) | Self::Ebpf(_) => 0,
        }
    }
}

/// What stands at sites, for each word of a parameter: the bits that sites name, and their
/// values.
pub type Supplied = Vec<(u32, u32)>;

/// A program with zeros at its sites, and what stood there.
///
/// # Errors
/// There are two values for one parameter.
pub fn emptied(
    program: &[u8],
    big_endian: bool,
    sites: &[Site],
) -> Result<(Vec<u8>, Supplied), Rejected> {
    let mut program = program.to_vec();
    let mut words = vec![(0, 0); 2 * MAX_PARAMS];
    let other = Rejected::OtherThan("program");
    for site in sites {
        let at = usize::try_from(site.pc).unwrap_or(usize::MAX).saturating_mul(8);
        let insn = program.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<8>());
        let [_, _, _, _, constant @ ..] = insn.ok_or(other.clone())?;
        let value = match big_endian {
            true => u32::from_be_bytes(*constant),
            false => u32::from_le_bytes(*constant),
        };
        *constant = [0; 4];
        let word = usize::from(site.part.word).checked_sub(WORDS);
        let word = word.and_then(|word| words.get_mut(word)).ok_or(other.clone())?;
        let (mask, before) = *word;
        if value & !site.part.mask != 0 || (value ^ before) & mask & site.part.mask != 0 {
            return Err(Rejected::OtherThan("program: its parameters have no one value"));
        }
        *word = (mask | site.part.mask, before | value);
    }
    Ok((program, words))
}
