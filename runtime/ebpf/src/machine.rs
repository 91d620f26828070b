//! The eBPF machine as one text over the words that it computes with.
//!
//! [`step`] is the meaning of every instruction. The interpreter instantiates it with
//! numbers, a prover can with terms; neither has a text of its own.
//!
//! Semantics, as the kernel's: registers have 64 bits; a 32-bit operation takes the low
//! halves and its result is extended with zeros; arithmetic wraps; division by 0 gives 0, and
//! its remainder the dividend; a shift uses the low five or six bits of its distance. A call
//! of the program's own function has a stack of its own and keeps R6 to R9. Memory and
//! whatever else is outside is the business of [`Words`], which may answer with a fault.

use filterc_abi::Endian;

pub use crate::op::{
    Alu, Atomic, Callee, Extend, Op, Order, REGISTERS, Reg, Size, Source, Symbol, Test, Width,
};

/// Deepest nesting of functions, the first one included (`MAX_CALL_FRAMES`).
pub const MAX_FRAMES: usize = 8;

/// What a machine computes with: 64-bit words of some representation, and a memory.
pub trait Words {
    /// A word.
    type Word: Clone;
    /// Why the machine cannot go on.
    type Fault;

    /// The word of that value.
    fn constant(&mut self, value: u64) -> Self::Word;

    /// `a op b` on so many bits.
    fn alu(&mut self, width: Width, alu: Alu, a: &Self::Word, b: &Self::Word) -> Self::Word;

    /// The low bits of that size, extended.
    fn extend(&mut self, extend: Extend, size: Size, a: &Self::Word) -> Self::Word;

    /// The low bits of that size with their bytes in that order, extended with zeros.
    fn swap(&mut self, order: Order, size: Size, a: &Self::Word) -> Self::Word;

    /// Memory at `base + offset`, extended with zeros.
    ///
    /// # Errors
    /// Where nothing may be read.
    fn load(
        &mut self,
        size: Size,
        base: &Self::Word,
        offset: i16,
    ) -> Result<Self::Word, Self::Fault>;

    /// Memory at `base + offset` becomes the low bits of `value`.
    ///
    /// # Errors
    /// Where nothing may be written.
    fn store(
        &mut self,
        size: Size,
        base: &Self::Word,
        offset: i16,
        value: &Self::Word,
    ) -> Result<(), Self::Fault>;

    /// The address of what the loader fills in. A function's is never asked for.
    ///
    /// # Errors
    /// Where the machine does not know it.
    fn address(&mut self, symbol: Symbol) -> Result<Self::Word, Self::Fault>;

    /// The frame pointer of a function that `depth` others have called.
    fn frame(&mut self, depth: usize) -> Self::Word;

    /// The function of that frame has returned.
    fn leave(&mut self, depth: usize);

    /// What a helper or a function of the kernel returns for R1 to R5.
    ///
    /// # Errors
    /// Where the machine does not have it, or it was called wrongly.
    fn call(
        &mut self,
        callee: Callee,
        arguments: [&Self::Word; 5],
    ) -> Result<Self::Word, Self::Fault>;

    /// `yes` if so many bits of the two words are the same, else `no`.
    fn choose(
        &mut self,
        width: Width,
        same: (&Self::Word, &Self::Word),
        yes: &Self::Word,
        no: &Self::Word,
    ) -> Self::Word;

    /// The fault of what no machine can do.
    fn refuse(&mut self, refused: Refused) -> Self::Fault;
}

/// What no machine can do. None of it is in a verified program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// A load from a packet.
    Packet,
    /// The second slot of a wide instruction, executed.
    Second,
    /// More than [`MAX_FRAMES`] functions.
    CallDepth,
    /// The address of a function: none of the known helpers calls one.
    FunctionAddress,
}

/// A function that has called another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Frame<W> {
    /// Where it goes on.
    pub pc: usize,
    /// Its R6 to R9, and R10.
    pub kept: [W; 5],
}

/// The registers, and the functions that wait.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State<W> {
    registers: [W; REGISTERS],
    /// The calling functions, outermost first.
    pub frames: Vec<Frame<W>>,
}

impl<W: Clone> State<W> {
    /// As when a program starts: R1 is the context, R10 the frame pointer, and the others are
    /// `unset`, which no verified program reads.
    pub fn new(unset: &W, context: W, frame: W) -> Self {
        let mut state =
            Self { registers: std::array::from_fn(|_| unset.clone()), frames: Vec::new() };
        state.set(Reg::R1, context);
        state.set(Reg::R10, frame);
        state
    }

    /// The value of a register.
    #[inline]
    pub fn get(&self, reg: Reg) -> &W {
        let [first, ..] = &self.registers;
        self.registers.get(reg.index()).unwrap_or(first)
    }

    /// Changes a register.
    #[inline]
    pub fn set(&mut self, reg: Reg, value: W) {
        if let Some(slot) = self.registers.get_mut(reg.index()) {
            *slot = value;
        }
    }
}

/// What comes after an instruction. Positions are indices of slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<W> {
    /// The instruction at that position.
    At(usize),
    /// The one at `yes` if the test holds for the two words, else the one at `no`.
    Either {
        /// What is asked …
        test: Test,
        /// … of so many bits …
        width: Width,
        /// … of the register …
        left: W,
        /// … and the operand.
        right: W,
        /// Where yes leads.
        yes: usize,
        /// Where no leads.
        no: usize,
    },
    /// The end, with that value.
    Return(W),
}

/// Where a jump at `pc` leads. No jump of a well-formed program leaves it.
#[inline]
const fn target(pc: usize, distance: i32) -> usize {
    (pc + 1).wrapping_add_signed(distance as isize)
}

/// Executes the instruction at `pc`.
///
/// # Errors
/// The machine's faults.
// Always: it is the body of the interpreter's loop, and a sixth faster as such.
#[inline(always)]
pub fn step<M: Words>(
    machine: &mut M,
    op: &Op,
    pc: usize,
    state: &mut State<M::Word>,
) -> Result<Next<M::Word>, M::Fault> {
    match *op {
        Op::Alu(width, alu, dst, source) => {
            let value = match source {
                Source::X(src) => machine.alu(width, alu, state.get(dst), state.get(src)),
                Source::K(k) => {
                    let operand = constant(machine, k);
                    machine.alu(width, alu, state.get(dst), &operand)
                }
            };
            state.set(dst, value);
        }
        Op::Mov(width, dst, source) => {
            let value = operand(machine, source, state);
            let value = match width {
                Width::W64 => value,
                Width::W32 => machine.extend(Extend::Zero, Size::B4, &value),
            };
            state.set(dst, value);
        }
        Op::MovSx(width, dst, src, size) => {
            let mut value = machine.extend(Extend::Sign, size, state.get(src));
            if width == Width::W32 {
                value = machine.extend(Extend::Zero, Size::B4, &value);
            }
            state.set(dst, value);
        }
        Op::Neg(width, dst) => {
            let zero = machine.constant(0);
            let value = machine.alu(width, Alu::Sub, &zero, state.get(dst));
            state.set(dst, value);
        }
        Op::Swap(order, dst, size) => {
            let value = machine.swap(order, size, state.get(dst));
            state.set(dst, value);
        }
        Op::Wide(dst, value) => {
            let value = machine.constant(value);
            state.set(dst, value);
            return Ok(Next::At(pc + 2));
        }
        Op::Address(dst, symbol) => {
            if let Symbol::Function(_) = symbol {
                return Err(machine.refuse(Refused::FunctionAddress));
            }
            let value = machine.address(symbol)?;
            state.set(dst, value);
            return Ok(Next::At(pc + 2));
        }
        Op::Load { size, extend, dst, base, offset } => {
            let mut value = machine.load(size, state.get(base), offset)?;
            if extend == Extend::Sign {
                value = machine.extend(Extend::Sign, size, &value);
            }
            state.set(dst, value);
        }
        Op::Store { size, base, offset, value } => {
            let value = operand(machine, value, state);
            machine.store(size, state.get(base), offset, &value)?;
        }
        Op::Atomic { width, atomic, base, offset, src } => {
            step_atomic(machine, (width, atomic), (base, offset), src, state)?;
        }
        Op::Goto(distance) => return Ok(Next::At(target(pc, distance.into()))),
        Op::GotoLong(distance) => return Ok(Next::At(target(pc, distance))),
        Op::Jump { width, left, test, right, distance } => {
            let right = operand(machine, right, state);
            let left = state.get(left).clone();
            let yes = target(pc, distance.into());
            return Ok(Next::Either { test, width, left, right, yes, no: pc + 1 });
        }
        Op::Call(Callee::Function(distance)) => {
            enter(machine, pc + 1, state)?;
            return Ok(Next::At(target(pc, distance)));
        }
        Op::Call(callee) => {
            let [_, r1, r2, r3, r4, r5, ..] = &state.registers;
            let value = machine.call(callee, [r1, r2, r3, r4, r5])?;
            state.set(Reg::R0, value);
        }
        Op::Exit => return Ok(exit(machine, state)),
        Op::Packet(..) => return Err(machine.refuse(Refused::Packet)),
        Op::Second => return Err(machine.refuse(Refused::Second)),
    }
    Ok(Next::At(pc + 1))
}

#[inline]
fn constant<M: Words>(machine: &mut M, k: i32) -> M::Word {
    machine.constant(i64::from(k).cast_unsigned())
}

#[inline]
fn operand<M: Words>(machine: &mut M, source: Source, state: &State<M::Word>) -> M::Word {
    match source {
        Source::K(k) => constant(machine, k),
        Source::X(src) => state.get(src).clone(),
    }
}

/// Memory and registers after an atomic instruction. That nothing comes between the load and
/// the store is the machine's to see to.
fn step_atomic<M: Words>(
    machine: &mut M,
    (width, atomic): (Width, Atomic),
    (base, offset): (Reg, i16),
    src: Reg,
    state: &mut State<M::Word>,
) -> Result<(), M::Fault> {
    let size = match width {
        Width::W32 => Size::B4,
        Width::W64 => Size::B8,
    };
    let old = machine.load(size, state.get(base), offset)?;
    let operand = state.get(src);
    let new = match atomic {
        Atomic::Add | Atomic::FetchAdd => machine.alu(width, Alu::Add, &old, operand),
        Atomic::Or | Atomic::FetchOr => machine.alu(width, Alu::Or, &old, operand),
        Atomic::And | Atomic::FetchAnd => machine.alu(width, Alu::And, &old, operand),
        Atomic::Xor | Atomic::FetchXor => machine.alu(width, Alu::Xor, &old, operand),
        Atomic::Exchange => operand.clone(),
        Atomic::CompareExchange => {
            let expected = state.get(Reg::R0);
            machine.choose(width, (&old, expected), operand, &old)
        }
    };
    machine.store(size, state.get(base), offset, &new)?;
    if atomic == Atomic::CompareExchange {
        state.set(Reg::R0, old);
    } else if atomic.changes_register() {
        state.set(src, old);
    }
    Ok(())
}

/// Puts the calling function aside.
fn enter<M: Words>(machine: &mut M, pc: usize, state: &mut State<M::Word>) -> Result<(), M::Fault> {
    let depth = state.frames.len() + 1;
    if depth >= MAX_FRAMES {
        return Err(machine.refuse(Refused::CallDepth));
    }
    let kept = [Reg::R6, Reg::R7, Reg::R8, Reg::R9, Reg::R10].map(|reg| state.get(reg).clone());
    state.frames.push(Frame { pc, kept });
    let frame = machine.frame(depth);
    state.set(Reg::R10, frame);
    Ok(())
}

/// Goes back to the calling function, or ends.
fn exit<M: Words>(machine: &mut M, state: &mut State<M::Word>) -> Next<M::Word> {
    let depth = state.frames.len();
    let Some(frame) = state.frames.pop() else {
        return Next::Return(state.get(Reg::R0).clone());
    };
    machine.leave(depth);
    for (reg, value) in [Reg::R6, Reg::R7, Reg::R8, Reg::R9, Reg::R10].into_iter().zip(frame.kept) {
        state.set(reg, value);
    }
    Next::At(frame.pc)
}

impl Alu {
    /// The result on numbers.
    #[inline]
    #[must_use]
    pub const fn apply(self, width: Width, a: u64, b: u64) -> u64 {
        match width {
            Width::W64 => arithmetic64(self, a, b),
            Width::W32 => arithmetic32(self, low(a), low(b)) as u64,
        }
    }
}

/// Arithmetic on numbers of one width; what is written behind it makes a distance of a number.
macro_rules! arithmetic {
    ($name:ident, $number:ty, $distance:expr) => {
        #[inline]
        const fn $name(operation: Alu, a: $number, b: $number) -> $number {
            let (signed_a, signed_b) = (a.cast_signed(), b.cast_signed());
            match operation {
                Alu::Add => a.wrapping_add(b),
                Alu::Sub => a.wrapping_sub(b),
                Alu::Mul => a.wrapping_mul(b),
                Alu::Div => match a.checked_div(b) {
                    Some(quotient) => quotient,
                    None => 0,
                },
                Alu::SDiv if b == 0 => 0,
                Alu::SDiv => signed_a.wrapping_div(signed_b).cast_unsigned(),
                Alu::Mod => match a.checked_rem(b) {
                    Some(rest) => rest,
                    None => a,
                },
                Alu::SMod if b == 0 => a,
                Alu::SMod => signed_a.wrapping_rem(signed_b).cast_unsigned(),
                Alu::Or => a | b,
                Alu::And => a & b,
                Alu::Xor => a ^ b,
                Alu::Lsh => a.wrapping_shl($distance(b)),
                Alu::Rsh => a.wrapping_shr($distance(b)),
                Alu::Arsh => signed_a.wrapping_shr($distance(b)).cast_unsigned(),
            }
        }
    };
}

arithmetic!(arithmetic64, u64, low);
arithmetic!(arithmetic32, u32, whole);

/// A number of 32 bits as a distance: all of it.
#[inline]
const fn whole(value: u32) -> u32 {
    value
}

/// The low half.
#[inline]
pub(crate) const fn low(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

impl Order {
    /// Whether a machine of that byte order reverses the bytes.
    #[inline]
    #[must_use]
    pub const fn reverses(self, endian: Endian) -> bool {
        match (self, endian) {
            (Self::Reversed, _) | (Self::Big, Endian::Little) | (Self::Little, Endian::Big) => true,
            (Self::Little, Endian::Little) | (Self::Big, Endian::Big) => false,
        }
    }
}

impl Extend {
    /// The low bits of that size, extended.
    #[inline]
    #[must_use]
    pub const fn apply(self, size: Size, value: u64) -> u64 {
        let unused = 64 - size.bits();
        match self {
            Self::Zero => value << unused >> unused,
            Self::Sign => ((value << unused).cast_signed() >> unused).cast_unsigned(),
        }
    }
}
