//! Instructions to bytes: an array of `struct bpf_insn` (RFC 9669, section 3.1).

use filterc_abi::Endian;

use crate::form;
use crate::insn::Insn;
use crate::op::Op;

/// Size of one encoded slot: `u8 opcode; u4 dst; u4 src; s16 offset; s32 imm`.
pub const INSN_SIZE: usize = 8;

/// The bytes of a program as they lie in the memory of a machine of that byte order.
///
/// Encodes whatever it is given, but for register numbers above 15, whose upper bits have
/// no place.
#[must_use]
pub fn encode(program: &[Insn], endian: Endian) -> Vec<u8> {
    program.iter().flat_map(|insn| encode_insn(*insn, endian)).collect()
}

/// The bytes of one slot. The two register numbers share a byte, and change places with the
/// byte order.
#[must_use]
pub const fn encode_insn(insn: Insn, endian: Endian) -> [u8; INSN_SIZE] {
    let (dst, src) = (insn.dst & 15, insn.src & 15);
    let (registers, [o0, o1], [k0, k1, k2, k3]) = match endian {
        Endian::Little => (dst | src << 4, insn.offset.to_le_bytes(), insn.imm.to_le_bytes()),
        Endian::Big => (dst << 4 | src, insn.offset.to_be_bytes(), insn.imm.to_be_bytes()),
    };
    [insn.opcode, registers, o0, o1, k0, k1, k2, k3]
}

/// The slots of an instruction: the second one is there for those that take two.
/// [`Op::Second`] is no instruction, and becomes a slot of zeros.
#[must_use]
pub fn slots(op: Op) -> (Insn, Option<Insn>) {
    form::write(op)
}
