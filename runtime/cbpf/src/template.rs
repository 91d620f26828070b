//! Programs with constants that are filled in when they are loaded.
//!
//! A parameter's value is a number of 64 bits in two's complement. A [`Site`] names an
//! instruction whose constant is some bits of one half of it: of a conditional jump that
//! compares, or of `ld #k`. No such constant has a say in whether the kernel takes the
//! program, but a patched program is verified again all the same.
//!
//! [`Template`] is what a prover reads: its sites are operands that nobody knows. [`Table`] is
//! what a loader goes by: names, the numbers that fit, and the sites.

use std::borrow::Cow;
use std::fmt;

use filterc_abi::Endian;

use crate::encode::encode;
use crate::error::VerifyError;
use crate::insn::{Insn, code};
use crate::machine::{Op, Source};
use crate::verify::{Verified, verify};

/// The codes of this module, sorted.
pub const CODES: &[&str] = &["F0816", "F0817", "F0818", "F0819"];

/// Parameters that a program may have.
pub const MAX_PARAMS: usize = 24;

/// An instruction whose constant is a parameter's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    /// The position of the instruction.
    pub pc: usize,
    /// The position of the parameter.
    pub param: u8,
    /// Whether the constant is of bits 63…32 of the value, not of bits 31…0.
    pub high: bool,
    /// The bits of that half that the constant has; all others are 0.
    pub mask: u32,
}

/// The bytes of an instruction, and those before its constant.
const INSN_SIZE: usize = 8;
const K_OFFSET: usize = 4;

impl Site {
    /// Where the constant begins in the bytes of the program; it has four.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.pc * INSN_SIZE + K_OFFSET
    }

    /// How far the value is shifted right before the mask.
    #[must_use]
    pub const fn shift(&self) -> u8 {
        if self.high { 32 } else { 0 }
    }

    /// The constant for a value.
    #[must_use]
    pub fn constant(&self, value: u64) -> u32 {
        let half = value >> self.shift() & u64::from(self.mask);
        u32::try_from(half).unwrap_or_default()
    }
}

/// A parameter, for whoever supplies its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its type, as the policy spells it.
    pub ty: Cow<'static, str>,
    /// The smallest number that fits.
    pub min: i128,
    /// The largest.
    pub max: i128,
}

/// What a loader goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The parameters; sites name them by position.
    pub params: Cow<'static, [Param]>,
    /// Where they go; a parameter may have no site.
    pub sites: Cow<'static, [Site]>,
    /// The [`fingerprint`] of the program as it is unpatched: sites in another one would be
    /// instructions that mean something else.
    pub program: u64,
}

/// A number that tells a program from others: FNV-1a, 64 bits, of its bytes, least significant
/// first. It is against mistakes; who would fake a program can fake its table.
#[must_use]
pub fn fingerprint(program: &[Insn]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    encode(program, Endian::Little).iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Why a program cannot be patched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchError {
    /// F0816: a parameter has no value.
    Missing {
        /// Its name.
        name: String,
        /// Its type.
        ty: String,
    },
    /// F0817: no parameter has that name, or it has a value already.
    Surplus {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// F0818: the number does not fit the parameter.
    DoesNotFit {
        /// Its name.
        name: String,
        /// Its type.
        ty: String,
        /// The number.
        value: i128,
        /// The smallest that fits.
        min: i128,
        /// The largest.
        max: i128,
    },
    /// F0819: the table is for another program, or the program was patched already.
    OtherProgram,
    /// F0819: the table is for no program.
    BadSite {
        /// The instruction that is not there, or has no constant that could be a parameter's.
        pc: usize,
    },
    /// The program is not one that a kernel accepts.
    Verify(VerifyError),
}

impl PatchError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "F0816",
            Self::Surplus { .. } => "F0817",
            Self::DoesNotFit { .. } => "F0818",
            Self::OtherProgram | Self::BadSite { .. } => "F0819",
            Self::Verify(error) => error.code(),
        }
    }
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, ty } => write!(f, "parameter `{name}` ({ty}) has no value"),
            Self::Surplus { name, known } if known.iter().any(|known| known == name) => {
                write!(f, "parameter `{name}` is given two values")
            }
            Self::Surplus { name, known } if known.is_empty() => {
                write!(f, "there is no parameter `{name}`: the policy has none")
            }
            Self::Surplus { name, known } => {
                write!(f, "there is no parameter `{name}`: they are {}", known.join(", "))
            }
            Self::DoesNotFit { name, ty, value, min, max } => {
                write!(f, "{value} does not fit parameter `{name}` ({ty}): must be {min}…{max}")
            }
            Self::OtherProgram => f.write_str(
                "the table of parameters is for another program, or this one was patched already",
            ),
            Self::BadSite { pc } => write!(
                f,
                "the table of parameters is for no program: instruction {pc} has no place for one"
            ),
            Self::Verify(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PatchError {}

impl From<VerifyError> for PatchError {
    fn from(error: VerifyError) -> Self {
        Self::Verify(error)
    }
}

impl Table {
    /// The values by position: each parameter has exactly one, and it fits.
    ///
    /// # Errors
    /// The first that is surplus, does not fit, or is missing.
    pub fn values(&self, given: &[(&str, i128)]) -> Result<Vec<u64>, PatchError> {
        let mut values: Vec<Option<u64>> = vec![None; self.params.len()];
        for &(name, value) in given {
            let known = || self.params.iter().map(|param| param.name.to_string()).collect();
            let surplus = || PatchError::Surplus { name: name.to_owned(), known: known() };
            let found = self.params.iter().zip(&mut values).find(|(param, _)| param.name == name);
            let Some((param, slot @ None)) = found else { return Err(surplus()) };
            *slot = Some(param.bits(value)?);
        }
        let missing = |param: &Param| PatchError::Missing {
            name: param.name.to_string(),
            ty: param.ty.to_string(),
        };
        let values = self.params.iter().zip(values);
        values.map(|(param, value)| value.ok_or_else(|| missing(param))).collect()
    }

    /// The program with these values.
    ///
    /// # Errors
    /// See [`Table::values`]; the table is another program's; or no kernel accepts it.
    pub fn patch(&self, program: &[Insn], given: &[(&str, i128)]) -> Result<Verified, PatchError> {
        let values = self.values(given)?;
        if fingerprint(program) != self.program {
            return Err(PatchError::OtherProgram);
        }
        Template::new(program, &self.sites)?.patch(&values)
    }
}

impl Param {
    /// The 64 bits of a number.
    fn bits(&self, value: i128) -> Result<u64, PatchError> {
        let Self { min, max, .. } = *self;
        let bits = u64::try_from(value & i128::from(u64::MAX));
        match bits {
            Ok(bits) if (min..=max).contains(&value) => Ok(bits),
            Ok(_) | Err(_) => Err(PatchError::DoesNotFit {
                name: self.name.to_string(),
                ty: self.ty.to_string(),
                value,
                min,
                max,
            }),
        }
    }
}

/// A program that the kernel accepts, with sites: one program for all values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// As it stands, with whatever constants are at the sites.
    verified: Verified,
    sites: Box<[Site]>,
    ops: Box<[Op]>,
}

impl Template {
    /// A program with sites.
    ///
    /// # Errors
    /// The program is not one that the kernel accepts, or a site is none.
    pub fn new(program: &[Insn], sites: &[Site]) -> Result<Self, PatchError> {
        let verified = verify(program)?;
        let mut ops: Box<[Op]> = verified.ops().into();
        for site in sites {
            let Site { pc, param, high, mask } = *site;
            let bad = PatchError::BadSite { pc };
            let there = verified.insns().get(pc).copied().filter(|insn| takes(insn.code));
            let op = ops.get_mut(pc).filter(|_| usize::from(param) < MAX_PARAMS && mask != 0);
            let (Some(_), Some(op)) = (there, op) else { return Err(bad) };
            let slot = Source::Param { param, high, mask };
            // Where there is a site already, there is no constant any more.
            let filled = if let Op::LoadImm(_) = op {
                Some(Op::Load(slot))
            } else if let Op::Jump { test, with: Source::K(_), jt, jf } = *op {
                Some(Op::Jump { test, with: slot, jt, jf })
            } else {
                None
            };
            *op = filled.ok_or(bad)?;
        }
        Ok(Self { verified, sites: sites.into(), ops })
    }

    /// The program as it stands: what it decides is decided by chance.
    #[must_use]
    pub const fn unpatched(&self) -> &Verified {
        &self.verified
    }

    /// The instructions by what they do, sites as operands.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The sites.
    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// The program with these values, by position; one that is missing is 0.
    ///
    /// # Errors
    /// It is not one that the kernel accepts. No value is known to bring that about.
    pub fn patch(&self, values: &[u64]) -> Result<Verified, PatchError> {
        let mut program = self.verified.insns().to_vec();
        for site in &self.sites {
            let value = values.get(usize::from(site.param)).copied().unwrap_or_default();
            if let Some(insn) = program.get_mut(site.pc) {
                insn.k = site.constant(value);
            }
        }
        Ok(verify(&program)?)
    }
}

/// Whether an instruction's constant may be a parameter's: any number is as good there.
const fn takes(code: u16) -> bool {
    const LOAD: u16 = code::LD | code::IMM;
    const EQUAL: u16 = code::JMP | code::JEQ | code::K;
    const GREATER: u16 = code::JMP | code::JGT | code::K;
    const AT_LEAST: u16 = code::JMP | code::JGE | code::K;
    matches!(code, LOAD | EQUAL | GREATER | AT_LEAST)
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
