//! What is held, and where: parts of a call, and the registers for them.

use filterc_abi::facts::CALL_SIZE;

/// A register that keeps values, R2…R9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reg(u8);

/// The first one.
const FIRST: u8 = 2;

/// How many there are.
pub(super) const COUNT: usize = 8;

impl Reg {
    /// The first one.
    pub(super) const FIRST: Self = Self(FIRST);

    /// Its number in an instruction.
    pub(super) const fn number(self) -> u8 {
        self.0
    }

    /// Its place among them.
    pub(super) const fn index(self) -> usize {
        (self.0 - FIRST) as usize
    }

    /// All of them; there is a first one.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (FIRST..).take(COUNT).map(Self)
    }
}

/// Words of a call with its facts.
const WORDS: u8 = 30;

const _: () = assert!(4 * WORDS as u32 == CALL_SIZE);

/// Bits of a word or of a member of `struct seccomp_data`, or of a fact behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// Byte offset.
    pub(super) offset: u8,
    /// Whether it is 64 bits wide, not 32.
    pub(super) wide: bool,
    /// The bits that are left; all others are 0.
    pub(super) mask: u64,
}

impl Value {
    /// All its bits.
    pub(super) const fn whole(self) -> Self {
        Self { mask: if self.wide { u64::MAX } else { 0xffff_ffff }, ..self }
    }

    /// A number below 64 for where it is: words by their place, then members.
    pub(super) const fn source(self) -> u8 {
        if self.wide { WORDS + self.offset / 8 } else { self.offset / 4 }
    }

    pub(super) const fn bit(self) -> u64 {
        1 << self.source()
    }

    /// The register that it is put into if nothing else is known: the same on all ways, so that
    /// they agree where they meet. The first arguments have those that calls do not keep, as it
    /// costs something to use the others.
    pub(super) const fn home(self) -> Reg {
        match self.offset {
            0..8 => Reg(2),
            8..16 => Reg(9),
            16..24 => Reg(3),
            24..32 => Reg(4),
            32..40 => Reg(5),
            40..48 => Reg(6),
            48..56 => Reg(7),
            _ => Reg(8),
        }
    }
}
