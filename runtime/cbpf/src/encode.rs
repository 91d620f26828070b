//! Instructions to bytes: an array of `struct sock_filter` (`linux/filter.h`).

use filterc_abi::Endian;

use crate::insn::Insn;

/// Size of one encoded instruction: `u16 code; u8 jt; u8 jf; u32 k`.
pub const INSN_SIZE: usize = 8;

/// The bytes of a program as they lie in the memory of a machine of that byte order.
///
/// Encodes whatever it is given: only [`crate::verify()`] says whether a kernel takes it.
#[must_use]
pub fn encode(program: &[Insn], endian: Endian) -> Vec<u8> {
    program.iter().flat_map(|insn| encode_insn(*insn, endian)).collect()
}

/// The bytes of one instruction.
#[must_use]
pub const fn encode_insn(insn: Insn, endian: Endian) -> [u8; INSN_SIZE] {
    let ([c0, c1], [k0, k1, k2, k3]) = match endian {
        Endian::Little => (insn.code.to_le_bytes(), insn.k.to_le_bytes()),
        Endian::Big => (insn.code.to_be_bytes(), insn.k.to_be_bytes()),
    };
    [c0, c1, insn.jt, insn.jf, k0, k1, k2, k3]
}
