//! The machine.

use crate::calls::{Calls, Stop, Test};
use crate::number::Alu;
use crate::orders::Orders;
use crate::value::{Value, Width};

use super::decode::{ALU32, ALU64, CALL, EXIT, Insn, JMP, JMP32, LDX, Program, ST, STX, WIDE};
use super::memory::{Memory, Register};

/// Most steps of a run: a program may have loops.
const MAX_STEPS: usize = 1_000_000;

/// Most functions that wait for another.
const MAX_FRAMES: usize = 8;

/// A function that waits: where it goes on, and the registers that are its own.
struct Frame {
    pc: usize,
    kept: [Register; 4],
}

struct Machine<'a> {
    memory: Memory<'a>,
    /// R0 to R10.
    registers: [Register; 11],
    pc: usize,
    waiting: Vec<Frame>,
}

const UNKNOWN: Stop = Stop::Unknown("an instruction that is not known here");

const NO_END: Stop = Stop::Unknown("the program has no end");

impl Program {
    /// What the program returns for every call of a box.
    ///
    /// # Errors
    /// It does not return one value by one way, or does something that is not decided.
    pub fn run(&self, calls: &Calls) -> Result<u32, Stop> {
        let mut registers = [Register::ANY; 11];
        let [_, context, .., frame] = &mut registers;
        (*context, *frame) = (Register::Call(0), Register::Stack(0, 0));
        let memory = Memory::new(calls, self.big_endian);
        let mut machine = Machine { memory, registers, pc: 0, waiting: Vec::new() };
        for _ in 0..MAX_STEPS {
            let insn = *self.insns.get(machine.pc).ok_or(NO_END)?;
            machine.pc += 1;
            if insn.opcode == WIDE {
                let next = *self.insns.get(machine.pc).ok_or(NO_END)?;
                machine.pc += 1;
                let long =
                    u64::from(insn.imm.cast_unsigned()) | u64::from(next.imm.cast_unsigned()) << 32;
                machine.set(insn, Register::Number(Value::of(long)));
            } else if insn.opcode == EXIT {
                match machine.waiting.pop() {
                    Some(frame) => machine.resume(frame),
                    None => return calls.number(machine.register(0).number()?),
                }
            } else {
                machine.step(insn)?;
            }
        }
        Err(Stop::Unknown("it takes more than a million steps"))
    }
}

impl Machine<'_> {
    fn register(&self, number: u8) -> Register {
        self.registers.get(usize::from(number)).copied().unwrap_or(Register::ANY)
    }

    fn set(&mut self, insn: Insn, to: Register) {
        if let Some(register) = self.registers.get_mut(usize::from(insn.dst)) {
            *register = to;
        }
    }

    /// The second operand of arithmetic and jumps.
    fn operand(&self, insn: Insn) -> Register {
        if insn.opcode & 0x08 == 0 {
            Register::Number(Value::of(i64::from(insn.imm).cast_unsigned()))
        } else {
            self.register(insn.src)
        }
    }

    fn step(&mut self, insn: Insn) -> Result<(), Stop> {
        let size = [4, 2, 1, 8].get(usize::from(insn.opcode >> 3 & 3)).copied().unwrap_or(8);
        let offset = i64::from(insn.offset);
        match (insn.class(), insn.opcode & 0xe0) {
            (ALU32, _) => self.arithmetic(insn, Width::W32),
            (ALU64, _) => self.arithmetic(insn, Width::W64),
            (JMP, _) if insn.opcode == CALL => self.call(insn),
            (JMP, _) => self.jump(insn, Width::W64),
            (JMP32, _) => self.jump(insn, Width::W32),
            (LDX, 0x60) => {
                let loaded = self.memory.load(self.register(insn.src).moved(offset)?, size)?;
                self.set(insn, loaded);
                Ok(())
            }
            (LDX, 0x80) if size < 8 => {
                let loaded = self.memory.load(self.register(insn.src).moved(offset)?, size)?;
                let bits = u32::try_from(8 * size).map_err(|_| UNKNOWN)?;
                self.set(insn, Register::Number(loaded.number()?.extended(bits)));
                Ok(())
            }
            (ST, 0x60) => {
                let number = Register::Number(Value::of(i64::from(insn.imm).cast_unsigned()));
                self.memory.store(self.register(insn.dst).moved(offset)?, size, number)
            }
            (STX, 0x60) => {
                let from = self.register(insn.src);
                self.memory.store(self.register(insn.dst).moved(offset)?, size, from)
            }
            _ => Err(UNKNOWN),
        }
    }

    fn arithmetic(&mut self, insn: Insn, width: Width) -> Result<(), Stop> {
        let (left, right) = (self.register(insn.dst), self.operand(insn));
        let result = match insn.opcode & 0xf0 {
            0xb0 if insn.offset == 0 && width == Width::W64 => right,
            0xb0 => Register::Number(moved(insn.offset, width, right.number()?)?),
            0x80 => {
                let zero = Value::of(0);
                Register::Number(Value::alu(Alu::Sub, width, zero, left.number()?))
            }
            0xd0 => {
                let swapped = self.ordered(insn, width, left.number()?)?;
                Register::Number(swapped)
            }
            code => {
                let signed = insn.offset == 1;
                let op = Alu::of(code, signed).filter(|_| signed || insn.offset == 0);
                compute(op.ok_or(UNKNOWN)?, width, left, right)?
            }
        };
        self.set(insn, result);
        Ok(())
    }

    /// The lower bytes in another order: of 32-bit arithmetic, to that of the lower or the upper
    /// half of the opcode's bit; of 64-bit arithmetic, always reversed.
    fn ordered(&self, insn: Insn, width: Width, value: Value) -> Result<Value, Stop> {
        let bits = u32::try_from(insn.imm).ok().filter(|bits| [16, 32, 64].contains(bits));
        let bits = bits.ok_or(UNKNOWN)?;
        let to_big = insn.opcode & 0x08 != 0;
        match width {
            Width::W32 if to_big == self.memory.big_endian => Ok(value.truncated(bits)),
            Width::W64 if to_big => Err(UNKNOWN),
            Width::W32 | Width::W64 => Ok(value.swapped(bits)),
        }
    }

    fn jump(&mut self, insn: Insn, width: Width) -> Result<(), Stop> {
        let code = insn.opcode & 0xf0;
        let taken = match code {
            0x00 => true,
            _ => {
                let (left, right) = (self.register(insn.dst), self.operand(insn));
                let (left, right) = (left.number()?.seen(width), right.number()?.seen(width));
                let test = test(code, width).ok_or(UNKNOWN)?;
                self.memory.calls.ask(left, right, test)?
            }
        };
        if taken {
            // The jump of 32-bit class that is always taken has its distance in the constant.
            let far = code == 0 && width == Width::W32;
            let distance = if far { i64::from(insn.imm) } else { i64::from(insn.offset) };
            self.leap(distance)?;
        }
        Ok(())
    }

    fn leap(&mut self, distance: i64) -> Result<(), Stop> {
        let to = i64::try_from(self.pc).ok().and_then(|pc| pc.checked_add(distance));
        self.pc = to.and_then(|to| usize::try_from(to).ok()).ok_or(UNKNOWN)?;
        Ok(())
    }

    fn call(&mut self, insn: Insn) -> Result<(), Stop> {
        if self.waiting.len() + 1 >= MAX_FRAMES {
            return Err(Stop::Unknown("its functions are nested too deeply"));
        }
        let [.., r6, r7, r8, r9, frame] = &mut self.registers;
        self.waiting.push(Frame { pc: self.pc, kept: [*r6, *r7, *r8, *r9] });
        (*r6, *r7, *r8, *r9) = (Register::ANY, Register::ANY, Register::ANY, Register::ANY);
        *frame = Register::Stack(self.waiting.len(), 0);
        self.leap(insn.imm.into())
    }

    /// A function has ended, and the one that called it goes on.
    fn resume(&mut self, frame: Frame) {
        self.memory.drop_frame(self.waiting.len() + 1);
        let [r0, ..] = self.registers;
        let [r6, r7, r8, r9] = frame.kept;
        let lost = Register::ANY;
        let own = Register::Stack(self.waiting.len(), 0);
        self.registers = [r0, lost, lost, lost, lost, lost, r6, r7, r8, r9, own];
        self.pc = frame.pc;
    }
}

/// What a copy is, the sign of so many bits extended.
fn moved(from: i16, width: Width, value: Value) -> Result<Value, Stop> {
    match (from, width) {
        (0, _) => Ok(value.seen(width)),
        (8, _) => Ok(value.extended(8).seen(width)),
        (16, _) => Ok(value.extended(16).seen(width)),
        (32, Width::W64) => Ok(value.extended(32)),
        _ => Err(UNKNOWN),
    }
}

/// Arithmetic on numbers, and the distances that may be added to addresses.
fn compute(op: Alu, width: Width, left: Register, right: Register) -> Result<Register, Stop> {
    let distance = |by: Register| match by.number()?.number() {
        Some(by) => Ok(by.cast_signed()),
        None => Err(Stop::Unknown("it adds what is not known to an address")),
    };
    match (left, right, op, width) {
        (Register::Number(a), Register::Number(b), ..) => {
            Ok(Register::Number(Value::alu(op, width, a, b)))
        }
        (Register::Number(_), address, Alu::Add, Width::W64) => address.moved(distance(left)?),
        (address, _, Alu::Add, Width::W64) => address.moved(distance(right)?),
        (address, _, Alu::Sub, Width::W64) => {
            address.moved(distance(right)?.checked_neg().ok_or(UNKNOWN)?)
        }
        _ => Err(Stop::Unknown("it computes with an address")),
    }
}

/// What a conditional jump asks.
fn test(code: u8, width: Width) -> Option<Test> {
    let (orders, signed) = match code {
        0x10 => (Orders::EQ, false),
        0x20 => (Orders::GT, false),
        0x30 => (Orders::GE, false),
        0x40 => return Some(Test::Common),
        0x50 => (Orders::NE, false),
        0x60 => (Orders::GT, true),
        0x70 => (Orders::GE, true),
        0xa0 => (Orders::LT, false),
        0xb0 => (Orders::LE, false),
        0xc0 => (Orders::LT, true),
        0xd0 => (Orders::LE, true),
        _ => return None,
    };
    Some(Test::Order(orders, signed.then(|| width.bits() - 1)))
}
