//! Bytes to types. The bytes may be anybody's: nothing in them is believed.

use std::fmt;

use filterc_abi::Endian;

use super::kind;

/// Why bytes are no types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BtfError {
    /// They do not begin as BTF does, in that byte order.
    NotBtf,
    /// A part is not where it should be, or ends early.
    Damaged {
        /// The part.
        what: &'static str,
    },
    /// A kind of type that is not known, so that nothing behind it can be read.
    UnknownKind {
        /// Its number.
        kind: u8,
    },
}

impl fmt::Display for BtfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBtf => f.write_str("there is no BTF of this byte order"),
            Self::Damaged { what } => write!(f, "BTF: {what} cannot be read"),
            Self::UnknownKind { kind } => write!(f, "BTF: there is no kind {kind} of types"),
        }
    }
}

impl std::error::Error for BtfError {}

/// Types that were read.
#[derive(Clone, Debug)]
pub struct Btf<'a> {
    endian: Endian,
    types: &'a [u8],
    strings: &'a [u8],
    /// Where each type begins.
    starts: Vec<u32>,
}

/// One type.
#[derive(Clone, Copy, Debug)]
pub struct Type<'a> {
    /// Its kind ([`kind`]).
    pub kind: u8,
    /// Its name, perhaps empty.
    pub name: &'a str,
    /// How many parts it has.
    pub parts: u16,
    /// Its size, or the number of another type: the kind says which.
    pub size_or_type: u32,
    /// Whether members of a structure may be bits of numbers.
    has_bits: bool,
    endian: Endian,
    rest: &'a [u8],
}

/// A member of a structure or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The place of its name among the strings.
    pub name: u32,
    /// The number of its type.
    pub of: u32,
    /// Its offset, in bits.
    pub bit_offset: u32,
    /// How many bits it has, if it is some bits of a number; otherwise 0.
    pub bits: u8,
}

impl Type<'_> {
    /// The members, if it is a structure or a union.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        let is = matches!(self.kind, kind::STRUCT | kind::UNION);
        let count = if is { usize::from(self.parts) } else { 0 };
        (0..count).map_while(|at| {
            let (name, of, place) =
                (self.word(at * 3)?, self.word(at * 3 + 1)?, self.word(at * 3 + 2)?);
            let [.., bits] = place.to_le_bytes();
            let (bit_offset, bits) =
                if self.has_bits { (place & 0x00ff_ffff, bits) } else { (place, 0) };
            Some(Member { name, of, bit_offset, bits })
        })
    }

    /// The number of that index behind what all types have.
    #[must_use]
    pub fn word(&self, index: usize) -> Option<u32> {
        word_at(self.rest, index.checked_mul(4)?, self.endian)
    }
}

impl<'a> Btf<'a> {
    /// Reads the bytes of a `.BTF` section.
    ///
    /// # Errors
    /// Where they are no such section.
    pub fn read(bytes: &'a [u8], endian: Endian) -> Result<Self, BtfError> {
        if !has_magic(bytes, endian) {
            return Err(BtfError::NotBtf);
        }
        let [types, strings] = ["types", "strings"].map(|what| BtfError::Damaged { what });
        let types = part(bytes, 4, 8, endian).ok_or(types)?;
        let strings_part = part(bytes, 4, 16, endian).ok_or(strings)?;
        let mut btf = Self { endian, types, strings: strings_part, starts: Vec::new() };
        if strings_part.first() != Some(&0) || strings_part.last() != Some(&0) {
            return Err(strings);
        }
        let mut at = 0;
        while at < types.len() {
            let damaged = BtfError::Damaged { what: "a type" };
            let info = word_at(types, at + 4, endian).ok_or(damaged)?;
            let kind = kind_of(info);
            let length = rest_length(kind, parts_of(info)).ok_or(BtfError::UnknownKind { kind })?;
            btf.starts.push(u32::try_from(at).map_err(|_| damaged)?);
            at += 12 + length;
            if at > types.len() {
                return Err(damaged);
            }
        }
        Ok(btf)
    }

    /// The type of that number, from 1.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<Type<'a>> {
        let start = *self.starts.get(usize::try_from(id).ok()?.checked_sub(1)?)? as usize;
        let word = |index: usize| word_at(self.types, start + 4 * index, self.endian);
        let (name, info, size_or_type) = (word(0)?, word(1)?, word(2)?);
        let (kind, parts) = (kind_of(info), parts_of(info));
        let rest = self.types.get(start + 12..start + 12 + rest_length(kind, parts)?)?;
        let name = self.string(name)?;
        let has_bits = info >> 31 == 1;
        Some(Type { kind, name, parts, size_or_type, has_bits, endian: self.endian, rest })
    }

    /// The type of that number, behind names and qualifiers.
    #[must_use]
    pub fn followed(&self, id: u32) -> Option<Type<'a>> {
        let mut found = self.get(id)?;
        for _ in 0..MAX_ALIASES {
            if !kind::is_alias(found.kind) {
                return Some(found);
            }
            found = self.get(found.size_or_type)?;
        }
        None
    }

    /// The text at that place among the strings.
    #[must_use]
    pub fn string(&self, at: u32) -> Option<&'a str> {
        let text = self.strings.get(usize::try_from(at).ok()?..)?;
        let text = text.split(|byte| *byte == 0).next()?;
        std::str::from_utf8(text).ok()
    }

    /// All types, with their numbers.
    pub fn types(&self) -> impl Iterator<Item = (u32, Type<'a>)> {
        (1..).zip(0..self.starts.len()).filter_map(|(id, _)| Some((id, self.get(id)?)))
    }

    /// The number of the type of that kind and name.
    #[must_use]
    pub fn find(&self, kind: u8, name: &str) -> Option<u32> {
        let is_it = |(_, found): &(u32, Type<'_>)| found.kind == kind && found.name == name;
        self.types().find(is_it).map(|(id, _)| id)
    }
}

/// Longest chain of types that are another's name.
const MAX_ALIASES: usize = 32;

/// Bytes behind what all types have, of that kind with so many parts.
fn rest_length(kind: u8, parts: u16) -> Option<usize> {
    let parts = usize::from(parts);
    match kind {
        kind::INT | kind::VAR | kind::DECL_TAG => Some(4),
        kind::ARRAY => Some(12),
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => Some(parts * 12),
        kind::ENUM | kind::FUNC_PROTO => Some(parts * 8),
        1..=kind::LAST => Some(0),
        _ => None,
    }
}

const fn kind_of(info: u32) -> u8 {
    let [_, _, _, high] = info.to_le_bytes();
    high & 31
}

const fn parts_of(info: u32) -> u16 {
    let [low, second, _, _] = info.to_le_bytes();
    u16::from_le_bytes([low, second])
}

/// Whether the bytes begin as BTF of that byte order and of the version that there is.
pub(super) fn has_magic(bytes: &[u8], endian: Endian) -> bool {
    let magic = super::build::u16_bytes(kind::MAGIC, endian);
    bytes.starts_with(&magic) && bytes.get(2) == Some(&kind::VERSION)
}

/// A part of a section: behind the header, whose length is at `header`, the bytes whose offset
/// and length are at `place`.
pub(super) fn part(bytes: &[u8], header: usize, place: usize, endian: Endian) -> Option<&[u8]> {
    let word = |at: usize| usize::try_from(word_at(bytes, at, endian)?).ok();
    let start = word(header)?.checked_add(word(place)?)?;
    bytes.get(start..start.checked_add(word(place + 4)?)?)
}

pub(super) fn word_at(bytes: &[u8], at: usize, endian: Endian) -> Option<u32> {
    let word = *bytes.get(at..)?.first_chunk()?;
    Some(match endian {
        Endian::Little => u32::from_le_bytes(word),
        Endian::Big => u32::from_be_bytes(word),
    })
}
