//! The numbers of `linux/btf.h` that writer and reader share.

/// First two bytes of `.BTF` and `.BTF.ext`.
pub const MAGIC: u16 = 0xeb9f;
/// The version that there is.
pub const VERSION: u8 = 1;
/// Bytes of the header of `.BTF`.
pub(super) const HEADER: u32 = 24;

/// Integer.
pub const INT: u8 = 1;
/// Pointer.
pub const PTR: u8 = 2;
/// Array.
pub const ARRAY: u8 = 3;
/// Structure.
pub const STRUCT: u8 = 4;
/// Union.
pub const UNION: u8 = 5;
/// Enumeration of 32 bits.
pub const ENUM: u8 = 6;
/// Another name of a type.
pub const TYPEDEF: u8 = 8;
/// Function.
pub const FUNC: u8 = 12;
/// The type of a function.
pub const FUNC_PROTO: u8 = 13;
/// Variable.
pub const VAR: u8 = 14;
/// Section with variables.
pub const DATASEC: u8 = 15;
/// Note about a declaration.
pub const DECL_TAG: u8 = 17;
/// Enumeration of 64 bits.
pub const ENUM64: u8 = 19;
/// The last kind that is known.
pub const LAST: u8 = ENUM64;
/// Variable, constant, restricted pointer, and a note about a type: other names, for what a
/// value looks like.
const VOLATILE: u8 = 9;
const CONST: u8 = 10;
const RESTRICT: u8 = 11;
const TYPE_TAG: u8 = 18;

/// Whether a type of that kind is another one under a name or with a qualifier.
#[must_use]
pub const fn is_alias(kind: u8) -> bool {
    matches!(kind, TYPEDEF | VOLATILE | CONST | RESTRICT | TYPE_TAG)
}
