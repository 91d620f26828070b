//! What a machine is to whoever runs it on terms.

use std::fmt;
use std::hash::Hash;

use crate::Why;
use crate::gates::{OverBudget, Result};
use crate::meter::Meter;
use crate::region::{Fixed, Head, Region};
use crate::term::{TermId, Terms};
use crate::wide::Question;

/// What comes after an instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    /// The instruction at that position.
    At(usize),
    /// What is asked, and where yes and no lead.
    Either { asked: Question, yes: usize, no: usize },
    /// The end, with that value of 32 bits.
    Return(TermId),
}

/// How a run at a point of (arch, nr) begins.
#[derive(Debug)]
pub(crate) enum Start<E> {
    /// It is over: the program asks about nothing but `nr` and `arch`.
    Value(Fixed),
    /// It goes on with terms, from something that was found without them.
    Asks(E),
}

/// A program with its machine.
pub(crate) trait Machine {
    /// All that an instruction can read, as terms.
    type State: Clone + Eq + Hash + fmt::Debug;

    /// What a run that needs no terms comes to.
    type Early;

    /// The beginning at a point, without terms; the region shrinks to the part around it in
    /// which it is that.
    ///
    /// # Errors
    /// The meter is used up.
    fn straight(
        &self,
        head: Head,
        region: &mut Region,
        meter: &Meter,
    ) -> Result<Start<Self::Early>>;

    /// Where terms begin, and the state there.
    fn start(&self, early: Option<Self::Early>, terms: &mut Terms) -> (usize, Self::State);

    /// Executes the instruction at `pc`.
    ///
    /// # Errors
    /// It does what has no terms.
    fn step(
        &self,
        terms: &mut Terms,
        pc: usize,
        state: &mut Self::State,
    ) -> std::result::Result<Next, Outside>;

    /// Makes equal what is not read any more from `pc` on.
    fn forget(&self, terms: &mut Terms, pc: usize, state: &mut Self::State);
}

/// Why a run on terms comes to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// It is too long.
    OverBudget,
    /// The program does what has no terms.
    Outside(Outside),
}

impl From<OverBudget> for Halt {
    fn from(OverBudget: OverBudget) -> Self {
        Self::OverBudget
    }
}

impl From<Halt> for Why {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::OverBudget => Self::Budget,
            Halt::Outside(outside) => Self::Outside(outside),
        }
    }
}

impl From<Outside> for Halt {
    fn from(outside: Outside) -> Self {
        Self::Outside(outside)
    }
}

/// What a program does, on a way that it may or may not take, that is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Outside {
    /// The instruction.
    pub pc: usize,
    /// What it does.
    pub what: What,
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instruction {} {}", self.pc, self.what)
    }
}

/// Things that programs do and that are not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Calls a helper or a function of the kernel: what it answers is not in the data.
    Call,
    /// Names a map, a variable of the kernel or the address of a function.
    Address,
    /// Reads a register that nothing was written to, or that a call has taken.
    Unset,
    /// Computes with an address something else than its sum with a constant.
    AddressComputed,
    /// Compares an address, or returns it.
    AddressSeen,
    /// Uses a number as an address.
    NoAddress,
    /// Reads or writes outside of `struct seccomp_data` and of the stack.
    OutOfBounds,
    /// Reads or writes at an offset that is no multiple of the size.
    Misaligned,
    /// Reads bytes of the stack that nothing was written to, or that are part of an address.
    Unwritten,
    /// Exchanges memory if it is what R0 is.
    CompareExchange,
    /// Goes where it was, in the same state: a loop that nothing seems to end.
    Endless,
    /// Nests functions deeper than the kernel does, or leaves the program.
    Illegal,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Call => "calls a helper, and what that answers is not in the call",
            Self::Address => "names a map, a variable or a function, which are not in the call",
            Self::Unset => "reads a register that nothing was written to",
            Self::AddressComputed => "computes with an address",
            Self::AddressSeen => "compares or returns an address",
            Self::NoAddress => "uses a number as an address",
            Self::OutOfBounds => "accesses memory outside of the call's data and of the stack",
            Self::Misaligned => "accesses memory at an offset that is no multiple of the size",
            Self::Unwritten => "reads a part of the stack in which there is no number",
            Self::CompareExchange => "exchanges memory under a condition",
            Self::Endless => "begins a loop that nothing seems to end",
            Self::Illegal => "goes where no verified program goes",
        })
    }
}
