//! What a program does with a context: the kernel's eBPF machine.
//!
//! The meaning of the instructions is [`machine::step`](crate::machine::step), here on
//! numbers; helpers and maps are those that filters need, and the environment says the rest.
//!
//! Never panics, and ends when its fuel does. A program that is only well-formed may do what no
//! verified program does; it then stops with a [`Fault`].
//!
//! Not modelled: the addresses of the kernel. A program whose result depends on where its
//! stack or a map lies returns something else than there.

mod environment;
mod fault;
mod helpers;
mod host;
mod maps;
mod memory;

use filterc_abi::Endian;

use crate::helper::Helper;
use crate::machine::{
    Alu, Callee, Extend, Next, Order, Refused, Size, State, Symbol, Width, Words, low, step,
};
use crate::wellformed::WellFormed;
use memory::Memory;

pub use crate::map::{MapKind, MapSpec};
pub use environment::{Environment, Fixed, Unreadable};
pub use fault::{Fault, FaultKind};
pub use host::Host;
pub use maps::{MapError, MapId};
pub use memory::STACK_SIZE;

/// A return value, and what it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// R0 at the end.
    pub ret: u64,
    /// Instructions executed, the last one included.
    pub steps: u64,
}

/// Runs a program that sees and may change `context`, for at most `fuel` instructions.
///
/// # Errors
/// The fault; the context is then as the program left it.
pub fn interpret<E: Environment>(
    program: &WellFormed,
    host: &mut Host<E>,
    context: &mut [u8],
    fuel: u64,
) -> Result<Outcome, Fault> {
    interpret_traced(program, host, context, fuel, |_| ())
}

/// [`interpret`], and `visit` sees the index of every slot that is executed.
///
/// # Errors
/// As [`interpret`].
#[inline]
pub fn interpret_traced<E: Environment>(
    program: &WellFormed,
    host: &mut Host<E>,
    context: &mut [u8],
    fuel: u64,
    visit: impl FnMut(usize),
) -> Result<Outcome, Fault> {
    let address = host.memory.start(context);
    let outcome = run(program, host, address, fuel, visit);
    // It is as long as it was: nothing in it grows or shrinks.
    if let Some(after) = host.memory.finish().and_then(|after| after.get(..context.len())) {
        context.copy_from_slice(after);
    }
    outcome
}

fn run<E: Environment>(
    program: &WellFormed,
    host: &mut Host<E>,
    context: u64,
    fuel: u64,
    mut visit: impl FnMut(usize),
) -> Result<Outcome, Fault> {
    let ops = program.ops();
    let mut numbers = Numbers(host);
    let frame = numbers.frame(0);
    let mut state = State::new(&0, context, frame);
    let (mut pc, mut steps) = (0_usize, 0_u64);
    loop {
        let Some(op) = ops.get(pc) else {
            return Err(Fault { pc, kind: FaultKind::OutOfProgram });
        };
        if steps == fuel {
            return Err(Fault { pc, kind: FaultKind::OutOfFuel });
        }
        visit(pc);
        steps += 1;
        match step(&mut numbers, op, pc, &mut state) {
            Ok(Next::At(next)) => pc = next,
            Ok(Next::Either { test, width, left, right, yes, no }) => {
                if test.holds(width, left, right) {
                    guessed();
                    pc = yes;
                } else {
                    pc = no;
                }
            }
            Ok(Next::Return(ret)) => return Ok(Outcome { ret, steps }),
            Err(kind) => return Err(Fault { pc, kind }),
        }
    }
}

/// Has the compiler keep a branch. Of two numbers and nothing else it would make a choice, for
/// whose result the processor waits; of a branch it guesses the way and goes on there, which takes
/// half the time.
#[inline]
#[cold]
const fn guessed() {}

/// Numbers, and the host's memory.
struct Numbers<'h, E>(&'h mut Host<E>);

impl<E: Environment> Words for Numbers<'_, E> {
    type Word = u64;
    type Fault = FaultKind;

    #[inline]
    fn constant(&mut self, value: u64) -> u64 {
        value
    }

    #[inline]
    fn alu(&mut self, width: Width, alu: Alu, a: &u64, b: &u64) -> u64 {
        alu.apply(width, *a, *b)
    }

    #[inline]
    fn extend(&mut self, extend: Extend, size: Size, a: &u64) -> u64 {
        extend.apply(size, *a)
    }

    fn swap(&mut self, order: Order, size: Size, a: &u64) -> u64 {
        let reversed = order.reverses(self.0.memory.endian());
        let kept = Extend::Zero.apply(size, *a);
        if reversed { kept.swap_bytes() >> (64 - size.bits()) } else { kept }
    }

    #[inline]
    fn load(&mut self, size: Size, base: &u64, offset: i16) -> Result<u64, FaultKind> {
        let address = base.wrapping_add_signed(offset.into());
        match self.0.memory.load(address, size) {
            Some(value) => Ok(value),
            None => self.load_kernel(address, size),
        }
    }

    #[inline]
    fn store(&mut self, size: Size, base: &u64, offset: i16, value: &u64) -> Result<(), FaultKind> {
        let address = base.wrapping_add_signed(offset.into());
        let stored = self.0.memory.store(address, size, *value);
        stored.ok_or(FaultKind::Memory { address, size: size.bytes(), write: true })
    }

    #[inline]
    fn choose(&mut self, width: Width, (a, b): (&u64, &u64), yes: &u64, no: &u64) -> u64 {
        let same = match width {
            Width::W32 => low(*a) == low(*b),
            Width::W64 => a == b,
        };
        if same { *yes } else { *no }
    }

    fn address(&mut self, symbol: Symbol) -> Result<u64, FaultKind> {
        let host = &mut *self.0;
        let by_descriptor = |fd: i32| host.descriptors.get(&fd).map(|map| map.index());
        let by_place = |index: i32| usize::try_from(index).ok();
        let map = |index: usize| host.maps.get(index).map(|_| Memory::map_address(index));
        let value = |index: usize, offset| host.maps.get(index)?.direct(offset);
        let found = match symbol {
            Symbol::MapFd(fd) => by_descriptor(fd).and_then(map),
            Symbol::MapIndex(index) => by_place(index).and_then(map),
            Symbol::MapFdValue(fd, offset) => {
                by_descriptor(fd).and_then(|index| value(index, offset))
            }
            Symbol::MapIndexValue(index, offset) => {
                by_place(index).and_then(|index| value(index, offset))
            }
            Symbol::Variable(id, object) => host.environment.variable(id, object),
            Symbol::Function(_) => None,
        };
        found.ok_or(FaultKind::UnknownSymbol(symbol))
    }

    fn frame(&mut self, depth: usize) -> u64 {
        self.0.memory.enter(depth)
    }

    fn leave(&mut self, depth: usize) {
        self.0.memory.leave(depth);
    }

    fn call(&mut self, callee: Callee, arguments: [&u64; 5]) -> Result<u64, FaultKind> {
        let arguments = arguments.map(|argument| *argument);
        if let Callee::Helper(id) = callee
            && let Some(helper) = Helper::new(id)
        {
            return self.0.help(helper, arguments);
        }
        let answer = self.0.environment.call(callee, arguments);
        answer.ok_or(FaultKind::UnknownCallee(callee))
    }

    fn refuse(&mut self, refused: Refused) -> FaultKind {
        FaultKind::Refused(refused)
    }
}

impl<E: Environment> Numbers<'_, E> {
    /// A load through a pointer to kernel memory: what cannot be read there is 0.
    #[cold]
    fn load_kernel(&mut self, address: u64, size: Size) -> Result<u64, FaultKind> {
        let mut bytes = [0; 8];
        let read = match bytes.get_mut(..size.bytes()) {
            Some(bytes) if !Memory::is_own(address) => {
                self.0.environment.read_kernel(address, bytes)
            }
            Some(_) | None => Err(Unreadable::OutOfRange),
        };
        match read {
            Ok(()) => Ok(match self.0.memory.endian() {
                Endian::Little => u64::from_le_bytes(bytes),
                Endian::Big => u64::from_be_bytes(bytes) >> (64 - size.bits()),
            }),
            Err(Unreadable::Fault) => Ok(0),
            Err(Unreadable::OutOfRange) => {
                Err(FaultKind::Memory { address, size: size.bytes(), write: false })
            }
        }
    }
}
