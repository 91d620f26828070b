//! Bytes to instructions: the reverse of [`crate::encode()`].
//!
//! Guarantees that the length is one that a program can have. Says nothing about the
//! instructions: any eight bytes are some slot, and
//! [`crate::well_formed()`] judges them.

use filterc_abi::Endian;

use crate::encode::INSN_SIZE;
use crate::error::DecodeError;
use crate::insn::{Insn, MAX_INSNS, Program};

/// Reads the bytes of a `struct bpf_insn` array of that byte order.
///
/// # Errors
/// When there are no bytes, when they do not divide into slots, or when there are more
/// slots than any kernel takes.
pub fn decode(bytes: &[u8], endian: Endian) -> Result<Program, DecodeError> {
    let (insns, rest) = bytes.as_chunks::<INSN_SIZE>();
    if bytes.is_empty() {
        Err(DecodeError::Empty)
    } else if !rest.is_empty() {
        Err(DecodeError::Truncated { length: bytes.len() })
    } else if insns.len() > MAX_INSNS {
        Err(DecodeError::TooLong { length: insns.len() })
    } else {
        Ok(insns.iter().map(|bytes| decode_insn(*bytes, endian)).collect())
    }
}

/// Reads one slot.
#[must_use]
pub const fn decode_insn(bytes: [u8; INSN_SIZE], endian: Endian) -> Insn {
    let [opcode, registers, o0, o1, k0, k1, k2, k3] = bytes;
    let (low, high) = (registers & 15, registers >> 4);
    let (offset, imm) = ([o0, o1], [k0, k1, k2, k3]);
    match endian {
        Endian::Little => Insn {
            opcode,
            dst: low,
            src: high,
            offset: i16::from_le_bytes(offset),
            imm: i32::from_le_bytes(imm),
        },
        Endian::Big => Insn {
            opcode,
            dst: high,
            src: low,
            offset: i16::from_be_bytes(offset),
            imm: i32::from_be_bytes(imm),
        },
    }
}
