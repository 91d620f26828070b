//! Every instruction of RFC 9669 with its encoding: the one table that the assembler, the
//! disassembler, the interpreter and the verifier's first check share.
//!
//! [`read`] takes what the kernel takes of the instructions of the RFC, field by field, and
//! is a little stricter: fields that the kernel happens not to look at must be 0 too, so that
//! [`write`] is its exact inverse. What the RFC does not have is refused by its name.

use crate::error::Kind;
use crate::insn::{Insn, code};
use crate::op::{Alu, Atomic, Callee, Extend, Op, Order, Reg, Size, Source, Symbol, Test, Width};

/// Opcode bits of each arithmetic operation, and the offset that makes it signed.
const ALU: &[(u8, i16, Alu)] = &[
    (code::ADD, 0, Alu::Add),
    (code::SUB, 0, Alu::Sub),
    (code::MUL, 0, Alu::Mul),
    (code::DIV, 0, Alu::Div),
    (code::DIV, 1, Alu::SDiv),
    (code::OR, 0, Alu::Or),
    (code::AND, 0, Alu::And),
    (code::LSH, 0, Alu::Lsh),
    (code::RSH, 0, Alu::Rsh),
    (code::MOD, 0, Alu::Mod),
    (code::MOD, 1, Alu::SMod),
    (code::XOR, 0, Alu::Xor),
    (code::ARSH, 0, Alu::Arsh),
];

const TESTS: &[(u8, Test)] = &[
    (code::JEQ, Test::Eq),
    (code::JGT, Test::Gt),
    (code::JGE, Test::Ge),
    (code::JSET, Test::Set),
    (code::JNE, Test::Ne),
    (code::JSGT, Test::SGt),
    (code::JSGE, Test::SGe),
    (code::JLT, Test::Lt),
    (code::JLE, Test::Le),
    (code::JSLT, Test::SLt),
    (code::JSLE, Test::SLe),
];

const SIZES: &[(u8, Size)] =
    &[(code::B, Size::B1), (code::H, Size::B2), (code::W, Size::B4), (code::DW, Size::B8)];

const ATOMICS: &[(i32, Atomic)] = &[
    (code::ADD as i32, Atomic::Add),
    (code::OR as i32, Atomic::Or),
    (code::AND as i32, Atomic::And),
    (code::XOR as i32, Atomic::Xor),
    (code::ADD as i32 | code::FETCH, Atomic::FetchAdd),
    (code::OR as i32 | code::FETCH, Atomic::FetchOr),
    (code::AND as i32 | code::FETCH, Atomic::FetchAnd),
    (code::XOR as i32 | code::FETCH, Atomic::FetchXor),
    (code::XCHG, Atomic::Exchange),
    (code::CMPXCHG, Atomic::CompareExchange),
];

/// What the RFC does not have and Linux 6.18 does: constants of atomic instructions.
const LOAD_ACQUIRE: i32 = 0x100;
const STORE_RELEASE: i32 = 0x110;

const MAP_FD: u8 = 1;
const MAP_FD_VALUE: u8 = 2;
const VARIABLE: u8 = 3;
const FUNCTION: u8 = 4;
const MAP_INDEX: u8 = 5;
const MAP_INDEX_VALUE: u8 = 6;

const CALL_FUNCTION: u8 = 1;
const CALL_KERNEL: u8 = 2;

/// The instruction in a slot, `next` being the one behind it.
pub(crate) fn read(insn: Insn, next: Option<Insn>) -> Result<Op, Kind> {
    match insn.opcode & code::CLASS {
        code::LD => read_ld(insn, next),
        code::LDX => read_load(insn),
        code::ST | code::STX => read_store(insn),
        code::JMP | code::JMP32 => read_jump(insn),
        _ => read_alu(insn),
    }
}

fn reg(number: u8) -> Result<Reg, Kind> {
    Reg::new(number).ok_or(Kind::BadRegister { number })
}

/// A register that the instruction changes.
fn target(number: u8) -> Result<Reg, Kind> {
    let reg = reg(number)?;
    if reg == Reg::R10 { Err(Kind::FramePointerWritten) } else { Ok(reg) }
}

const fn unknown<T>(insn: Insn) -> Result<T, Kind> {
    Err(Kind::UnknownOpcode { opcode: insn.opcode })
}

fn zero(value: impl Into<i32>, field: &'static str) -> Result<(), Kind> {
    if value.into() == 0 { Ok(()) } else { Err(Kind::Reserved { field }) }
}

fn source(insn: Insn) -> Result<Source, Kind> {
    if insn.opcode & code::X == 0 {
        zero(insn.src, "src")?;
        Ok(Source::K(insn.imm))
    } else {
        zero(insn.imm, "imm")?;
        Ok(Source::X(reg(insn.src)?))
    }
}

fn size(insn: Insn) -> Result<Size, Kind> {
    let bits = insn.opcode & code::SIZE;
    SIZES.iter().find(|(size, _)| *size == bits).map_or(unknown(insn), |(_, size)| Ok(*size))
}

/// As many bits, as a size.
fn bits(bits: i32, field: &'static str, allowed: &[Size]) -> Result<Size, Kind> {
    let found = allowed.iter().find(|size| i64::from(size.bits()) == i64::from(bits));
    found.copied().ok_or(Kind::UnknownVariant { field, value: bits })
}

fn read_alu(insn: Insn) -> Result<Op, Kind> {
    let width = match insn.opcode & code::CLASS {
        code::ALU => Width::W32,
        _ => Width::W64,
    };
    let from_register = insn.opcode & code::X != 0;
    match insn.opcode & code::OPERATION {
        code::MOV if from_register && insn.offset != 0 => {
            if insn.offset == 1 && width == Width::W64 {
                return Err(Kind::Extension { name: "addr_space_cast" });
            }
            let allowed: &[Size] = match width {
                Width::W32 => &[Size::B1, Size::B2],
                Width::W64 => &[Size::B1, Size::B2, Size::B4],
            };
            zero(insn.imm, "imm")?;
            let size = bits(insn.offset.into(), "offset", allowed)?;
            Ok(Op::MovSx(width, target(insn.dst)?, reg(insn.src)?, size))
        }
        code::MOV => {
            zero(insn.offset, "offset")?;
            Ok(Op::Mov(width, target(insn.dst)?, source(insn)?))
        }
        code::NEG => {
            if from_register {
                return unknown(insn);
            }
            zero(insn.src, "src")?;
            zero(insn.offset, "offset")?;
            zero(insn.imm, "imm")?;
            Ok(Op::Neg(width, target(insn.dst)?))
        }
        code::END => {
            let order = match (width, from_register) {
                (Width::W32, false) => Order::Little,
                (Width::W32, true) => Order::Big,
                (Width::W64, false) => Order::Reversed,
                (Width::W64, true) => return unknown(insn),
            };
            zero(insn.src, "src")?;
            zero(insn.offset, "offset")?;
            let size = bits(insn.imm, "imm", &[Size::B2, Size::B4, Size::B8])?;
            Ok(Op::Swap(order, target(insn.dst)?, size))
        }
        operation => {
            let mut alike = ALU.iter().filter(|(bits, ..)| *bits == operation).peekable();
            if alike.peek().is_none() {
                return unknown(insn);
            }
            let Some((.., alu)) = alike.find(|(_, offset, _)| *offset == insn.offset) else {
                return Err(Kind::UnknownVariant { field: "offset", value: insn.offset.into() });
            };
            let operand = source(insn)?;
            check_constant(width, *alu, operand)?;
            Ok(Op::Alu(width, *alu, target(insn.dst)?, operand))
        }
    }
}

/// Constants that the kernel refuses.
fn check_constant(width: Width, alu: Alu, operand: Source) -> Result<(), Kind> {
    let Source::K(k) = operand else { return Ok(()) };
    let divides = matches!(alu, Alu::Div | Alu::SDiv | Alu::Mod | Alu::SMod);
    let shifts = matches!(alu, Alu::Lsh | Alu::Rsh | Alu::Arsh);
    let bits = width.bits();
    if divides && k == 0 {
        Err(Kind::DivisionByZero)
    } else if shifts && u32::try_from(k).ok().is_none_or(|k| k >= bits) {
        Err(Kind::ShiftTooLarge { k, bits })
    } else {
        Ok(())
    }
}

fn read_jump(insn: Insn) -> Result<Op, Kind> {
    let width = match insn.opcode & code::CLASS {
        code::JMP32 => Width::W32,
        _ => Width::W64,
    };
    let constant = insn.opcode & code::X == 0;
    match insn.opcode & code::OPERATION {
        code::JA if constant => {
            zero(insn.dst, "dst")?;
            zero(insn.src, "src")?;
            if width == Width::W64 {
                zero(insn.imm, "imm")?;
                Ok(Op::Goto(insn.offset))
            } else {
                zero(insn.offset, "offset")?;
                Ok(Op::GotoLong(insn.imm))
            }
        }
        code::JA if width == Width::W64 => Err(Kind::Extension { name: "gotox" }),
        code::CALL if constant && width == Width::W64 => read_call(insn),
        code::CALL if width == Width::W64 => Err(Kind::Extension { name: "callx" }),
        code::EXIT if constant && width == Width::W64 => {
            zero(insn.dst, "dst")?;
            zero(insn.src, "src")?;
            zero(insn.offset, "offset")?;
            zero(insn.imm, "imm")?;
            Ok(Op::Exit)
        }
        code::JCOND if constant && width == Width::W64 => Err(Kind::Extension { name: "may_goto" }),
        operation => {
            let Some((_, test)) = TESTS.iter().find(|(bits, _)| *bits == operation) else {
                return unknown(insn);
            };
            let (left, right) = (reg(insn.dst)?, source(insn)?);
            Ok(Op::Jump { width, left, test: *test, right, distance: insn.offset })
        }
    }
}

fn read_call(insn: Insn) -> Result<Op, Kind> {
    zero(insn.dst, "dst")?;
    if insn.src != CALL_KERNEL {
        zero(insn.offset, "offset")?;
    }
    Ok(Op::Call(match insn.src {
        0 => Callee::Helper(insn.imm),
        CALL_FUNCTION => Callee::Function(insn.imm),
        CALL_KERNEL => Callee::Kernel(insn.imm, insn.offset),
        value => return Err(Kind::UnknownVariant { field: "src", value: value.into() }),
    }))
}

fn read_ld(insn: Insn, next: Option<Insn>) -> Result<Op, Kind> {
    let indirect = match insn.opcode & code::MODE {
        code::IMM if insn.opcode == code::WIDE => return read_wide(insn, next),
        code::ABS => false,
        code::IND => true,
        _ => return unknown(insn),
    };
    let size = size(insn)?;
    if size == Size::B8 {
        return unknown(insn);
    }
    zero(insn.dst, "dst")?;
    zero(insn.offset, "offset")?;
    if !indirect {
        zero(insn.src, "src")?;
    }
    let index = if indirect { Some(reg(insn.src)?) } else { None };
    Ok(Op::Packet(size, index, insn.imm))
}

fn read_wide(insn: Insn, next: Option<Insn>) -> Result<Op, Kind> {
    let Some(Insn { opcode: 0, dst: 0, src: 0, offset: 0, imm: high }) = next else {
        return Err(Kind::HalfWide);
    };
    zero(insn.offset, "offset")?;
    let dst = target(insn.dst)?;
    let low = insn.imm;
    let offset = high.cast_unsigned();
    let symbol = match insn.src {
        0 => {
            let value = u64::from(high.cast_unsigned()) << 32 | u64::from(low.cast_unsigned());
            return Ok(Op::Wide(dst, value));
        }
        MAP_FD => Symbol::MapFd(low),
        MAP_FD_VALUE => Symbol::MapFdValue(low, offset),
        VARIABLE => Symbol::Variable(low, high),
        FUNCTION => Symbol::Function(low),
        MAP_INDEX => Symbol::MapIndex(low),
        MAP_INDEX_VALUE => Symbol::MapIndexValue(low, offset),
        value => return Err(Kind::UnknownVariant { field: "src", value: value.into() }),
    };
    if matches!(symbol, Symbol::MapFd(_) | Symbol::Function(_) | Symbol::MapIndex(_)) {
        zero(high, "imm of the second slot")?;
    }
    Ok(Op::Address(dst, symbol))
}

fn read_load(insn: Insn) -> Result<Op, Kind> {
    let size = size(insn)?;
    let extend = match insn.opcode & code::MODE {
        code::MEM => Extend::Zero,
        code::MEMSX if size != Size::B8 => Extend::Sign,
        _ => return unknown(insn),
    };
    zero(insn.imm, "imm")?;
    let (dst, base) = (target(insn.dst)?, reg(insn.src)?);
    Ok(Op::Load { size, extend, dst, base, offset: insn.offset })
}

fn read_store(insn: Insn) -> Result<Op, Kind> {
    let size = size(insn)?;
    let from_register = insn.opcode & code::CLASS == code::STX;
    let base = reg(insn.dst)?;
    let offset = insn.offset;
    match insn.opcode & code::MODE {
        code::MEM if from_register => {
            zero(insn.imm, "imm")?;
            Ok(Op::Store { size, base, offset, value: Source::X(reg(insn.src)?) })
        }
        code::MEM => {
            zero(insn.src, "src")?;
            Ok(Op::Store { size, base, offset, value: Source::K(insn.imm) })
        }
        code::ATOMIC if from_register => {
            match insn.imm {
                LOAD_ACQUIRE => return Err(Kind::Extension { name: "load_acquire" }),
                STORE_RELEASE => return Err(Kind::Extension { name: "store_release" }),
                _ => {}
            }
            let width = match size {
                Size::B4 => Width::W32,
                Size::B8 => Width::W64,
                Size::B1 | Size::B2 => return unknown(insn),
            };
            let Some((_, atomic)) = ATOMICS.iter().find(|(imm, _)| *imm == insn.imm) else {
                return Err(Kind::UnknownVariant { field: "imm", value: insn.imm });
            };
            let src = if atomic.changes_register() { target(insn.src)? } else { reg(insn.src)? };
            Ok(Op::Atomic { width, atomic: *atomic, base, offset, src })
        }
        _ => unknown(insn),
    }
}

impl Atomic {
    /// Whether the operand's register gets what was in memory.
    #[must_use]
    pub const fn changes_register(self) -> bool {
        match self {
            Self::FetchAdd | Self::FetchOr | Self::FetchAnd | Self::FetchXor | Self::Exchange => {
                true
            }
            Self::Add | Self::Or | Self::And | Self::Xor | Self::CompareExchange => false,
        }
    }
}

/// The slots of an instruction: the reverse of [`read`]. The second slot is there where
/// [`Op::slots`] says so.
pub(crate) fn write(op: Op) -> (Insn, Option<Insn>) {
    let (insn, second) = match op {
        Op::Wide(dst, value) => (wide(dst, 0, halves(value).0), halves(value).1),
        Op::Address(dst, symbol) => {
            let (src, low, high) = match symbol {
                Symbol::MapFd(fd) => (MAP_FD, fd, 0),
                Symbol::MapFdValue(fd, offset) => (MAP_FD_VALUE, fd, offset.cast_signed()),
                Symbol::Variable(id, object) => (VARIABLE, id, object),
                Symbol::Function(distance) => (FUNCTION, distance, 0),
                Symbol::MapIndex(index) => (MAP_INDEX, index, 0),
                Symbol::MapIndexValue(index, offset) => {
                    (MAP_INDEX_VALUE, index, offset.cast_signed())
                }
            };
            (wide(dst, src, low), high)
        }
        Op::Alu(..)
        | Op::Mov(..)
        | Op::MovSx(..)
        | Op::Neg(..)
        | Op::Swap(..)
        | Op::Load { .. }
        | Op::Store { .. }
        | Op::Atomic { .. }
        | Op::Goto(_)
        | Op::GotoLong(_)
        | Op::Jump { .. }
        | Op::Call(_)
        | Op::Exit
        | Op::Packet(..)
        | Op::Second => return (write_one(op), None),
    };
    (insn, Some(Insn { imm: second, ..Insn::default() }))
}

const fn wide(dst: Reg, src: u8, imm: i32) -> Insn {
    Insn { opcode: code::WIDE, dst: dst.number(), src, offset: 0, imm }
}

/// The low and the high half.
const fn halves(value: u64) -> (i32, i32) {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    (i32::from_le_bytes([a, b, c, d]), i32::from_le_bytes([e, f, g, h]))
}

fn write_one(op: Op) -> Insn {
    match op {
        Op::Alu(width, alu, dst, operand) => {
            let (operation, offset, _) =
                ALU.iter().find(|(.., other)| *other == alu).copied().unwrap_or((0, 0, alu));
            operate(alu_class(width) | operation, dst, operand, offset)
        }
        Op::Mov(width, dst, operand) => operate(alu_class(width) | code::MOV, dst, operand, 0),
        Op::MovSx(width, dst, src, size) => {
            let offset = bits_of(size);
            operate(alu_class(width) | code::MOV, dst, Source::X(src), offset.into())
        }
        Op::Neg(width, dst) => operate(alu_class(width) | code::NEG, dst, Source::K(0), 0),
        Op::Swap(order, dst, size) => {
            let opcode = match order {
                Order::Little => code::ALU | code::END | code::K,
                Order::Big => code::ALU | code::END | code::X,
                Order::Reversed => code::ALU64 | code::END,
            };
            Insn { dst: dst.number(), imm: bits_of(size).into(), ..Insn::new(opcode) }
        }
        Op::Load { size, extend, dst, base, offset } => {
            let mode = match extend {
                Extend::Zero => code::MEM,
                Extend::Sign => code::MEMSX,
            };
            let opcode = code::LDX | mode | size_bits(size);
            Insn { opcode, dst: dst.number(), src: base.number(), offset, imm: 0 }
        }
        Op::Store { size, base, offset, value } => {
            let dst = base.number();
            let opcode = code::MEM | size_bits(size);
            match value {
                Source::K(imm) => Insn { opcode: opcode | code::ST, dst, src: 0, offset, imm },
                Source::X(src) => {
                    Insn { opcode: opcode | code::STX, dst, src: src.number(), offset, imm: 0 }
                }
            }
        }
        Op::Atomic { width, atomic, base, offset, src } => {
            let imm = ATOMICS.iter().find(|(_, other)| *other == atomic).map_or(0, |(imm, _)| *imm);
            let size = if width == Width::W32 { code::W } else { code::DW };
            let opcode = code::STX | code::ATOMIC | size;
            Insn { opcode, dst: base.number(), src: src.number(), offset, imm }
        }
        Op::Goto(offset) => Insn { offset, ..Insn::new(code::JMP | code::JA) },
        Op::GotoLong(imm) => Insn { imm, ..Insn::new(code::JMP32 | code::JA) },
        Op::Jump { width, left, test, right, distance } => {
            let class = if width == Width::W32 { code::JMP32 } else { code::JMP };
            let test = TESTS.iter().find(|(_, other)| *other == test).map_or(0, |(bits, _)| *bits);
            operate(class | test, left, right, distance)
        }
        Op::Call(callee) => {
            let (src, imm, offset) = match callee {
                Callee::Helper(id) => (0, id, 0),
                Callee::Function(distance) => (CALL_FUNCTION, distance, 0),
                Callee::Kernel(id, module) => (CALL_KERNEL, id, module),
            };
            Insn { src, imm, offset, ..Insn::new(code::JMP | code::CALL) }
        }
        Op::Exit => Insn::new(code::JMP | code::EXIT),
        Op::Packet(size, None, imm) => {
            Insn { imm, ..Insn::new(code::LD | code::ABS | size_bits(size)) }
        }
        Op::Packet(size, Some(index), imm) => {
            let opcode = code::LD | code::IND | size_bits(size);
            Insn { imm, src: index.number(), ..Insn::new(opcode) }
        }
        // The first slot's writer has written the second.
        Op::Wide(..) | Op::Address(..) | Op::Second => Insn::default(),
    }
}

const fn alu_class(width: Width) -> u8 {
    match width {
        Width::W32 => code::ALU,
        Width::W64 => code::ALU64,
    }
}

fn operate(opcode: u8, dst: Reg, operand: Source, offset: i16) -> Insn {
    let (opcode, src, imm) = match operand {
        Source::K(imm) => (opcode | code::K, 0, imm),
        Source::X(src) => (opcode | code::X, src.number(), 0),
    };
    Insn { opcode, dst: dst.number(), src, offset, imm }
}

fn size_bits(size: Size) -> u8 {
    SIZES.iter().find(|(_, other)| *other == size).map_or(0, |(bits, _)| *bits)
}

const fn bits_of(size: Size) -> u8 {
    match size {
        Size::B1 => 8,
        Size::B2 => 16,
        Size::B4 => 32,
        Size::B8 => 64,
    }
}
