//! One instruction as text: what [`crate::asm`] reads.

use crate::insn::Insn;
use crate::op::{Alu, Atomic, Callee, Extend, Op, Order, Reg, Size, Source, Symbol, Test, Width};

/// A slot that is no instruction.
pub(super) fn raw(insn: Insn) -> String {
    let Insn { opcode, dst, src, offset, imm } = insn;
    format!(".insn {opcode:#04x}, {dst}, {src}, {offset}, {imm}")
}

fn reg(width: Width, reg: Reg) -> String {
    match width {
        Width::W32 => format!("w{}", reg.number()),
        Width::W64 => format!("r{}", reg.number()),
    }
}

fn r(register: Reg) -> String {
    reg(Width::W64, register)
}

fn operand(width: Width, operand: Source) -> String {
    match operand {
        Source::K(k) => k.to_string(),
        Source::X(src) => reg(width, src),
    }
}

/// `r1 + 4`
fn address(base: Reg, offset: i16) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    format!("r{} {sign} {}", base.number(), offset.unsigned_abs())
}

const fn type_name(size: Size, extend: Extend) -> &'static str {
    match (extend, size) {
        (Extend::Zero, Size::B1) => "u8",
        (Extend::Zero, Size::B2) => "u16",
        (Extend::Zero, Size::B4) => "u32",
        (Extend::Zero, Size::B8) => "u64",
        (Extend::Sign, Size::B1) => "s8",
        (Extend::Sign, Size::B2) => "s16",
        (Extend::Sign, Size::B4) => "s32",
        (Extend::Sign, Size::B8) => "s64",
    }
}

/// The instruction; `target` is how its destination is written.
pub(super) fn op(op: Op, target: &str) -> String {
    match op {
        Op::Alu(width, alu, dst, source) => {
            format!("{} {}= {}", reg(width, dst), operator(alu), operand(width, source))
        }
        Op::Mov(width, dst, source) => {
            format!("{} = {}", reg(width, dst), operand(width, source))
        }
        Op::MovSx(width, dst, src, size) => {
            let type_name = type_name(size, Extend::Sign);
            format!("{} = ({type_name}){}", reg(width, dst), reg(width, src))
        }
        Op::Neg(width, dst) => format!("{0} = -{0}", reg(width, dst)),
        Op::Swap(order, dst, size) => {
            let order = match order {
                Order::Little => "le",
                Order::Big => "be",
                Order::Reversed => "bswap",
            };
            format!("{0} = {order}{1} {0}", r(dst), size.bits())
        }
        Op::Wide(dst, value) => format!("{} = {value:#x} ll", r(dst)),
        Op::Address(dst, symbol) => format!("{} = {} ll", r(dst), spell_symbol(symbol, target)),
        Op::Load { size, extend, dst, base, offset } => {
            format!("{} = *({} *)({})", r(dst), type_name(size, extend), address(base, offset))
        }
        Op::Store { size, base, offset, value } => {
            let type_name = type_name(size, Extend::Zero);
            let value = operand(Width::W64, value);
            format!("*({type_name} *)({}) = {value}", address(base, offset))
        }
        Op::Atomic { width, atomic, base, offset, src } => {
            spell_atomic(width, atomic, &address(base, offset), src)
        }
        Op::Goto(_) => format!("goto {target}"),
        Op::GotoLong(_) => format!("gotol {target}"),
        Op::Jump { width, left, test, right, .. } => {
            let (left, right) = (reg(width, left), operand(width, right));
            format!("if {left} {} {right} goto {target}", spell_test(test))
        }
        Op::Call(Callee::Helper(id)) => format!("call {id}"),
        Op::Call(Callee::Function(_)) => format!("call {target}"),
        Op::Call(Callee::Kernel(id, module)) => {
            format!("call kfunc{}", id_and_object(id, module.into()))
        }
        Op::Exit => "exit".to_owned(),
        Op::Packet(size, index, k) => {
            let index = match index {
                Some(index) if k < 0 => format!("{} - {}", r(index), k.unsigned_abs()),
                Some(index) => format!("{} + {k}", r(index)),
                None => k.to_string(),
            };
            format!("r0 = *({} *)skb[{index}]", type_name(size, Extend::Zero))
        }
        // Written with its first slot.
        Op::Second => String::new(),
    }
}

const fn operator(alu: Alu) -> &'static str {
    match alu {
        Alu::Add => "+",
        Alu::Sub => "-",
        Alu::Mul => "*",
        Alu::Div => "/",
        Alu::SDiv => "s/",
        Alu::Mod => "%",
        Alu::SMod => "s%",
        Alu::Or => "|",
        Alu::And => "&",
        Alu::Xor => "^",
        Alu::Lsh => "<<",
        Alu::Rsh => ">>",
        Alu::Arsh => "s>>",
    }
}

const fn spell_test(test: Test) -> &'static str {
    match test {
        Test::Eq => "==",
        Test::Ne => "!=",
        Test::Gt => ">",
        Test::Ge => ">=",
        Test::Lt => "<",
        Test::Le => "<=",
        Test::SGt => "s>",
        Test::SGe => "s>=",
        Test::SLt => "s<",
        Test::SLe => "s<=",
        Test::Set => "&",
    }
}

fn spell_atomic(width: Width, atomic: Atomic, address: &str, src: Reg) -> String {
    let src = reg(width, src);
    let size = width.bits();
    let locked = |sign: char| format!("lock *(u{size} *)({address}) {sign}= {src}");
    let fetch = |name: &str| format!("{src} = atomic_fetch_{name}((u{size} *)({address}), {src})");
    let suffix = match width {
        Width::W32 => "32_32",
        Width::W64 => "_64",
    };
    match atomic {
        Atomic::Add => locked('+'),
        Atomic::Or => locked('|'),
        Atomic::And => locked('&'),
        Atomic::Xor => locked('^'),
        Atomic::FetchAdd => fetch("add"),
        Atomic::FetchOr => fetch("or"),
        Atomic::FetchAnd => fetch("and"),
        Atomic::FetchXor => fetch("xor"),
        Atomic::Exchange => format!("{src} = xchg{suffix}({address}, {src})"),
        Atomic::CompareExchange => {
            let r0 = reg(width, Reg::R0);
            format!("{r0} = cmpxchg{suffix}({address}, {r0}, {src})")
        }
    }
}

fn spell_symbol(symbol: Symbol, target: &str) -> String {
    match symbol {
        Symbol::MapFd(fd) => format!("map[fd:{fd}]"),
        Symbol::MapFdValue(fd, offset) => format!("map[fd:{fd}][0]+{offset}"),
        Symbol::Variable(id, object) => format!("btf{}", id_and_object(id, object)),
        Symbol::Function(_) => format!("subprog[{target}]"),
        Symbol::MapIndex(index) => format!("map[idx:{index}]"),
        Symbol::MapIndexValue(index, offset) => format!("map[idx:{index}][0]+{offset}"),
    }
}

fn id_and_object(id: i32, object: i32) -> String {
    match object {
        0 => format!("[id:{id}]"),
        _ => format!("[id:{id} fd:{object}]"),
    }
}
