//! Whether a text matches: comparisons of words where it is known what stands where, of bytes at
//! the end of a text, and a search for what can stand anywhere.
//!
//! A text ends in a NUL that no place of a pattern admits, so nothing is found behind it. The
//! verifier does not know that: places in a text are cut to the buffer's size before they become
//! addresses, which changes none that occurs.
//!
//! A search is a loop whose counter the verifier knows, so that it sees the end. What is found
//! goes through a word of the buffer, whose content it does not know: else it would follow the
//! rest of the program once for each place.

use filterc_abi::Endian;
use filterc_ebpf::machine::{Alu, Op, Reg, Size, Source as Operand, Test, Width};

use super::emit::Emitter;
use super::plan::Place;
use super::shape::{Item, Rest, Shape};
use super::writer::{Arms, Condition, Label, extended};

/// Where the search for a part begins; behind it, the place behind what was found.
const PLACE: Reg = Reg::R1;
/// The length of a text.
const LENGTH: Reg = Reg::R2;
/// An address in it.
const ADDRESS: Reg = Reg::R3;
/// A byte of it.
const BYTE: Reg = Reg::R4;
/// Whether the text differs from a part, while that is found out.
const DIFFERENT: Reg = Reg::R0;
/// Whether a byte is in a span; no search needs the length meanwhile.
const SPAN: Reg = Reg::R2;
/// How many places a search has tried.
const TRIED: Reg = Reg::R5;

/// Bytes at an address and so far behind it.
#[derive(Clone, Copy)]
struct At {
    base: Reg,
    offset: i16,
}

impl At {
    fn plus(self, bytes: usize) -> Self {
        Self {
            offset: self.offset.saturating_add(i16::try_from(bytes).unwrap_or(i16::MAX)),
            ..self
        }
    }
}

/// Behind what the end of a text must stand.
#[derive(Clone, Copy)]
enum Behind {
    /// So many bytes.
    Bytes(usize),
    /// What was found last.
    Place,
}

/// A length as a constant. No pattern has more than 255 bytes.
fn imm(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

const fn word(test: Test, left: Reg, right: Operand) -> Condition {
    Condition { width: Width::W64, left, test, right }
}

const fn byte(test: Test, value: u8) -> Condition {
    Condition { width: Width::W32, left: BYTE, test, right: Operand::K(value as i32) }
}

impl Emitter<'_> {
    /// Goes to one of the arms. The text can be read.
    pub(super) fn matches(&mut self, place: Place, is_comm: bool, shape: &Shape, arms: Arms) {
        let no = arms.no;
        let at = At { base: place.base, offset: place.offset };
        match &shape.rest {
            None if is_comm => {
                // The rest of the name's buffer is all NUL, which makes it whole words.
                let mut whole: Vec<Option<u8>> = shape.start.iter().map(Item::only).collect();
                if whole.iter().all(Option::is_some) {
                    whole.resize(usize::try_from(place.size).unwrap_or(0), Some(0));
                    self.fixed_bytes(at, &whole, no);
                } else {
                    self.fixed(at, &shape.start, no);
                    self.writer.load(Size::B1, BYTE, at.base, at.plus(shape.start.len()).offset);
                    self.writer.jump(byte(Test::Ne, 0), no);
                }
            }
            None => {
                self.writer.load(Size::B8, LENGTH, Reg::R10, place.status);
                let length = Operand::K(imm(shape.start.len() + 1));
                self.writer.jump(word(Test::Ne, LENGTH, length), no);
                self.fixed(at, &shape.start, no);
            }
            Some(rest) => {
                self.fixed(at.plus(shape.at), &shape.start, no);
                return self.rest(place, is_comm, shape.at + shape.start.len(), rest, arms);
            }
        }
        self.writer.goto(arms.yes);
    }

    /// What stands at a known place, or no.
    fn fixed(&mut self, at: At, items: &[Item], no: Label) {
        let bytes: Vec<Option<u8>> = items.iter().map(Item::only).collect();
        self.fixed_bytes(at, &bytes, no);
        for (index, item) in items.iter().enumerate() {
            if item.only().is_none() {
                self.writer.load(Size::B1, BYTE, at.base, at.plus(index).offset);
                self.admits(item, no);
            }
        }
    }

    /// The bytes of it that are known, as many at a time as are aligned.
    fn fixed_bytes(&mut self, at: At, bytes: &[Option<u8>], no: Label) {
        let mut index = 0;
        while index < bytes.len() {
            let here = at.plus(index);
            let known = |size: &Size| {
                let aligned = usize::from(here.offset.unsigned_abs()).is_multiple_of(size.bytes());
                let part = bytes.get(index..index + size.bytes()).filter(|_| aligned)?;
                part.iter().copied().collect::<Option<Vec<u8>>>()
            };
            let found = Size::ALL.iter().rev().find_map(|size| Some((*size, known(size)?)));
            let Some((size, part)) = found else {
                index += 1;
                continue;
            };
            index += size.bytes();
            self.writer.load(size, BYTE, here.base, here.offset);
            let push = |word: u64, byte: &u8| (word << 8) | u64::from(*byte);
            let value = match self.endian {
                Endian::Little => part.iter().rev().fold(0, push),
                Endian::Big => part.iter().fold(0, push),
            };
            self.differs(size, value, no);
        }
    }

    fn differs(&mut self, size: Size, value: u64, no: Label) {
        let condition = match (size, extended(value)) {
            (Size::B8, Some(imm)) => word(Test::Ne, BYTE, Operand::K(imm)),
            (Size::B8, None) => {
                self.writer.constant(Reg::R0, value);
                word(Test::Ne, BYTE, Operand::X(Reg::R0))
            }
            (Size::B1 | Size::B2 | Size::B4, _) => {
                let low = u32::try_from(value).unwrap_or_default().cast_signed();
                Condition { width: Width::W32, ..word(Test::Ne, BYTE, Operand::K(low)) }
            }
        };
        self.writer.jump(condition, no);
    }

    /// Whether a place of the pattern admits the byte, or no.
    fn admits(&mut self, item: &Item, no: Label) {
        let yes = self.writer.label();
        let mut spans = item.spans().iter().peekable();
        if spans.peek().is_none() {
            self.writer.goto(no);
        }
        while let Some((first, last)) = spans.next() {
            if spans.peek().is_some() {
                // Spans are in order: what is below this one is in none that follows.
                if first == last {
                    self.writer.jump(byte(Test::Eq, *first), yes);
                } else {
                    self.writer.jump(byte(Test::Lt, *first), no);
                    self.writer.jump(byte(Test::Le, *last), yes);
                }
            } else if first == last {
                self.writer.jump(byte(Test::Ne, *first), no);
            } else {
                self.writer.jump(byte(Test::Lt, *first), no);
                if *last != u8::MAX {
                    self.writer.jump(byte(Test::Gt, *last), no);
                }
            }
        }
        self.writer.bind(yes);
    }

    /// What follows somewhere behind the first `from` bytes, and what stands at the end; goes to
    /// one of the arms.
    fn rest(&mut self, place: Place, is_comm: bool, from: usize, rest: &Rest, arms: Arms) {
        let Rest { middle, end } = rest;
        match middle.as_slice() {
            [] => self.end(place, is_comm, Behind::Bytes(from), end, arms),
            parts => {
                self.writer.alu_move(PLACE, imm(from));
                self.parts(place, is_comm, (Some(from), parts), end, arms);
            }
        }
    }

    /// One part after the other. What follows a search stands before it, so that all ways out of
    /// its rounds lead backward to one place: there the verifier sees that they are the same.
    fn parts(
        &mut self,
        place: Place,
        is_comm: bool,
        (from, parts): (Option<usize>, &[Vec<Item>]),
        end: &[Item],
        arms: Arms,
    ) {
        let Some((first, parts)) = parts.split_first() else {
            return self.end(place, is_comm, Behind::Place, end, arms);
        };
        let search = self.writer.label();
        self.writer.goto(search);
        let found = self.writer.here();
        self.parts(place, is_comm, (None, parts), end, arms);
        self.writer.bind(search);
        self.search(place, from, first, arms.no);
        if !(parts.is_empty() && end.is_empty()) {
            self.forget(PLACE, place);
        }
        self.writer.goto(found);
    }

    /// What stands at the end, behind what was found; goes to one of the arms.
    fn end(&mut self, place: Place, is_comm: bool, behind: Behind, end: &[Item], arms: Arms) {
        if !end.is_empty() {
            self.length(place, is_comm);
            match behind {
                Behind::Bytes(bytes) => {
                    let least = Operand::K(imm(bytes + end.len()));
                    self.writer.jump(word(Test::Lt, LENGTH, least), arms.no);
                }
                Behind::Place => {
                    self.writer.alu(Alu::Add, PLACE, imm(end.len()));
                    self.writer.jump(word(Test::Gt, PLACE, Operand::X(LENGTH)), arms.no);
                }
            }
            self.writer.copy(ADDRESS, LENGTH);
            self.writer.alu(Alu::Sub, ADDRESS, imm(end.len()));
            self.address(place);
            self.part(place, end, arms.no);
        }
        self.writer.goto(arms.yes);
    }

    /// The part that begins at the address, byte for byte, or no.
    fn part(&mut self, place: Place, items: &[Item], no: Label) {
        let at = At { base: ADDRESS, offset: place.offset };
        for (index, item) in items.iter().enumerate() {
            self.writer.load(Size::B1, BYTE, at.base, at.plus(index).offset);
            self.admits(item, no);
        }
    }

    /// Makes an address of a place in the text.
    fn address(&mut self, place: Place) {
        self.writer.alu(Alu::And, ADDRESS, place.most());
        self.writer.add(ADDRESS, place.base);
    }

    /// Makes the verifier forget what it knows of a place.
    fn forget(&mut self, reg: Reg, place: Place) {
        let scratch = self.plan.scratch;
        self.writer.store(Size::B8, place.base, scratch, Operand::X(reg));
        self.writer.load(Size::B8, reg, place.base, scratch);
        self.writer.alu(Alu::And, reg, place.most());
    }

    /// Searches from a place on, which may be known; it is then the one behind what was found.
    fn search(&mut self, place: Place, from: Option<usize>, items: &[Item], no: Label) {
        let (again, next, found) = (self.writer.label(), self.writer.label(), self.writer.label());
        self.writer.alu_move(TRIED, 0);
        self.writer.bind(again);
        self.writer.copy(ADDRESS, PLACE);
        if from.is_some() {
            self.writer.add(ADDRESS, place.base);
        } else {
            self.writer.add(ADDRESS, TRIED);
            self.address(place);
        }
        self.writer.load(Size::B1, BYTE, ADDRESS, place.offset);
        self.writer.jump(byte(Test::Eq, 0), no);
        let first = items.first().and_then(Item::only);
        if let Some(first) = first {
            self.writer.jump(byte(Test::Ne, first), next);
        }
        let behind = usize::from(first.is_some());
        if items.len() > behind {
            let differs = self.differences(place, items, behind);
            self.writer.jump(differs, next);
        }
        self.writer.goto(found);
        if self.writer.is_used(next) {
            self.writer.bind(next);
            self.writer.alu(Alu::Add, TRIED, 1);
            if from.is_some() {
                self.writer.alu(Alu::Add, PLACE, 1);
            }
            // Nothing is found where no text can be.
            let rounds = place.most() - imm(from.unwrap_or(0));
            let more = word(Test::Lt, TRIED, Operand::K(rounds));
            self.writer.jump(more, again);
            self.writer.goto(no);
        }
        self.writer.bind(found);
        if from.is_none() {
            self.writer.add(PLACE, TRIED);
        }
        self.writer.alu(Alu::Add, PLACE, imm(items.len()));
    }

    /// Whether what begins at the address differs from a part, but for its first bytes: as one
    /// condition for all of it, because the verifier keeps every jump of every round in mind, and
    /// has room for 8192.
    fn differences(&mut self, place: Place, items: &[Item], skipped: usize) -> Condition {
        let alu = |alu, dst, src| Op::Alu(Width::W64, alu, dst, Operand::X(src));
        // Other bits than those of the pattern; a sign, if there are classes.
        let signed = items.iter().skip(skipped).any(|item| item.only().is_none());
        self.writer.alu_move(DIFFERENT, 0);
        for (index, item) in items.iter().enumerate().skip(skipped) {
            let at = At { base: ADDRESS, offset: place.offset }.plus(index);
            self.writer.load(Size::B1, BYTE, at.base, at.offset);
            if let Some(only) = item.only() {
                self.writer.alu(Alu::Xor, BYTE, only.into());
                if signed {
                    self.writer.op(Op::Neg(Width::W64, BYTE));
                }
                self.writer.op(alu(Alu::Or, DIFFERENT, BYTE));
                continue;
            }
            for (first, last) in item.others() {
                // Negative for what is in the span, modulo 256.
                self.writer.copy(SPAN, BYTE);
                self.writer.alu(Alu::Sub, SPAN, first.into());
                self.writer.alu(Alu::And, SPAN, u8::MAX.into());
                self.writer.alu(Alu::Sub, SPAN, i32::from(last - first) + 1);
                self.writer.op(alu(Alu::Or, DIFFERENT, SPAN));
            }
        }
        word(if signed { Test::SLt } else { Test::Ne }, DIFFERENT, Operand::K(0))
    }

    /// The length of a text. That of a name is where its NUL is.
    fn length(&mut self, place: Place, is_comm: bool) {
        if !is_comm {
            self.writer.load(Size::B8, LENGTH, Reg::R10, place.status);
            self.writer.alu(Alu::Sub, LENGTH, 1);
            return;
        }
        let done = self.writer.label();
        self.writer.alu_move(LENGTH, 0);
        let again = self.writer.here();
        self.writer.copy(ADDRESS, LENGTH);
        self.writer.add(ADDRESS, place.base);
        self.writer.load(Size::B1, BYTE, ADDRESS, place.offset);
        self.writer.jump(byte(Test::Eq, 0), done);
        self.writer.alu(Alu::Add, LENGTH, 1);
        self.writer.jump(word(Test::Lt, LENGTH, Operand::K(place.most())), again);
        self.writer.bind(done);
        self.forget(LENGTH, place);
    }
}
