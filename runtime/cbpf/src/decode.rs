//! Bytes to instructions: the reverse of [`crate::encode()`].
//!
//! Guarantees that the length is one that a seccomp filter can have. Says nothing about
//! the instructions: any eight bytes are some instruction, and [`crate::verify()`] judges them.

use filterc_abi::Endian;

use crate::encode::INSN_SIZE;
use crate::error::DecodeError;
use crate::insn::MAX_INSNS;
use crate::insn::{Insn, Program};

/// Reads the bytes of a `struct sock_filter` array of that byte order.
///
/// # Errors
/// When there are no bytes, when they do not divide into instructions, or when there are
/// more instructions than any kernel takes.
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

/// Reads one instruction.
#[must_use]
pub const fn decode_insn(bytes: [u8; INSN_SIZE], endian: Endian) -> Insn {
    let [c0, c1, jt, jf, k0, k1, k2, k3] = bytes;
    let (code, k) = match endian {
        Endian::Little => (u16::from_le_bytes([c0, c1]), u32::from_le_bytes([k0, k1, k2, k3])),
        Endian::Big => (u16::from_be_bytes([c0, c1]), u32::from_be_bytes([k0, k1, k2, k3])),
    };
    Insn { code, jt, jf, k }
}
