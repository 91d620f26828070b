//! What stands around a record: the header of a file, and frames.

use super::payload;
use crate::crc::crc32;
use crate::record::Record;

/// The first bytes of a file: not a text, and spoilt by whatever changes line breaks.
pub const MAGIC: [u8; 8] = *b"\x89FLTAUD\n";

/// The version that is written, and the newest that is read.
pub const VERSION: u16 = 1;

/// Bytes of the header.
pub const HEADER_SIZE: usize = 16;

/// The first bytes of a frame.
pub const MARKER: [u8; 4] = [0xf1, 0x17, 0xe2, 0xad];

/// Bytes of a frame before its payload.
pub const FRAME_HEAD: usize = 12;

/// The longest payload.
pub const MAX_PAYLOAD: usize = 16 << 20;

/// In the header: the records are some of those that were made, on purpose, so that numbers that
/// are missing say nothing.
pub const SELECTED: u16 = 1;

/// The header of a file.
#[must_use]
pub fn header(flags: u16) -> [u8; HEADER_SIZE] {
    let mut header = [0; HEADER_SIZE];
    let fields = MAGIC.into_iter().chain(VERSION.to_le_bytes()).chain(flags.to_le_bytes());
    for (slot, byte) in header.iter_mut().zip(fields) {
        *slot = byte;
    }
    let (fields, checksum) = header.split_at_mut(HEADER_SIZE - 4);
    checksum.copy_from_slice(&crc32(fields).to_le_bytes());
    header
}

/// A record is longer than any frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Adds the frame of a record.
///
/// # Errors
/// If it is longer than [`MAX_PAYLOAD`]; nothing was added then.
pub fn encode(record: &Record, out: &mut Vec<u8>) -> Result<(), TooLong> {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEAD]);
    payload::put(record, out);
    let frame = out.get_mut(start..).unwrap_or_default();
    let Some((head, payload)) = frame.split_first_chunk_mut::<FRAME_HEAD>() else {
        return Ok(());
    };
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    if payload.len() > MAX_PAYLOAD {
        out.truncate(start);
        return Err(TooLong);
    }
    let fields =
        MARKER.into_iter().chain(length.to_le_bytes()).chain(checksum(payload).to_le_bytes());
    for (slot, byte) in head.iter_mut().zip(fields) {
        *slot = byte;
    }
    Ok(())
}

/// The checksum of a payload. Its length is not part of it: a wrong one has a wrong checksum, too.
pub(super) fn checksum(payload: &[u8]) -> u32 {
    crc32(payload)
}

/// The record of a whole frame; `None` if it is none, or of a later version's kinds.
#[must_use]
pub fn decode(frame: &[u8]) -> Option<Record> {
    payload::read(frame.get(FRAME_HEAD..)?)
}

/// Whether a frame says that records are missing.
pub(crate) fn is_lost(frame: &[u8]) -> bool {
    frame.get(FRAME_HEAD) == Some(&payload::LOST)
}
