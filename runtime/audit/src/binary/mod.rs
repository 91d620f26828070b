//! The binary form: a header, and a frame for each record, each with its length and checksum.
//!
//! The README of this crate says field by field what stands where.

mod form;
mod frames;
mod payload;

pub(crate) use form::is_lost;
pub use form::{
    FRAME_HEAD, HEADER_SIZE, MAGIC, MARKER, MAX_PAYLOAD, SELECTED, TooLong, VERSION, decode,
    encode, header,
};
pub use frames::{Damage, Frames, Item};
