//! Values of the machines, of 64 bits, for all calls of a box at once: two halves, each a
//! [`Word`], and, if it is some bits of a word of the input just as they stand there, which.
//!
//! That is what makes two values comparable of which neither is known: a box knows how bits of
//! two words of the input stand to each other ([`crate::calls`]).

use crate::number::Alu;
use crate::word::Word;

/// Some bits of a word of the input, at their place: `word & mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The word.
    pub word: u8,
    /// The bits.
    pub mask: u32,
}

/// Half of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Half {
    /// What it can be.
    pub word: Word,
    /// What it is, in every call.
    pub part: Option<Part>,
    /// Or else the exclusive or of what: the bits in which two parts differ.
    pub differ: Option<(Part, Part)>,
    /// Words that it was made of, a bit each: nothing is concluded from it. It tells whoever
    /// makes a certificate where to look.
    pub of: u64,
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// Bits 31…0.
    pub low: Half,
    /// Bits 63…32.
    pub high: Half,
}

/// How many bits an instruction computes with; above 32, the result has zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// The lower half.
    W32,
    /// All.
    W64,
}

impl Width {
    /// The number of bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::W32 => 32,
            Self::W64 => 64,
        }
    }
}

const HALF: u64 = 0xffff_ffff;

impl Half {
    /// Zero.
    pub const ZERO: Self = Self::of(0);

    /// One number.
    #[must_use]
    pub const fn of(value: u32) -> Self {
        Self::made(Word::of(value as u64), 0)
    }

    /// Some number.
    #[must_use]
    pub const fn any(of: u64) -> Self {
        Self::made(Word::any(32), of)
    }

    const fn made(word: Word, of: u64) -> Self {
        Self { word, part: None, differ: None, of }
    }

    /// Some bits of it.
    #[must_use]
    pub fn masked(self, mask: u32) -> Self {
        if mask == u32::MAX {
            return self;
        }
        let part = |part: Part| Part { mask: part.mask & mask, ..part };
        Self {
            word: self.word.masked(mask.into()),
            part: self.part.map(part),
            differ: self.differ.map(|(a, b)| (part(a), part(b))),
            of: self.of,
        }
    }

    /// Bitwise operations, which leave the other half alone.
    fn bitwise(self, op: Alu, other: Self) -> Self {
        let number = |half: Self| half.word.value().and_then(|value| u32::try_from(value).ok());
        match (op, number(self), number(other)) {
            (Alu::And, _, Some(mask)) => self.masked(mask),
            (Alu::And, Some(mask), _) => other.masked(mask),
            (Alu::Or | Alu::Xor, _, Some(0)) => self,
            (Alu::Or | Alu::Xor, Some(0), _) => other,
            _ => {
                let made = Self::made(Word::alu(op, 32, self.word, other.word), self.of | other.of);
                Self { differ: self.part.zip(other.part).filter(|_| op == Alu::Xor), ..made }
            }
        }
    }
}

impl Value {
    /// One number.
    #[must_use]
    pub const fn of(value: u64) -> Self {
        Self {
            low: Half::made(Word::of(value & HALF), 0),
            high: Half::made(Word::of(value >> 32), 0),
        }
    }

    /// Some number.
    #[must_use]
    pub const fn any(of: u64) -> Self {
        Self { low: Half::any(of), high: Half::any(of) }
    }

    /// A value that has a lower half only.
    #[must_use]
    pub const fn short(low: Half) -> Self {
        Self { low, high: Half::ZERO }
    }

    fn split(word: Word, of: u64) -> Self {
        let high = Word::alu(Alu::Rsh, 64, word, Word::of(32));
        Self { low: Half::made(word.masked(HALF), of), high: Half::made(high, of) }
    }

    /// The halves as one word.
    #[must_use]
    pub const fn word(self) -> Word {
        Word::joined(self.high.word, self.low.word, 32)
    }

    /// The number, if there is but one.
    #[must_use]
    pub const fn number(self) -> Option<u64> {
        self.word().value()
    }

    /// The part that so many bits see.
    #[must_use]
    pub const fn seen(self, width: Width) -> Self {
        match width {
            Width::W32 => Self::short(self.low),
            Width::W64 => self,
        }
    }

    /// What an instruction makes of two values.
    #[must_use]
    pub fn alu(op: Alu, width: Width, a: Self, b: Self) -> Self {
        let (a, b) = (a.seen(width), b.seen(width));
        let of = a.low.of | a.high.of | b.low.of | b.high.of;
        let by = b.number().map(|by| by % u64::from(width.bits()));
        match (op, by) {
            (Alu::And | Alu::Or | Alu::Xor, _) => {
                Self { low: a.low.bitwise(op, b.low), high: a.high.bitwise(op, b.high) }
            }
            // What moves nothing, or whole halves, leaves them what they are.
            (Alu::Lsh | Alu::Rsh | Alu::Arsh, Some(0)) => a,
            (Alu::Add | Alu::Sub, _) if b.number() == Some(0) => a,
            (Alu::Lsh, Some(32)) => Self { low: Half::ZERO, high: a.low },
            (Alu::Rsh, Some(32)) => Self { low: a.high, high: Half::ZERO },
            (Alu::Arsh, Some(32)) => Self::short(a.high).extended(32),
            _ => Self::split(Word::alu(op, width.bits(), a.word(), b.word()), of),
        }
    }

    /// The lower bits, so many, as a signed number of 64.
    #[must_use]
    pub fn extended(self, from: u32) -> Self {
        if from >= 64 {
            return self;
        }
        let Half { word, of, .. } = self.low;
        let mut value = Self::split(word.extended(from, 64), of);
        // What is there as a whole stays what it is.
        if from == 32 || word.masked(HALF << (from - 1)).value() == Some(0) {
            value.low = self.low;
        }
        value
    }

    /// The lower bits, so many.
    #[must_use]
    pub fn truncated(self, bits: u32) -> Self {
        match bits {
            64 => self,
            32 => Self::short(self.low),
            _ => Self::short(self.low.masked((1 << (bits & 31)) - 1)),
        }
    }

    /// The lower bytes, so many bits, in reverse.
    #[must_use]
    pub fn swapped(self, bits: u32) -> Self {
        Self::split(self.word().swapped(bits), self.low.of | self.high.of)
    }
}
