//! eBPF programs by chance that decide calls: everything that the prover knows, in programs that
//! the verifier takes more often than not.
//!
//! R6 holds the data, R10 the frame, of which 32 bytes are written before anything is read; all
//! other registers hold numbers. Chance is the caller's: a function that chooses a number below
//! another.

use filterc_ebpf::{Insn, code};

/// Chooses a number below another that is not 0.
pub type Choose<'c> = &'c mut dyn FnMut(usize) -> usize;

/// What a program knows of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knows {
    /// Everything.
    All,
    /// These bits of the first two arguments.
    Bits([u64; 2]),
}

const DATA: u8 = 6;
const FRAME: u8 = 10;
const COUNTER: u8 = 9;

/// Registers with numbers; a loop counts with the last.
const NUMBERS: [u8; 9] = [0, 1, 2, 3, 4, 5, 7, 8, COUNTER];

const ALU: [u8; 10] = [
    code::ADD,
    code::SUB,
    code::MUL,
    code::DIV,
    code::MOD,
    code::OR,
    code::AND,
    code::XOR,
    code::MOV,
    code::NEG,
];

const SHIFTS: [u8; 3] = [code::LSH, code::RSH, code::ARSH];

const TESTS: [u8; 11] = [
    code::JEQ,
    code::JNE,
    code::JGT,
    code::JGE,
    code::JLT,
    code::JLE,
    code::JSGT,
    code::JSGE,
    code::JSLT,
    code::JSLE,
    code::JSET,
];

const SIZES: [(u8, usize); 4] = [(code::B, 1), (code::H, 2), (code::W, 4), (code::DW, 8)];

const CONSTANTS: [i32; 14] = [0, 1, 2, 3, 7, 15, 16, 31, 32, 255, 0xffff, i32::MAX, i32::MIN, -1];

/// A part of a program.
enum Item {
    /// Instructions, one after the other.
    Plain(Vec<Insn>),
    /// A jump over so many items.
    Jump(Insn, usize),
    /// A call of the function behind the program.
    Call,
}

/// A program of about so many statements; it may not pass the verifier.
#[must_use]
pub fn program(choose: Choose<'_>, knows: Knows, statements: usize) -> Vec<Insn> {
    let mut writer = Writer { choose, knows, target: 0 };
    let mut items = vec![Item::Plain(writer.prologue())];
    let mut calls = false;
    for left in (0..statements).rev() {
        let item = writer.statement(left);
        calls |= matches!(item, Item::Call);
        items.push(item);
        if let Some(Item::Call) = items.last() {
            items.push(Item::Plain(writer.after_call()));
        }
    }
    items.push(Item::Plain(writer.end()));
    let function = if calls { writer.function() } else { Vec::new() };
    assembled(&items, function)
}

/// All items one after the other, distances filled in.
fn assembled(items: &[Item], function: Vec<Insn>) -> Vec<Insn> {
    let length = |item: &Item| match item {
        Item::Plain(insns) => insns.len(),
        Item::Jump(..) | Item::Call => 1,
    };
    let mut starts = vec![0];
    for item in items {
        starts.push(starts.last().copied().unwrap_or(0) + length(item));
    }
    let start = |at: usize| starts.get(at).or(starts.last()).copied().unwrap_or(0);
    let mut insns = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let next = insns.len() + 1;
        match item {
            Item::Plain(plain) => insns.extend(plain),
            Item::Jump(jump, over) => {
                let to = start((at + 1 + over).min(items.len() - 1));
                insns.push(Insn { offset: i16::try_from(to - next).unwrap_or(0), ..*jump });
            }
            Item::Call => {
                let to = start(items.len());
                let imm = i32::try_from(to - next).unwrap_or(0);
                insns.push(Insn { src: 1, imm, ..Insn::new(code::JMP | code::CALL) });
            }
        }
    }
    insns.extend(function);
    insns
}

const fn insn(opcode: u8, dst: u8, src: u8, offset: i16, imm: i32) -> Insn {
    Insn { opcode, dst, src, offset, imm }
}

const fn copied(dst: u8, src: u8) -> Insn {
    insn(code::ALU64 | code::MOV | code::X, dst, src, 0, 0)
}

const EXIT: Insn = Insn::new(code::JMP | code::EXIT);

struct Writer<'c> {
    choose: Choose<'c>,
    knows: Knows,
    /// The register that the last statement changed.
    target: u8,
}

impl Writer<'_> {
    fn below(&mut self, bound: usize) -> usize {
        (self.choose)(bound)
    }

    fn pick<T: Copy + Default>(&mut self, from: &[T]) -> T {
        let at = self.below(from.len());
        from.get(at).copied().unwrap_or_default()
    }

    fn constant(&mut self) -> i32 {
        match self.below(6) {
            0 => i32::try_from(self.below(1 << 20)).unwrap_or(0),
            1 => 1_i32.rotate_left(u32::try_from(self.below(32)).unwrap_or(0)),
            _ => self.pick(&CONSTANTS),
        }
    }

    fn wide(&mut self, dst: u8, value: u64) -> Vec<Insn> {
        let half = |value: u64| {
            let [a, b, c, d, ..] = value.to_le_bytes();
            i32::from_le_bytes([a, b, c, d])
        };
        vec![insn(code::WIDE, dst, 0, 0, half(value)), insn(0, 0, 0, 0, half(value >> 32))]
    }

    fn number(&mut self) -> u8 {
        // What was computed last matters more often than not.
        if self.below(3) == 0 { self.target } else { self.pick(&NUMBERS) }
    }

    fn changed(&mut self) -> u8 {
        self.target = self.pick(&NUMBERS);
        self.target
    }

    fn prologue(&mut self) -> Vec<Insn> {
        let mut insns = vec![copied(DATA, 1)];
        let load = |offset| insn(code::LDX | code::MEM | code::DW, 2, DATA, offset, 0);
        for (place, offset) in [16, 24].into_iter().enumerate() {
            insns.push(load(offset));
            if let Knows::Bits(masks) = self.knows {
                insns.extend(self.wide(3, masks.get(place).copied().unwrap_or(0)));
                insns.push(insn(code::ALU64 | code::AND | code::X, 2, 3, 0, 0));
            }
            for slot in [8, 24] {
                let offset = -slot - i16::try_from(8 * place).unwrap_or(0);
                insns.push(insn(code::STX | code::MEM | code::DW, FRAME, 2, offset, 0));
            }
        }
        insns.extend(self.numbers());
        insns
    }

    /// All registers get numbers.
    fn numbers(&mut self) -> Vec<Insn> {
        let mut insns = Vec::new();
        for reg in NUMBERS {
            if self.below(4) == 0 {
                let k = self.constant();
                insns.push(insn(code::ALU64 | code::MOV | code::K, reg, 0, 0, k));
            } else {
                let offset = if self.below(2) == 0 { -8 } else { -16 };
                insns.push(insn(code::LDX | code::MEM | code::DW, reg, FRAME, offset, 0));
            }
        }
        insns
    }

    fn statement(&mut self, left: usize) -> Item {
        Item::Plain(match self.below(20) {
            0..=6 => vec![self.arithmetic()],
            7 => vec![self.extended()],
            8 => vec![self.swapped()],
            9 | 10 => vec![self.load()],
            11 => vec![self.store()],
            12..=15 => {
                let over = 1 + self.below(left.min(4) + 1);
                return Item::Jump(self.test(), over);
            }
            16 => {
                let (test, k) = (self.test(), self.constant());
                let value = insn(code::ALU | code::MOV | code::K, 0, 0, 0, k & 3);
                vec![Insn { offset: 2, ..test }, value, EXIT]
            }
            17 => self.counted(),
            18 => return Item::Call,
            _ => {
                let k = u64::from(self.constant().cast_unsigned()) << 32;
                let (dst, low) = (self.changed(), self.constant());
                self.wide(dst, k | u64::from(low.cast_unsigned()))
            }
        })
    }

    fn arithmetic(&mut self) -> Insn {
        let (dst, src) = (self.changed(), self.number());
        let (class, bits) = if self.below(2) == 0 { (code::ALU, 32) } else { (code::ALU64, 64) };
        if self.below(5) == 0 {
            let operation = class | self.pick(&SHIFTS);
            let k = i32::try_from(self.below(bits)).unwrap_or(0);
            return match self.below(2) {
                0 => insn(operation | code::K, dst, 0, 0, k),
                _ => insn(operation | code::X, dst, src, 0, 0),
            };
        }
        let operation = self.pick(&ALU);
        let divides = matches!(operation, code::DIV | code::MOD);
        let signed = i16::from(divides && self.below(2) == 0);
        match (operation, self.below(2)) {
            (code::NEG, _) => insn(class | code::NEG, dst, 0, 0, 0),
            (_, 0) => {
                let k = self.constant();
                let k = if divides && k == 0 { 3 } else { k };
                insn(class | operation | code::K, dst, 0, signed, k)
            }
            _ => insn(class | operation | code::X, dst, src, signed, 0),
        }
    }

    fn extended(&mut self) -> Insn {
        let (dst, src) = (self.changed(), self.number());
        let (class, bits) = self.pick(&[
            (code::ALU, 8),
            (code::ALU, 16),
            (code::ALU64, 8),
            (code::ALU64, 16),
            (code::ALU64, 32),
        ]);
        insn(class | code::MOV | code::X, dst, src, bits, 0)
    }

    fn swapped(&mut self) -> Insn {
        let dst = self.changed();
        let opcode = self.pick(&[
            code::ALU | code::END | code::K,
            code::ALU | code::END | code::X,
            code::ALU64 | code::END | code::K,
        ]);
        insn(opcode, dst, 0, 0, self.pick(&[16, 32, 64]))
    }

    fn load(&mut self) -> Insn {
        let dst = self.changed();
        let (code, bytes) = self.pick(&SIZES);
        let mode = if bytes < 8 && self.below(3) == 0 { code::MEMSX } else { code::MEM };
        let from_data = self.knows == Knows::All && self.below(2) == 0;
        let (base, start, length) = if from_data { (DATA, 0, 64) } else { (FRAME, -32, 32) };
        let offset = start + i16::try_from(bytes * self.below(length / bytes)).unwrap_or(0);
        insn(code::LDX | mode | code, dst, base, offset, 0)
    }

    fn store(&mut self) -> Insn {
        let (src, k) = (self.number(), self.constant());
        let (code, bytes) = self.pick(&SIZES);
        let offset = i16::try_from(bytes * self.below(32 / bytes)).unwrap_or(0) - 32;
        match self.below(3) {
            0 => insn(code::ST | code::MEM | code, FRAME, 0, offset, k),
            _ => insn(code::STX | code::MEM | code, FRAME, src, offset, 0),
        }
    }

    fn test(&mut self) -> Insn {
        let class = if self.below(2) == 0 { code::JMP } else { code::JMP32 };
        let (left, right, k) = (self.number(), self.number(), self.constant());
        let test = class | self.pick(&TESTS);
        match self.below(2) {
            0 => insn(test | code::K, left, 0, 0, k),
            _ => insn(test | code::X, left, right, 0, 0),
        }
    }

    /// A loop that ends after a few rounds.
    fn counted(&mut self) -> Vec<Insn> {
        let mut insns = vec![insn(code::ALU64 | code::MOV | code::K, COUNTER, 0, 0, 0)];
        for _ in 0..2 {
            let statement = self.arithmetic();
            if statement.dst != COUNTER {
                insns.push(statement);
            }
        }
        let back = -i16::try_from(insns.len()).unwrap_or(0) - 1;
        let rounds = 1 + i32::try_from(self.below(3)).unwrap_or(0);
        insns.push(insn(code::ALU64 | code::ADD | code::K, COUNTER, 0, 0, 1));
        insns.push(insn(code::JMP | code::JLT | code::K, COUNTER, 0, back, rounds));
        insns
    }

    /// A call takes the arguments away.
    fn after_call(&mut self) -> Vec<Insn> {
        [1, 2, 3, 4, 5].map(|reg| copied(reg, if reg % 2 == 0 { 0 } else { 7 })).to_vec()
    }

    /// Numbers go in and one comes out; the stack is its own.
    fn function(&mut self) -> Vec<Insn> {
        let mut insns = vec![copied(0, 2), copied(7, 3), copied(8, 4), copied(COUNTER, 5)];
        for offset in [-8, -16, -24, -32] {
            insns.push(insn(code::STX | code::MEM | code::DW, FRAME, 1, offset, 0));
        }
        for _ in 0..3 {
            insns.push(match self.below(3) {
                0 => self.store(),
                1 => self.stack_load(),
                _ => self.arithmetic(),
            });
        }
        insns.push(EXIT);
        insns
    }

    fn stack_load(&mut self) -> Insn {
        let dst = self.changed();
        let offset = -8 * (1 + i16::try_from(self.below(4)).unwrap_or(0));
        insn(code::LDX | code::MEM | code::DW, dst, FRAME, offset, 0)
    }

    /// What is returned: a number made of everything, or one of a few.
    fn end(&mut self) -> Vec<Insn> {
        let mut insns = vec![copied(0, self.target)];
        if self.below(2) == 0 {
            insns.push(insn(code::ALU64 | code::ADD | code::X, 0, 8, 0, 0));
        } else {
            let test = self.test();
            let value = |k| insn(code::ALU | code::MOV | code::K, 0, 0, 0, k);
            insns.extend([Insn { offset: 2, ..test }, value(1), EXIT, value(2)]);
        }
        insns.push(EXIT);
        insns
    }
}

/// A program with a small change, which may not pass the verifier. Loops stay as they are: one
/// that does not end keeps a verifier busy.
#[must_use]
pub fn changed(choose: Choose<'_>, program: &[Insn]) -> Vec<Insn> {
    let mut insns = program.to_vec();
    let at = choose(insns.len());
    let in_loop = program.iter().enumerate().any(|(pc, insn)| {
        let back = usize::from(insn.offset.unsigned_abs());
        let jumps = matches!(insn.opcode & code::CLASS, code::JMP | code::JMP32);
        jumps && insn.offset < 0 && (pc.saturating_sub(back)..=pc + 1).contains(&at)
    });
    if in_loop {
        return insns;
    }
    let by = [1, -1, 8, i32::MIN].get(choose(4)).copied().unwrap_or(1);
    let what = choose(5);
    let bits = [0x10, 0x20, 0x40, 0x08, 0x03].get(choose(5)).copied().unwrap_or(0x10);
    let Some(insn) = insns.get_mut(at) else { return insns };
    match what {
        0 => insn.imm = insn.imm.wrapping_add(by),
        1 => insn.offset = insn.offset.wrapping_add(if by > 0 { 1 } else { -1 }),
        2 => insn.opcode ^= bits,
        3 => insn.src = if insn.src == 2 { 4 } else { 2 },
        _ if at > 0 => insns.swap(at, at - 1),
        _ => {}
    }
    insns
}
