//! What a policy cannot say.

use std::fmt;

/// What a policy cannot say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inexpressible {
    /// Other architectures are not all treated alike.
    Architectures((u32, u32)),
    /// The number −1 is decided by its arguments, or on two ABIs differently.
    Skipped,
    /// Numbers that no call has are decided by arguments, in a way that no predicate of bearable
    /// length says.
    Numbers {
        /// Under that ABI.
        abi: &'static str,
        /// The first.
        first: u32,
        /// The last.
        last: u32,
    },
    /// A call is decided by its arguments in a way that no predicate of bearable length says.
    Arguments {
        /// Under that ABI.
        abi: &'static str,
        /// The call.
        call: &'static str,
    },
    /// No ABI is treated otherwise than those that are not listed.
    NoAbi,
}

impl fmt::Display for Inexpressible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Architectures((first, last)) => {
                write!(f, "the architectures {first:#x} to {last:#x} are not treated as others")
            }
            Self::Numbers { abi, first, last } => write!(
                f,
                "no predicate of bearable length says when the numbers {first:#x} to {last:#x} of \
                 {abi} are decided how"
            ),
            Self::Skipped => f.write_str(
                "not all calls of the number -1, which a tracer writes to skip a call, come to \
                 one thing",
            ),
            Self::Arguments { abi, call } => {
                write!(
                    f,
                    "no predicate of bearable length says when {call} on {abi} is decided how"
                )
            }
            Self::NoAbi => f.write_str("no known ABI is treated otherwise than unknown ones"),
        }
    }
}

impl std::error::Error for Inexpressible {}
