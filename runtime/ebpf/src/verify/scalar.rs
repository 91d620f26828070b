//! What is known of a number: its bits, and its bounds as 64 and as 32 bits, unsigned and
//! signed.
//!
//! Never knows more than the kernel's verifier does: every rule here is one of its rules, and
//! several of its rules are not here. What is proved with these bounds the kernel can prove.

use super::tnum::Tnum;
use crate::machine::{Alu, Extend, Size, Test, Width, low};

/// A set of numbers. Empty where a branch cannot be taken: some bound is then above its
/// counterpart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scalar {
    pub(super) bits: Tnum,
    pub(super) umin: u64,
    pub(super) umax: u64,
    pub(super) smin: i64,
    pub(super) smax: i64,
    umin32: u32,
    umax32: u32,
    smin32: i32,
    smax32: i32,
    /// Somewhere on the way two unknown numbers were compared. Where such a comparison cannot
    /// come out so, the kernel may go on with bounds that contradict each other, and nobody can
    /// say what becomes of them: such a number is no offset and no length, and decides nothing.
    pub(super) doubtful: bool,
    /// Whether the kernel may take it for a relative of others.
    pub(super) link: Link,
}

/// What the kernel remembers of where a number came from. When it learns something of one
/// number it computes its relatives anew, and may then know less of them than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Link {
    /// Nothing.
    None,
    /// There is, or was, a copy.
    Copy,
    /// It is a copy to which a constant was added, or whose sign was extended.
    Changed,
}

impl Scalar {
    pub(super) const UNKNOWN: Self = Self {
        bits: Tnum::UNKNOWN,
        umin: 0,
        umax: u64::MAX,
        smin: i64::MIN,
        smax: i64::MAX,
        umin32: 0,
        umax32: u32::MAX,
        smin32: i32::MIN,
        smax32: i32::MAX,
        doubtful: false,
        link: Link::None,
    };

    pub(super) const fn constant(value: u64) -> Self {
        let half = low(value);
        Self {
            bits: Tnum::constant(value),
            umin: value,
            umax: value,
            smin: value.cast_signed(),
            smax: value.cast_signed(),
            umin32: half,
            umax32: half,
            smin32: half.cast_signed(),
            smax32: half.cast_signed(),
            doubtful: false,
            link: Link::None,
        }
    }

    /// The only number that it can be.
    pub(super) const fn as_constant(&self) -> Option<u64> {
        if self.bits.is_constant() { Some(self.bits.value) } else { None }
    }

    /// Whether there is no such number.
    pub(super) const fn is_empty(&self) -> bool {
        self.umin > self.umax
            || self.smin > self.smax
            || self.umin32 > self.umax32
            || self.smin32 > self.smax32
    }

    /// Whether every number of `other` is one of these.
    pub(super) fn contains(&self, other: &Self) -> bool {
        (self.doubtful || !other.doubtful)
            && self.link >= other.link
            && self.bits.contains(other.bits)
            && self.umin <= other.umin
            && self.umax >= other.umax
            && self.smin <= other.smin
            && self.smax >= other.smax
            && self.umin32 <= other.umin32
            && self.umax32 >= other.umax32
            && self.smin32 <= other.smin32
            && self.smax32 >= other.smax32
    }

    /// A number of which only the unsigned bounds are known.
    const fn between(umin: u64, umax: u64) -> Self {
        Self { umin, umax, ..Self::UNKNOWN }.settled()
    }

    /// What a load of that size gives, or a conversion to it.
    pub(super) const fn sized(extend: Extend, size: Size) -> Self {
        let unused = 64 - size.bits();
        match extend {
            Extend::Zero => Self::between(0, u64::MAX >> unused),
            Extend::Sign => {
                Self { smin: i64::MIN >> unused, smax: i64::MAX >> unused, ..Self::UNKNOWN }
                    .settled()
            }
        }
    }

    /// The same set, as doubtful as `doubtful` says or more.
    pub(super) const fn with_doubt(mut self, doubtful: bool) -> Self {
        self.doubtful |= doubtful;
        self
    }

    /// The low bits, extended.
    pub(super) fn extended(&self, extend: Extend, size: Size) -> Self {
        let result = self.extended_surely(extend, size).with_doubt(self.doubtful);
        Self { link: self.link, ..result }
    }

    /// With that link, or more of one; a known number has none.
    pub(super) fn linked(self, link: Link) -> Self {
        if self.as_constant().is_some() { self } else { Self { link: self.link.max(link), ..self } }
    }

    fn extended_surely(&self, extend: Extend, size: Size) -> Self {
        let sized = Self::sized(extend, size);
        if let Some(value) = self.as_constant() {
            return Self::constant(extend.apply(size, value));
        }
        match extend {
            Extend::Zero if self.umax <= sized.umax => *self,
            Extend::Zero if size == Size::B4 => self.low_half(),
            // What fits keeps its bounds, but not its bits.
            Extend::Sign if self.smin >= 0 && self.smax <= sized.smax => {
                Self { smin: self.smin, smax: self.smax, ..Self::UNKNOWN }.settled()
            }
            Extend::Zero | Extend::Sign => sized,
        }
    }

    /// The lower half, extended with zeros.
    fn low_half(&self) -> Self {
        let mut half = *self;
        half.bits = self.bits.low();
        (half.umin, half.umax) = (self.umin32.into(), self.umax32.into());
        (half.smin, half.smax) = (self.umin32.into(), self.umax32.into());
        half.settled()
    }

    /// Every bound as tight as the others make it (`reg_bounds_sync`).
    const fn settled(mut self) -> Self {
        self = self.bounded_by_bits().deduced().deduced();
        self.bits = self.bits.intersect(Tnum::range(self.umin, self.umax));
        let half = Tnum::range(self.umin32 as u64, self.umax32 as u64);
        let half = self.bits.low().intersect(half);
        self.bits = self.bits.high().or(half);
        self.bounded_by_bits()
    }

    const fn bounded_by_bits(mut self) -> Self {
        self.umin = max_u64(self.umin, self.bits.min());
        self.umax = min_u64(self.umax, self.bits.max());
        self.umin32 = max_u32(self.umin32, low(self.bits.min()));
        self.umax32 = min_u32(self.umax32, low(self.bits.max()));
        self
    }

    const fn deduced(mut self) -> Self {
        // Both ends on the same side of the sign: the orders agree. If only the unsigned ones
        // are, they stand for both, and what else was known of the signed ones is forgotten.
        if (self.smin ^ self.smax) >= 0 {
            self.umin = max_u64(self.umin, self.smin.cast_unsigned());
            self.umax = min_u64(self.umax, self.smax.cast_unsigned());
        }
        if (self.umin ^ self.umax) >> 63 == 0 {
            (self.smin, self.smax) = (self.umin.cast_signed(), self.umax.cast_signed());
        }
        if (self.smin32 ^ self.smax32) >= 0 {
            self.umin32 = max_u32(self.umin32, self.smin32.cast_unsigned());
            self.umax32 = min_u32(self.umax32, self.smax32.cast_unsigned());
        }
        if (self.umin32 ^ self.umax32) >> 31 == 0 {
            (self.smin32, self.smax32) = (self.umin32.cast_signed(), self.umax32.cast_signed());
        }
        // One upper half: the lower one has the bounds of the whole, and the reverse.
        if self.umin >> 32 == self.umax >> 32 && low(self.umin) <= low(self.umax) {
            self.umin32 = max_u32(self.umin32, low(self.umin));
            self.umax32 = min_u32(self.umax32, low(self.umax));
            let upper = self.umin & !0xffff_ffff;
            self.umin = max_u64(self.umin, upper | self.umin32 as u64);
            self.umax = min_u64(self.umax, upper | self.umax32 as u64);
        }
        self
    }

    /// `self op other` on so many bits.
    pub(super) fn alu(&self, width: Width, alu: Alu, other: &Self) -> Self {
        // Under a mask nothing doubtful is left above it.
        let masked = alu == Alu::And && !other.doubtful && other.as_constant().is_some();
        let doubtful = (self.doubtful && !masked) || other.doubtful;
        let mut result = self.alu_surely(width, alu, other).with_doubt(doubtful);
        let adds = matches!(alu, Alu::Add | Alu::Sub) && other.as_constant().is_some();
        result.link = if adds && self.link > Link::None && result.as_constant().is_none() {
            Link::Changed
        } else {
            Link::None
        };
        result
    }

    fn alu_surely(&self, width: Width, alu: Alu, other: &Self) -> Self {
        let constant = other.as_constant();
        let shifts = matches!(alu, Alu::Lsh | Alu::Rsh | Alu::Arsh);
        let divides = matches!(alu, Alu::Div | Alu::SDiv | Alu::Mod | Alu::SMod);
        let bits = u64::from(width.bits());
        // Of these the kernel knows nothing, not even that the upper half of a 32-bit one is 0.
        if divides || (shifts && constant.is_none_or(|k| k >= bits)) {
            return Self::UNKNOWN;
        }
        if let (Some(a), Some(b)) = (self.as_constant(), constant) {
            return Self::constant(alu.apply(width, a, b));
        }
        match width {
            Width::W64 => self.alu64(alu, other, constant),
            Width::W32 => self.alu32(alu, other, constant).low_half(),
        }
    }

    fn alu64(&self, alu: Alu, other: &Self, constant: Option<u64>) -> Self {
        let mut result = Self::UNKNOWN;
        let shift = constant.and_then(|k| u32::try_from(k).ok()).filter(|k| *k < 64);
        match (alu, shift) {
            (Alu::Add, _) => {
                result.bits = self.bits.add(other.bits);
                if let (Some(min), Some(max)) =
                    (self.umin.checked_add(other.umin), self.umax.checked_add(other.umax))
                {
                    (result.umin, result.umax) = (min, max);
                }
                if let (Some(min), Some(max)) =
                    (self.smin.checked_add(other.smin), self.smax.checked_add(other.smax))
                {
                    (result.smin, result.smax) = (min, max);
                }
            }
            (Alu::Sub, _) => {
                result.bits = self.bits.sub(other.bits);
                if self.umin >= other.umax {
                    result.umin = self.umin - other.umax;
                    result.umax = self.umax - other.umin;
                }
                if let (Some(min), Some(max)) =
                    (self.smin.checked_sub(other.smax), self.smax.checked_sub(other.smin))
                {
                    (result.smin, result.smax) = (min, max);
                }
            }
            (Alu::Mul, _) => {
                let halves = u64::from(u32::MAX);
                if self.umax <= halves && other.umax <= halves {
                    result.umin = self.umin * other.umin;
                    result.umax = self.umax * other.umax;
                }
                if let Some(k) = constant.filter(|k| k.is_power_of_two()) {
                    // Kept: how far such a product is aligned.
                    result.bits = self.bits.lsh(k.trailing_zeros());
                }
            }
            (Alu::And, _) => {
                result.bits = self.bits.and(other.bits);
                result.umax = self.umax.min(other.umax);
            }
            (Alu::Or, _) => {
                result.bits = self.bits.or(other.bits);
                result.umin = self.umin.max(other.umin);
            }
            (Alu::Xor, _) => result.bits = self.bits.xor(other.bits),
            (Alu::Lsh, Some(shift)) => {
                result.bits = self.bits.lsh(shift);
                if self.umax <= 1 << (63 - shift) {
                    result.umin = self.umin << shift;
                    result.umax = self.umax << shift;
                }
            }
            (Alu::Rsh, Some(shift)) => {
                result.bits = self.bits.rsh(shift);
                (result.umin, result.umax) = (self.umin >> shift, self.umax >> shift);
            }
            (Alu::Arsh, Some(shift)) => {
                result.bits = self.bits.arsh(shift);
                (result.smin, result.smax) = (self.smin >> shift, self.smax >> shift);
            }
            (Alu::Lsh | Alu::Rsh | Alu::Arsh | Alu::Div | Alu::SDiv | Alu::Mod | Alu::SMod, _) => {}
        }
        result.settled()
    }

    /// The lower half of the result; nothing is said of the upper one.
    fn alu32(&self, alu: Alu, other: &Self, constant: Option<u64>) -> Self {
        let mut result = Self::UNKNOWN;
        let upper = Tnum { value: 0, mask: !0xffff_ffff };
        let (a, b) = (self.bits.low(), other.bits.low());
        let shift = constant.and_then(|k| u32::try_from(k).ok()).filter(|k| *k < 32);
        let bits = match (alu, shift) {
            (Alu::Add, _) => {
                if let (Some(min), Some(max)) =
                    (self.umin32.checked_add(other.umin32), self.umax32.checked_add(other.umax32))
                {
                    (result.umin32, result.umax32) = (min, max);
                }
                a.add(b).low()
            }
            (Alu::Sub, _) => {
                if self.umin32 >= other.umax32 {
                    result.umin32 = self.umin32 - other.umax32;
                    result.umax32 = self.umax32 - other.umin32;
                }
                a.sub(b).low()
            }
            (Alu::And, _) => {
                result.umax32 = self.umax32.min(other.umax32);
                a.and(b)
            }
            (Alu::Or, _) => {
                result.umin32 = self.umin32.max(other.umin32);
                a.or(b)
            }
            (Alu::Xor, _) => a.xor(b),
            (Alu::Lsh, Some(shift)) => {
                if self.umax32 <= 1 << (31 - shift) {
                    result.umin32 = self.umin32 << shift;
                    result.umax32 = self.umax32 << shift;
                }
                a.lsh(shift).low()
            }
            (Alu::Rsh, Some(shift)) => {
                (result.umin32, result.umax32) = (self.umin32 >> shift, self.umax32 >> shift);
                a.rsh(shift)
            }
            (
                Alu::Mul
                | Alu::Lsh
                | Alu::Rsh
                | Alu::Arsh
                | Alu::Div
                | Alu::SDiv
                | Alu::Mod
                | Alu::SMod,
                _,
            ) => Tnum::UNKNOWN.low(),
        };
        result.bits = upper.or(bits);
        result.settled()
    }

    /// Whether the test holds for all, for none, or for some.
    pub(super) fn decide(&self, width: Width, test: Test, other: &Self) -> Option<bool> {
        if self.doubtful || other.doubtful {
            return None;
        }
        let a = self.view(width);
        let b = other.view(width);
        match test {
            Test::Eq => {
                let apart =
                    a.umax < b.umin || a.umin > b.umax || a.smax < b.smin || a.smin > b.smax;
                let known = !a.bits.mask & !b.bits.mask;
                let differ = (a.bits.value ^ b.bits.value) & known != 0;
                if a.bits.is_constant() && b.bits.is_constant() {
                    Some(a.bits.value == b.bits.value)
                } else if apart || differ {
                    Some(false)
                } else {
                    None
                }
            }
            Test::Ne => self.decide(width, Test::Eq, other).map(|equal| !equal),
            Test::Gt => order(a.umin > b.umax, a.umax <= b.umin),
            Test::Ge => order(a.umin >= b.umax, a.umax < b.umin),
            Test::Lt => order(a.umax < b.umin, a.umin >= b.umax),
            Test::Le => order(a.umax <= b.umin, a.umin > b.umax),
            Test::SGt => order(a.smin > b.smax, a.smax <= b.smin),
            Test::SGe => order(a.smin >= b.smax, a.smax < b.smin),
            Test::SLt => order(a.smax < b.smin, a.smin >= b.smax),
            Test::SLe => order(a.smax <= b.smin, a.smin > b.smax),
            Test::Set => {
                let k = other.view(width).bits;
                if !k.is_constant() {
                    return None;
                }
                order(a.bits.value & k.value != 0, a.bits.max() & k.value == 0)
            }
        }
    }

    /// As 64 bits, or the lower half as such.
    fn view(&self, width: Width) -> View {
        match width {
            Width::W64 => View {
                bits: self.bits,
                umin: self.umin,
                umax: self.umax,
                smin: self.smin,
                smax: self.smax,
            },
            Width::W32 => View {
                bits: self.bits.low(),
                umin: self.umin32.into(),
                umax: self.umax32.into(),
                smin: self.smin32.into(),
                smax: self.smax32.into(),
            },
        }
    }

    /// Those for which the test holds with some of the other.
    pub(super) fn refined(&self, width: Width, test: Test, other: &Self) -> Self {
        let mut view = self.view(width);
        let b = other.view(width);
        match test {
            Test::Eq => {
                view.bits = view.bits.intersect(b.bits);
                view.umin = view.umin.max(b.umin);
                view.umax = view.umax.min(b.umax);
                view.smin = view.smin.max(b.smin);
                view.smax = view.smax.min(b.smax);
            }
            Test::Ne if b.bits.is_constant() => {
                // Only the ends can be taken off.
                view.umin += u64::from(view.umin == b.umin && view.umin < view.umax);
                view.umax -= u64::from(view.umax == b.umin && view.umin < view.umax);
                view.smin += i64::from(view.smin == b.smin && view.smin < view.smax);
                view.smax -= i64::from(view.smax == b.smin && view.smin < view.smax);
            }
            Test::Ne => {}
            Test::Gt => view.umin = view.umin.max(b.umin.saturating_add(1)),
            Test::Ge => view.umin = view.umin.max(b.umin),
            Test::Lt => view.umax = view.umax.min(b.umax.saturating_sub(1)),
            Test::Le => view.umax = view.umax.min(b.umax),
            Test::SGt => view.smin = view.smin.max(b.smin.saturating_add(1)),
            Test::SGe => view.smin = view.smin.max(b.smin),
            Test::SLt => view.smax = view.smax.min(b.smax.saturating_sub(1)),
            Test::SLe => view.smax = view.smax.min(b.smax),
            Test::Set => {
                if b.bits.is_constant() && b.bits.value.is_power_of_two() {
                    view.bits = view.bits.or(b.bits);
                }
            }
        }
        self.with_view(width, &view)
    }

    /// Those that have no bit of a constant. The kernel forgets the bounds here.
    pub(super) fn without_bits(&self, width: Width, other: &Self) -> Self {
        let Some(constant) = other.as_constant() else { return *self };
        let constant = match width {
            Width::W64 => constant,
            Width::W32 => low(constant).into(),
        };
        let bits = self.bits.and(Tnum::constant(!constant));
        let (link, doubtful) = (self.link, self.doubtful);
        Self { bits, link, doubtful, ..Self::UNKNOWN }.settled()
    }

    fn with_view(&self, width: Width, view: &View) -> Self {
        let mut result = *self;
        match width {
            Width::W64 => {
                let View { bits, umin, umax, smin, smax } = *view;
                result = Self { bits, umin, umax, smin, smax, ..result };
            }
            Width::W32 => {
                // All of these come from 32-bit bounds.
                result.bits = self.bits.high().or(view.bits.low());
                result.umin32 = u32::try_from(view.umin).unwrap_or(self.umin32);
                result.umax32 = u32::try_from(view.umax).unwrap_or(self.umax32);
                result.smin32 = i32::try_from(view.smin).unwrap_or(self.smin32);
                result.smax32 = i32::try_from(view.smax).unwrap_or(self.smax32);
            }
        }
        let result = result.settled();
        // Nobody gets here: the bounds were too loose to see it. The kernel forgets them, too.
        let link = self.link;
        if result.is_empty() { Self { link, doubtful: true, ..Self::UNKNOWN } } else { result }
    }
}

/// The bounds that a comparison of some width looks at.
struct View {
    bits: Tnum,
    umin: u64,
    umax: u64,
    smin: i64,
    smax: i64,
}

const fn order(always: bool, never: bool) -> Option<bool> {
    if always {
        Some(true)
    } else if never {
        Some(false)
    } else {
        None
    }
}

const fn min_u64(a: u64, b: u64) -> u64 {
    if a < b { a } else { b }
}

const fn max_u64(a: u64, b: u64) -> u64 {
    if a > b { a } else { b }
}

const fn min_u32(a: u32, b: u32) -> u32 {
    if a < b { a } else { b }
}

const fn max_u32(a: u32, b: u32) -> u32 {
    if a > b { a } else { b }
}
