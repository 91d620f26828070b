//! The eBPF machine on terms.
//!
//! R1 is the address of the call's data, and the answer is the low half of R0. Addresses are
//! followed as far as they are one of these objects and a constant: what a program computes
//! with them otherwise is not judged.

use filterc_abi::Endian;
use filterc_ebpf::WellFormed;
use filterc_ebpf::machine::{
    self as ebpf, Alu, Callee, Extend, Op, Order, Reg, Size, Source, Symbol, Width, Words, step,
};
use filterc_ebpf::verify::{live_registers, successors};

use crate::gates;
use crate::machine::{Machine, Next, Outside, Start, What};
use crate::memory::{Access, Memory, STACK_SLOTS, Value};
use crate::meter::Meter;
use crate::region::{Head, Region};
use crate::term::{TermId, Terms};
use crate::wide::Question;

/// A program, with what is read after each of its instructions.
#[derive(Debug)]
pub(crate) struct Extended<'p> {
    ops: &'p [Op],
    endian: Endian,
    /// The function that is judged begins here.
    entry: usize,
    /// Registers, one bit each.
    registers: Vec<u16>,
    /// Slots of the running function's stack, one bit each.
    slots: Vec<u64>,
}

/// Registers and memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    registers: ebpf::State<Value>,
    memory: Memory,
}

impl<'p> Extended<'p> {
    /// The function that begins at `entry`; the program itself begins at 0.
    pub(crate) fn new(program: &'p WellFormed, entry: usize, endian: Endian) -> Self {
        let ops = program.ops();
        let (registers, slots) = (live_registers(ops), live_slots(ops, entry));
        Self { ops, endian, entry, registers, slots }
    }

    /// Whether an instruction may be executed more than once: there are loops, or functions.
    pub(crate) fn repeats(&self) -> bool {
        let back = |op: &Op| op.distance().is_some_and(|distance| distance < 0);
        self.ops.iter().any(|op| back(op) || matches!(op, Op::Call(Callee::Function(_))))
    }

    /// How many instructions there are.
    pub(crate) fn len(&self) -> usize {
        self.ops.len()
    }
}

impl Machine for Extended<'_> {
    type State = State;

    type Early = ();

    fn straight(&self, _: Head, _: &mut Region, _: &Meter) -> gates::Result<Start<()>> {
        Ok(Start::Asks(()))
    }

    fn start(&self, _: Option<()>, _: &mut Terms) -> (usize, State) {
        let mut memory = Memory::default();
        memory.enter(0);
        let unset = Value::Nothing(What::Unset);
        let registers = ebpf::State::new(&unset, Value::Data(0), Value::Stack(0, 0));
        (self.entry, State { registers, memory })
    }

    fn step(&self, terms: &mut Terms, pc: usize, state: &mut State) -> Result<Next, Outside> {
        let outside = |what| Outside { pc, what };
        let op = self.ops.get(pc).ok_or(outside(What::Illegal))?;
        let State { registers, memory } = state;
        let mut words = Values { terms, memory, endian: self.endian };
        match step(&mut words, op, pc, registers).map_err(outside)? {
            ebpf::Next::At(next) => Ok(Next::At(next)),
            ebpf::Next::Return(value) => {
                let value = number(value).map_err(outside)?;
                Ok(Next::Return(terms.low(value)))
            }
            ebpf::Next::Either { test, width, left, right, yes, no } => {
                let left = number(left).map_err(outside)?;
                let right = number(right).map_err(outside)?;
                let asked = terms.question(Question { test, width, left, right });
                Ok(Next::Either { asked, yes, no })
            }
        }
    }

    fn forget(&self, _: &mut Terms, pc: usize, state: &mut State) {
        let live = self.registers.get(pc).copied().unwrap_or(u16::MAX);
        for reg in Reg::ALL {
            if live >> reg.number() & 1 == 0 {
                state.registers.set(reg, Value::Nothing(What::Unset));
            }
        }
        state.memory.keep(self.slots.get(pc).copied().unwrap_or(u64::MAX));
    }
}

/// The number that somebody asks for.
const fn number(value: Value) -> Result<TermId, What> {
    match value {
        Value::Number(number) => Ok(number),
        Value::Data(_) | Value::Stack(..) => Err(What::AddressSeen),
        Value::Nothing(why) => Err(why),
    }
}

/// The machine on values.
struct Values<'r> {
    terms: &'r mut Terms,
    memory: &'r mut Memory,
    endian: Endian,
}

impl Values<'_> {
    /// What is computed with a number alone.
    fn of_number(&mut self, a: &Value, of: impl FnOnce(&mut Terms, TermId) -> TermId) -> Value {
        match *a {
            Value::Number(a) => Value::Number(of(self.terms, a)),
            Value::Data(_) | Value::Stack(..) => Value::Nothing(What::AddressComputed),
            Value::Nothing(why) => Value::Nothing(why),
        }
    }

    /// An address so many bytes on.
    fn moved(&self, alu: Alu, address: Value, by: TermId) -> Option<Value> {
        let by = self.terms.constant_value(by)?.cast_signed();
        let by = if alu == Alu::Sub { by.wrapping_neg() } else { by };
        if !matches!(alu, Alu::Add | Alu::Sub) {
            return None;
        }
        match address {
            Value::Data(at) => Some(Value::Data(at.wrapping_add(by))),
            Value::Stack(depth, at) => Some(Value::Stack(depth, at.wrapping_add(by))),
            Value::Number(_) | Value::Nothing(_) => None,
        }
    }
}

impl Words for Values<'_> {
    type Word = Value;
    type Fault = What;

    fn constant(&mut self, value: u64) -> Value {
        Value::Number(self.terms.constant64(value))
    }

    fn alu(&mut self, width: Width, alu: Alu, a: &Value, b: &Value) -> Value {
        let address = match (*a, *b) {
            (Value::Number(a), Value::Number(b)) => {
                return Value::Number(self.terms.alu(width, alu, a, b));
            }
            (Value::Nothing(why), _) | (_, Value::Nothing(why)) => return Value::Nothing(why),
            (address, Value::Number(by)) if width == Width::W64 => self.moved(alu, address, by),
            (Value::Number(by), address) if width == Width::W64 && alu == Alu::Add => {
                self.moved(alu, address, by)
            }
            _ => None,
        };
        address.unwrap_or(Value::Nothing(What::AddressComputed))
    }

    fn extend(&mut self, extend: Extend, size: Size, a: &Value) -> Value {
        self.of_number(a, |terms, a| terms.extend(extend, size, a))
    }

    fn swap(&mut self, order: Order, size: Size, a: &Value) -> Value {
        let reverses = order.reverses(self.endian);
        self.of_number(a, |terms, a| match reverses {
            true => terms.reversed(size, a),
            false => terms.extend(Extend::Zero, size, a),
        })
    }

    fn load(&mut self, size: Size, base: &Value, offset: i16) -> Result<Value, What> {
        self.memory.load(self.terms, self.endian, Access { base: *base, offset, size })
    }

    fn store(&mut self, size: Size, base: &Value, offset: i16, value: &Value) -> Result<(), What> {
        self.memory.store(self.terms, self.endian, Access { base: *base, offset, size }, *value)
    }

    fn address(&mut self, _: Symbol) -> Result<Value, What> {
        Err(What::Address)
    }

    fn frame(&mut self, depth: usize) -> Value {
        self.memory.enter(depth);
        Value::Stack(depth, 0)
    }

    fn leave(&mut self, depth: usize) {
        self.memory.leave(depth);
    }

    fn call(&mut self, _: Callee, _: [&Value; 5]) -> Result<Value, What> {
        Err(What::Call)
    }

    fn choose(&mut self, _: Width, _: (&Value, &Value), _: &Value, _: &Value) -> Value {
        Value::Nothing(What::CompareExchange)
    }

    fn refuse(&mut self, refused: ebpf::Refused) -> What {
        match refused {
            ebpf::Refused::FunctionAddress => What::Address,
            ebpf::Refused::Packet | ebpf::Refused::Second | ebpf::Refused::CallDepth => {
                What::Illegal
            }
        }
    }
}

/// For each instruction the slots of the stack of its function that are read from there on before
/// they are written: all, where an address of a stack is more than the base of an access.
///
/// Nothing hangs on this but how many states there are: what was forgotten cannot be read.
fn live_slots(ops: &[Op], entry: usize) -> Vec<u64> {
    let reached = reached(ops, entry);
    let ways = || ops.iter().enumerate().zip(&reached).filter(|(_, reached)| **reached);
    if ways().any(|((_, op), _)| escapes(op)) {
        return vec![u64::MAX; ops.len()];
    }
    let mut live = vec![0_u64; ops.len()];
    loop {
        let mut changed = false;
        for ((pc, op), _) in ways().rev() {
            let next = successors(pc, *op).into_iter().flatten();
            let after = next.fold(0, |all, to| all | live.get(to).copied().unwrap_or(0));
            let (reads, writes) = slots(op);
            let before = reads | (after & !writes);
            if let Some(slot) = live.get_mut(pc).filter(|slot| **slot != before) {
                *slot = before;
                changed = true;
            }
        }
        if !changed {
            return live;
        }
    }
}

/// The instructions that a way leads to.
fn reached(ops: &[Op], entry: usize) -> Vec<bool> {
    let mut reached = vec![false; ops.len()];
    let mut open = vec![entry];
    while let Some(pc) = open.pop() {
        let (Some(op), Some(seen)) = (ops.get(pc), reached.get_mut(pc)) else { continue };
        if !std::mem::replace(seen, true) {
            open.extend(successors(pc, *op).into_iter().flatten());
            if let Op::Call(Callee::Function(distance)) = op {
                open.extend((pc + 1).checked_add_signed(*distance as isize));
            }
        }
    }
    reached
}

/// Whether the frame pointer is used otherwise than as the base of an access.
fn escapes(op: &Op) -> bool {
    let frame = Source::X(Reg::R10);
    match *op {
        Op::Alu(_, _, _, source) | Op::Mov(_, _, source) => source == frame,
        Op::MovSx(_, _, src, _) | Op::Atomic { src, .. } => src == Reg::R10,
        Op::Store { value, .. } => value == frame,
        Op::Jump { left, right, .. } => left == Reg::R10 || right == frame,
        Op::Neg(..)
        | Op::Swap(..)
        | Op::Wide(..)
        | Op::Address(..)
        | Op::Load { .. }
        | Op::Goto(_)
        | Op::GotoLong(_)
        | Op::Call(_)
        | Op::Exit
        | Op::Packet(..)
        | Op::Second => false,
    }
}

/// The slots that an instruction reads, and those that it writes as a whole.
fn slots(op: &Op) -> (u64, u64) {
    let bit = |offset: i16| {
        let place = (i32::from(offset) + 8 * i32::from(STACK_SLOTS)) / 8;
        u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or(0)
    };
    if let Op::Load { base: Reg::R10, offset, .. } | Op::Atomic { base: Reg::R10, offset, .. } = *op
    {
        (bit(offset), 0)
    } else if let Op::Store { size: Size::B8, base: Reg::R10, offset, .. } = *op {
        (0, bit(offset))
    } else {
        (0, 0)
    }
}
