//! Programs that count: how many events of watched tasks they have kept, and how many dropped.
//!
//! Strangers' events are not counted: nobody asked about them.

use filterc_abi::Endian;

/// The map of counts: for each program how many events it has kept, and how many dropped.
pub const COUNTS: &str = "counts";

/// Bytes of a program's counts: kept, then dropped, each of 64 bits.
pub const COUNTS_SIZE: u32 = 16;

/// Kept and dropped events of the program in that place, as the map's value has them.
#[must_use]
pub fn counts(value: &[u8], place: u32, endian: Endian) -> Option<(u64, u64)> {
    let start = usize::try_from(place.checked_mul(COUNTS_SIZE)?).ok()?;
    let count = |at: usize| {
        let bytes = *value.get(at..)?.first_chunk()?;
        Some(match endian {
            Endian::Little => u64::from_le_bytes(bytes),
            Endian::Big => u64::from_be_bytes(bytes),
        })
    };
    Some((count(start)?, count(start + 8)?))
}
