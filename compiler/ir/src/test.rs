//! Tests: the questions that a decision DAG asks about a call.
//!
//! They come at two levels. *Field tests* speak of what the kernel will use: so many bits
//! of a place, with a sign. *Word tests* speak of what a classic BPF machine can load: an
//! unsigned 32-bit word of `struct seccomp_data` in its own byte order, one half of a
//! parameter, which is an input like these (no test can say what it is), or a word of the facts
//! of a call, which only eBPF can load. The pass `words`
//! turns the former into the latter; both have one evaluation rule, written at the variant.
//!
//! There are two comparisons only, [`Cmp::Eq`] and [`Cmp::Ge`]: all others are one of them
//! with the arms of the branch exchanged (`x < 3` is "not `x >= 3`"), or the next constant
//! (`x > 3` is `x >= 4`), and "some bit of m is set" is "not `x & m == 0`". One spelling for
//! one question is what lets hash-consing find that two questions are the same.

use std::hash::{Hash, Hasher};

use filterc_abi::facts::FACTS_WORDS;
use filterc_abi::seccomp::{SECCOMP_DATA_SIZE, SECCOMP_DATA_WORDS, offset};
use filterc_abi::{Endian, Fact, SeccompData};
use filterc_hir::limits::{MAX_PARAMS, MAX_QUESTIONS};
use filterc_hir::types::{Field, Place};

/// A 32-bit word of what is decided about: of `struct seccomp_data`, by its index (a quarter
/// of its byte offset), or, behind these, a half of a parameter, or, behind those, of the facts of
/// a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Word(u8);

/// Words of a call, of all parameters that a policy may have, and of the facts of the call.
pub const INPUT_WORDS: usize = SECCOMP_DATA_WORDS + 2 * MAX_PARAMS + FACTS_WORDS;

/// The index of the first parameter's low half; its high half comes next.
const FIRST_PARAM: u8 = 16;

const _: () = assert!(FIRST_PARAM as usize == SECCOMP_DATA_WORDS);

/// The index of the first word of the facts.
const FIRST_FACT: u8 = FIRST_PARAM + 48;

const _: () = assert!(FIRST_FACT as usize == SECCOMP_DATA_WORDS + 2 * MAX_PARAMS);

/// Behind all that a machine can load.
const NOWHERE: u8 = FIRST_FACT + 14;

const _: () = assert!(NOWHERE as usize == INPUT_WORDS);

/// A half of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Half {
    /// The parameter's position in the policy.
    pub param: u8,
    /// Whether it is bits 63…32.
    pub high: bool,
}

/// What is decided about: a call, and the parameters' values.
#[derive(Clone, Copy, Debug)]
pub struct Input<'i> {
    /// The call.
    pub call: &'i SeccompData,
    /// Its words, in the byte order of the DAG.
    pub words: &'i [u32; SECCOMP_DATA_WORDS],
    /// What stands [beside](filterc_hir::types::beside) it.
    pub params: &'i [u64],
    /// The byte order of the DAG.
    pub endian: Endian,
}

impl Word {
    /// `nr`.
    pub const NR: Self = Self(0);
    /// `arch`.
    pub const ARCH: Self = Self(1);

    /// Where answers to questions are, for a machine: no program can look there, and none that
    /// does is verified. [Staging](crate::stage()) leaves no test of answers.
    const NOWHERE: Self = Self(NOWHERE);

    /// The word of the data with that index; `None` from 16 on.
    #[must_use]
    pub const fn new(index: u8) -> Option<Self> {
        if (index as usize) < SECCOMP_DATA_WORDS { Some(Self(index)) } else { None }
    }

    /// A half of a parameter; `None` if no policy has so many.
    #[must_use]
    pub fn param(half: Half) -> Option<Self> {
        let Half { param, high } = half;
        (usize::from(param) < MAX_PARAMS).then_some(Self(FIRST_PARAM + 2 * param + u8::from(high)))
    }

    /// The half of a parameter that it is; `None` for a word of the data or of a fact.
    #[must_use]
    pub const fn half_of(self) -> Option<Half> {
        match self.0.checked_sub(FIRST_PARAM) {
            Some(half) if self.0 < FIRST_FACT => {
                Some(Half { param: half / 2, high: half % 2 == 1 })
            }
            Some(_) | None => None,
        }
    }

    /// The word of the facts with that position among them; `None` if there are not so many.
    #[must_use]
    pub fn of_facts(position: u8) -> Option<Self> {
        (usize::from(position) < FACTS_WORDS).then_some(Self(FIRST_FACT + position))
    }

    /// Its position among the words of the facts, if it is one.
    #[must_use]
    pub const fn fact_word(self) -> Option<u8> {
        self.0.checked_sub(FIRST_FACT)
    }

    /// The index, below [`INPUT_WORDS`].
    #[must_use]
    pub const fn index(self) -> u8 {
        self.0
    }

    /// The byte offset of a word of the data, a multiple of 4 below 64 (what `LD W ABS` takes), or
    /// of a fact behind it.
    #[must_use]
    pub const fn offset(self) -> u32 {
        match self.fact_word() {
            Some(position) => SECCOMP_DATA_SIZE + position as u32 * 4,
            None => self.0 as u32 * 4,
        }
    }

    /// Its value.
    fn of(self, input: &Input<'_>) -> u32 {
        if let Some(fact) = self.fact_half() {
            let (fact, second) = fact;
            let (lo, hi) = split(Field::raw(Place::Fact(fact), input.call, input.params));
            let is_high = fact.width() == 64 && second == (input.endian == Endian::Little);
            return if is_high { hi } else { lo };
        }
        match self.half_of() {
            Some(Half { param, high }) => {
                let value = input.params.get(usize::from(param)).copied().unwrap_or_default();
                let (lo, hi) = split(value);
                if high { hi } else { lo }
            }
            None => self.among(input.words),
        }
    }

    /// The fact that it is a word of, and whether it is the second of two.
    fn fact_half(self) -> Option<(Fact, bool)> {
        let position = u32::from(self.fact_word()?);
        let first = |fact: &Fact| fact.offset() / 4;
        let is_second = |fact: &Fact| fact.width() == 64 && first(fact) + 1 == position;
        let is_of = |fact: &Fact| first(fact) == position || is_second(fact);
        let fact = Fact::ALL.into_iter().find(is_of)?;
        Some((fact, is_second(&fact)))
    }

    /// Its value among the words of a call; a word of anything else is not among them, and is 0.
    pub(crate) fn among(self, words: &[u32; SECCOMP_DATA_WORDS]) -> u32 {
        words.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    /// The low or high half of the 64-bit member that starts at a byte offset.
    fn half(offset: u32, high: bool, endian: Endian) -> Self {
        let second = match endian {
            Endian::Little => high,
            Endian::Big => !high,
        };
        let index = offset / 4 + u32::from(second);
        // Operands exist only for places inside the structure, so the mask changes nothing.
        Self((index & 0xf) as u8)
    }

    /// The low or high half of a fact.
    fn fact(fact: Fact, high: bool, endian: Endian) -> Self {
        let second = fact.width() == 64 && high == (endian == Endian::Little);
        let position = fact.offset() / 4 + u32::from(second);
        Self(FIRST_FACT + (position & 0xf) as u8)
    }
}

/// What a field test looks at: the low `width` bits of a place, read with a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operand {
    place: Place,
    width: u8,
    signed: bool,
}

/// A word, and the bits of it that belong to an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The word.
    pub(crate) word: Word,
    /// The bits.
    pub(crate) mask: u32,
}

impl Operand {
    /// An operand; `None` if the place has not that many bits.
    #[must_use]
    pub fn new(place: Place, width: u8, signed: bool) -> Option<Self> {
        let room = match place {
            Place::Nr | Place::Arch => 32,
            Place::InstructionPointer => 64,
            Place::Arg(i) if i < 6 => 64,
            Place::Pair { lo, hi } if lo < 6 && hi < 6 && lo != hi => 64,
            Place::Fact(fact) => fact.width(),
            Place::Param(i) if usize::from(i) < MAX_PARAMS => 64,
            Place::Answer(i) if usize::from(i) < MAX_QUESTIONS => 1,
            Place::Arg(_) | Place::Pair { .. } | Place::Param(_) | Place::Answer(_) => 0,
        };
        (1..=room).contains(&width).then_some(Self { place, width, signed })
    }

    /// The operand that a typed field stands for.
    #[must_use]
    pub const fn of(field: &Field) -> Self {
        let ty = field.ty();
        Self { place: field.place(), width: ty.width(), signed: ty.signed() }
    }

    /// Where it lies.
    #[must_use]
    pub const fn place(self) -> Place {
        self.place
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

    /// A number of 48 bits, different for each operand.
    fn key(self) -> u64 {
        let (tag, first, second) = match self.place {
            Place::Nr => (0, 0, 0),
            Place::Arch => (1, 0, 0),
            Place::InstructionPointer => (2, 0, 0),
            Place::Arg(register) => (3, register, 0),
            Place::Pair { lo, hi } => (4, lo, hi),
            Place::Param(index) => (5, index, 0),
            Place::Fact(fact) => (6, fact.index(), 0),
            Place::Answer(question) => {
                let [first, second] = question.to_le_bytes();
                (7, first, second)
            }
        };
        let bytes = [tag, first, second, self.width, u8::from(self.signed), 0, 0, 0];
        u64::from_le_bytes(bytes)
    }

    /// The `width` low bits set.
    #[must_use]
    pub const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.width)
    }

    /// The bit that makes a value negative; 0 where none does.
    #[must_use]
    pub const fn sign_bit(self) -> u64 {
        if self.signed { 1 << (self.width - 1) } else { 0 }
    }

    /// The number that a pattern of this width stands for.
    #[must_use]
    pub const fn value(self, bits: u64) -> i128 {
        let bits = bits & self.mask();
        if bits & self.sign_bit() == 0 { bits as i128 } else { bits as i128 - (1 << self.width) }
    }

    /// Its bits.
    #[must_use]
    pub fn read(self, call: &SeccompData, params: &[u64]) -> u64 {
        Field::raw(self.place, call, params) & self.mask()
    }

    /// The byte offset of the member of `struct seccomp_data`, or of the half of one, that it
    /// fills; `None` if it is part of it, or is in two places or none.
    #[must_use]
    pub fn offset(self, endian: Endian) -> Option<u32> {
        if matches!(self.place, Place::Pair { .. } | Place::Param(_) | Place::Answer(_)) {
            return None;
        }
        match self.parts(endian) {
            (lo, None) => (self.width == 32).then_some(lo.word.offset()),
            (lo, Some(hi)) => (self.width == 64).then_some(lo.word.offset().min(hi.word.offset())),
        }
    }

    /// The words that hold it, low bits first. A field of up to 32 bits has no second one:
    /// the kernel does not look there, so a filter must not either.
    pub(crate) fn parts(self, endian: Endian) -> (Part, Option<Part>) {
        let arg = |i: u8| offset::ARGS + 8 * u32::from(i);
        let (lo, hi) = match self.place {
            Place::Nr => (Word::NR, None),
            Place::Arch => (Word::ARCH, None),
            Place::InstructionPointer => halves(offset::INSTRUCTION_POINTER, endian),
            Place::Arg(i) => halves(arg(i), endian),
            Place::Pair { lo, hi } => {
                (Word::half(arg(lo), false, endian), Some(Word::half(arg(hi), false, endian)))
            }
            Place::Fact(fact) => {
                let half = |high| Word::fact(fact, high, endian);
                (half(false), (fact.width() == 64).then(|| half(true)))
            }
            Place::Answer(_) => (Word::NOWHERE, None),
            // A number, which has no byte order.
            Place::Param(param) => {
                let word = |high| Word::param(Half { param, high });
                (word(false).unwrap_or(Word::NR), word(true))
            }
        };
        let (low, high) = split(self.mask());
        let second = hi.filter(|_| high != 0).map(|word| Part { word, mask: high });
        (Part { word: lo, mask: low }, second)
    }
}

fn halves(offset: u32, endian: Endian) -> (Word, Option<Word>) {
    (Word::half(offset, false, endian), Some(Word::half(offset, true, endian)))
}

/// Bits 31…0 and bits 63…32.
pub(crate) const fn split(bits: u64) -> (u32, u32) {
    ((bits & 0xffff_ffff) as u32, (bits >> 32) as u32)
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cmp {
    /// Equal bits.
    Eq,
    /// Greater or equal: by the operand's sign for fields, unsigned for words.
    Ge,
}

impl Cmp {
    fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ge => left >= right,
        }
    }
}

/// A question about a call, answered yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Test {
    /// `(field & mask) cmp value`.
    ///
    /// Typing: `mask` and `value` are patterns of the field's width, `mask` is not 0, and
    /// for `Eq` the value lies inside the mask. Evaluation: both sides are taken as
    /// numbers of the field's width and sign.
    Field {
        /// What is looked at.
        field: Operand,
        /// The bits that count.
        mask: u64,
        /// The comparison.
        cmp: Cmp,
        /// With what.
        value: u64,
    },
    /// `left cmp right`, or `(left & mask) == (right & mask)`.
    ///
    /// Typing: one width; for `Ge` one sign, and all bits in the mask, which is not 0.
    /// Evaluation: `Eq` compares bits, `Ge` numbers.
    Fields {
        /// The left one.
        left: Operand,
        /// The comparison.
        cmp: Cmp,
        /// The right one.
        right: Operand,
        /// The bits of both that count.
        mask: u64,
    },
    /// `(word & mask) cmp value`, unsigned.
    ///
    /// Typing: `mask` is not 0, and for `Eq` the value lies inside the mask.
    Word {
        /// What is looked at.
        word: Word,
        /// The bits that count.
        mask: u32,
        /// The comparison.
        cmp: Cmp,
        /// With what.
        value: u32,
    },
    /// `(left & mask) cmp (right & mask)`, unsigned.
    ///
    /// Typing: two words, and a mask that is not 0.
    Words {
        /// The left one.
        left: Word,
        /// The comparison.
        cmp: Cmp,
        /// The right one.
        right: Word,
        /// The bits of both that count.
        mask: u32,
    },
}

/// In two or three words: nodes are interned by every pass, and field by field a test takes four
/// times as long.
impl Hash for Test {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let pair = |a: u32, b: u32| u64::from(a) << 32 | u64::from(b);
        match *self {
            Self::Word { word, mask, cmp, value } => {
                state.write_u64(u64::from(word.0) << 8 | cmp as u64);
                state.write_u64(pair(mask, value));
            }
            Self::Words { left, cmp, right, mask } => {
                state.write_u64(u64::from(left.0) << 16 | u64::from(right.0) << 8 | cmp as u64);
                state.write_u64(mask.into());
            }
            Self::Field { field, mask, cmp, value } => {
                state.write_u64(field.key() << 8 | cmp as u64);
                state.write_u64(mask);
                state.write_u64(value);
            }
            Self::Fields { left, cmp, right, mask } => {
                state.write_u64(left.key() << 8 | cmp as u64);
                state.write_u64(right.key());
                state.write_u64(mask);
            }
        }
    }
}

/// What a test comes to, in its one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Normal {
    /// Every call gives this answer.
    Always(bool),
    /// This test, as it is.
    Same(Test),
    /// The opposite of this test.
    Opposite(Test),
}

impl Test {
    /// A word test for equality.
    pub(crate) const fn word_eq(part: Part, value: u32) -> Self {
        Self::Word { word: part.word, mask: part.mask, cmp: Cmp::Eq, value }
    }

    /// A word test for order.
    pub(crate) const fn word_ge(part: Part, value: u32) -> Self {
        Self::Word { word: part.word, mask: part.mask, cmp: Cmp::Ge, value }
    }

    /// Whether a machine that knows words alone can make it.
    #[must_use]
    pub const fn is_of_words(&self) -> bool {
        matches!(self, Self::Word { .. } | Self::Words { .. })
    }

    /// Whether it holds for a call of which the words are known and nothing else: good enough
    /// for a lowered test where parameters may have any value.
    pub(crate) fn holds_for(&self, words: &[u32; SECCOMP_DATA_WORDS]) -> bool {
        let endian = Endian::Little;
        self.holds(&Input { call: &SeccompData::default(), words, params: &[], endian })
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, input: &Input<'_>) -> bool {
        let read = |field: Operand| field.read(input.call, input.params);
        match *self {
            Self::Field { field, mask, cmp, value } => {
                cmp.holds(&field.value(read(field) & mask), &field.value(value))
            }
            Self::Fields { left, cmp: Cmp::Eq, right, mask } => {
                read(left) & mask == read(right) & mask
            }
            Self::Fields { left, cmp: Cmp::Ge, right, mask } => {
                left.value(read(left) & mask) >= right.value(read(right) & mask)
            }
            Self::Word { word, mask, cmp, value } => cmp.holds(&(word.of(input) & mask), &value),
            Self::Words { left, cmp, right, mask } => {
                cmp.holds(&(left.of(input) & mask), &(right.of(input) & mask))
            }
        }
    }

    /// The one spelling of this question.
    pub(crate) fn normal(self) -> Normal {
        match self {
            Self::Field { field, mask, cmp, value } => {
                let spell = |mask, cmp, value| Self::Field { field, mask, cmp, value };
                if cmp == Cmp::Ge && mask & field.sign_bit() != 0 {
                    return normal_signed(field, mask, value, self);
                }
                // Without the sign bit no value is negative, and a negative bound is below all.
                if cmp == Cmp::Ge && field.value(value) < 0 {
                    return Normal::Always(true);
                }
                normal_unsigned(mask, cmp, value, spell)
            }
            Self::Word { word, mask, cmp, value } => {
                let spell = |mask, cmp, value| Self::Word {
                    word,
                    mask: split(mask).0,
                    cmp,
                    value: split(value).0,
                };
                normal_unsigned(mask.into(), cmp, value.into(), spell)
            }
            Self::Fields { left, cmp, right, mask } => match cmp {
                _ if left.place == right.place || mask == 0 => Normal::Always(true),
                Cmp::Eq if right < left => {
                    Normal::Same(Self::Fields { left: right, cmp, right: left, mask })
                }
                Cmp::Eq | Cmp::Ge => Normal::Same(self),
            },
            Self::Words { left, cmp, right, mask } => match cmp {
                _ if left == right || mask == 0 => Normal::Always(true),
                Cmp::Eq if right < left => {
                    Normal::Same(Self::Words { left: right, cmp, right: left, mask })
                }
                Cmp::Eq | Cmp::Ge => Normal::Same(self),
            },
        }
    }
}

/// `Ge` by sign, the sign bit being in the mask: the values go from the sign bit alone to
/// the mask without it.
fn normal_signed(field: Operand, mask: u64, value: u64, test: Test) -> Normal {
    let bound = field.value(value);
    let sign = field.sign_bit();
    if bound <= field.value(sign) {
        Normal::Always(true)
    } else if bound > field.value(mask & !sign) {
        Normal::Always(false)
    } else if bound == 0 {
        Normal::Same(Test::Field { field, mask: sign, cmp: Cmp::Eq, value: 0 })
    } else {
        Normal::Same(test)
    }
}

fn normal_unsigned(
    mask: u64,
    cmp: Cmp,
    value: u64,
    spell: impl Fn(u64, Cmp, u64) -> Test,
) -> Normal {
    match cmp {
        Cmp::Eq if value & !mask != 0 => Normal::Always(false),
        Cmp::Eq if mask == 0 => Normal::Always(true),
        Cmp::Eq if mask.is_power_of_two() && value == mask => {
            Normal::Opposite(spell(mask, Cmp::Eq, 0))
        }
        Cmp::Ge if value == 0 => Normal::Always(true),
        Cmp::Ge if value > mask => Normal::Always(false),
        // At least the highest bit of the mask: that bit decides alone.
        Cmp::Ge if value.is_power_of_two() && mask >> value.trailing_zeros() == 1 => {
            Normal::Opposite(spell(value, Cmp::Eq, 0))
        }
        Cmp::Ge if value == 1 => Normal::Opposite(spell(mask, Cmp::Eq, 0)),
        Cmp::Ge if value == mask => Normal::Same(spell(mask, Cmp::Eq, mask)),
        Cmp::Eq | Cmp::Ge => Normal::Same(spell(mask, cmp, value)),
    }
}
