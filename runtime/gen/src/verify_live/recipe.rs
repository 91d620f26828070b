//! The text of probe recipes as a tree.
//!
//! ```text
//! # comment
//! data NAME = ITEM, ITEM, …        bytes in the memory of the scripts
//! let NAME = STEP; STEP; …         a resource: NAME is the result of its first step, or of the one
//!                                  that says `NAME =`; made before the step that uses it
//! STEP; STEP; …                    a recipe
//!                                  (both: with `x86_64:` or `i386:` before it, for that ABI only)
//! none CALL.ARG: REASON            an argument that cannot be probed
//! none CALL: REASON                a call none of whose arguments can
//!
//! ITEM   "text" (ends in NUL), u8 V, u16 V, u32 V, u64 V, long V (as wide as the ABI's word),
//!        zero V (that many bytes), page V (that many pages, from the begin of one on)
//! STEP   call(ARG, …), child() or load(ARG); with `NAME =` before it, NAME is its result; with
//!        `?` before it, only whether it succeeds counts
//! ARG    V, or with a mark: ~V  the table's width is the exact one
//!                           <V  no bit above the table's width is looked at; some below may not be
//!                           !V  no bit is looked at
//! V      parts joined by `|`: numbers, "text" (its address), names of data (their address),
//!        resources, results, constants; NAME+NUMBER
//! ```

use crate::error::Error;

/// What is claimed of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing: it is not probed.
    None,
    /// `~`: the width of the table.
    Exact,
    /// `<`: at most the width of the table.
    AtMost,
    /// `!`: not looked at.
    Unused,
}

/// One part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Number(u64),
    Text(String),
    /// A name, and what is added to it.
    Name(String, u64),
}

/// Parts whose bits are combined.
pub(super) type Value = Vec<Part>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    pub(super) mark: Mark,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Name of its result.
    pub(super) name: Option<String>,
    /// Whether only success counts.
    pub(super) success: bool,
    pub(super) call: String,
    pub(super) args: Vec<Argument>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Bits(u8),
    Long,
    Zero,
    Page,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Text(String),
    Number(Size, Value),
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Data { name: String, items: Vec<Item> },
    Let { abi: Option<String>, name: String, steps: Vec<Step> },
    Recipe { abi: Option<String>, steps: Vec<Step> },
    None { call: String, arg: Option<String>, reason: String },
}

/// The lines of a text, with their numbers.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<(usize, Line)>, Error> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut parser = Parser { rest: line };
        let parsed = match parser.line() {
            Ok(_) if !parser.rest.is_empty() => Err("the end of the line was expected"),
            parsed => parsed,
        };
        let parsed =
            parsed.map_err(|what| Error::Failed(format!("{file}:{number}: {what}: {line}")))?;
        lines.push((number, parsed));
    }
    Ok(lines)
}

type Parsed<T> = Result<T, &'static str>;

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn line(&mut self) -> Parsed<Line> {
        if let Some(rest) = self.rest.strip_prefix("none ") {
            let (what, reason) = rest.split_once(": ").ok_or("a reason is missing")?;
            let (call, arg) = match what.split_once('.') {
                Some((call, arg)) => (call, Some(arg.to_owned())),
                None => (what, None),
            };
            self.rest = "";
            return Ok(Line::None { call: call.to_owned(), arg, reason: reason.to_owned() });
        }
        if self.eat("data ") {
            let name = self.name()?.to_owned();
            self.expect("=")?;
            return Ok(Line::Data { name, items: self.list(Self::item)? });
        }
        let abi = ["x86_64", "i386"].into_iter().find(|abi| self.eat(&format!("{abi}:")));
        let abi = abi.map(str::to_owned);
        if self.eat("let ") {
            let name = self.name()?.to_owned();
            self.expect("=")?;
            return Ok(Line::Let { abi, name, steps: self.steps()? });
        }
        Ok(Line::Recipe { abi, steps: self.steps()? })
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &'static str) -> Parsed<()> {
        if self.eat(token) { Ok(()) } else { Err("a punctuation mark was expected") }
    }

    fn word(&mut self) -> &'a str {
        self.space();
        let other = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        let end = self.rest.find(other).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn name(&mut self) -> Parsed<&'a str> {
        let word = self.word();
        let first = word.chars().next().ok_or("a name was expected")?;
        if first.is_ascii_digit() { Err("a name was expected") } else { Ok(word) }
    }

    fn list<T>(&mut self, element: fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut list = vec![element(self)?];
        while self.eat(",") {
            list.push(element(self)?);
        }
        Ok(list)
    }

    fn steps(&mut self) -> Parsed<Vec<Step>> {
        let mut steps = vec![self.step()?];
        while self.eat(";") {
            steps.push(self.step()?);
        }
        Ok(steps)
    }

    fn step(&mut self) -> Parsed<Step> {
        let mut success = self.eat("?");
        let mut call = self.name()?.to_owned();
        let mut name = None;
        if self.eat("=") {
            success |= self.eat("?");
            name = Some(std::mem::replace(&mut call, self.name()?.to_owned()));
        }
        self.expect("(")?;
        let mut args = Vec::new();
        if !self.eat(")") {
            args = self.list(Self::argument)?;
            self.expect(")")?;
        }
        Ok(Step { name, success, call, args })
    }

    fn argument(&mut self) -> Parsed<Argument> {
        let marks = [("~", Mark::Exact), ("<", Mark::AtMost), ("!", Mark::Unused)];
        let found = marks.into_iter().find(|(token, _)| self.eat(token));
        let mark = found.map_or(Mark::None, |(_, mark)| mark);
        Ok(Argument { mark, value: self.value()? })
    }

    fn value(&mut self) -> Parsed<Value> {
        let mut parts = vec![self.part()?];
        while self.eat("|") {
            parts.push(self.part()?);
        }
        Ok(parts)
    }

    fn part(&mut self) -> Parsed<Part> {
        if self.eat("\"") {
            return self.text().map(Part::Text);
        }
        if self.eat("-") {
            return Ok(Part::Number(number(self.word())?.wrapping_neg()));
        }
        let word = self.word();
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(Part::Number(number(word)?));
        }
        if word.is_empty() {
            return Err("a value was expected");
        }
        let plus = if self.eat("+") { number(self.word())? } else { 0 };
        Ok(Part::Name(word.to_owned(), plus))
    }

    /// The rest of a text, with `\0` for a NUL inside.
    fn text(&mut self) -> Parsed<String> {
        let (text, rest) = self.rest.split_once('"').ok_or("the text does not end")?;
        self.rest = rest;
        Ok(text.replace("\\0", "\0"))
    }

    fn item(&mut self) -> Parsed<Item> {
        if self.eat("\"") {
            return self.text().map(Item::Text);
        }
        let size = match self.word() {
            "u8" => Size::Bits(8),
            "u16" => Size::Bits(16),
            "u32" => Size::Bits(32),
            "u64" => Size::Bits(64),
            "long" => Size::Long,
            "zero" => Size::Zero,
            "page" => Size::Page,
            _ => return Err("a size was expected"),
        };
        Ok(Item::Number(size, self.value()?))
    }
}

fn number(word: &str) -> Parsed<u64> {
    let (digits, radix) = match word.as_bytes() {
        [b'0', b'x', ..] => (word.get(2..), 16),
        [b'0', b'o', ..] => (word.get(2..), 8),
        _ => (Some(word), 10),
    };
    let parsed = digits.and_then(|digits| u64::from_str_radix(digits, radix).ok());
    parsed.ok_or("a number was expected")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests say what they expect")]

    use super::*;

    fn one(text: &str) -> Line {
        parse("test", text).unwrap().remove(0).1
    }

    fn message(text: &str) -> String {
        parse("test", text).unwrap_err().to_string()
    }

    #[test]
    fn a_recipe() {
        let line = one("i386: ?open(~\"a\\0b\", <O_RDWR|0x10, -1); x = load(buf+8)");
        let Line::Recipe { abi, steps } = line else { panic!("{line:?}") };
        assert_eq!(abi.as_deref(), Some("i386"));
        let [open, load] = <[Step; 2]>::try_from(steps).unwrap();
        assert!(open.success && !load.success && open.name.is_none());
        let marks: Vec<Mark> = open.args.iter().map(|arg| arg.mark).collect();
        assert_eq!(marks, [Mark::Exact, Mark::AtMost, Mark::None]);
        assert_eq!(open.args[0].value, [Part::Text("a\0b".to_owned())]);
        let flags = [Part::Name("O_RDWR".to_owned(), 0), Part::Number(16)];
        assert_eq!(open.args[1].value, flags);
        assert_eq!(open.args[2].value, [Part::Number(u64::MAX)]);
        assert_eq!(load.name.as_deref(), Some("x"));
        assert_eq!(load.args[0].value, [Part::Name("buf".to_owned(), 8)]);
    }

    #[test]
    fn definitions() {
        let Line::Data { name, items } = one("data d = \"x\", u16 0o17, long d, zero 3") else {
            panic!("data")
        };
        assert_eq!((name.as_str(), items.len()), ("d", 4));
        assert_eq!(items[1], Item::Number(Size::Bits(16), vec![Part::Number(15)]));
        let Line::Let { abi: None, name, steps } = one("let f = ?creat(\"f\"); close(f)") else {
            panic!("let")
        };
        assert_eq!((name.as_str(), steps.len(), steps[0].success), ("f", 2, true));
        let none = one("none reboot.cmd: it may succeed: never");
        let (call, reason) = ("reboot".to_owned(), "it may succeed: never".to_owned());
        assert_eq!(none, Line::None { call, arg: Some("cmd".to_owned()), reason });
        assert_eq!(parse("test", "# nothing\n\n  \n").unwrap(), []);
    }

    #[test]
    fn errors_name_the_line() {
        assert_eq!(message("\nread(1"), "test:2: a punctuation mark was expected: read(1");
        assert!(message("read(1) x").contains("the end of the line"));
        assert!(message("read(\"x)").contains("does not end"));
        assert!(message("data x = y 3").contains("a size"));
        assert!(message("read(0y)").contains("a number"));
        assert!(message("9(1)").contains("a name"));
        assert!(message("read(,)").contains("a value"));
        assert!(message("none x").contains("a reason"));
    }
}
