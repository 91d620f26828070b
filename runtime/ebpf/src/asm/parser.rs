//! One line of assembly text to labels and an instruction with an open target.

use super::cursor::{Cursor, Named};
use super::error::{AsmError, AsmKind};
use super::lexer::{Place, Token, lex};
use super::operand::{Body, atomic_register, atomic_width, operand, unsigned};
use super::value;
use crate::error::Kind;
use crate::helper;
use crate::insn::Insn;
use crate::op::{Alu, Atomic, Callee, Op, Size, Source, Test, Width};

/// A line's instruction.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) place: Place,
    pub(super) body: Body,
}

impl Item {
    pub(super) const fn slots(&self) -> usize {
        match &self.body {
            Body::Op(op, _) => op.slots(),
            Body::Raw(_) => 1,
        }
    }
}

/// What a line says.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) labels: Vec<(String, Place)>,
    pub(super) item: Option<Item>,
}

/// Reads one line.
pub(super) fn parse_line(text: &str, number: usize) -> Result<Line, AsmError> {
    let tokens = lex(text, number)?;
    let end = Place { line: number, column: text.chars().count() + 1 };
    let mut cursor = Cursor { tokens: &tokens, end };
    let mut line = Line::default();
    while let [(Token::Word(name), column), (Token::Punct(':'), _), rest @ ..] = cursor.tokens {
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(cursor.unexpected("a label that does not begin with a digit"));
        }
        line.labels.push(((*name).to_owned(), Place { line: number, column: *column }));
        cursor.tokens = rest;
    }
    if !cursor.tokens.is_empty() {
        let place = cursor.place();
        let body = statement(&mut cursor)?;
        if !cursor.tokens.is_empty() {
            return Err(cursor.unexpected("the end of the line"));
        }
        line.item = Some(Item { place, body });
    }
    Ok(line)
}

fn statement(cursor: &mut Cursor<'_, '_>) -> Result<Body, AsmError> {
    let place = cursor.place();
    if cursor.eat('*') {
        return Ok(Body::Op(store(cursor)?, None));
    }
    if let Some(dst) = cursor.maybe_register() {
        return assignment(cursor, dst);
    }
    let Some(Token::Word(word)) = cursor.peek() else {
        return Err(cursor.unexpected("an instruction"));
    };
    cursor.next();
    match word {
        ".insn" => Ok(Body::Raw(raw(cursor)?)),
        "if" => conditional(cursor),
        "goto" => Ok(Body::Op(Op::Goto(0), Some(cursor.target()?))),
        "gotol" => Ok(Body::Op(Op::GotoLong(0), Some(cursor.target()?))),
        "call" => call(cursor),
        "exit" => Ok(Body::Op(Op::Exit, None)),
        "lock" => Ok(Body::Op(locked(cursor)?, None)),
        "may_goto" | "store_release" | "callx" | "gotox" => {
            let names = ["may_goto", "store_release", "callx", "gotox"];
            let name = names.into_iter().find(|name| *name == word).unwrap_or_default();
            Err(place.error(AsmKind::NoSuchInsn(Kind::Extension { name })))
        }
        _ => {
            let found = format!("`{word}`");
            Err(place.error(AsmKind::Unexpected { found, expected: "an instruction" }))
        }
    }
}

/// `.insn opcode, dst, src, offset, imm`
fn raw(cursor: &mut Cursor<'_, '_>) -> Result<Insn, AsmError> {
    let opcode = cursor.narrow(0, u8::MAX.into())?;
    cursor.expect(",")?;
    let dst = cursor.narrow(0, 15)?;
    cursor.expect(",")?;
    let src = cursor.narrow(0, 15)?;
    cursor.expect(",")?;
    let offset = cursor.narrow(i16::MIN.into(), i16::MAX.into())?;
    cursor.expect(",")?;
    Ok(Insn { opcode, dst, src, offset, imm: cursor.constant(Width::W32)? })
}

/// `rN …=`, and the rest.
fn assignment(cursor: &mut Cursor<'_, '_>, dst: Named) -> Result<Body, AsmError> {
    if cursor.eat('=') {
        return value::value(cursor, dst);
    }
    let alu = alu(cursor)?;
    cursor.expect("=")?;
    let operand = operand(cursor, dst.width)?;
    Ok(Body::Op(Op::Alu(dst.width, alu, dst.reg, operand), None))
}

/// The operation of `op=`.
fn alu(cursor: &mut Cursor<'_, '_>) -> Result<Alu, AsmError> {
    const EXPECTED: &str = "`=` or an operator with `=`";
    let signed = cursor.eat_word("s");
    let Some(Token::Punct(first)) = cursor.peek() else {
        return Err(cursor.unexpected(EXPECTED));
    };
    let alu = match (signed, first) {
        (false, '+') => Alu::Add,
        (false, '-') => Alu::Sub,
        (false, '*') => Alu::Mul,
        (false, '/') => Alu::Div,
        (false, '%') => Alu::Mod,
        (false, '|') => Alu::Or,
        (false, '&') => Alu::And,
        (false, '^') => Alu::Xor,
        (false, '<') => Alu::Lsh,
        (false, '>') => Alu::Rsh,
        (true, '/') => Alu::SDiv,
        (true, '%') => Alu::SMod,
        (true, '>') => Alu::Arsh,
        _ => return Err(cursor.unexpected(EXPECTED)),
    };
    cursor.next();
    if first == '<' {
        cursor.expect("<")?;
    } else if first == '>' {
        cursor.expect(">")?;
    }
    Ok(alu)
}

/// `if r1 == 5 goto target`
fn conditional(cursor: &mut Cursor<'_, '_>) -> Result<Body, AsmError> {
    let Named { reg: left, width, .. } = cursor.register()?;
    let test = test(cursor)?;
    let right = operand(cursor, width)?;
    cursor.expect_word("goto")?;
    let target = cursor.target()?;
    Ok(Body::Op(Op::Jump { width, left, test, right, distance: 0 }, Some(target)))
}

fn test(cursor: &mut Cursor<'_, '_>) -> Result<Test, AsmError> {
    const EXPECTED: &str = "a comparison: == != > >= < <= s> s>= s< s<= or &";
    let signed = cursor.eat_word("s");
    let Some(Token::Punct(first)) = cursor.peek() else {
        return Err(cursor.unexpected(EXPECTED));
    };
    let orders = matches!(first, '<' | '>');
    if (signed && !orders) || !matches!(first, '=' | '!' | '&' | '<' | '>') {
        return Err(cursor.unexpected(EXPECTED));
    }
    cursor.next();
    Ok(match first {
        '&' => Test::Set,
        '=' => {
            cursor.expect("=")?;
            Test::Eq
        }
        '!' => {
            cursor.expect("=")?;
            Test::Ne
        }
        _ => match (signed, first == '>', cursor.eat('=')) {
            (false, true, false) => Test::Gt,
            (false, true, true) => Test::Ge,
            (false, false, false) => Test::Lt,
            (false, false, true) => Test::Le,
            (true, true, false) => Test::SGt,
            (true, true, true) => Test::SGe,
            (true, false, false) => Test::SLt,
            (true, false, true) => Test::SLe,
        },
    })
}

/// `*(u32 *)(r1 + 4) = value`, its star read.
fn store(cursor: &mut Cursor<'_, '_>) -> Result<Op, AsmError> {
    let size = unsigned(cursor)?;
    let (base, offset) = cursor.address()?;
    cursor.expect("=")?;
    let value = match cursor.maybe_register() {
        // LLVM writes `w` for stores of up to 32 bits; it is the same instruction.
        Some(Named { reg, width: Width::W32, .. }) if size != Size::B8 => Source::X(reg),
        Some(named) => Source::X(named.of(Width::W64)?),
        None if size == Size::B8 => Source::K(cursor.constant(Width::W64)?),
        None => Source::K(cursor.constant(Width::W32)?),
    };
    Ok(Op::Store { size, base, offset, value })
}

/// `lock *(u64 *)(r1 + 0) += r2`, its first word read.
fn locked(cursor: &mut Cursor<'_, '_>) -> Result<Op, AsmError> {
    cursor.expect("*")?;
    let width = atomic_width(cursor)?;
    let (base, offset) = cursor.address()?;
    let atomic = match cursor.peek() {
        Some(Token::Punct('+')) => Atomic::Add,
        Some(Token::Punct('|')) => Atomic::Or,
        Some(Token::Punct('&')) => Atomic::And,
        Some(Token::Punct('^')) => Atomic::Xor,
        _ => return Err(cursor.unexpected("+=, |=, &= or ^=")),
    };
    cursor.next();
    cursor.expect("=")?;
    let src = atomic_register(cursor, width)?;
    Ok(Op::Atomic { width, atomic, base, offset, src })
}

/// `call 14`, `call bpf_ktime_get_ns`, `call label`, `call pc+3`, `call kfunc[id:5]`
fn call(cursor: &mut Cursor<'_, '_>) -> Result<Body, AsmError> {
    let is_number = match cursor.peek() {
        Some(Token::Word(word)) => word.starts_with(|c: char| c.is_ascii_digit()),
        Some(Token::Punct(c)) => c == '-',
        None => false,
    };
    if is_number {
        let id = cursor.narrow(i32::MIN.into(), i32::MAX.into())?;
        return Ok(Body::Op(Op::Call(Callee::Helper(id)), None));
    }
    if cursor.peek() == Some(Token::Word("kfunc"))
        && cursor.peek_second() == Some(Token::Punct('['))
    {
        cursor.next();
        let (id, module) = value::id_and_object(cursor, i16::MIN.into(), i16::MAX.into())?;
        let module = i16::try_from(module).map_err(|_| cursor.unexpected("a number"))?;
        return Ok(Body::Op(Op::Call(Callee::Kernel(id, module)), None));
    }
    if let Some(Token::Word(word)) = cursor.peek()
        && let Some(id) = helper::by_name(word)
    {
        cursor.next();
        check_number(cursor, id)?;
        return Ok(Body::Op(Op::Call(Callee::Helper(id)), None));
    }
    let target = cursor.target()?;
    Ok(Body::Op(Op::Call(Callee::Function(0)), Some(target)))
}

/// `#14`, which the kernel writes behind the name of a helper.
fn check_number(cursor: &mut Cursor<'_, '_>, id: i32) -> Result<(), AsmError> {
    if !cursor.eat('#') {
        return Ok(());
    }
    let place = cursor.place();
    if cursor.number(0, i32::MAX.into())? == i128::from(id) {
        return Ok(());
    }
    let found = format!("a number that is not {id}");
    let expected = "the helper's number";
    Err(place.error(AsmKind::Unexpected { found, expected }))
}
