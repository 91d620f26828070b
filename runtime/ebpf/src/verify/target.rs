//! What a program is verified for.

use crate::map::MapSpec;

/// What the program gets, and what it must keep to.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The context in R1.
    pub context: Context<'a>,
    /// The maps that it names by place (`map[idx:N]`).
    pub maps: &'a [MapSpec],
    /// Descriptors that it may name maps by, too, each with the map's place.
    pub descriptors: &'a [(i32, usize)],
    /// Least and largest return value.
    pub returns: (i64, i64),
    /// How long it may take.
    pub patience: Patience,
}

/// How much of a program is walked before it is refused as too complex. What is accepted is within
/// the kernel's limits either way; what goes round for ever is refused sooner with less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Patience {
    /// Milliseconds.
    #[default]
    Usual,
    /// A second or so: for programs whose loops have hundreds of rounds, each of which is
    /// walked.
    Long,
}

/// The context of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context<'a> {
    /// `BPF_PROG_TYPE_SYSCALL`: bytes that can be read and written.
    Syscall,
    /// `BPF_PROG_TYPE_TRACEPOINT`: the fields of the event, eight bytes from the start.
    Tracepoint,
    /// `BPF_PROG_TYPE_RAW_TRACEPOINT`: up to twelve numbers.
    RawTracepoint,
    /// `BPF_PROG_TYPE_TRACING` and `BPF_PROG_TYPE_LSM`: arguments with types.
    Arguments(&'a [Argument<'a>]),
}

/// An argument with a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument<'a> {
    /// A number of 64 bits.
    Number,
    /// A pointer that the kernel trusts to a structure; the offsets and bytes of those members that are
    /// numbers.
    Structure(&'a [(u32, u32)]),
    /// A task.
    Task,
}

impl Target<'static> {
    /// For `BPF_PROG_TYPE_SYSCALL`, without maps.
    pub const SYSCALL: Self = Self {
        context: Context::Syscall,
        maps: &[],
        descriptors: &[],
        returns: (i64::MIN, i64::MAX),
        patience: Patience::Usual,
    };
}
