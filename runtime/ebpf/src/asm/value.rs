//! What stands on the right of `rN =`.

use super::cursor::{Cursor, Named, Target, size};
use super::error::{AsmError, AsmKind};
use super::lexer::Token;
use super::operand::{Body, atomic_register, atomic_width, operand};
use crate::error::Kind;
use crate::op::{Atomic, Extend, Op, Order, Reg, Size, Symbol, Width};

const EXPECTED: &str = "a value";

/// Reads the value, and makes the instruction that puts it into `dst`.
pub(super) fn value(cursor: &mut Cursor<'_, '_>, dst: Named) -> Result<Body, AsmError> {
    match cursor.peek() {
        Some(Token::Punct('*')) => {
            cursor.next();
            load(cursor, dst)
        }
        Some(Token::Punct('(')) => {
            cursor.next();
            extended(cursor, dst)
        }
        Some(Token::Punct('-')) if is_register(cursor.peek_second()) => {
            cursor.next();
            same(cursor, dst)?;
            Ok(Body::Op(Op::Neg(dst.width, dst.reg), None))
        }
        Some(Token::Word(word)) if !starts_with_digit(word) && !is_register(cursor.peek()) => {
            named(cursor, dst, word)
        }
        _ => plain(cursor, dst),
    }
}

fn starts_with_digit(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

fn is_register(token: Option<Token<'_>>) -> bool {
    let tokens = token.map(|token| [(token, 0)]);
    let end = super::lexer::Place { line: 0, column: 0 };
    let tokens = tokens.as_ref().map_or(&[][..], |tokens| tokens);
    Cursor { tokens, end }.maybe_register().is_some()
}

/// The register that is written, once more.
fn same(cursor: &mut Cursor<'_, '_>, dst: Named) -> Result<(), AsmError> {
    let named = cursor.register()?;
    if named.of(dst.width)? == dst.reg {
        return Ok(());
    }
    let found = format!("r{}", named.reg.number());
    let expected = "the register on the left: the instruction has only one";
    Err(named.place.error(AsmKind::Unexpected { found, expected }))
}

/// A register, a constant, or a constant with `ll`.
fn plain(cursor: &mut Cursor<'_, '_>, dst: Named) -> Result<Body, AsmError> {
    let wide = cursor.tokens.iter().any(|(token, _)| *token == Token::Word("ll"));
    if !wide {
        let operand = operand(cursor, dst.width)?;
        return Ok(Body::Op(Op::Mov(dst.width, dst.reg, operand), None));
    }
    let reg = dst.of(Width::W64)?;
    let value = cursor.number(i64::MIN, u64::MAX.into())?;
    cursor.expect_word("ll")?;
    let bits = u64::try_from(value).or_else(|_| i64::try_from(value).map(i64::cast_unsigned));
    let bits = bits.map_err(|_| cursor.unexpected("a number"))?;
    Ok(Body::Op(Op::Wide(reg, bits), None))
}

/// `(u32 *)(r1 + 4)` or `(u8 *)skb[…]`, the star read.
fn load(cursor: &mut Cursor<'_, '_>, dst: Named) -> Result<Body, AsmError> {
    let (size, extend) = cursor.pointer_type()?;
    // LLVM writes `w` for loads of up to 32 bits; it is the same instruction.
    let reg = match dst.width {
        Width::W32 if size != Size::B8 && extend == Extend::Zero => dst.reg,
        Width::W32 | Width::W64 => dst.of(Width::W64)?,
    };
    if cursor.eat_word("skb") {
        if reg != Reg::R0 {
            let found = format!("`r{}`", reg.number());
            return Err(dst.place.error(AsmKind::Unexpected { found, expected: "r0" }));
        }
        return Ok(Body::Op(packet(cursor, size)?, None));
    }
    let (base, offset) = cursor.address()?;
    Ok(Body::Op(Op::Load { size, extend, dst: reg, base, offset }, None))
}

/// `[5]` or `[r1 + 5]`
fn packet(cursor: &mut Cursor<'_, '_>, size: Size) -> Result<Op, AsmError> {
    cursor.expect("[")?;
    let index = cursor.maybe_register().map(|named| named.of(Width::W64)).transpose()?;
    let k = if index.is_some() && cursor.peek() == Some(Token::Punct(']')) {
        0
    } else {
        cursor.narrow(i32::MIN.into(), i32::MAX.into())?
    };
    cursor.expect("]")?;
    Ok(Op::Packet(size, index, k))
}

/// `s8)r2`, the parenthesis read.
fn extended(cursor: &mut Cursor<'_, '_>, dst: Named) -> Result<Body, AsmError> {
    let place = cursor.place();
    let (size, extend) = cursor.access()?;
    cursor.expect(")")?;
    if extend == Extend::Zero {
        let found = format!("`u{}`", size.bits());
        return Err(place.error(AsmKind::Unexpected { found, expected: "s8, s16 or s32" }));
    }
    let src = cursor.register_of(dst.width)?;
    Ok(Body::Op(Op::MovSx(dst.width, dst.reg, src, size), None))
}

/// A value that begins with a name.
fn named(cursor: &mut Cursor<'_, '_>, dst: Named, word: &str) -> Result<Body, AsmError> {
    if let Some((order, size)) = swap(word) {
        cursor.next();
        let reg = dst.of(Width::W64)?;
        same(cursor, dst)?;
        return Ok(Body::Op(Op::Swap(order, reg, size), None));
    }
    if let Some((atomic, spelling)) = atomic(word) {
        cursor.next();
        return Ok(Body::Op(fetching(cursor, dst, atomic, spelling)?, None));
    }
    if word == "load_acquire" {
        let kind = AsmKind::NoSuchInsn(Kind::Extension { name: "load_acquire" });
        return Err(cursor.place().error(kind));
    }
    cursor.next();
    let reg = dst.of(Width::W64)?;
    let (symbol, target) = match word {
        "map" => (map(cursor)?, None),
        "btf" => {
            let (id, object) = id_and_object(cursor, i32::MIN.into(), i32::MAX.into())?;
            (Symbol::Variable(id, object), None)
        }
        "subprog" => {
            cursor.expect("[")?;
            let target: Target = cursor.target()?;
            cursor.expect("]")?;
            (Symbol::Function(0), Some(target))
        }
        _ => {
            let found = format!("`{word}`");
            return Err(cursor.place().error(AsmKind::Unexpected { found, expected: EXPECTED }));
        }
    };
    cursor.expect_word("ll")?;
    Ok(Body::Op(Op::Address(reg, symbol), target))
}

fn swap(word: &str) -> Option<(Order, Size)> {
    let orders = [("le", Order::Little), ("be", Order::Big), ("bswap", Order::Reversed)];
    orders.into_iter().find_map(|(name, order)| {
        size(word.strip_prefix(name)?).filter(|size| *size != Size::B1).map(|size| (order, size))
    })
}

/// How an atomic instruction that fetches is written.
#[derive(Clone, Copy)]
enum Spelling {
    /// `name((u64 *)(r1 + 0), r2)`; the kernel's names tell the width, too.
    Typed(Option<Width>),
    /// `name(r1 + 0, r2)`, the width in the name.
    Bare(Width),
}

fn atomic(word: &str) -> Option<(Atomic, Spelling)> {
    use Atomic::{CompareExchange, Exchange, FetchAdd, FetchAnd, FetchOr, FetchXor};
    let bare = match word {
        "xchg_64" => (Exchange, Width::W64),
        "xchg32_32" => (Exchange, Width::W32),
        "cmpxchg_64" => (CompareExchange, Width::W64),
        "cmpxchg32_32" => (CompareExchange, Width::W32),
        _ => {
            let (rest, width) = match word.strip_prefix("atomic64_") {
                Some(rest) => (rest, Some(Width::W64)),
                None => (word.strip_prefix("atomic_")?, None),
            };
            let atomic = match rest {
                "fetch_add" => FetchAdd,
                "fetch_or" => FetchOr,
                "fetch_and" => FetchAnd,
                "fetch_xor" => FetchXor,
                "xchg" => Exchange,
                "cmpxchg" => CompareExchange,
                _ => return None,
            };
            return Some((atomic, Spelling::Typed(width)));
        }
    };
    Some((bare.0, Spelling::Bare(bare.1)))
}

/// The parenthesis of an atomic instruction, and the check of the register that it fetches to.
fn fetching(
    cursor: &mut Cursor<'_, '_>,
    dst: Named,
    atomic: Atomic,
    spelling: Spelling,
) -> Result<Op, AsmError> {
    cursor.expect("(")?;
    let (width, (base, offset)) = match spelling {
        Spelling::Bare(width) => (width, cursor.bare_address()?),
        Spelling::Typed(named) => {
            let place = cursor.place();
            let width = atomic_width(cursor)?;
            if named.is_some_and(|named| named != width) {
                let (found, expected) = ("`u32`".to_owned(), "u64");
                return Err(place.error(AsmKind::Unexpected { found, expected }));
            }
            (width, cursor.address()?)
        }
    };
    let dst_reg = match width {
        Width::W32 => dst.reg,
        Width::W64 => dst.of(width)?,
    };
    cursor.expect(",")?;
    let place = cursor.place();
    let mut src = atomic_register(cursor, width)?;
    let fetches_to = if atomic == Atomic::CompareExchange {
        if src != Reg::R0 {
            let found = format!("`r{}`", src.number());
            return Err(place.error(AsmKind::Unexpected { found, expected: "r0" }));
        }
        cursor.expect(",")?;
        src = atomic_register(cursor, width)?;
        Reg::R0
    } else {
        src
    };
    cursor.expect(")")?;
    if fetches_to != dst_reg {
        let found = format!("`r{}`", dst.reg.number());
        let expected = "the register that the instruction fetches to (the operand, or r0)";
        return Err(dst.place.error(AsmKind::Unexpected { found, expected }));
    }
    Ok(Op::Atomic { width, atomic, base, offset, src })
}

/// `[fd:3]`, `[fd:3][0]+8`, `[idx:3]`, `[idx:3][0]+8`
fn map(cursor: &mut Cursor<'_, '_>) -> Result<Symbol, AsmError> {
    cursor.expect("[")?;
    let by_fd = cursor.eat_word("fd");
    if !by_fd && !cursor.eat_word("idx") {
        return Err(cursor.unexpected("`fd:` or `idx:`"));
    }
    cursor.expect(":")?;
    let number = cursor.narrow(i32::MIN.into(), i32::MAX.into())?;
    cursor.expect("]")?;
    if !cursor.eat('[') {
        return Ok(if by_fd { Symbol::MapFd(number) } else { Symbol::MapIndex(number) });
    }
    cursor.expect_word("0")?;
    cursor.expect("]+")?;
    let offset = cursor.narrow(0, u32::MAX.into())?;
    Ok(if by_fd {
        Symbol::MapFdValue(number, offset)
    } else {
        Symbol::MapIndexValue(number, offset)
    })
}

/// `[id:5]` or `[id:5 fd:3]`
pub(super) fn id_and_object(
    cursor: &mut Cursor<'_, '_>,
    min: i64,
    max: i128,
) -> Result<(i32, i32), AsmError> {
    cursor.expect("[")?;
    cursor.expect_word("id")?;
    cursor.expect(":")?;
    let id = cursor.narrow(i32::MIN.into(), i32::MAX.into())?;
    let object = if cursor.eat_word("fd") {
        cursor.expect(":")?;
        cursor.narrow(min, max)?
    } else {
        0
    };
    cursor.expect("]")?;
    Ok((id, object))
}
