//! One line of assembly text to labels and an instruction with open targets.

use super::error::{AsmError, AsmKind, MAX_ASSEMBLED, Place};
use super::lexer::{Token, lex};
use crate::errno;
use crate::form::{self, Form, Shape};
use crate::insn::Insn;
use filterc_abi::Action;

/// Where a jump goes.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Label(String, Place),
    Skip(u32, Place),
}

/// The targets that an instruction has.
#[derive(Clone, Debug)]
pub(super) enum Targets {
    None,
    Always(Target),
    Either { jt: Target, jf: Target },
}

/// An instruction, but for the distances of its targets.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) place: Place,
    pub(super) insn: Insn,
    pub(super) targets: Targets,
    pub(super) repeat: usize,
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
    let mut parser = Parser { tokens: &tokens, end };
    let mut line = Line::default();
    while let [(Token::Word(name), column), (Token::Punct(':'), _), rest @ ..] = parser.tokens {
        line.labels.push(((*name).to_owned(), Place { line: number, column: *column }));
        parser.tokens = rest;
    }
    if !parser.tokens.is_empty() {
        line.item = Some(parser.item()?);
    }
    Ok(line)
}

/// The operand as written, before anyone asked whether the instruction has such a one.
enum Operand {
    None,
    A,
    X,
    Imm(u32),
    Len,
    Abs(u32),
    Ind(u32),
    Mem(u32),
    Msh(u32),
}

impl Operand {
    const fn shape(&self) -> Shape {
        match self {
            Self::None => Shape::None,
            Self::A => Shape::A,
            Self::X => Shape::X,
            Self::Imm(_) => Shape::Imm,
            Self::Len => Shape::Len,
            Self::Abs(_) => Shape::Abs,
            Self::Ind(_) => Shape::Ind,
            Self::Mem(_) => Shape::Mem,
            Self::Msh(_) => Shape::Msh,
        }
    }

    const fn k(&self) -> u32 {
        match self {
            Self::None | Self::A | Self::X | Self::Len => 0,
            Self::Imm(k) | Self::Abs(k) | Self::Ind(k) | Self::Mem(k) | Self::Msh(k) => *k,
        }
    }
}

struct Parser<'a> {
    tokens: &'a [(Token<'a>, usize)],
    end: Place,
}

impl<'a> Parser<'a> {
    fn place(&self) -> Place {
        let column = self.tokens.first().map_or(self.end.column, |(_, column)| *column);
        Place { line: self.end.line, column }
    }

    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.first().map(|(token, _)| *token)
    }

    fn next(&mut self) -> Option<Token<'a>> {
        let ((token, _), rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(*token)
    }

    fn unexpected(&self, expected: &'static str) -> AsmError {
        let found = match self.peek() {
            None => "the end of the line".to_owned(),
            Some(Token::Word(word)) => format!("`{word}`"),
            Some(Token::Punct(c)) => format!("`{c}`"),
        };
        self.place().error(AsmKind::Unexpected { found, expected })
    }

    fn eat(&mut self, c: char) -> bool {
        let eaten = self.peek() == Some(Token::Punct(c));
        if eaten {
            self.next();
        }
        eaten
    }

    fn expect(&mut self, c: char, expected: &'static str) -> Result<(), AsmError> {
        if self.eat(c) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn item(&mut self) -> Result<Item, AsmError> {
        let mut repeat = 1;
        if self.peek() == Some(Token::Word(".repeat")) {
            self.next();
            let max = u32::try_from(MAX_ASSEMBLED).unwrap_or(u32::MAX);
            repeat = self.number(max)? as usize;
        }
        let place = self.place();
        let Some(Token::Word(word)) = self.peek() else {
            return Err(self.unexpected("an instruction"));
        };
        self.next();
        let (insn, targets) = match word {
            ".insn" => (self.raw()?, Targets::None),
            _ => self.instruction(word, place)?,
        };
        if self.tokens.is_empty() {
            Ok(Item { place, insn, targets, repeat })
        } else {
            Err(self.unexpected("the end of the line"))
        }
    }

    /// `.insn code, jt, jf, k`
    fn raw(&mut self) -> Result<Insn, AsmError> {
        let code = self.narrow(u16::MAX)?;
        self.expect(',', "`,`")?;
        let jt = self.narrow(u8::MAX)?;
        self.expect(',', "`,`")?;
        let jf = self.narrow(u8::MAX)?;
        self.expect(',', "`,`")?;
        Ok(Insn { code, jt, jf, k: self.number(u32::MAX)? })
    }

    fn instruction(&mut self, word: &str, place: Place) -> Result<(Insn, Targets), AsmError> {
        let alias = form::ALIASES.iter().find(|(alias, ..)| *alias == word);
        let (mnemonic, swapped) = alias.map_or((word, false), |(_, name, swap)| (*name, *swap));
        let forms: Vec<&Form> = form::with_mnemonic(mnemonic).collect();
        let Some(first) = forms.first() else {
            return Err(place.error(AsmKind::UnknownMnemonic { name: word.to_owned() }));
        };
        if first.shape == Shape::Target {
            return Ok((Insn::stmt(first.code, 0), Targets::Always(self.target()?)));
        }
        let place = self.place();
        let operand = self.operand(mnemonic)?;
        let is_jump = matches!(first.shape, Shape::JumpK | Shape::JumpX);
        let shape = operand.shape();
        let wanted = if is_jump && shape == Shape::Imm {
            Shape::JumpK
        } else if is_jump && shape == Shape::X {
            Shape::JumpX
        } else {
            shape
        };
        let Some(form) = forms.iter().find(|form| form.shape == wanted) else {
            let expected = forms.iter().map(|form| form.shape.text()).collect();
            let mnemonic = word.to_owned();
            return Err(place.error(AsmKind::WrongOperand { mnemonic, expected }));
        };
        let targets = if is_jump { self.targets(swapped)? } else { Targets::None };
        Ok((Insn::stmt(form.code, operand.k()), targets))
    }

    fn targets(&mut self, swapped: bool) -> Result<Targets, AsmError> {
        self.expect(',', "`,` and a target")?;
        let jt = self.target()?;
        let jf = if self.eat(',') { self.target()? } else { Target::Skip(0, self.place()) };
        let (jt, jf) = if swapped { (jf, jt) } else { (jt, jf) };
        Ok(Targets::Either { jt, jf })
    }

    fn target(&mut self) -> Result<Target, AsmError> {
        let place = self.place();
        if self.eat('+') {
            return Ok(Target::Skip(self.number(u32::MAX)?, place));
        }
        match self.peek() {
            Some(Token::Word(name)) => {
                self.next();
                Ok(Target::Label(name.to_owned(), place))
            }
            Some(Token::Punct(_)) | None => Err(self.unexpected("a label or `+N`")),
        }
    }

    fn operand(&mut self, mnemonic: &str) -> Result<Operand, AsmError> {
        let place = self.place();
        match self.peek() {
            None => Ok(Operand::None),
            Some(Token::Punct('#')) => {
                self.next();
                if matches!(self.peek(), Some(Token::Word("len" | "pktlen"))) {
                    self.next();
                    return Ok(Operand::Len);
                }
                Ok(Operand::Imm(self.number(u32::MAX)?))
            }
            Some(Token::Punct('[')) => self.bracket(),
            Some(Token::Word("4")) => self.header_length(),
            Some(Token::Word("a" | "A")) => self.register(Operand::A),
            Some(Token::Word("x" | "X")) => self.register(Operand::X),
            Some(Token::Word("M" | "m")) => {
                self.next();
                self.expect('[', "`[`")?;
                let k = self.number(u32::MAX)?;
                self.expect(']', "`]`")?;
                Ok(Operand::Mem(k))
            }
            Some(Token::Word(name)) if mnemonic == "ret" => {
                self.next();
                Ok(Operand::Imm(self.action(name, place)?.to_ret()))
            }
            Some(_) => Err(self.unexpected("an operand")),
        }
    }

    fn register(&mut self, operand: Operand) -> Result<Operand, AsmError> {
        self.next();
        Ok(operand)
    }

    /// `[k]` or `[x + k]`
    fn bracket(&mut self) -> Result<Operand, AsmError> {
        self.expect('[', "`[`")?;
        let operand = if matches!(self.peek(), Some(Token::Word("x" | "X"))) {
            self.next();
            self.expect('+', "`+`")?;
            Operand::Ind(self.number(u32::MAX)?)
        } else {
            Operand::Abs(self.number(u32::MAX)?)
        };
        self.expect(']', "`]`")?;
        Ok(operand)
    }

    /// `4*([k]&0xf)`
    fn header_length(&mut self) -> Result<Operand, AsmError> {
        const EXPECTED: &str = "4*([k]&0xf)";
        self.next();
        self.expect('*', EXPECTED)?;
        self.expect('(', EXPECTED)?;
        self.expect('[', EXPECTED)?;
        let k = self.number(u32::MAX)?;
        self.expect(']', EXPECTED)?;
        self.expect('&', EXPECTED)?;
        if self.peek() != Some(Token::Word("0xf")) {
            return Err(self.unexpected(EXPECTED));
        }
        self.next();
        self.expect(')', EXPECTED)?;
        Ok(Operand::Msh(k))
    }

    fn action(&mut self, name: &str, place: Place) -> Result<Action, AsmError> {
        Ok(match name {
            "allow" => Action::Allow,
            "log" => Action::Log,
            "notify" => Action::Notify,
            "kill_thread" => Action::KillThread,
            "kill_process" | "kill" => Action::KillProcess,
            "trace" => Action::Trace(self.data()?.unwrap_or(0)),
            "trap" => Action::Trap(self.data()?.unwrap_or(0)),
            "errno" => match self.data()? {
                Some(errno) => Action::Errno(errno),
                None => return Err(self.unexpected("`(` and an error number")),
            },
            _ => {
                let name = name.to_owned();
                return Err(place.error(AsmKind::UnknownName { name, expected: "an action" }));
            }
        })
    }

    /// `(N)` or `(EPERM)`, if there is one.
    fn data(&mut self) -> Result<Option<u16>, AsmError> {
        if !self.eat('(') {
            return Ok(None);
        }
        let data = match self.peek() {
            Some(Token::Word(name)) if name.starts_with('E') => {
                let place = self.place();
                self.next();
                errno::errno_number(name).ok_or_else(|| {
                    let expected = "the name of an error number";
                    place.error(AsmKind::UnknownName { name: name.to_owned(), expected })
                })?
            }
            _ => self.narrow(u16::MAX)?,
        };
        self.expect(')', "`)`")?;
        Ok(Some(data))
    }

    /// A number that fits a type narrower than `k`.
    fn narrow<T: TryFrom<u32> + Into<u32> + Copy>(&mut self, max: T) -> Result<T, AsmError> {
        let place = self.place();
        let value = self.number(max.into())?;
        T::try_from(value).map_err(|_| {
            place.error(AsmKind::BadNumber { text: value.to_string(), max: max.into() })
        })
    }

    fn number(&mut self, max: u32) -> Result<u32, AsmError> {
        let place = self.place();
        let negative = max == u32::MAX && self.eat('-');
        let Some(Token::Word(word)) = self.peek() else {
            return Err(self.unexpected("a number"));
        };
        self.next();
        let value = parse_digits(word).and_then(|value| match negative {
            false => u32::try_from(value).ok().filter(|value| *value <= max),
            true => i32::try_from(-value).ok().map(i32::cast_unsigned),
        });
        value.ok_or_else(|| {
            let text = format!("{}{word}", if negative { "-" } else { "" });
            place.error(AsmKind::BadNumber { text, max })
        })
    }
}

/// Decimal, `0x…` or `0b…`; a leading zero is refused, since it means octal elsewhere.
fn parse_digits(word: &str) -> Option<i64> {
    let (digits, radix) = if let Some(hex) = word.strip_prefix("0x") {
        (hex, 16)
    } else if let Some(binary) = word.strip_prefix("0b") {
        (binary, 2)
    } else if word.len() > 1 && word.starts_with('0') {
        return None;
    } else {
        (word, 10)
    };
    u32::from_str_radix(digits, radix).ok().map(i64::from)
}
