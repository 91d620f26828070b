//! How the tables lie in `tables/tables.bin`: what its writer (`filterc-gen pack`) and its
//! reader here must agree on, and nothing else.
//!
//! All numbers are little-endian; a *varint* has seven bits a byte, the least significant
//! first, and a set top bit where another byte follows. The file is
//!
//! ```text
//! MAGIC  u16 VERSION  u16 major  u16 minor      the kernel of the tables
//! { u32 offset, u32 length }                    of each section, in the order of `SECTIONS`
//! the sections
//! ```
//!
//! A *string* is a u16 id, the position in [`Section::Strings`]; since those are sorted, ids
//! compare as the strings do. A *constant* is the position of its name in
//! [`Section::Constants`], a u16 too. A *list* is a varint with the number of elements, then
//! these. Optional strings and sets are [`NONE`] where there is none, optional versions 0.
//! Enumerations are positions in their type's `ALL`.

/// The first bytes of the file.
pub const MAGIC: &[u8; 8] = b"FLTABLES";

/// The version of this layout.
pub const VERSION: u16 = 1;

/// The most that the file may take, in bytes.
pub const MAX_LEN: usize = 400_000;

/// An id that stands for none.
pub const NONE: u16 = u16::MAX;

/// In a partition: the ABI does not have the constant.
pub const ABSENT: u8 = u8::MAX;

/// Constants in a block.
pub const BLOCK: usize = 16;

/// The parts of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// u16 count, then count + 1 u32 offsets into the UTF-8 text that follows. Sorted.
    Strings,
    /// u8 count, then { u16 major, u16 minor }: what a version's u8 stands for, less 1.
    Versions,
    /// List of { string name, string token's name, u32 token, u8 endian (1: big), u8 word,
    /// u8 register, u32 base, u8 mark (0: none, 1: clear, 2: set), u32 its bit, u8 version
    /// of the first filters, u8 clone order, u8 pairs, string kernel's folder }. Sorted.
    Abis,
    /// For each ABI a u32 offset into what follows, and one for its end; there, a list of
    /// { varint number less the one before, the first less the base; u16 row }, then a list
    /// of u16 sub-calls.
    Calls,
    /// { string name, string entry, u16 form or [`NONE`], u8 status, u8 version }
    Rows,
    /// u16 count, then count + 1 u16 positions in the u16 arguments that follow.
    Forms,
    /// { string name, string C type, u16 set or [`NONE`], u8 declared width, u8 width,
    /// u8 kind, and [`SIGNED`] if so, u8 registers: low in the low half, high in the other,
    /// 15 for none }
    Args,
    /// { string name, string multiplexer, u32 mask, u32 value }
    SubCalls,
    /// u16 count, then a u32 offset for each block into what follows, and one for their end.
    /// A block is [`BLOCK`] times { u8 bytes shared with the name before, u8 further ones,
    /// these, u8 length of the rest, u8 type, varint partition, its values }. The first name
    /// of a block shares nothing. Values are varints: 2·v for one ≥ 0, −2·v − 1 for others.
    Constants,
    /// For each partition and ABI, which of a constant's values it has there, or [`ABSENT`].
    Partitions,
    /// List of { string name, u8 kind, string mask or [`NONE`], varint values, varint flags,
    /// these constants }. Sorted.
    Sets,
    /// List of { string call, string argument, string selecting argument, list of constants,
    /// string set }
    Dependents,
    /// List of { string call, list of string ABIs, string argument, list of string fields,
    /// string note }
    InMemory,
    /// List of { string name, string about, list of string calls }. Sorted.
    Groups,
    /// List of { string name, string call, string note }. Sorted by name and call.
    Aliases,
    /// List of { string name, string about, list of string calls, list of string others }.
    /// Sorted.
    Families,
}

/// The sections, in the order of the file.
pub const SECTIONS: [Section; 16] = [
    Section::Strings,
    Section::Versions,
    Section::Abis,
    Section::Calls,
    Section::Rows,
    Section::Forms,
    Section::Args,
    Section::SubCalls,
    Section::Constants,
    Section::Partitions,
    Section::Sets,
    Section::Dependents,
    Section::InMemory,
    Section::Groups,
    Section::Aliases,
    Section::Families,
];

/// In the byte of an argument's kind: its values are signed.
pub const SIGNED: u8 = 0x80;

/// In an argument's registers: none.
pub const NO_REGISTER: u8 = 15;

/// The C types of constants, as the tables spell them; `w` is the ABI's word.
pub const CONSTANT_TYPES: [&str; 6] = ["s32", "u32", "s64", "u64", "sw", "uw"];
