//! Instructions, from bytes; and what is refused whatever the call is.

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub(super) insns: Vec<Insn>,
    pub(super) big_endian: bool,
}

/// A slot of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Insn {
    pub(super) opcode: u8,
    pub(super) dst: u8,
    pub(super) src: u8,
    pub(super) offset: i16,
    pub(super) imm: i32,
}

/// Classes of instructions.
pub(super) const LD: u8 = 0;
pub(super) const LDX: u8 = 1;
pub(super) const ST: u8 = 2;
pub(super) const STX: u8 = 3;
pub(super) const ALU32: u8 = 4;
pub(super) const JMP: u8 = 5;
pub(super) const JMP32: u8 = 6;
pub(super) const ALU64: u8 = 7;

/// The instruction of two slots that loads 64 bits.
pub(super) const WIDE: u8 = 0x18;

/// Opcodes of jumps that are none.
pub(super) const CALL: u8 = 0x85;
pub(super) const EXIT: u8 = 0x95;

/// Most slots of a program.
const MAX_INSNS: usize = 1_000_000;

impl Insn {
    pub(super) const fn class(self) -> u8 {
        self.opcode & 0x07
    }

    /// Why it is refused, if it is.
    const fn refused(self) -> Option<&'static str> {
        match (self.class(), self.opcode & 0xe0) {
            (LD, _) if self.opcode == WIDE && self.src != 0 => {
                Some("it has the address of a map, a variable or a function, which is not decided")
            }
            (LD, 0x20 | 0x40) => Some("it reads packets"),
            (STX, 0xc0) => Some("it has an atomic operation, which is not decided"),
            (JMP, _) if self.opcode == CALL && self.src != 1 => {
                Some("it calls a function of the kernel, which is not decided")
            }
            _ if self.dst > 10 || self.src > 10 => Some("there is no such register"),
            _ => None,
        }
    }
}

impl Program {
    /// Decodes `struct bpf_insn[]`.
    ///
    /// # Errors
    /// It is none, or does what is not decided here.
    pub fn read(bytes: &[u8], big_endian: bool) -> Result<Self, &'static str> {
        let (chunks, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() || chunks.is_empty() || chunks.len() > MAX_INSNS {
            return Err("not 1 to 1000000 instructions of 8 bytes");
        }
        let insns = chunks.iter().map(|&[opcode, registers, o0, o1, k0, k1, k2, k3]| {
            let (offset, imm) = ([o0, o1], [k0, k1, k2, k3]);
            // The two registers change places with the byte order.
            let (first, second) = (registers & 15, registers >> 4);
            if big_endian {
                let (offset, imm) = (i16::from_be_bytes(offset), i32::from_be_bytes(imm));
                Insn { opcode, dst: second, src: first, offset, imm }
            } else {
                let (offset, imm) = (i16::from_le_bytes(offset), i32::from_le_bytes(imm));
                Insn { opcode, dst: first, src: second, offset, imm }
            }
        });
        let insns: Vec<Insn> = insns.collect();
        match insns.iter().find_map(|insn| insn.refused()) {
            Some(why) => Err(why),
            None => Ok(Self { insns, big_endian }),
        }
    }
}
