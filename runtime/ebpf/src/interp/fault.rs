//! Why a program cannot go on.

use std::fmt;

use crate::helper::Helper;
use crate::machine::{Callee, Refused, Symbol};

/// Where and why a program stopped before its end. Verified programs do not, but for
/// [`FaultKind::OutOfFuel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Index of the slot.
    pub pc: usize,
    /// The reason.
    pub kind: FaultKind,
}

/// Why a program stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// There is no such memory.
    Memory {
        /// The first byte.
        address: u64,
        /// How many bytes.
        size: usize,
        /// Whether they were to be written.
        write: bool,
    },
    /// The host has no such map, or no such variable.
    UnknownSymbol(Symbol),
    /// Neither the interpreter nor the environment has what is called.
    UnknownCallee(Callee),
    /// An argument that the kernel's verifier would have refused.
    BadArgument {
        /// The helper.
        helper: Helper,
        /// Which argument, from 1.
        argument: u8,
    },
    /// What no machine does.
    Refused(Refused),
    /// More instructions than were allowed.
    OutOfFuel,
    /// The way led out of the program.
    OutOfProgram,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { address, size, write } => {
                let verb = if *write { "written" } else { "read" };
                write!(f, "{size} bytes at {address:#x} cannot be {verb}")
            }
            Self::UnknownSymbol(symbol) => write!(f, "there is no {symbol:?}"),
            Self::UnknownCallee(callee) => write!(f, "there is no {callee:?}"),
            Self::BadArgument { helper, argument } => {
                write!(f, "argument {argument} of {} is wrong", helper.name())
            }
            Self::Refused(refused) => f.write_str(match refused {
                Refused::Packet => "there is no packet",
                Refused::Second => "this is the second slot of a wide instruction",
                Refused::CallDepth => "too many functions have called each other",
                Refused::FunctionAddress => "nothing here calls functions by their address",
            }),
            Self::OutOfFuel => f.write_str("the allowed number of instructions is used up"),
            Self::OutOfProgram => f.write_str("the way leads out of the program"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instruction {}: {}", self.pc, self.kind)
    }
}

impl std::error::Error for Fault {}
