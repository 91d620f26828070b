//! Operations of 64 bits by their halves, and what is simplified.
//!
//! Nearly everything that filters do with 64 bits is done with two words of 32, each a word of the
//! data: so are the terms, and what is asked of them, and a program of 64-bit operations comes
//! to what one of 32-bit operations comes to. What does not fall apart stays whole.

use filterc_ebpf::machine::{Alu, Extend, Size, Test, Width};

use crate::term::{Term, TermId, Terms, low};

/// What a branch asks, of two terms of so many bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) test: Test,
    pub(crate) width: Width,
    pub(crate) left: TermId,
    pub(crate) right: TermId,
}

impl Terms {
    /// `a op b` on 32 bits.
    pub(crate) fn alu32(&mut self, alu: Alu, a: TermId, b: TermId) -> TermId {
        let constants = (self.constant_value(a), self.constant_value(b));
        if let (Some(a), Some(b)) = constants {
            return self.constant(low(alu.apply(Width::W32, a, b)));
        }
        if let Some(same) = self.simplified(alu, a, constants.1) {
            return same;
        }
        match (alu, constants.0.map(low)) {
            (Alu::Add | Alu::Or | Alu::Xor, Some(0)) | (Alu::And, Some(u32::MAX)) => b,
            (Alu::And | Alu::Lsh | Alu::Rsh | Alu::Arsh, Some(0)) => a,
            (Alu::And, Some(mask)) => self.masked(b, mask),
            _ => self.operation(Width::W32, alu, a, b),
        }
    }

    /// `a op b` on 32 bits, where that is something simpler.
    fn simplified(&mut self, alu: Alu, a: TermId, b: Option<u64>) -> Option<TermId> {
        let k = b.map(low)?;
        match (alu, k) {
            (Alu::Add | Alu::Sub | Alu::Or | Alu::Xor, 0) | (Alu::And, u32::MAX) => Some(a),
            (Alu::Lsh | Alu::Rsh | Alu::Arsh, k) if k % 32 == 0 => Some(a),
            (Alu::And, 0) => Some(self.constant(0)),
            (Alu::And, mask) => Some(self.masked(a, mask)),
            _ => None,
        }
    }

    /// `a & mask`.
    fn masked(&mut self, a: TermId, mask: u32) -> TermId {
        if let Term::Alu(Width::W32, Alu::And, inner, other) = self.get(a) {
            for (inner, other) in [(inner, other), (other, inner)] {
                if let Some(first) = self.constant_value(other) {
                    let both = self.constant(mask & low(first));
                    return self.alu32(Alu::And, inner, both);
                }
            }
        }
        let mask = self.constant(mask);
        self.operation(Width::W32, Alu::And, a, mask)
    }

    /// The number of 64 bits.
    pub(crate) fn constant64(&mut self, value: u64) -> TermId {
        let (first, second) = (self.constant(low(value)), self.constant(low(value >> 32)));
        self.make(Term::Join(first, second))
    }

    /// 64 bits of two halves.
    pub(crate) fn join(&mut self, first: TermId, second: TermId) -> TermId {
        match (self.get(first), self.get(second)) {
            (Term::Low(a), Term::High(b)) if a == b => a,
            _ => self.make(Term::Join(first, second)),
        }
    }

    /// 64 bits of which the high half is 0.
    pub(crate) fn widened(&mut self, a: TermId) -> TermId {
        let zero = self.constant(0);
        self.join(a, zero)
    }

    /// The low half of 64 bits.
    pub(crate) fn low(&mut self, a: TermId) -> TermId {
        if let Term::Join(low, _) = self.get(a) {
            return low;
        }
        self.low_of(a).unwrap_or_else(|| self.make(Term::Low(a)))
    }

    /// The high half of 64 bits.
    pub(crate) fn high(&mut self, a: TermId) -> TermId {
        if let Term::Join(_, high) = self.get(a) { high } else { self.make(Term::High(a)) }
    }

    /// `a op b` on so many bits of words of 64, of which the result is one.
    pub(crate) fn alu(&mut self, width: Width, alu: Alu, a: TermId, b: TermId) -> TermId {
        if width == Width::W32 {
            let (a, b) = (self.low(a), self.low(b));
            let result = self.alu32(alu, a, b);
            return self.widened(result);
        }
        let constants = (self.constant_value(a), self.constant_value(b));
        match (alu, constants) {
            (_, (Some(a), Some(b))) => self.constant64(alu.apply(Width::W64, a, b)),
            (Alu::Or | Alu::And | Alu::Xor, _) => {
                let first = (self.low(a), self.low(b));
                let second = (self.high(a), self.high(b));
                let first = self.alu32(alu, first.0, first.1);
                let second = self.alu32(alu, second.0, second.1);
                self.join(first, second)
            }
            (Alu::Lsh | Alu::Rsh | Alu::Arsh, (_, Some(by))) => self.shifted(alu, a, low(by) % 64),
            (Alu::Add | Alu::Sub, (_, Some(0))) | (Alu::Mul | Alu::Div, (_, Some(1))) => a,
            (Alu::Add, (Some(0), _)) | (Alu::Mul, (Some(1), _)) => b,
            // What is in the high halves does not come down.
            (Alu::Add | Alu::Sub | Alu::Mul, _) => {
                let (x, y) = (self.low(a), self.low(b));
                let low = self.alu32(alu, x, y);
                let whole = self.operation(Width::W64, alu, a, b);
                self.note_low(whole, low);
                whole
            }
            _ => self.operation(Width::W64, alu, a, b),
        }
    }

    /// 64 bits, shifted by a constant.
    fn shifted(&mut self, alu: Alu, a: TermId, by: u32) -> TermId {
        if by == 0 {
            return a;
        }
        let (first, second) = (self.low(a), self.high(a));
        let zero = self.constant(0);
        let sign_distance = self.constant(31);
        let (distance, rest) = (self.constant(by % 32), self.constant(32 - by % 32));
        // What comes over from the other half; nothing if it is shifted by whole words.
        let across = |terms: &mut Self, into: TermId, opposite: Alu, from: TermId| {
            let over = if by.is_multiple_of(32) { zero } else { terms.alu32(opposite, from, rest) };
            terms.alu32(Alu::Or, into, over)
        };
        let (first, second) = match (alu, by >= 32) {
            (Alu::Lsh, true) => (zero, self.alu32(Alu::Lsh, first, distance)),
            (Alu::Lsh, false) => {
                let moved = self.alu32(Alu::Lsh, second, distance);
                let second = across(self, moved, Alu::Rsh, first);
                (self.alu32(Alu::Lsh, first, distance), second)
            }
            (_, true) => {
                let signs =
                    if alu == Alu::Arsh { self.alu32(alu, second, sign_distance) } else { zero };
                (self.alu32(alu, second, distance), signs)
            }
            (_, false) => {
                let moved = self.alu32(Alu::Rsh, first, distance);
                let first = across(self, moved, Alu::Lsh, second);
                (first, self.alu32(alu, second, distance))
            }
        };
        self.join(first, second)
    }

    /// The low bits of that size, extended to 64.
    pub(crate) fn extend(&mut self, extend: Extend, size: Size, a: TermId) -> TermId {
        if size == Size::B8 {
            return a;
        }
        let word = self.low(a);
        let unused = 32 - size.bits();
        let (unused, sign_distance) = (self.constant(unused), self.constant(31));
        match extend {
            Extend::Zero => {
                let mask = self.constant(mask(size));
                let word = self.alu32(Alu::And, word, mask);
                self.widened(word)
            }
            Extend::Sign => {
                let word = self.alu32(Alu::Lsh, word, unused);
                let word = self.alu32(Alu::Arsh, word, unused);
                let signs = self.alu32(Alu::Arsh, word, sign_distance);
                self.join(word, signs)
            }
        }
    }

    /// The low bits of that size with their bytes in the opposite order, extended with zeros.
    pub(crate) fn reversed(&mut self, size: Size, a: TermId) -> TermId {
        let (first, second) = (self.low(a), self.high(a));
        let turned = self.swap(first);
        match size {
            Size::B8 => {
                let second = self.swap(second);
                self.join(second, turned)
            }
            Size::B4 => self.widened(turned),
            Size::B1 | Size::B2 => {
                let distance = self.constant(32 - size.bits());
                let word = self.alu32(Alu::Rsh, turned, distance);
                self.widened(word)
            }
        }
    }

    fn swap(&mut self, a: TermId) -> TermId {
        let term = self.get(a);
        if let Term::Constant(value) = term {
            return self.constant(value.swap_bytes());
        }
        if let Term::Swap(a) = term { a } else { self.make(Term::Swap(a)) }
    }

    /// What a test of so many bits of words of 64 asks, of as few as will do.
    pub(crate) fn question(&mut self, asked: Question) -> Question {
        let Question { test, width, left, right } = asked;
        let lows = (self.low(left), self.low(right));
        let of_lows = |test| Question { test, width: Width::W32, left: lows.0, right: lows.1 };
        if width == Width::W32 {
            return of_lows(test);
        }
        let highs = (self.high(left), self.high(right));
        let of_highs = |test| Question { test, width: Width::W32, left: highs.0, right: highs.1 };
        let constants = (self.constant_value(highs.0), self.constant_value(highs.1));
        match (test, constants) {
            (Test::Set, (Some(0), _) | (_, Some(0))) => return of_lows(test),
            (Test::Set, _) => return Question { left, right, ..asked },
            // Halves that are the same number leave it to the others, without a sign.
            (_, (Some(a), Some(b))) if a == b => return of_lows(unsigned(test)),
            // Others settle it.
            (_, (Some(_), Some(_))) => return of_highs(test),
            _ => {}
        }
        // Numbers of 32 bits whose sign is extended stand in the order that they had.
        if self.is_signed(left) && self.is_signed(right) {
            return of_lows(test);
        }
        asked
    }

    /// Whether the high half is nothing but the sign of the low one.
    fn is_signed(&mut self, a: TermId) -> bool {
        if let Some(value) = self.constant_value(a) {
            return Extend::Sign.apply(Size::B4, value) == value;
        }
        let (first, second) = (self.low(a), self.high(a));
        let sign_distance = self.constant(31);
        self.alu32(Alu::Arsh, first, sign_distance) == second
    }
}

/// The bits of a size of at most 32.
pub(crate) const fn mask(size: Size) -> u32 {
    match size {
        Size::B1 => 0xff,
        Size::B2 => 0xffff,
        Size::B4 | Size::B8 => u32::MAX,
    }
}

/// The test of numbers without a sign.
const fn unsigned(test: Test) -> Test {
    match test {
        Test::SGt => Test::Gt,
        Test::SGe => Test::Ge,
        Test::SLt => Test::Lt,
        Test::SLe => Test::Le,
        Test::Eq | Test::Ne | Test::Gt | Test::Ge | Test::Lt | Test::Le | Test::Set => test,
    }
}

#[cfg(test)]
#[path = "wide_tests.rs"]
mod tests;
