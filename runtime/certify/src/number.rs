//! Arithmetic on numbers of any width from 1 to 64 bits, as RFC 9669 defines it.

/// What an arithmetic instruction does. Shifts are by the operand modulo the width; a quotient
/// by 0 is 0, and a remainder by 0 is the dividend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alu {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Quotient.
    Div,
    /// Quotient of signed numbers, rounded to 0.
    SDiv,
    /// Remainder.
    Mod,
    /// Remainder of signed numbers, with the sign of the dividend.
    SMod,
    /// Bitwise or.
    Or,
    /// Bitwise and.
    And,
    /// Bitwise exclusive or.
    Xor,
    /// Shift left.
    Lsh,
    /// Shift right; zeros come in.
    Rsh,
    /// Shift right; the sign comes in.
    Arsh,
}

impl Alu {
    /// By the upper half of an opcode, the same in classic and extended BPF; `signed` chooses
    /// among quotients and remainders.
    #[must_use]
    pub const fn of(code: u8, signed: bool) -> Option<Self> {
        Some(match (code & 0xf0, signed) {
            (0x00, false) => Self::Add,
            (0x10, false) => Self::Sub,
            (0x20, false) => Self::Mul,
            (0x30, false) => Self::Div,
            (0x30, true) => Self::SDiv,
            (0x40, false) => Self::Or,
            (0x50, false) => Self::And,
            (0x60, false) => Self::Lsh,
            (0x70, false) => Self::Rsh,
            (0x90, false) => Self::Mod,
            (0x90, true) => Self::SMod,
            (0xa0, false) => Self::Xor,
            (0xc0, false) => Self::Arsh,
            _ => return None,
        })
    }
}

/// The signed number that these bits are.
const fn signed(value: u64, bits: u32) -> i64 {
    (value << (64 - bits)).cast_signed() >> (64 - bits)
}

/// What an operation gives on numbers of that many bits.
#[must_use]
pub fn alu(op: Alu, bits: u32, a: u64, b: u64) -> u64 {
    let mask = u64::MAX >> (64 - bits);
    let by = u32::try_from(b % u64::from(bits)).unwrap_or(0);
    let (sa, sb) = (signed(a, bits), signed(b, bits));
    mask & match op {
        Alu::Add => a.wrapping_add(b),
        Alu::Sub => a.wrapping_sub(b),
        Alu::Mul => a.wrapping_mul(b),
        Alu::Div => a.checked_div(b).unwrap_or(0),
        Alu::SDiv if sb == 0 => 0,
        Alu::SDiv => sa.wrapping_div(sb).cast_unsigned(),
        Alu::Mod => a.checked_rem(b).unwrap_or(a),
        Alu::SMod if sb == 0 => a,
        Alu::SMod => sa.wrapping_rem(sb).cast_unsigned(),
        Alu::Or => a | b,
        Alu::And => a & b,
        Alu::Xor => a ^ b,
        Alu::Lsh => a << by,
        Alu::Rsh => a >> by,
        Alu::Arsh => (sa >> by).cast_unsigned(),
    }
}
