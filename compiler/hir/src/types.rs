//! Fields and their types: which bits of a call, of what is known of it, or of a parameter, a name
//! stands for.

use std::borrow::Cow;
use std::fmt;

use filterc_abi::{self as abi, Endian, Fact, Facts};

use crate::limits::{MAX_PARAMS, MAX_QUESTIONS};

/// Answers in one number: they are bits.
pub const ANSWERS_IN_ONE: usize = 64;

/// Where answers begin among what stands beside the registers.
pub const FIRST_ANSWERS: usize = MAX_PARAMS + Fact::COUNT;

/// Numbers that stand beside the registers of a call: values of parameters, by position, behind
/// [`MAX_PARAMS`] of these the facts of the call, and behind those, from [`FIRST_ANSWERS`] on, the
/// answers to the policy's questions, [`ANSWERS_IN_ONE`] in each, the first in the lowest bit. One
/// that is missing is 0.
pub const BESIDE: usize = FIRST_ANSWERS + MAX_QUESTIONS / ANSWERS_IN_ONE;

/// Parameters and facts as one list, on a machine of that byte order.
#[must_use]
pub fn beside(params: &[u64], facts: &Facts, endian: Endian) -> [u64; BESIDE] {
    let mut all = [0; BESIDE];
    let (own, behind) = all.split_at_mut(MAX_PARAMS);
    for (slot, param) in own.iter_mut().zip(params) {
        *slot = *param;
    }
    for (slot, fact) in behind.iter_mut().zip(facts.values(endian)) {
        *slot = fact;
    }
    all
}

/// Puts an answer into such a list, which is as long as it must be then.
pub fn put_answer(beside: &mut [u64; BESIDE], question: u16, yes: bool) {
    let (at, bit) = answer_at(question);
    if let Some(slot) = beside.get_mut(at) {
        *slot = *slot & !bit | if yes { bit } else { 0 };
    }
}

/// Where the answer to a question stands in such a list, and its bit there.
#[must_use]
pub const fn answer_at(question: u16) -> (usize, u64) {
    let question = question as usize;
    (FIRST_ANSWERS + question / ANSWERS_IN_ONE, 1 << (question % ANSWERS_IN_ONE))
}

/// The facts of such a list.
#[must_use]
pub fn facts_of(beside: &[u64], endian: Endian) -> Facts {
    Facts::of_values(beside.get(MAX_PARAMS..).unwrap_or_default(), endian)
}

/// Where a field lies: in `struct seccomp_data`, among the facts of a call, or among the policy's
/// parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// `nr`, 32 bits.
    Nr,
    /// `arch`, 32 bits.
    Arch,
    /// `instruction_pointer`, 64 bits.
    InstructionPointer,
    /// The low bits of one argument register, `args[0]` … `args[5]`.
    Arg(u8),
    /// A 64-bit value of a 32-bit ABI: the low words of two argument registers.
    Pair {
        /// The register with bits 31…0.
        lo: u8,
        /// The register with bits 63…32.
        hi: u8,
    },
    /// The low bits of a fact: not in the registers, but of the call all the same.
    Fact(Fact),
    /// The answer to the question with that position in the policy, one bit: not in the registers,
    /// and not known where those are all that is seen.
    Answer(u16),
    /// The low bits of the parameter with that position in the policy: a number of 64 bits
    /// that is the same for every call, and known only when the filter is loaded.
    Param(u8),
}

/// What sort of value a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A number.
    Integer,
    /// An address; what it points at is out of sight.
    Pointer,
}

/// Width and sign with which the kernel reads a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    width: u8,
    signed: bool,
    kind: Kind,
}

impl Type {
    /// A type of `width` bits; `None` unless that is 1…64.
    #[must_use]
    pub const fn new(width: u8, signed: bool, kind: Kind) -> Option<Self> {
        if width == 0 || width > 64 { None } else { Some(Self { width, signed, kind }) }
    }

    /// Width in bits, 1…64.
    #[must_use]
    pub const fn width(self) -> u8 {
        self.width
    }

    /// Whether ordering is that of two's complement.
    #[must_use]
    pub const fn signed(self) -> bool {
        self.signed
    }

    /// Number or address.
    #[must_use]
    pub const fn kind(self) -> Kind {
        self.kind
    }

    /// The `width` low bits set.
    #[must_use]
    pub const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.width)
    }

    /// The value of a bit pattern of this type.
    #[must_use]
    pub const fn value(self, bits: u64) -> i128 {
        let bits = bits & self.mask();
        let negative = self.signed && (bits >> (self.width - 1)) & 1 == 1;
        if negative { bits as i128 - (1 << self.width) } else { bits as i128 }
    }

    /// The smallest value.
    #[must_use]
    pub const fn min(self) -> i128 {
        if self.signed { -(1 << (self.width - 1)) } else { 0 }
    }

    /// The largest value.
    #[must_use]
    pub const fn max(self) -> i128 {
        if self.signed { (1 << (self.width - 1)) - 1 } else { (1 << self.width) - 1 }
    }

    /// The bit pattern of a value of this type; `None` if it is out of range.
    #[must_use]
    pub fn bits(self, value: i128) -> Option<u64> {
        (self.min() <= value && value <= self.max()).then(|| self.truncate(value))
    }

    /// The bit pattern of a constant that is a value of this width, signed or unsigned
    /// (`-100`, `0xffff_ff9c` and `~99` are the same test of 32 bits); `None` if it is wider.
    #[must_use]
    pub fn pattern(self, value: i128) -> Option<u64> {
        let min = -(1_i128 << (self.width - 1));
        (min <= value && value <= i128::from(self.mask())).then(|| self.truncate(value))
    }

    fn truncate(self, value: i128) -> u64 {
        let low = u64::try_from(value & i128::from(u64::MAX)).unwrap_or_default();
        low & self.mask()
    }
}

impl fmt::Display for Type {
    /// `s32`, `u16`, `address`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Pointer => f.write_str("address"),
            Kind::Integer => {
                write!(f, "{}{}", if self.signed { 's' } else { 'u' }, self.width)
            }
        }
    }
}

/// A field of a call, or a parameter: a name, a place and a type that fits the place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Nearly always one of the tables'.
    name: Cow<'static, str>,
    place: Place,
    ty: Type,
}

impl Field {
    /// A field; `None` if there is no such place or the type is wider than it.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, place: Place, ty: Type) -> Option<Self> {
        let room = match place {
            Place::Nr | Place::Arch => 32,
            Place::InstructionPointer => 64,
            Place::Arg(i) if i < 6 => 64,
            Place::Pair { lo, hi } if lo < 6 && hi < 6 && lo != hi => 64,
            Place::Fact(fact) => fact.width(),
            Place::Param(i) if usize::from(i) < MAX_PARAMS => 64,
            Place::Answer(i) if usize::from(i) < MAX_QUESTIONS => 1,
            Place::Arg(_) | Place::Pair { .. } | Place::Param(_) | Place::Answer(_) => return None,
        };
        (ty.width <= room).then(|| Self { name: name.into(), place, ty })
    }

    /// The name in the policy.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it lies.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// Its type.
    #[must_use]
    pub const fn ty(&self) -> Type {
        self.ty
    }

    /// Whether it is a parameter, not a field of the call.
    #[must_use]
    pub const fn is_param(&self) -> bool {
        matches!(self.place, Place::Param(_))
    }

    /// The bits that the kernel uses of this field, in one call, or its own of what stands
    /// [`beside`] it.
    #[must_use]
    pub fn read(&self, call: &abi::SeccompData, beside: &[u64]) -> u64 {
        Self::raw(self.place, call, beside) & self.ty.mask()
    }

    /// Everything that stands at a place; a parameter, a fact or an answer without a value is 0.
    #[must_use]
    pub fn raw(place: Place, call: &abi::SeccompData, beside: &[u64]) -> u64 {
        let arg = |i: u8| call.args.get(usize::from(i)).copied().unwrap_or_default();
        match place {
            Place::Nr => u64::from(call.nr.cast_unsigned()),
            Place::Arch => u64::from(call.arch),
            Place::InstructionPointer => call.instruction_pointer,
            Place::Arg(i) => arg(i),
            Place::Pair { lo, hi } => (arg(lo) & 0xffff_ffff) | (arg(hi) << 32),
            Place::Fact(fact) => {
                let at = MAX_PARAMS + usize::from(fact.index());
                beside.get(at).copied().unwrap_or_default()
            }
            Place::Answer(question) => {
                let (at, bit) = answer_at(question);
                u64::from(beside.get(at).is_some_and(|answers| answers & bit != 0))
            }
            Place::Param(i) => beside.get(usize::from(i)).copied().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(width: u8, signed: bool) -> Type {
        Type::new(width, signed, Kind::Integer).unwrap()
    }

    #[test]
    fn widths_have_limits() {
        assert!(Type::new(0, false, Kind::Integer).is_none());
        assert!(Type::new(65, false, Kind::Integer).is_none());
        assert_eq!(ty(64, false).mask(), u64::MAX);
        assert_eq!(ty(1, false).mask(), 1);
    }

    #[test]
    fn values_and_patterns_go_back_and_forth() {
        for width in 1..=8 {
            for signed in [false, true] {
                let ty = ty(width, signed);
                for bits in 0..=ty.mask() {
                    let value = ty.value(bits);
                    assert!(ty.min() <= value && value <= ty.max());
                    assert_eq!(ty.bits(value), Some(bits));
                    assert_eq!(ty.pattern(value), Some(bits));
                    assert_eq!(ty.pattern(bits.into()), Some(bits));
                }
                assert_eq!(ty.bits(ty.max() + 1), None);
                assert_eq!(ty.bits(ty.min() - 1), None);
                assert_eq!(ty.pattern(i128::from(ty.mask()) + 1), None);
                assert_eq!(ty.pattern(-i128::from(ty.mask() / 2) - 2), None);
            }
        }
        assert_eq!((ty(64, true).min(), ty(64, true).max()), (i64::MIN.into(), i64::MAX.into()));
        assert_eq!(ty(64, false).value(u64::MAX), u64::MAX.into());
        assert_eq!(ty(64, true).value(u64::MAX), -1);
        assert_eq!(ty(64, true).bits(i64::MIN.into()), Some(1 << 63));
    }

    #[test]
    fn types_have_names() {
        let address = Type::new(64, false, Kind::Pointer).unwrap();
        let shown = [ty(16, false), ty(32, true), address].map(|ty| ty.to_string());
        assert_eq!(shown, ["u16", "s32", "address"]);
    }

    #[test]
    fn fields_must_fit_their_place() {
        assert!(Field::new("nr", Place::Nr, ty(32, true)).is_some());
        assert!(Field::new("nr", Place::Nr, ty(64, true)).is_none());
        assert!(Field::new("x", Place::Arg(5), ty(64, false)).is_some());
        assert!(Field::new("x", Place::Arg(6), ty(64, false)).is_none());
        assert!(Field::new("x", Place::Pair { lo: 1, hi: 1 }, ty(64, false)).is_none());
        assert!(Field::new("x", Place::Pair { lo: 1, hi: 6 }, ty(64, false)).is_none());
        assert!(Field::new("x", Place::Param(23), ty(64, false)).is_some());
        assert!(Field::new("x", Place::Param(24), ty(8, false)).is_none());
        assert!(Field::new("x", Place::Answer(1023), ty(1, false)).is_some());
        assert!(Field::new("x", Place::Answer(1023), ty(2, false)).is_none());
        assert!(Field::new("x", Place::Answer(1024), ty(1, false)).is_none());
    }

    #[test]
    fn answers_are_bits_behind_the_facts() {
        let mut all = beside(&[9], &Facts::default(), Endian::Little);
        let read = |all: &[u64], i| Field::raw(Place::Answer(i), &abi::SeccompData::default(), all);
        for question in [0, 63, 64, 1023] {
            put_answer(&mut all, question, true);
            assert_eq!((read(&all, question), all[0]), (1, 9));
            assert_eq!(all[1..].iter().map(|bits| bits.count_ones()).sum::<u32>(), 1);
            put_answer(&mut all, question, false);
            assert_eq!(read(&all, question), 0);
        }
        assert_eq!(read(&[], 5), 0);
    }

    #[test]
    fn fields_read_their_bits() {
        let call = abi::SeccompData {
            nr: -1,
            arch: 0xc000_003e,
            instruction_pointer: 0x1234_5678_9abc_def0,
            args: [0x1_0002_0003, 7, 8, 0, 0, 0],
        };
        let read = |place, ty| Field::new("x", place, ty).unwrap().read(&call, &[5, 1 << 40 | 9]);
        assert_eq!(read(Place::Nr, ty(32, true)), 0xffff_ffff);
        assert_eq!(read(Place::Arch, ty(32, false)), 0xc000_003e);
        assert_eq!(read(Place::InstructionPointer, ty(64, false)), 0x1234_5678_9abc_def0);
        assert_eq!(read(Place::Arg(0), ty(16, false)), 3);
        assert_eq!(read(Place::Arg(0), ty(32, true)), 0x2_0003);
        assert_eq!(read(Place::Pair { lo: 1, hi: 2 }, ty(64, true)), (8 << 32) | 7);
        assert_eq!(read(Place::Param(1), ty(32, false)), 9);
        assert_eq!(read(Place::Param(1), ty(64, false)), 1 << 40 | 9);
    }
}
