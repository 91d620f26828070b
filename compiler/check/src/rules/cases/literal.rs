//! What a test asks of the bits of one register, some of which are settled.

/// A register, as far as it is settled: these bits have these values.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    pub(crate) bits: u64,
    pub(crate) value: u64,
}

impl Known {
    /// Settles some more bits.
    pub(crate) const fn settle(&mut self, bits: u64, value: u64) {
        self.bits |= bits;
        self.value |= value & bits;
    }
}

/// What is certain, whatever the other bits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    True,
    False,
    Open,
}

impl Outcome {
    pub(crate) const fn of(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }

    /// What is certain of what is wanted: that, or its opposite.
    pub(crate) const fn or_opposite(self, wanted: bool) -> Self {
        match (self, wanted) {
            (_, true) | (Self::Open, false) => self,
            (Self::True, false) => Self::False,
            (Self::False, false) => Self::True,
        }
    }
}

/// How the masked bits are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Is,
    IsNot,
    AtMost,
    AtLeast,
}

/// A comparison of the masked bits of one register. Order is that of unsigned numbers, one bit
/// turned round where that of the type is not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Literal {
    pub(crate) register: u8,
    kind: Kind,
    mask: u64,
    flip: u64,
    value: u64,
}

/// How the masked bits stand to a bound that they may not exceed.
struct Below {
    outcome: Outcome,
    /// Free bits that must be 0.
    forced: u64,
    /// The free bit behind those: as 0 it decides, as 1 those below it do. None if 0.
    decisive: u64,
}

impl Below {
    fn of(known: u64, word: u64, bound: u64) -> Self {
        let free = !known;
        let differing = (free & bound) | (known & (word ^ bound));
        let Some(top) = 63_u32.checked_sub(differing.leading_zeros()).map(|top| 1_u64 << top)
        else {
            // Nothing but the bound itself is left.
            let outcome = if free == 0 { Outcome::True } else { Outcome::Open };
            return Self { outcome, forced: free, decisive: 0 };
        };
        let forced = free & !(top | (top - 1));
        if known & top == 0 {
            return Self { outcome: Outcome::Open, forced, decisive: top };
        }
        let outcome = match (word & top, forced) {
            (0, 0) => Outcome::True,
            (0, _) => Outcome::Open,
            _ => Outcome::False,
        };
        Self { outcome, forced, decisive: 0 }
    }
}

impl Literal {
    /// `register & mask == value`.
    pub(crate) const fn is(register: u8, mask: u64, value: u64) -> Self {
        Self { register, kind: Kind::Is, mask, flip: 0, value }
    }

    /// `register & mask <= value`, both with that bit turned round; `None` if all words are.
    pub(crate) fn at_most(register: u8, mask: u64, flip: u64, value: u64) -> Option<Self> {
        let value = value ^ flip;
        let literal = Self { register, kind: Kind::AtMost, mask, flip, value };
        (value != u64::MAX).then_some(literal)
    }

    /// `register & mask >= value`, both with that bit turned round; `None` if all words are.
    pub(crate) fn at_least(register: u8, mask: u64, flip: u64, value: u64) -> Option<Self> {
        let value = value ^ flip;
        let literal = Self { register, kind: Kind::AtLeast, mask, flip, value };
        (value != 0).then_some(literal)
    }

    /// The literal, or what is true where it is not.
    pub(crate) const fn or_opposite(self, wanted: bool) -> Self {
        if wanted {
            return self;
        }
        // A bound that all words keep is no literal, so there is one beyond.
        match self.kind {
            Kind::Is => Self { kind: Kind::IsNot, ..self },
            Kind::IsNot => Self { kind: Kind::Is, ..self },
            Kind::AtMost => {
                Self { kind: Kind::AtLeast, value: self.value.saturating_add(1), ..self }
            }
            Kind::AtLeast => {
                Self { kind: Kind::AtMost, value: self.value.saturating_sub(1), ..self }
            }
        }
    }

    const fn word(&self, known: Known) -> (u64, u64) {
        // What the mask clears is 0 for sure.
        (known.bits | !self.mask, (known.value & self.mask) ^ self.flip)
    }

    fn below(&self, known: Known) -> Below {
        let (bits, word) = self.word(known);
        match self.kind {
            Kind::AtLeast => Below::of(bits, !word, !self.value),
            Kind::AtMost | Kind::Is | Kind::IsNot => Below::of(bits, word, self.value),
        }
    }

    /// Whether it holds.
    pub(crate) fn outcome(&self, known: Known) -> Outcome {
        let (bits, word) = self.word(known);
        let (differ, free) = ((word ^ self.value) & bits != 0, !bits != 0);
        match self.kind {
            Kind::Is => match (differ, free) {
                (true, _) => Outcome::False,
                (false, true) => Outcome::Open,
                (false, false) => Outcome::True,
            },
            Kind::IsNot => match (differ, free) {
                (true, _) => Outcome::True,
                (false, true) => Outcome::Open,
                (false, false) => Outcome::False,
            },
            // Bounds all of whose bits are settled are common.
            Kind::AtMost if !free => Outcome::of(word <= self.value),
            Kind::AtLeast if !free => Outcome::of(word >= self.value),
            Kind::AtMost | Kind::AtLeast => self.below(known).outcome,
        }
    }

    /// Settles the bits that must be as they are for it to hold. Then it does, or cannot, or
    /// [`Literal::decisive`] is a bit on which that depends.
    pub(crate) fn narrow(&self, known: &mut Known) -> Outcome {
        let outcome = self.outcome(*known);
        if outcome != Outcome::Open {
            return outcome;
        }
        let free = self.mask & !known.bits;
        match self.kind {
            Kind::Is => {
                known.settle(self.mask, self.value);
                Outcome::True
            }
            Kind::IsNot if free.is_power_of_two() => {
                known.settle(free, !self.value);
                Outcome::True
            }
            Kind::IsNot => Outcome::Open,
            Kind::AtMost | Kind::AtLeast => {
                let Below { forced, decisive, .. } = self.below(*known);
                known.settle(forced, self.low());
                if decisive == 0 { Outcome::True } else { Outcome::Open }
            }
        }
    }

    /// The values of bits that take it furthest from its bound.
    const fn low(&self) -> u64 {
        match self.kind {
            Kind::AtMost => self.flip,
            Kind::AtLeast => !self.flip,
            Kind::Is => self.value,
            Kind::IsNot => !self.value,
        }
    }

    /// The word with the masked bits so that it holds.
    pub(crate) const fn example(&self, word: u64) -> u64 {
        (word & !self.mask) | (self.low() & self.mask)
    }

    /// A free bit, and the value with which the literal holds.
    pub(crate) fn decisive(&self, known: Known) -> (u64, u64) {
        let free = self.mask & !known.bits;
        let bit = match self.kind {
            Kind::AtMost | Kind::AtLeast => self.below(known).decisive,
            Kind::Is | Kind::IsNot => {
                63_u32.checked_sub(free.leading_zeros()).map_or(0, |top| 1 << top)
            }
        };
        (bit, self.low())
    }
}
