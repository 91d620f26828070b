//! What an eBPF program can read and write, on terms: the call's data with the facts behind it, and
//! its stacks.

use filterc_abi::Endian;
use filterc_abi::facts::CALL_SIZE;
use filterc_ebpf::interp::STACK_SIZE;
use filterc_ebpf::machine::{Alu, Size};

use crate::layout::{WordIndex, fact_word};
use crate::machine::What;
use crate::term::{TermId, Terms};
use crate::wide::mask;

/// What is in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    /// A number of 64 bits.
    Number(TermId),
    /// The address of a byte of the data; it may lie outside as long as nobody goes there.
    Data(i64),
    /// The address of a byte of the stack of a function, from behind its end.
    Stack(usize, i64),
    /// Nothing that can be used, and why.
    Nothing(What),
}

/// Bytes of a slot.
const SLOT: u8 = 8;

/// Slots of a stack.
pub(crate) const STACK_SLOTS: u8 = 64;

const STACK_BYTES: i64 = SLOT as i64 * STACK_SLOTS as i64;
const DATA_BYTES: i64 = CALL_SIZE as i64;

/// Slots of the data itself; those of the facts are behind them.
const DATA_SLOTS: u8 = 8;

const _: () = assert!(SLOT as usize * STACK_SLOTS as usize == STACK_SIZE);

/// Eight bytes at a multiple of eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Slot {
    /// Two words in the order of memory, and one bit for each byte that was written; the others
    /// are 0.
    Words([TermId; 2], u8),
    /// An address.
    Address(Value),
}

/// An object: those of its slots that were written, by place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Object(Vec<(u8, Slot)>);

impl Object {
    fn get(&self, place: u8) -> Option<Slot> {
        let at = self.0.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        self.0.get(at).map(|(_, slot)| *slot)
    }

    fn set(&mut self, place: u8, slot: Slot) {
        match self.0.binary_search_by_key(&place, |(place, _)| *place) {
            Ok(at) => {
                if let Some(old) = self.0.get_mut(at) {
                    old.1 = slot;
                }
            }
            Err(at) => self.0.insert(at, (place, slot)),
        }
    }
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Memory {
    /// What a program changed of the data.
    data: Object,
    /// Of the functions that are running, the first one's first.
    stacks: Vec<Object>,
}

/// So many bytes somewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub(crate) base: Value,
    pub(crate) offset: i16,
    pub(crate) size: Size,
}

/// Where an access goes.
struct Place {
    /// The stack of that function, or the data.
    stack: Option<usize>,
    slot: u8,
    byte: u8,
}

impl Place {
    /// The word of the slot.
    fn word(&self) -> usize {
        usize::from(self.byte / 4)
    }

    /// One bit for each byte.
    fn bytes(&self, size: Size) -> u8 {
        let all = match size {
            Size::B1 => 0x01,
            Size::B2 => 0x03,
            Size::B4 => 0x0f,
            Size::B8 => 0xff,
        };
        all << (self.byte & 7)
    }

    /// How far the lowest bit of one or two bytes is above that of their word.
    fn shift(&self, size: Size, endian: Endian) -> u32 {
        let before = 8 * u32::from(self.byte % 4);
        match endian {
            Endian::Little => before,
            Endian::Big => 32 - before - size.bits(),
        }
    }
}

fn place(access: Access) -> Result<Place, What> {
    let (stack, at, length) = match access.base {
        Value::Data(at) => (None, at, DATA_BYTES),
        Value::Stack(depth, at) => (Some(depth), at.wrapping_add(STACK_BYTES), STACK_BYTES),
        Value::Number(_) => return Err(What::NoAddress),
        Value::Nothing(why) => return Err(why),
    };
    let at = at.wrapping_add(access.offset.into());
    let size = i64::from(access.size.bits() / 8);
    if !(0..=length - size).contains(&at) {
        return Err(What::OutOfBounds);
    }
    if at % size != 0 {
        return Err(What::Misaligned);
    }
    let small = |number: i64| u8::try_from(number).map_err(|_| What::OutOfBounds);
    Ok(Place { stack, slot: small(at / i64::from(SLOT))?, byte: small(at % i64::from(SLOT))? })
}

impl Memory {
    /// A function starts that so many others have called.
    pub(crate) fn enter(&mut self, depth: usize) {
        self.stacks.truncate(depth);
        self.stacks.resize_with(depth + 1, Object::default);
    }

    /// It has ended.
    pub(crate) fn leave(&mut self, depth: usize) {
        self.stacks.truncate(depth);
    }

    /// Forgets those slots of the running function's stack that have no bit.
    pub(crate) fn keep(&mut self, slots: u64) {
        if let Some(Object(stack)) = self.stacks.last_mut() {
            stack.retain(|(place, _)| slots >> (place & 63) & 1 == 1);
        }
    }

    /// What is in a slot.
    fn slot(&self, terms: &mut Terms, place: &Place) -> Result<Slot, What> {
        let zero = terms.constant(0);
        match place.stack {
            Some(depth) => {
                let stack = self.stacks.get(depth).ok_or(What::OutOfBounds)?;
                Ok(stack.get(place.slot).unwrap_or(Slot::Words([zero; 2], 0)))
            }
            None => Ok(self.data.get(place.slot).unwrap_or_else(|| {
                let first: WordIndex = match place.slot.checked_sub(DATA_SLOTS) {
                    Some(behind) => fact_word(2 * behind),
                    None => 2 * place.slot,
                };
                Slot::Words([terms.data(first), terms.data(first + 1)], u8::MAX)
            })),
        }
    }

    /// What is there, extended with zeros.
    pub(crate) fn load(
        &self,
        terms: &mut Terms,
        endian: Endian,
        access: Access,
    ) -> Result<Value, What> {
        let place = place(access)?;
        let (words, written) = match self.slot(terms, &place)? {
            Slot::Address(address) if access.size == Size::B8 => return Ok(address),
            Slot::Address(_) => return Err(What::Unwritten),
            Slot::Words(words, written) => (words, written),
        };
        let bytes = place.bytes(access.size);
        if written & bytes != bytes {
            return Err(What::Unwritten);
        }
        let [first, second] = words;
        let word = if place.word() == 0 { first } else { second };
        let number = match access.size {
            Size::B8 if endian == Endian::Little => terms.join(first, second),
            Size::B8 => terms.join(second, first),
            Size::B4 => terms.widened(word),
            Size::B1 | Size::B2 => {
                let shift = terms.constant(place.shift(access.size, endian));
                let mask = terms.constant(mask(access.size));
                let shifted = terms.alu32(Alu::Rsh, word, shift);
                let part = terms.alu32(Alu::And, shifted, mask);
                terms.widened(part)
            }
        };
        Ok(Value::Number(number))
    }

    /// It becomes the low bits of `value`.
    pub(crate) fn store(
        &mut self,
        terms: &mut Terms,
        endian: Endian,
        access: Access,
        value: Value,
    ) -> Result<(), What> {
        let place = place(access)?;
        let slot = match value {
            Value::Number(number) => {
                let old = self.slot(terms, &place)?;
                changed(terms, endian, &place, access.size, old, number)
            }
            Value::Data(_) | Value::Stack(..)
                if access.size == Size::B8 && place.stack.is_some() =>
            {
                Slot::Address(value)
            }
            Value::Data(_) | Value::Stack(..) => return Err(What::AddressSeen),
            Value::Nothing(why) => return Err(why),
        };
        let object = match place.stack {
            Some(depth) => self.stacks.get_mut(depth).ok_or(What::OutOfBounds)?,
            None => &mut self.data,
        };
        object.set(place.slot, slot);
        Ok(())
    }
}

/// A slot of which some bytes are now those of a number.
fn changed(
    terms: &mut Terms,
    endian: Endian,
    place: &Place,
    size: Size,
    old: Slot,
    number: TermId,
) -> Slot {
    let zero = terms.constant(0);
    let (mut words, written) = match old {
        Slot::Words(words, written) => (words, written),
        Slot::Address(_) => ([zero; 2], 0),
    };
    let low = terms.low(number);
    if size == Size::B8 {
        let high = terms.high(number);
        words = if endian == Endian::Little { [low, high] } else { [high, low] };
    } else if let Some(word) = words.get_mut(place.word()) {
        *word = match size {
            Size::B1 | Size::B2 => {
                let shift = place.shift(size, endian);
                let others = terms.constant(!(mask(size) << shift));
                let (shift, mask) = (terms.constant(shift), terms.constant(mask(size)));
                let kept = terms.alu32(Alu::And, *word, others);
                let part = terms.alu32(Alu::And, low, mask);
                let part = terms.alu32(Alu::Lsh, part, shift);
                terms.alu32(Alu::Or, kept, part)
            }
            Size::B4 | Size::B8 => low,
        };
    }
    Slot::Words(words, written | place.bytes(size))
}
