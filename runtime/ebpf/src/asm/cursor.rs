//! The parts that statements are made of: registers, numbers, addresses, targets.

use super::error::{AsmError, AsmKind};
use super::lexer::{Place, Token};
use crate::op::{Extend, Reg, Size, Width};

/// Where a jump goes, or the function that is called.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Label(String, Place),
    Skip(i32, Place),
}

/// A register as written: `r3` or `w3`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) reg: Reg,
    pub(super) width: Width,
    pub(super) place: Place,
}

/// The tokens of a line that are left.
pub(super) struct Cursor<'t, 'a> {
    pub(super) tokens: &'t [(Token<'a>, usize)],
    pub(super) end: Place,
}

impl<'a> Cursor<'_, 'a> {
    pub(super) fn place(&self) -> Place {
        let column = self.tokens.first().map_or(self.end.column, |(_, column)| *column);
        Place { line: self.end.line, column }
    }

    pub(super) fn peek(&self) -> Option<Token<'a>> {
        self.tokens.first().map(|(token, _)| *token)
    }

    pub(super) fn peek_second(&self) -> Option<Token<'a>> {
        self.tokens.get(1).map(|(token, _)| *token)
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        let ((token, _), rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(*token)
    }

    pub(super) fn unexpected(&self, expected: &'static str) -> AsmError {
        let found = match self.peek() {
            None => "the end of the line".to_owned(),
            Some(Token::Word(word)) => format!("`{word}`"),
            Some(Token::Punct(c)) => format!("`{c}`"),
        };
        self.place().error(AsmKind::Unexpected { found, expected })
    }

    pub(super) fn eat(&mut self, c: char) -> bool {
        let eaten = self.peek() == Some(Token::Punct(c));
        if eaten {
            self.next();
        }
        eaten
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let eaten = self.peek() == Some(Token::Word(word));
        if eaten {
            self.next();
        }
        eaten
    }

    /// The characters of `text`, in order, as punctuation.
    pub(super) fn expect(&mut self, text: &'static str) -> Result<(), AsmError> {
        for c in text.chars() {
            if !self.eat(c) {
                return Err(self.unexpected(text));
            }
        }
        Ok(())
    }

    pub(super) fn expect_word(&mut self, word: &'static str) -> Result<(), AsmError> {
        if self.eat_word(word) { Ok(()) } else { Err(self.unexpected(word)) }
    }

    /// The register that comes next, if one does.
    pub(super) fn maybe_register(&mut self) -> Option<Named> {
        let place = self.place();
        let Some(Token::Word(word)) = self.peek() else { return None };
        let (reg, width) = register(word)?;
        self.next();
        Some(Named { reg, width, place })
    }

    pub(super) fn register(&mut self) -> Result<Named, AsmError> {
        self.maybe_register().ok_or_else(|| self.unexpected("a register"))
    }

    /// A register that must have that width.
    pub(super) fn register_of(&mut self, width: Width) -> Result<Reg, AsmError> {
        let named = self.register()?;
        named.of(width)
    }

    /// A number with an optional sign.
    pub(super) fn number(&mut self, min: i64, max: i128) -> Result<i128, AsmError> {
        let place = self.place();
        let sign = match self.peek() {
            Some(Token::Punct(sign @ ('-' | '+'))) => {
                self.next();
                Some(sign)
            }
            _ => None,
        };
        self.unsigned(sign == Some('-'), place, min, max)
    }

    /// The digits of a number whose sign has been read.
    pub(super) fn unsigned(
        &mut self,
        negative: bool,
        place: Place,
        min: i64,
        max: i128,
    ) -> Result<i128, AsmError> {
        let Some(Token::Word(word)) = self.peek() else {
            return Err(self.unexpected("a number"));
        };
        self.next();
        let value = parse_digits(word).map(|value| if negative { -value } else { value });
        value.filter(|value| (i128::from(min)..=max).contains(value)).ok_or_else(|| {
            let text = format!("{}{word}", if negative { "-" } else { "" });
            place.error(AsmKind::BadNumber { text, min, max })
        })
    }

    /// A number of a type that is narrower than what numbers are read as.
    pub(super) fn narrow<T: TryFrom<i128>>(&mut self, min: i64, max: i128) -> Result<T, AsmError> {
        let place = self.place();
        let value = self.number(min, max)?;
        T::try_from(value)
            .map_err(|_| place.error(AsmKind::BadNumber { text: value.to_string(), min, max }))
    }

    /// The constant of an instruction: for 64-bit ones what its sign extension says, for
    /// narrower ones any value of 32 bits.
    pub(super) fn constant(&mut self, width: Width) -> Result<i32, AsmError> {
        let max = match width {
            Width::W64 => i128::from(i32::MAX),
            Width::W32 => i128::from(u32::MAX),
        };
        let value: i64 = self.narrow(i32::MIN.into(), max)?;
        let bits = i32::try_from(value).or_else(|_| u32::try_from(value).map(u32::cast_signed));
        bits.map_err(|_| self.unexpected("a number"))
    }

    /// `u8`, `s16`, …
    pub(super) fn access(&mut self) -> Result<(Size, Extend), AsmError> {
        let found = match self.peek() {
            Some(Token::Word(word)) => access(word),
            Some(Token::Punct(_)) | None => None,
        };
        let found = found.ok_or_else(|| self.unexpected("u8, u16, u32, u64, s8, s16 or s32"))?;
        self.next();
        Ok(found)
    }

    /// `(u64 *)`
    pub(super) fn pointer_type(&mut self) -> Result<(Size, Extend), AsmError> {
        self.expect("(")?;
        let access = self.access()?;
        self.expect("*)")?;
        Ok(access)
    }

    /// `(r1 + 4)`
    pub(super) fn address(&mut self) -> Result<(Reg, i16), AsmError> {
        self.expect("(")?;
        let address = self.bare_address()?;
        self.expect(")")?;
        Ok(address)
    }

    /// `r1 + 4`
    pub(super) fn bare_address(&mut self) -> Result<(Reg, i16), AsmError> {
        let base = self.register_of(Width::W64)?;
        let offset = match self.peek() {
            Some(Token::Punct('+' | '-')) => self.narrow(i16::MIN.into(), i16::MAX.into())?,
            _ => 0,
        };
        Ok((base, offset))
    }

    /// A label, `+N`, `-N`, `pc+N` or `pc-N`.
    pub(super) fn target(&mut self) -> Result<Target, AsmError> {
        let place = self.place();
        let signed = |token| matches!(token, Some(Token::Punct('+' | '-')));
        if self.peek() == Some(Token::Word("pc")) && signed(self.peek_second()) {
            self.next();
        }
        if signed(self.peek()) {
            return Ok(Target::Skip(self.narrow(i32::MIN.into(), i32::MAX.into())?, place));
        }
        match self.peek() {
            Some(Token::Word(name)) if !name.starts_with(|c: char| c.is_ascii_digit()) => {
                self.next();
                Ok(Target::Label(name.to_owned(), place))
            }
            _ => Err(self.unexpected("a label, `+N` or `-N`")),
        }
    }
}

impl Named {
    /// The register, if it is written with that width.
    pub(super) fn of(self, width: Width) -> Result<Reg, AsmError> {
        if self.width == width {
            return Ok(self.reg);
        }
        let name = |width| match width {
            Width::W32 => format!("w{}", self.reg.number()),
            Width::W64 => format!("r{}", self.reg.number()),
        };
        let kind = AsmKind::WrongWidth { found: name(self.width), expected: name(width) };
        Err(self.place.error(kind))
    }
}

fn register(word: &str) -> Option<(Reg, Width)> {
    let width = match word.chars().next()? {
        'r' => Width::W64,
        'w' => Width::W32,
        _ => return None,
    };
    let digits = word.get(1..)?;
    let plain = !digits.starts_with(['0', '+']) || digits == "0";
    digits.parse().ok().filter(|_| plain).and_then(Reg::new).map(|reg| (reg, width))
}

fn access(word: &str) -> Option<(Size, Extend)> {
    let (extend, digits) = match word.split_at_checked(1)? {
        ("u", digits) => (Extend::Zero, digits),
        ("s", digits) => (Extend::Sign, digits),
        _ => return None,
    };
    size(digits).map(|size| (size, extend))
}

/// A size by its number of bits.
pub(super) fn size(digits: &str) -> Option<Size> {
    Some(match digits {
        "8" => Size::B1,
        "16" => Size::B2,
        "32" => Size::B4,
        "64" => Size::B8,
        _ => return None,
    })
}

/// Decimal, `0x…` or `0b…`; a leading zero is refused, since it means octal elsewhere.
fn parse_digits(word: &str) -> Option<i128> {
    let (digits, radix) = if let Some(hex) = word.strip_prefix("0x") {
        (hex, 16)
    } else if let Some(binary) = word.strip_prefix("0b") {
        (binary, 2)
    } else if word.len() > 1 && word.starts_with('0') {
        return None;
    } else {
        (word, 10)
    };
    u64::from_str_radix(digits, radix).ok().map(i128::from)
}
